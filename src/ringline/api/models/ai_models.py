"""Models as they are shown (spec ai-api §3)."""

from typing import Literal

from pydantic import BaseModel, Field

from ringline.inference.cards import ModelCard, Tier
from ringline.inference.registry import Task

TASKS = {Task.CHAT: "text-generation", Task.EMBEDDING: "feature-extraction"}
MULTIMODAL = "audio-text-to-text"

BILLION = 1_000_000_000
MILLION = 1_000_000


class ModelView(BaseModel):
    """One model."""

    id: str = Field(examples=["smollm2-135m-instruct"])
    object: Literal["model"] = "model"
    created: int = Field(description="Unix seconds.")
    owned_by: str
    context_length: int = Field(description="Tokens; 0 where the engine does not say.")
    languages: list[str]
    license: str
    organization: str
    parameters: int = Field(description="How many; 0 where the engine does not say.")
    parameters_str: str
    tier: Tier
    task: str
    base_model: str | None = None
    description: str
    is_fine_tunable: bool
    is_vision_supported: bool
    recommended_for_assistants: bool
    max_completion_tokens: int | None = None
    pricing: dict[str, str]
    regions: list[str]
    service_tiers: list[str]

    @classmethod
    def of(cls, card: ModelCard) -> "ModelView":
        """The view of a card. What one's own machine answers costs nothing."""
        return cls(
            id=card.id,
            created=card.created,
            owned_by=card.owner,
            context_length=card.context,
            languages=list(card.languages),
            license=card.licence,
            organization=card.organization,
            parameters=card.parameters,
            parameters_str=short(card.parameters),
            tier=card.tier,
            task=MULTIMODAL if card.capabilities.audio else TASKS[card.task],
            base_model=card.base,
            description=card.description,
            is_fine_tunable=card.is_fine_tunable,
            is_vision_supported=card.capabilities.vision,
            recommended_for_assistants=card.is_default,
            max_completion_tokens=card.max_completion,
            pricing={
                "prompt": "0",
                "cached_prompt": "0",
                "completion": "0",
                "currency": "USD",
                "unit": "1M_tokens",
            },
            regions=[],
            service_tiers=["default", "priority", "flex"],
        )


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelView]


def short(parameters: int) -> str:
    """A number of parameters as people say it: `135M`, `8B`, `1.5B`; empty for none."""
    if not parameters:
        return ""
    unit, letter = (BILLION, "B") if parameters >= BILLION else (MILLION, "M")
    return (
        f"{parameters / unit:.1f}".removesuffix(".0") + letter
        if unit == BILLION
        else f"{parameters // unit}M"
    )
