import pytest

from ringline.sip import interval as intervals
from ringline.sip.headers import Headers
from ringline.sip.interval import Interval, TooSmall

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("fields", "agreed"),
    [
        ([], None),
        ([("Session-Expires", "nonsense")], None),
        ([("Session-Expires", "1800"), ("Supported", "timer")], Interval(1800, ours=False)),
        ([("x", "1800"), ("k", "timer, 100rel")], Interval(1800, ours=False)),
        ([("Session-Expires", "1800;refresher=uas"), ("Supported", "timer")], Interval(1800, ours=True)),
        ([("Session-Expires", "1800;refresher=uac")], Interval(1800, ours=True)),  # it could not refresh
        ([("Session-Expires", "60")], Interval(90, ours=True)),  # it could not read a 422
    ],
)
def test_what_we_agree_to(fields: list[tuple[str, str]], agreed: Interval | None) -> None:
    assert intervals.as_server(Headers(fields), 90) == agreed


def test_too_small_is_422_for_who_understands_it() -> None:
    with pytest.raises(TooSmall) as caught:
        intervals.as_server(Headers([("Session-Expires", "60"), ("Supported", "timer")]), 90)
    assert caught.value.status == 422


def test_our_answer_requires_the_extension_only_of_a_peer_that_refreshes() -> None:
    assert intervals.answer_headers(None) == []
    assert intervals.answer_headers(Interval(600, ours=True)) == [("Session-Expires", "600;refresher=uas")]
    assert intervals.answer_headers(Interval(600, ours=False)) == [
        ("Require", "timer"),
        ("Session-Expires", "600;refresher=uac"),
    ]


@pytest.mark.parametrize(
    ("value", "settled"),
    [
        (None, None),
        ("0", None),
        ("1800;refresher=uac", Interval(1800, ours=True)),
        ("1800;refresher=uas", Interval(1800, ours=False)),
        ("1800", Interval(1800, ours=True)),
        ("5", Interval(90, ours=True)),  # a refresh every 2.5 s is nobody's wish
    ],
)
def test_what_a_2xx_settles(value: str | None, settled: Interval | None) -> None:
    fields = [] if value is None else [("Session-Expires", value)]
    assert intervals.as_client(Headers(fields)) == settled


def test_refresh_at_half_and_death_a_little_before_the_end() -> None:
    assert (Interval(1800, ours=True).refresh_after_s, Interval(1800, ours=False).dead_after_s) == (900, 1768)
    assert Interval(90, ours=False).dead_after_s == 60


def test_what_we_ask_for() -> None:
    assert intervals.request_headers(0, 90) == []
    assert intervals.request_headers(1800, 90) == [("Session-Expires", "1800")]
    assert intervals.request_headers(1800, 2000, refresher="uac") == [
        ("Session-Expires", "2000;refresher=uac"),
        ("Min-SE", "2000"),
    ]


@pytest.mark.parametrize(
    ("value", "seconds"), [("120", 120), ("120;x=1", 120), ("", 0), ("x", 0), ("999999", 0)]
)
def test_the_minimum_of_a_422(value: str, seconds: int) -> None:
    assert intervals.demanded_minimum(Headers([("Min-SE", value)])) == seconds
