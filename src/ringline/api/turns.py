"""A chat that is kept: its new messages and the answer become messages of a conversation."""

from collections.abc import Iterable
from itertools import takewhile

from ringline.api import errors
from ringline.api.context import Context
from ringline.core.errors import ApiError
from ringline.inference.chat import Completion, Delta, Message, Role, Usage
from ringline.inference.collecting import Collector
from ringline.store import conversations


class Turn:
    """One question and its answer, on their way into a conversation or into none."""

    def __init__(self, ctx: Context, conversation_id: str | None, asked: tuple[Message, ...]) -> None:
        """Use `Turn.begin`."""
        self._ctx = ctx
        self._conversation_id = conversation_id
        self._asked = asked
        self._heard = Collector()

    @classmethod
    async def begin(cls, ctx: Context, conversation_id: str | None, asked: tuple[Message, ...]) -> "Turn":
        """Look whether the conversation may go on, before any work; raises `ApiError`."""
        if conversation_id is not None:
            found = await ctx.read(conversations.find, ctx.account_id, conversation_id)
            if found is None:
                raise errors.not_found("The conversation")
            if found.metadata.get("ai_disabled") == "true":
                detail = "AI is disabled for this conversation."
                raise ApiError(400, errors.problem("10015", detail, pointer="/conversation"))
        return cls(ctx, conversation_id, asked)

    async def hear(self, piece: Delta | Usage) -> None:
        """A piece of the answer; the last one, its usage, keeps the turn."""
        if self._conversation_id is None:
            return
        self._heard.add(piece)
        if isinstance(piece, Usage):
            await self.end(self._heard.completion("", 0, ""))

    async def end(self, completion: Completion) -> None:
        """Keep the turn. A conversation that was deleted meanwhile keeps nothing."""
        if self._conversation_id is None:
            return
        said = (*self._new(), completion.choices[0].message)
        await self._ctx.write(
            conversations.extend,
            self._ctx.account_id,
            self._conversation_id,
            [_kept(message) for message in said],
            self._ctx.deps.clock.utc(),
        )

    def _new(self) -> Iterable[Message]:
        """The messages after the last answer: what came before was kept with the turns before."""
        later = takewhile(lambda message: message.role is not Role.ASSISTANT, reversed(self._asked))
        return reversed(tuple(later))


def _kept(message: Message) -> conversations.Message:
    return conversations.Message(
        role=message.role,
        content=None if message.content is None else message.text(),
        name=message.name,
        tool_call_id=message.tool_call_id,
        tool_calls=tuple(
            conversations.ToolCall(call.id, call.name, call.arguments) for call in message.tool_calls
        ),
    )
