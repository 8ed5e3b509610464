"""The sound of a recording, as a page has it: to be seen and to be heard."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sound:
    """One recording. `content` is the audio file itself, empty where it is left out: `note` says why then."""

    recording_id: str
    content_type: str = "audio/wav"
    content: bytes = b""
    peaks: tuple[tuple[float, ...], ...] = ()
    """For each channel, peaks 0–1 at equal distances over the recording."""
    note: str = ""

    @property
    def uri(self) -> str:
        """The file as a `data:` URI (RFC 2397)."""
        return f"data:{self.content_type};base64,{base64.b64encode(self.content).decode()}"
