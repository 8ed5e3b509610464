"""What a check says. The words are those of the stream doctor, whose findings stand in the same report."""

from collections.abc import Sequence
from dataclasses import dataclass

from ringline.streams.doctor import Finding, Level

__all__ = ["Finding", "Level", "Report", "fail", "ok", "warn"]


def ok(text: str) -> Finding:
    """As it should be."""
    return Finding(Level.OK, text)


def warn(text: str, advice: str) -> Finding:
    """It works, though not for everybody or not as well as it could."""
    return Finding(Level.WARN, text, advice)


def fail(text: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAIL, text, advice)


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one subject."""

    subject: str
    findings: Sequence[Finding]

    @property
    def failed(self) -> bool:
        """Whether anything does not work."""
        return any(finding.level is Level.FAIL for finding in self.findings)
