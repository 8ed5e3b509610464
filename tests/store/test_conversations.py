"""Conversations in the store: whole, in order, found by their call, known to be idle."""

import asyncio
from dataclasses import replace

import pytest

from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.store import conversations, insight_runs, searchable
from ringline.store.conversations import Conversation, Message, ToolCall, TooManyKeys
from ringline.store.db import Store
from ringline.store.insight_runs import InsightRun

pytestmark = pytest.mark.unit

SAID = Message(
    role="assistant",
    content=None,
    name="Ada",
    tool_call_id="c0",
    tool_calls=(ToolCall("c1", "look", '{"q":1}'),),
    tool_choice={"type": "function", "function": {"name": "look"}},
    metadata={"n": 1, "l": ["a", True]},
)


async def make(store: Store, clock: VirtualClock, ids: Ids, **more: object) -> Conversation:
    values: dict[str, object] = {
        "id": ids.uuid(),
        "account_id": "mine",
        "created_at": clock.utc(),
        "last_message_at": clock.utc(),
    }
    wanted = Conversation(**values | more)  # type: ignore[arg-type]  # the tests check the table above
    return await store.tx(conversations.create, wanted)


async def test_a_conversation_comes_back_whole(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids, name="Ünïcode", metadata={"b": "1", "a": "x" * 5_000})
    assert await store.read(conversations.find, "mine", made.id) == made
    assert await store.read(conversations.find, "theirs", made.id) is None


async def test_messages_come_back_whole_and_in_order(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids)
    clock.advance(3)
    early = replace(SAID, sent_at=made.created_at)
    assert await store.tx(conversations.append, "mine", made.id, SAID, clock.utc()) == 0
    more = [early, Message(role="user", content="b")]
    assert await store.tx(conversations.extend, "mine", made.id, more, clock.utc()) == 1
    kept = await store.read(conversations.transcript, made.id)
    assert [one.position for one in kept] == [0, 1, 2]
    assert kept[0].message == replace(SAID, sent_at=clock.utc())
    assert (kept[1].message, kept[1].sent_at, kept[1].created_at) == (early, made.created_at, clock.utc())
    assert [one.position for one in await store.read(conversations.transcript, made.id, limit=2)] == [1, 2]
    page = await store.read(conversations.page, "mine", made.id, limit=2, offset=1)
    assert page is not None
    assert ([one.position for one in page[0]], page[1]) == ([1, 2], 3)
    changed = await store.read(conversations.find, "mine", made.id)
    assert changed == replace(made, last_message_at=clock.utc(), message_count=3)


