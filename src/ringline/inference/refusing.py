"""What a request asks that the engine behind its model cannot do: refused by name before any work. Pure."""

from ringline.inference.cards import ModelCard, kind_of
from ringline.inference.chat import AudioData, AudioPart, ChatRequest, Effort, ImagePart
from ringline.inference.errors import Unsupported


def refuse_unable(request: ChatRequest, card: ModelCard) -> None:
    """Raises `Unsupported` naming the field; nothing is ever dropped in silence."""
    can, sampling = card.capabilities, request.sampling
    for field, wanted, able, what in (
        ("logprobs", sampling.logprobs, can.logprobs, "log probabilities"),
        ("n", sampling.n > can.choices, False, f"more than {can.choices} choices"),
        ("min_p", sampling.min_p is not None, can.min_p, "min_p sampling"),
        ("use_beam_search", sampling.beam is not None, can.beam, "beam search"),
        ("tools", bool(request.tools), can.tools, "tools"),
        (
            "reasoning_effort",
            request.effort not in (None, Effort.NONE),
            can.thinking,
            "reasoning of a given effort",
        ),
    ):
        if wanted and not able:
            raise Unsupported(field, card.id, what)
    if request.guide is not None and kind_of(request.guide) not in can.guides:
        raise Unsupported("response_format", card.id, f"answers guided by {kind_of(request.guide)}")
    _refuse_parts(request, card)


def _refuse_parts(request: ChatRequest, card: ModelCard) -> None:
    for message in request.messages:
        for part in message.content if isinstance(message.content, tuple) else ():
            if isinstance(part, ImagePart) and not card.capabilities.vision:
                raise Unsupported("messages", card.id, "images")
            if isinstance(part, AudioPart | AudioData) and not card.capabilities.audio:
                raise Unsupported("messages", card.id, "sound")
