"""Asks a model for insights: directly where the conversation fits it, else from notes of its windows."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec

from ringline.conversations.insights import prompts, windows
from ringline.conversations.insights.answers import BadAnswer, checked, schema_text
from ringline.conversations.insights.ports import Model
from ringline.inference.cards import ModelCard
from ringline.inference.chat import ChatRequest, Completion, JsonSchema, Message, Sampling
from ringline.inference.errors import GuideBroken
from ringline.store.insights import Insight
from ringline.workers import Busy

UNKNOWN_CONTEXT = 4096
"""Tokens that a model is taken to read where nobody told us."""

MOST_ANSWER = 1024
"""Tokens of one answer, or a quarter of the context if that is less."""

MARGIN = 64
"""Tokens for what a chat template puts around messages."""

LEAST_WINDOW = 128
PATIENCE = 10
"""Times that a model may be busy before the job gives its place to another."""

ATTEMPTS = 3
"""Answers that are asked for until one fits; those after the first are drawn with more chance."""


class TooSmall(BadAnswer):
    """The model reads too little for what is asked of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """An insight with the variables of one conversation put into its instructions."""

    insight: Insight
    instructions: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model is given to read: the conversation itself, or notes of it."""

    lines: tuple[str, ...]
    is_notes: bool = False


class Notes(msgspec.Struct, frozen=True):
    """How far the notes are: `taken` of the windows of `lines`, at so many levels of notes of notes.

    Empty `lines` stand for the conversation itself, which is not kept twice.
    """

    level: int = 0
    lines: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()


Keep = Callable[[Notes, int, int], Awaitable[None]]
"""Called after each window with what to resume from, and the windows done and in all of this level."""


class Generator:
    """Asks one model on behalf of one account."""

    def __init__(
        self, model: Model, card: ModelCard, account_id: str, *, count: windows.Count = windows.estimate
    ) -> None:
        self._model = model
        self._name = card.id
        self._account_id = account_id
        self._count = count
        self._context = card.context or UNKNOWN_CONTEXT
        self._answer = min(MOST_ANSWER, self._context // 4)

    async def read(
        self, lines: Sequence[str], questions: Sequence[Question], notes: Notes, keep: Keep
    ) -> Reading:
        """What all questions can be asked of: `lines` if they fit, else notes of their windows.

        Notes that do not fit are noted again. `notes` is what an earlier attempt kept last. Raises `TooSmall`
        and what the model raises.
        """
        room = min(self._room(one) for one in questions)
        texts = tuple(one.instructions for one in questions)
        note_room = self._left(prompts.note(99, 99, "", texts), "", self._answer // 2)
        # Each level of notes is at most half as long as the one before, and one note always fits.
        note_tokens = min(self._answer // 2, note_room // 4, room // 2)
        while True:
            current = notes.lines if notes.level else tuple(lines)
            if len(windows.plan(current, room, self._count)) <= 1:
                return Reading(current, is_notes=notes.level > 0)
            parts = windows.plan(current, note_room, self._count)
            for number in range(len(notes.taken), len(parts)):
                prompt = prompts.note(number + 1, len(parts), windows.text_of(parts[number]), texts)
                taken = self._shortened(await self._ask(prompt, None, note_tokens, 0), note_tokens)
                notes = msgspec.structs.replace(notes, taken=(*notes.taken, taken))
                await keep(notes, number + 1, len(parts))
            notes = Notes(notes.level + 1, tuple(one for one in notes.taken if one))

    async def answer(self, question: Question, reading: Reading) -> str:
        """The result of one insight: text, or JSON that fits its schema.

        Raises `BadAnswer` and what the model raises.
        """
        text = "\n".join(reading.lines)
        messages = prompts.question(question.instructions, text, notes=reading.is_notes)
        schema = schema_text(question.insight)
        wrong = ""
        for attempt in range(ATTEMPTS):
            try:
                said = await self._ask(messages, schema, self._answer, attempt)
                return checked(said, schema)
            except (BadAnswer, GuideBroken) as error:
                wrong = str(error)
        raise BadAnswer(f"{question.insight.name}: {wrong}")

    async def _ask(self, messages: tuple[Message, ...], schema: str | None, most: int, attempt: int) -> str:
        sampling = Sampling(temperature=0.0 if attempt == 0 else 0.7, max_tokens=most, seed=attempt)
        guide = None if schema is None else JsonSchema(schema, strict=False)
        request = ChatRequest(self._name, messages, sampling, guide=guide, account_id=self._account_id)
        done = await self._patiently(request)
        return done.choices[0].message.text().replace("\0", "").strip()

    async def _patiently(self, request: ChatRequest) -> Completion:
        for _ in range(PATIENCE):
            try:
                return await self._model.complete(request)
            except Busy as error:
                await asyncio.sleep(error.retry_after)
        return await self._model.complete(request)

    def _shortened(self, text: str, tokens: int) -> str:
        first, *_ = windows.plan([text], tokens, self._count)
        return "".join(piece.text for piece in first)

    def _room(self, question: Question) -> int:
        messages = prompts.question(question.instructions, "", notes=True)
        return self._left(messages, schema_text(question.insight) or "", self._answer)

    def _left(self, messages: tuple[Message, ...], schema: str, answer: int) -> int:
        frame = self._count(schema) + sum(self._count(one.text()) for one in messages)
        left = self._context - answer - frame - MARGIN
        if left < LEAST_WINDOW:
            raise TooSmall(
                f"instructions and schema of {frame} tokens leave {max(0, left)} of the model's "
                f"{self._context} for the conversation; shorten them or choose a model that reads more"
            )
        return left
