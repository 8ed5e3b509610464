"""What a request asks that the engine behind its model cannot do: refused by name before any work. Pure."""

from ringline.inference.cards import Dialect, ModelCard, kind_of
from ringline.inference.chat import AudioData, AudioPart, ChatRequest, Effort, ImagePart, ToolMode
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
        (
            "enable_thinking",
            request.thinking is not None,
            card.dialect is not Dialect.OPENAI and (can.thinking or not request.thinking),
            "reasoning that is switched on or off",
        ),
    ):
        if wanted and not able:
            raise Unsupported(field, card.id, what)
    if request.guide is not None and kind_of(request.guide) not in can.guides:
        raise Unsupported("response_format", card.id, f"answers guided by {kind_of(request.guide)}")
    if sampling.beam is not None:
        _refuse_beside_beams(request, card)
    _refuse_parts(request, card)


def _refuse_beside_beams(request: ChatRequest, card: ModelCard) -> None:
    """Of all sampling vLLM's beam search reads `n`, the temperature, the most tokens and its own penalty.

    A `seed` is kept by itself: nothing is drawn.
    """
    sampling = request.sampling
    for field, wanted in (
        ("top_p", sampling.top_p not in (None, 1)),
        ("min_p", sampling.min_p),
        ("stop", sampling.stop),
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
        (request.guide_field, request.guide is not None),
        ("tool_choice", request.tool_choice not in (ToolMode.NONE, ToolMode.AUTO)),
    ):
        if wanted:
            raise Unsupported(field, card.id, f"{field} together with beam search")


def _refuse_parts(request: ChatRequest, card: ModelCard) -> None:
    for message in request.messages:
        for part in message.content if isinstance(message.content, tuple) else ():
            if isinstance(part, ImagePart) and not card.capabilities.vision:
                raise Unsupported("messages", card.id, "images")
            if isinstance(part, AudioPart | AudioData) and not card.capabilities.audio:
                raise Unsupported("messages", card.id, "sound")
