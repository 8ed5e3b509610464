"""What a model is and can do, for `/models` and for whoever asks something of it (spec ai-api §3)."""

from dataclasses import dataclass
from enum import StrEnum

from ringline.inference.chat import AnyJson, Choice, Grammar, Guide, JsonSchema, Regex
from ringline.inference.registry import Task


class Dialect(StrEnum):
    """How an engine speaks the OpenAI protocol where engines differ."""

    OPENAI = "openai"  # nothing beyond OpenAI's own fields
    VLLM = "vllm"  # from 0.12 on: structured_outputs, min_p, beam search, chat_template_kwargs
    VLLM_GUIDED = "vllm-guided"  # before 0.12: guided_* instead of structured_outputs
    LLAMA_CPP = "llama.cpp"  # grammar, lora, min_p, chat_template_kwargs


class GuideKind(StrEnum):
    """The kinds of guide, see `chat.Guide`."""

    JSON = "json"
    JSON_SCHEMA = "json_schema"
    REGEX = "regex"
    CHOICE = "choice"
    GRAMMAR = "grammar"


def kind_of(guide: Guide) -> GuideKind:
    """Which kind a guide is."""
    match guide:
        case AnyJson():
            return GuideKind.JSON
        case JsonSchema():
            return GuideKind.JSON_SCHEMA
        case Regex():
            return GuideKind.REGEX
        case Choice():
            return GuideKind.CHOICE
        case Grammar():
            return GuideKind.GRAMMAR


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the engine behind a model does by itself.

    `tools`: its template shows tools to the model and it answers with `tool_calls`. `guides`: which guides it
    obeys; `guided` makes some of the others out of these. `choices`: most answers to one
    request (`n`). `thinking`: it can think, and can be told not to.
    """

    tools: bool = False
    guides: frozenset[GuideKind] = frozenset()
    logprobs: bool = True
    choices: int = 128
    vision: bool = False
    audio: bool = False
    beam: bool = False
    min_p: bool = False
    thinking: bool = False


_VLLM = Capabilities(
    tools=True,
    guides=frozenset({GuideKind.JSON, GuideKind.JSON_SCHEMA, GuideKind.REGEX, GuideKind.CHOICE}),
    beam=True,
    min_p=True,
    thinking=True,
)

BY_DIALECT: dict[Dialect, Capabilities] = {
    Dialect.OPENAI: Capabilities(tools=True, guides=frozenset({GuideKind.JSON, GuideKind.JSON_SCHEMA})),
    Dialect.VLLM: _VLLM,
    Dialect.VLLM_GUIDED: _VLLM,
    Dialect.LLAMA_CPP: Capabilities(
        guides=frozenset({GuideKind.JSON, GuideKind.JSON_SCHEMA, GuideKind.GRAMMAR}),
        min_p=True,
        thinking=True,
    ),
}
"""What an engine can do where its operator does not say otherwise."""


class Tier(StrEnum):
    """Telnyx's classes of size."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that can be used now.

    `id` is what requests and answers call it; `created` is Unix seconds. `context` and `max_completion` count
    tokens; 0 and None mean that nobody told us. `base` is the model that an adapter changes. `parameters`
    is 0 where nobody told us. `account_id` is whose the model is; empty, everybody's.
    """

    id: str
    task: Task
    dialect: Dialect = Dialect.OPENAI
    capabilities: Capabilities = Capabilities()
    context: int = 0
    max_completion: int | None = None
    owner: str = "ringline"
    created: int = 0
    languages: tuple[str, ...] = ()
    licence: str = ""
    parameters: int = 0
    base: str | None = None
    description: str = ""
    is_fine_tunable: bool = False
    is_default: bool = False
    account_id: str = ""

    def is_for(self, account_id: str) -> bool:
        """Whether that account may know of the model."""
        return self.account_id in {"", account_id}

    @property
    def organization(self) -> str:
        """What stands before the slash of the id; the owner where there is none."""
        before, slash, _ = self.id.rpartition("/")
        return before if slash else self.owner

    @property
    def tier(self) -> Tier:
        """By size: up to 13, up to 80, and more billion parameters."""
        match self.parameters:
            case 0:
                return Tier.UNLISTED
            case few if few <= 13_000_000_000:
                return Tier.SMALL
            case more if more <= 80_000_000_000:
                return Tier.MEDIUM
            case _:
                return Tier.LARGE
