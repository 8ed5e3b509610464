import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.core.clock import SECOND
from ringline.sip.flow import Flow
from ringline.sip.grammar import NameAddr
from ringline.sip.registrar import OutOfOrder, Registrar, TooBrief, Wish

pytestmark = pytest.mark.unit

FLOW = Flow("UDP", "10.0.0.1", 5060)
CONNECTION = Flow("TCP", "10.0.0.2", 40000, 7)


def registrar(per_user: int = 10) -> Registrar:
    return Registrar(min_s=60, max_s=3600, default_s=1800, per_user=per_user)


def wish(cseq: int = 1, *, user: str = "alice", call_id: str = "c", flow: Flow = FLOW) -> Wish:
    return Wish(user, call_id, cseq, flow)


def contacts(*texts: str) -> list[NameAddr]:
    return [NameAddr.parse(text) for text in texts]


def test_the_newest_binding_is_the_one_to_call() -> None:
    table = registrar()
    table.update(wish(1), contacts("<sip:alice@10.0.0.1>"), 600, 0)
    table.update(wish(1, call_id="d", flow=CONNECTION), contacts("<sip:alice@10.0.0.2>"), 600, SECOND)
    found = table.lookup("alice", 2 * SECOND)
    assert found is not None
    assert (str(found.contact), found.flow, found.seconds_left(2 * SECOND)) == (
        "sip:alice@10.0.0.2",
        CONNECTION,
        599,
    )
    assert len(table.bindings("alice", 2 * SECOND)) == 2
    assert table.lookup("bob", 0) is None


@pytest.mark.parametrize(
    ("contact", "header", "granted"),
    [
        ("<sip:a@h>", None, 1800),
        ("<sip:a@h>", 600, 600),
        ("<sip:a@h>;expires=120", 600, 120),
        ("<sip:a@h>;expires=junk", 600, 600),
        ("<sip:a@h>;expires=999999", 600, 3600),
        ("<sip:a@h>;expires=60", None, 60),
    ],
)
def test_lifetimes(contact: str, header: int | None, granted: int) -> None:
    [binding] = registrar().update(wish(), contacts(contact), header, 0)
    assert binding.seconds_left(0) == granted


def test_too_brief_changes_nothing() -> None:
    table = registrar()
    with pytest.raises(TooBrief):
        table.update(wish(), contacts("<sip:a@h1>;expires=600", "<sip:a@h2>;expires=59"), None, 0)
    assert table.bindings("alice", 0) == ()


def test_a_refresh_replaces_and_zero_removes() -> None:
    table = registrar()
    table.update(wish(1), contacts("<sip:a@h1>", "<sip:a@h2>"), 600, 0)
    table.update(wish(2), contacts("<sip:A@H1>", "<sip:a@h1;transport=tcp>"), 600, 0)  # neither equals h1
    assert len(table.bindings("alice", 0)) == 4
    table.update(wish(3), contacts("<sip:a@h1>"), 100, 0)
    assert len(table.bindings("alice", 0)) == 4
    left = table.update(wish(4), contacts("<sip:a@h1>;expires=0"), 600, 0)
    assert "sip:a@h1" not in [str(binding.contact) for binding in left]


def test_an_older_request_of_the_same_call_id_is_out_of_order() -> None:
    table = registrar()
    table.update(wish(5), contacts("<sip:a@h>"), 600, 0)
    with pytest.raises(OutOfOrder):
        table.update(wish(5), contacts("<sip:a@h>"), 600, 0)
    with pytest.raises(OutOfOrder):
        table.remove_all(wish(4), 0)
    table.update(wish(1, call_id="new"), contacts("<sip:a@h>"), 700, 0)
    assert [binding.seconds_left(0) for binding in table.bindings("alice", 0)] == [700]
    table.remove_all(wish(2, call_id="new"), 0)
    assert table.bindings("alice", 0) == ()


def test_an_instance_that_moved_replaces_itself() -> None:
    table = registrar()
    instance = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    table.update(wish(1), contacts(f"<sip:a@h1:1111>{instance}"), 600, 0)
    table.update(wish(1, call_id="reboot"), contacts(f"<sip:a@h1:2222>{instance}"), 600, 0)
    assert [str(binding.contact) for binding in table.bindings("alice", 0)] == ["sip:a@h1:2222"]


def test_bindings_run_out() -> None:
    table = registrar()
    table.update(wish(1), contacts("<sip:a@h1>;expires=60", "<sip:a@h2>;expires=120"), None, 0)
    assert table.next_expiry("alice") == 60 * SECOND
    assert table.lookup("alice", 60 * SECOND) is not None
    [gone] = table.expire("alice", 60 * SECOND)
    assert str(gone.contact) == "sip:a@h1"
    table.expire("alice", 120 * SECOND)
    assert (table.lookup("alice", 120 * SECOND), table.next_expiry("alice"), len(table)) == (None, None, 0)


def test_a_closed_connection_takes_its_bindings_along() -> None:
    table = registrar()
    table.update(wish(1, flow=CONNECTION), contacts("<sip:a@h1>"), 600, 0)
    table.update(wish(1, user="bob"), contacts("<sip:b@h2>"), 600, 0)
    assert [binding.user for binding in table.drop_flow(CONNECTION)] == ["alice"]
    assert table.drop_flow(FLOW) == ()  # datagrams have no connection to close
    assert (table.lookup("alice", 0), table.lookup("bob", 0) is None) == (None, False)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60))
def test_one_user_never_costs_more_than_its_share(steps: list[tuple[int, int]]) -> None:
    table = registrar(per_user=4)
    for number, (host, minutes) in enumerate(steps):
        table.update(wish(number + 1), contacts(f"<sip:a@h{host}>"), 60 * minutes, number * SECOND)
        bindings = table.bindings("alice", number * SECOND)
        assert len(bindings) <= 4
        assert len({str(binding.contact) for binding in bindings}) == len(bindings)
