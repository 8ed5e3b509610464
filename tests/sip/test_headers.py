"""Header fields: order, names, lists, changes."""

import pytest

from ringline.sip.headers import COMPACT, LISTS, Headers, key
from ringline.sip.params import SipError

pytestmark = pytest.mark.unit


def lines(headers: Headers) -> list[str]:
    return [f"{name}={value}" for name, value in headers]


def test_names_match_in_any_case_and_form() -> None:
    headers = Headers([("v", "1"), ("VIA", "2"), ("Via", "3"), ("X-Own", "4")])
    assert headers.get_all("via") == headers.get_all("V") == ["1", "2", "3"]
    assert headers.get("x-oWN") == "4"
    assert headers.get("from") is None
    assert "V" in headers
    assert "w" not in headers
    assert lines(headers) == ["v=1", "VIA=2", "Via=3", "X-Own=4"]


def test_every_compact_form_is_its_long_name() -> None:
    assert all(key(short) == key(long.title()) == long for short, long in COMPACT.items())


def test_only_list_headers_are_split() -> None:
    headers = Headers(
        [("Allow", "INVITE, ACK,"), ("Subject", "a, b"), ("allow", ",BYE"), ("Date", "Sat, 13 Nov")]
    )
    assert headers.get_all("Allow") == ["INVITE", "ACK", "BYE"]
    assert headers.get_all("Subject") == ["a, b"]
    assert headers.get("Allow") == "INVITE, ACK,"
    assert "www-authenticate" not in LISTS  # its commas separate parameters (RFC 3261 §7.3.1)


def test_set_takes_the_place_of_the_first() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    headers.set("a", "4")
    headers.set("C", "5")
    assert lines(headers) == ["a=4", "B=2", "C=5"]


def test_add_prepend_remove() -> None:
    headers = Headers()
    headers.add("A", "1")
    headers.prepend("B", "2")
    headers.add("a", "3")
    headers.remove("A")
    headers.remove("absent")
    assert lines(headers) == ["B=2"]
    assert len(headers) == 1


def test_replace_top_leaves_the_other_elements() -> None:
    headers = Headers([("X", "0"), ("v", "one, two"), ("Via", "three")])
    headers.replace_top("Via", "new")
    assert lines(headers) == ["X=0", "v=new, two", "Via=three"]
    headers.replace_top("Via", None)
    headers.replace_top("Via", None)
    assert lines(headers) == ["X=0", "Via=three"]
    headers.replace_top("absent", "x")
    assert lines(headers) == ["X=0", "Via=three"]


def test_repeated_names() -> None:
    assert Headers([("t", "1"), ("To", "2"), ("X", "3"), ("i", "4")]).repeated() == {"to"}


def test_a_copy_is_independent() -> None:
    headers = Headers([("A", "1")])
    copy = headers.copy()
    copy.add("B", "2")
    assert lines(headers) == ["A=1"]
    assert headers != copy
    assert headers == Headers([("A", "1")])
    assert headers != "A"
    assert repr(headers) == "Headers([('A', '1')])"


def test_typed_values_are_kept_until_their_header_changes() -> None:
    headers = Headers([("Via", "1"), ("X", "2")])
    made: list[str | None] = []

    def read(source: Headers) -> str | None:
        made.append(source.get("via"))
        return source.get("via")

    assert headers.typed("via", read) == headers.typed("via", read) == "1"
    headers.add("X", "3")
    headers.remove("X")
    assert headers.typed("via", read) == "1"
    assert made == ["1"]
    for change in (
        lambda: headers.set("V", "2"),
        lambda: headers.prepend("via", "3"),
        lambda: headers.replace_top("VIA", "4"),
        lambda: headers.add("v", "5"),
        lambda: headers.remove("Via"),
    ):
        change()
        assert headers.typed("via", read) == headers.get("via")
    assert made == ["1", "2", "3", "4", "4", None]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nVia: evil"),
        ("X", "a\nb"),
        ("X", "a\r"),
        ("X Y", "a"),
        ("", "a"),
        ("X:", "a"),
        ("X\r\n", "a"),
        ("X", "\ud800"),
    ],
)
def test_nothing_that_breaks_the_framing_gets_in(name: str, value: str) -> None:
    headers = Headers([("v", "1")])
    for attempt in (headers.add, headers.prepend, headers.set):
        with pytest.raises(SipError):
            attempt(name, value)
    assert lines(headers) == ["v=1"]


def test_the_memory_for_strange_names_is_bounded() -> None:
    from ringline.sip import headers as module

    for number in range(5000):
        assert key(f"X-{number}") == f"x-{number}"
    assert key("X" * 8000) == "x" * 8000
    assert len(module._keys) <= module._KEYS_LIMIT
    assert max(map(len, module._keys)) <= module._KEY_LENGTH
