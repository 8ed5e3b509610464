"""What a model is asked, and that it always comes to an end."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.conversations.insights.answers import BadAnswer
from ringline.conversations.insights.generation import Generator, Notes, Question, TooSmall
from ringline.conversations.insights.windows import estimate
from ringline.inference.cards import ModelCard
from ringline.inference.chat import ChatRequest, Completion, CompletionChoice, Finish, Message, Role
from ringline.inference.registry import Task
from ringline.store.insights import Insight
from ringline.workers import Busy

pytestmark = pytest.mark.unit

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SCORE = '{"type":"object","properties":{"score":{"type":"integer"}},"required":["score"]}'


class Scripted:
    """A model's port whose answers are a function of the request."""

    def __init__(self, reply: Callable[[ChatRequest], str], context: int = 4096) -> None:
        self.card = ModelCard(id="m", task=Task.CHAT, context=context)
        self.reply = reply
        self.asked: list[ChatRequest] = []

    async def find(self, name: str, account_id: str) -> ModelCard:
        return self.card

    async def complete(self, request: ChatRequest) -> Completion:
        self.asked.append(request)
        message = Message(Role.ASSISTANT, self.reply(request))
        return Completion("c", 1, "m", (CompletionChoice(0, message, Finish.STOP),))

    def generator(self) -> Generator:
        return Generator(self, self.card, "account")


def question(schema: str | None = None, instructions: str = "What is it about?") -> Question:
    insight = Insight(
        id="i",
        account_id="account",
        name="Topic",
        instructions=instructions,
        json_schema=schema,
        created_at=NOW,
        updated_at=NOW,
    )
    return Question(insight, instructions)


async def keep_nothing(notes: Notes, done: int, total: int) -> None:
    """A job that is never interrupted."""


@given(
    st.lists(st.text(alphabet="ab 9é漢", min_size=1, max_size=400), max_size=30),
    st.sampled_from(["", "short", "long note 12345 " * 400, "漢" * 3000]),
    st.integers(768, 4096),
)
@settings(max_examples=60, deadline=None)
async def test_reading_ends_within_the_context_whatever_is_noted(
    lines: list[str], note: str, context: int
) -> None:
    model = Scripted(lambda _request: note, context)
    reading = await model.generator().read(lines, [question(), question(SCORE)], Notes(), keep_nothing)
    for request in model.asked:
        assert sum(estimate(one.text()) for one in request.messages) <= context - (
            request.sampling.max_tokens or 0
        )
    if not reading.is_notes:
        assert reading.lines == tuple(lines)
    before = len(model.asked)
    model.reply = lambda request: '{"score":1}' if request.guide else "x"
    await model.generator().answer(question(SCORE), reading)
    (request,) = model.asked[before:]
    assert sum(estimate(one.text()) for one in request.messages) <= context - (
        request.sampling.max_tokens or 0
    )


async def test_what_was_kept_is_not_asked_again() -> None:
    lines = [f"Line {number} of many, each of them long enough to matter." for number in range(200)]
    kept: list[Notes] = []

    async def keep(notes: Notes, done: int, total: int) -> None:
        assert len(notes.taken) == done <= total
        kept.append(notes)

    whole = Scripted(lambda request: request.messages[-1].text()[:9], 1024)
    reading = await whole.generator().read(lines, [question()], Notes(), keep)
    assert reading.is_notes
    for number, notes in enumerate(kept, 1):
        rest = Scripted(whole.reply, 1024)
        assert await rest.generator().read(lines, [question()], notes, keep_nothing) == reading
        assert rest.asked == whole.asked[number:]


async def test_answers_are_drawn_again_until_one_fits() -> None:
    answers = iter(["no", '{"score":"high"}', '{"score": 3}'])
    model = Scripted(lambda _request: next(answers))
    reading = await model.generator().read(["User: hi"], [question(SCORE)], Notes(), keep_nothing)
    assert await model.generator().answer(question(SCORE), reading) == '{"score":3}'
    assert [one.sampling.seed for one in model.asked] == [0, 1, 2]
    assert [one.sampling.temperature for one in model.asked] == [0.0, 0.7, 0.7]


async def test_an_answer_that_never_fits_is_named() -> None:
    model = Scripted(lambda _request: " ")
    reading = await model.generator().read(["User: hi"], [question()], Notes(), keep_nothing)
    with pytest.raises(BadAnswer, match="Topic: the model said nothing"):
        await model.generator().answer(question(), reading)


async def test_a_busy_model_is_waited_for() -> None:
    left = [3]

    def reply(_request: ChatRequest) -> str:
        if left[0]:
            left[0] -= 1
            raise Busy("full", retry_after=0)
        return "done"

    model = Scripted(reply)
    reading = await model.generator().read(["User: hi"], [question()], Notes(), keep_nothing)
    assert await model.generator().answer(question(), reading) == "done"


async def test_what_leaves_no_room_is_refused_before_anything_is_asked() -> None:
    model = Scripted(lambda _request: "x", 512)
    with pytest.raises(TooSmall, match="of the model's 512"):
        await model.generator().read(["hi"], [question(None, "why? " * 500)], Notes(), keep_nothing)
    assert model.asked == []
