"""Which model a name means. Pure: the models that are served now, and the aliases that lead to them."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files

from ringline.inference.cards import ModelCard
from ringline.inference.errors import UnknownModel
from ringline.inference.gate import Gate
from ringline.inference.upstream import Upstream

DEFAULT = ""
"""The name of the default model, in requests and as the target of an alias."""

NONE = (
    "This server has no chat model: its operator installs one with `ringline models pull "
    "smollm2-135m-instruct`, or names an engine that answers in inference.upstream."
)


@dataclass(frozen=True, slots=True)
class Served:
    """A model, the engine that answers for it, and what the engine calls it.

    `is_ours`: we run it ourselves, so that it is the default only where no other engine is configured.
    """

    card: ModelCard
    upstream: Upstream
    engine_name: str
    gate: Gate
    is_ours: bool = False


def shipped_aliases() -> dict[str, str]:
    """Names that clients send because Telnyx has them: each leads to the default model."""
    text = files(__package__).joinpath("aliases.toml").read_text(encoding="utf-8")
    return dict.fromkeys(tomllib.loads(text)["default"], DEFAULT)


class Roster:
    """The models by id. A model's own id goes before an alias of the same name."""

    def __init__(self, default: str, aliases: Mapping[str, str]) -> None:
        self._default = default
        self._aliases = aliases
        self._served: dict[str, Served] = {}

    def __iter__(self) -> Iterator[Served]:
        return iter(self._served.values())

    def __contains__(self, id: str) -> bool:
        return id in self._served

    def put(self, served: Served) -> None:
        """Serve a model; one of the same id is replaced."""
        self._served[served.card.id] = served

    def drop(self, id: str) -> None:
        """Serve a model no longer; no error if it is not served."""
        self._served.pop(id, None)

    def default(self) -> str:
        """The id of the default model: the configured one, else the first; empty if there is none."""
        shared = [one for one in self._served.values() if not one.card.account_id]
        if self._default or not shared:
            return self._default
        return min(shared, key=lambda one: (one.is_ours, one.card.base is not None)).card.id

    def find(self, name: str, account_id: str) -> Served:
        """The model that a name or an alias means to an account; raises `UnknownModel`."""
        for meaning in self._meanings(name):
            if (served := self._served.get(meaning)) is not None and served.card.is_for(account_id):
                return served
        if not self._served:
            raise UnknownModel(name or self.default(), NONE)
        raise UnknownModel(name or self.default())

    def _meanings(self, name: str) -> Iterator[str]:
        yield name
        target = self._aliases.get(name) if name else DEFAULT
        if target is None:
            return
        meaning = target or self.default()
        yield meaning
        yield self._aliases.get(meaning) or ""
