"""Conversations and their messages (spec ai-api §5.1–5.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ringline.core.errors import RinglineError
from ringline.store import insight_runs, searchable
from ringline.store.conversation_tables import UNSEEN, conversation_metadata, conversations, messages

MOST_KEYS = 100
"""Keys of one conversation's metadata."""

CALL_KEY = "call_control_id"
"""The metadata key that ties a conversation to a call."""

Scalar = str | int | bool


class TooManyKeys(RinglineError):
    """The metadata would have more than `MOST_KEYS` keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation. `seen_count` messages were there when insights were last generated."""

    id: str
    account_id: str
    created_at: datetime
    last_message_at: datetime
    name: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    message_count: int = 0
    seen_count: int = 0


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a function that the assistant asks for; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message. `content` is None for an answer that is tool calls alone; `sent_at` None means now."""

    role: str
    content: str | None = ""
    name: str | None = None
    tool_call_id: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    metadata: Mapping[str, Scalar | Sequence[Scalar]] = field(default_factory=dict)
    sent_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that is part of a conversation. `position` counts from 0."""

    position: int
    message: Message
    sent_at: datetime
    created_at: datetime


def create(conn: sa.Connection, conversation: Conversation) -> Conversation:
    """Keep a new conversation; raises `TooManyKeys`."""
    values = {name: getattr(conversation, name) for name in _FIELDS}
    conn.execute(conversations.insert(), values | {"name_folded": searchable.folded(conversation.name)})
    _index(conn, conversation)
    return conversation


def find(conn: sa.Connection, account_id: str, id: str) -> Conversation | None:
    """One conversation of an account."""
    found = select(conn, _SELECT.where(*_mine(account_id, id)))
    return found[0] if found else None


def find_by_metadata(conn: sa.Connection, account_id: str, key: str, value: str) -> Conversation | None:
    """The newest conversation of an account whose metadata has this value under this key."""
    kept = conversation_metadata.c
    newest = (
        _SELECT.join(conversation_metadata, kept.conversation_id == conversations.c.id)
        .where(kept.account_id == account_id, kept.key == key)
        .where(kept.head == searchable.head(value), kept.value == value)
        .order_by(kept.created_at.desc(), kept.conversation_id.desc())
        .limit(1)
    )
    found = select(conn, newest)
    return found[0] if found else None


def find_by_call(conn: sa.Connection, account_id: str, call_control_id: str) -> Conversation | None:
    """The newest conversation that a call belongs to."""
    return find_by_metadata(conn, account_id, CALL_KEY, call_control_id)


def merge_metadata(
    conn: sa.Connection, account_id: str, id: str, changes: Mapping[str, str | None]
) -> Conversation | None:
    """Set the keys that are given and remove those given as None; None when there is no conversation.

    Raises `TooManyKeys`.
    """
    found = select(conn, _SELECT.where(*_mine(account_id, id)).with_for_update())
    if not found:
        return None
    current = found[0]
    merged = {key: value for key, value in {**current.metadata, **changes}.items() if value is not None}
    conn.execute(conversations.update().where(conversations.c.id == id).values(metadata=merged))
    conn.execute(conversation_metadata.delete().where(conversation_metadata.c.conversation_id == id))
    changed = _with_metadata(current, merged)
    _index(conn, changed)
    return changed


def delete(conn: sa.Connection, account_id: str, id: str) -> bool:
    """Remove a conversation, its messages and its insights; False when there is none."""
    gone = conn.execute(conversations.delete().where(*_mine(account_id, id))).rowcount
    if gone:
        conn.execute(messages.delete().where(messages.c.conversation_id == id))
        conn.execute(conversation_metadata.delete().where(conversation_metadata.c.conversation_id == id))
        insight_runs.forget_conversation(conn, id)
    return bool(gone)


def append(
    conn: sa.Connection, account_id: str, conversation_id: str, message: Message, now: datetime
) -> int | None:
    """Add a message at the end; returns its position, None when there is no conversation."""
    return extend(conn, account_id, conversation_id, [message], now)


def extend(
    conn: sa.Connection, account_id: str, conversation_id: str, added: Sequence[Message], now: datetime
) -> int | None:
    """Add messages at the end, in order; returns the first one's position, None without a conversation."""
    one = conversations.c
    counted = (
        conversations.update()
        .where(*_mine(account_id, conversation_id))
        .values(message_count=one.message_count + len(added), last_message_at=now)
        .returning(one.message_count)
    )
    # The row is locked from here on, so positions are given in the order of the commits.
    count: int | None = conn.execute(counted).scalar()
    if count is None:
        return None
    first = count - len(added)
    rows = [
        _row(account_id, conversation_id, first + number, message, now)
        for number, message in enumerate(added)
    ]
    if rows:
        conn.execute(messages.insert(), rows)
    return first


