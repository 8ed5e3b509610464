"""A chat that is kept: its new messages and the answer become messages of a conversation."""

from collections.abc import Iterable
from itertools import takewhile

from ringline.api import errors
from ringline.api.context import Context
from ringline.api.models.chat import ChatBody
from ringline.api.models.chat_tools import RetrievalTool
from ringline.core.errors import ApiError
from ringline.inference.chat import Completion, Message, Role
from ringline.store import conversations


class Turn:
    """One question and its answer, on their way into a conversation or into none."""

    def __init__(self, ctx: Context, conversation_id: str | None, asked: tuple[Message, ...]) -> None:
        self._ctx = ctx
        self._conversation_id = conversation_id
        self._asked = asked

    @property
    def is_kept(self) -> bool:
        """Whether a conversation was named."""
        return self._conversation_id is not None

    @classmethod
    async def begin(cls, ctx: Context, body: ChatBody) -> "Turn":
        """Look whether the conversation is there, before any work; raises `ApiError`."""
        for place, tool in enumerate(body.tools or ()):
            if isinstance(tool, RetrievalTool):
                bucket = tool.retrieval.bucket_ids[0]
                raise errors.invalid(
                    "10027",
                    f"/tools/{place}/retrieval/bucket_ids",
                    f"The bucket {bucket} has no embeddings yet.",
                )
        if body.conversation is not None:
            found = await ctx.read(conversations.find, ctx.account_id, body.conversation)
            if found is None:
                raise errors.not_found("The conversation")
            if found.metadata.get("ai_disabled") == "true":
                detail = "AI is disabled for this conversation."
                raise ApiError(400, errors.problem("10015", detail, pointer="/conversation"))
        return cls(ctx, body.conversation, tuple(message.value() for message in body.messages))

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