async def test_nobody_speaks_where_there_is_no_conversation(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    made = await make(store, clock, ids)
    assert await store.tx(conversations.append, "theirs", made.id, SAID, clock.utc()) is None
    assert await store.tx(conversations.append, "mine", ids.uuid(), SAID, clock.utc()) is None
    assert await store.read(conversations.transcript, made.id) == []
    assert await store.read(conversations.page, "theirs", made.id, limit=1) is None


async def test_many_speak_at_once_and_all_have_a_place(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids)
    places = await asyncio.gather(
        *[
            store.tx(conversations.append, "mine", made.id, Message(role="user", content=str(n)), clock.utc())
            for n in range(40)
        ]
    )
    kept = await store.read(conversations.transcript, made.id)
    assert sorted(one for one in places if one is not None) == [one.position for one in kept] == [*range(40)]
    assert [places.index(one.position) for one in kept] == [int(one.message.content or "") for one in kept]


async def test_metadata_is_merged(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids, metadata={"a": "1", "b": "2"})
    changed = await store.tx(conversations.merge_metadata, "mine", made.id, {"a": None, "b": "3", "c": "4"})
    assert changed == await store.read(conversations.find, "mine", made.id)
    assert changed is not None
    assert changed.metadata == {"b": "3", "c": "4"}
    for key, value, there in (("a", "1", False), ("b", "2", False), ("b", "3", True), ("c", "4", True)):
        found = await store.read(conversations.find_by_metadata, "mine", key, value)
        assert (found is not None) is there
    assert await store.tx(conversations.merge_metadata, "theirs", made.id, {"b": "9"}) is None


async def test_merges_at_once_lose_nothing(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids)
    await asyncio.gather(
        *[store.tx(conversations.merge_metadata, "mine", made.id, {f"k{n}": str(n)}) for n in range(20)]
    )
    merged = await store.read(conversations.find, "mine", made.id)
    assert merged is not None
    assert merged.metadata == {f"k{n}": str(n) for n in range(20)}


async def test_too_many_keys_change_nothing(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids, metadata={"a": "1"})
    with pytest.raises(TooManyKeys, match="100 keys, not 101"):
        await store.tx(conversations.merge_metadata, "mine", made.id, {f"k{n}": "x" for n in range(100)})
    assert await store.read(conversations.find, "mine", made.id) == made
    assert await store.read(conversations.find_by_metadata, "mine", "a", "1") == made


async def test_the_newest_conversation_of_a_call(store: Store, clock: VirtualClock, ids: Ids) -> None:
    call = ids.call_control_id()
    await make(store, clock, ids, metadata={"call_control_id": call})
    clock.advance(1)
    second = await make(store, clock, ids, metadata={"call_control_id": call})
    await make(store, clock, ids, account_id="theirs", metadata={"call_control_id": call})
    await make(store, clock, ids, metadata={"other": call})
    assert await store.read(conversations.find_by_call, "mine", call) == second
    assert await store.read(conversations.find_by_call, "mine", call[:-1]) is None


async def test_long_values_that_begin_alike_are_told_apart(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    alike = "x" * searchable.HEAD
    await make(store, clock, ids, metadata={"k": f"{alike}a"})
    second = await make(store, clock, ids, metadata={"k": f"{alike}b"})
    assert await store.read(conversations.find_by_metadata, "mine", "k", f"{alike}b") == second
    assert await store.read(conversations.find_by_metadata, "mine", "k", alike) is None


async def test_the_longest_of_the_widest_characters_fit_the_indexes(
    store: Store, clock: VirtualClock, ids: Ids
) -> None:
    key, value = ("".join(chr(0x1F300 + n % 500) for n in range(length)) for length in (128, 8_192))
    made = await make(store, clock, ids, name=value[:255], metadata={key: value})
    assert await store.read(conversations.find_by_metadata, "mine", key, value) == made


async def test_deleting_takes_everything_along(store: Store, clock: VirtualClock, ids: Ids) -> None:
    made = await make(store, clock, ids, metadata={"a": "1"})
    bystander = await make(store, clock, ids, metadata={"a": "2"})
    for one in (made, bystander):
        await store.tx(conversations.append, "mine", one.id, SAID, clock.utc())
        run = InsightRun(
            id=ids.uuid(),
            account_id="mine",
            conversation_id=one.id,
            group_id="group",
            version=1,
            cause="idle",
            job_id="job",
            created_at=clock.utc(),
            updated_at=clock.utc(),
        )
        await store.tx(insight_runs.add, run)
    assert not await store.tx(conversations.delete, "theirs", made.id)
    assert await store.tx(conversations.delete, "mine", made.id)
    for one, runs in ((made, 0), (bystander, 1)):
        assert (await store.read(insight_runs.page, "mine", one.id, limit=9))[1] == runs
    assert not await store.tx(conversations.delete, "mine", made.id)
    assert await store.read(conversations.transcript, made.id) == []
    assert await store.read(conversations.find_by_metadata, "mine", "a", "1") is None
    assert len(await store.read(conversations.transcript, bystander.id)) == 1
    assert await store.read(conversations.find_by_metadata, "mine", "a", "2") is not None


async def test_idle_is_what_has_news_and_was_left_alone(store: Store, clock: VirtualClock, ids: Ids) -> None:
    first, second, silent = [await make(store, clock, ids) for _ in range(3)]
    await store.tx(conversations.append, "mine", second.id, SAID, clock.utc())
    clock.advance(10)
    since = clock.utc()
    await store.tx(conversations.append, "mine", first.id, SAID, clock.utc())
    clock.advance(10)

    async def idle(limit: int = 9) -> list[str]:
        return [one.id for one in await store.read(conversations.idle, since, limit)]

    assert await idle() == [second.id, first.id]
    assert await idle(1) == [second.id]
    await store.tx(conversations.mark_seen, second.id, 1)
    await store.tx(conversations.mark_seen, second.id, 0)
    assert await idle() == [first.id]
    await store.tx(conversations.append, "mine", second.id, SAID, clock.utc())
    assert await idle() == [first.id]  # it goes on
    since = clock.utc()
    assert await idle() == [first.id, second.id]
    assert silent.id not in await idle()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("10", 10), ("-3.5", -3.5), ("999999999999999", 999999999999999), ("0.10", 0.1),
        ("", None), ("+1", None), ("007", None), ("1e5", None), ("1.", None), (".5", None), ("1,5", None),
        ("1234567890123456", None), ("12345678.12345678", None), ("٣", None), ("1\n", None), ("nan", None),
    ],
)  # fmt: skip
def test_which_texts_are_numbers(text: str, number: float | None) -> None:
    assert searchable.number(text) == number


def test_folding_keeps_every_character_in_its_place() -> None:
    text = "ÄİßẞΣ😀a"
    assert searchable.folded(text) == "äİßßσ😀a"
    assert len(searchable.folded(text)) == len(text)