def page(
    conn: sa.Connection, account_id: str, conversation_id: str, *, limit: int, offset: int = 0
) -> tuple[list[Kept], int] | None:
    """One page of a conversation's messages, oldest first, and the number of all; None without one."""
    conversation = find(conn, account_id, conversation_id)
    if conversation is None:
        return None
    one = messages.c
    part = one.position.between(offset, offset + limit - 1)
    query = sa.select(messages).where(one.conversation_id == conversation_id, part).order_by(one.position)
    return [_kept(row) for row in conn.execute(query)], conversation.message_count


def transcript(conn: sa.Connection, conversation_id: str, *, limit: int | None = None) -> list[Kept]:
    """The messages of a conversation, oldest first; with a limit, the last ones."""
    one = messages.c
    query = sa.select(messages).where(one.conversation_id == conversation_id)
    if limit is None:
        return [_kept(row) for row in conn.execute(query.order_by(one.position))]
    return [_kept(row) for row in conn.execute(query.order_by(one.position.desc()).limit(limit))][::-1]


def idle(conn: sa.Connection, before: datetime, limit: int) -> list[Conversation]:
    """Conversations of all accounts, longest idle first, with messages that no run of insights has seen.

    The last message of each came at `before` or earlier.
    """
    one = conversations.c
    query = _SELECT.where(UNSEEN, one.last_message_at <= before).order_by(one.last_message_at).limit(limit)
    return select(conn, query)


def mark_seen(conn: sa.Connection, conversation_id: str, count: int) -> None:
    """A run of insights has seen the first `count` messages; it never goes back."""
    one = conversations.c
    conn.execute(
        conversations.update()
        .where(one.id == conversation_id, one.seen_count < count)
        .values(seen_count=count)
    )


def select(conn: sa.Connection, query: sa.Select[Any]) -> list[Conversation]:
    """The conversations of a query over `COLUMNS`."""
    return [Conversation(**row._mapping) for row in conn.execute(query)]


_FIELDS = tuple(Conversation.__dataclass_fields__)
COLUMNS = tuple(conversations.c[name] for name in _FIELDS)
"""What a query must ask for to be read by `select`."""

_SELECT = sa.select(*COLUMNS)


def _mine(account_id: str, id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return conversations.c.id == id, conversations.c.account_id == account_id


def _with_metadata(conversation: Conversation, metadata: Mapping[str, str]) -> Conversation:
    values = {name: getattr(conversation, name) for name in _FIELDS}
    return Conversation(**values | {"metadata": metadata})


def _index(conn: sa.Connection, conversation: Conversation) -> None:
    if len(conversation.metadata) > MOST_KEYS:
        raise TooManyKeys(f"metadata may have {MOST_KEYS} keys, not {len(conversation.metadata)}")
    rows = [
        {
            "conversation_id": conversation.id,
            "key": key,
            "account_id": conversation.account_id,
            "created_at": conversation.created_at,
            "head": searchable.head(value),
            "value": value,
            "value_folded": searchable.folded(value),
            "number": searchable.number(value),
        }
        for key, value in conversation.metadata.items()
    ]
    if rows:
        conn.execute(conversation_metadata.insert(), rows)


def _row(
    account_id: str, conversation_id: str, position: int, message: Message, now: datetime
) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "position": position,
        "account_id": account_id,
        "role": message.role,
        "content": message.content,
        "name": message.name,
        "tool_call_id": message.tool_call_id,
        "tool_calls": message.tool_calls,
        "tool_choice": message.tool_choice,
        "metadata": message.metadata,
        "sent_at": message.sent_at or now,
        "created_at": now,
    }


def _kept(row: sa.Row[Any]) -> Kept:
    message = Message(
        role=row.role,
        content=row.content,
        name=row.name,
        tool_call_id=row.tool_call_id,
        tool_calls=tuple(ToolCall(**one) for one in row.tool_calls),
        tool_choice=row.tool_choice,
        metadata=row.metadata,
        sent_at=row.sent_at,
    )
    return Kept(row.position, message, row.sent_at, row.created_at)
