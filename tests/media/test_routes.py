import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.media.routes import Routes

pytestmark = pytest.mark.unit


def routes(*legs: str) -> Routes:
    made = Routes()
    for phase, leg in enumerate(legs):
        made.add(leg, phase % 4)
    return made


def test_a_route_is_one_way_and_joins_the_phases() -> None:
    r = routes("a", "b")
    assert r.join("a", "b", 1.0) == {"b": 0}
    assert (r.heard_by("a"), r.heard_by("b")) == ({"b": 1.0}, {})
    assert r.group("b") == {"a", "b"}
    assert r.join("b", "a", 1.0) == {}


def test_joining_two_groups_moves_the_speakers_whole_group() -> None:
    r = routes("a", "b", "c", "d")
    r.join("a", "b", 1.0)
    r.join("c", "d", 1.0)
    assert r.join("a", "d", 1.0) == {"c": 0, "d": 0}
    assert r.group("b") == {"a", "b", "c", "d"}


def test_a_monitor_hears_and_is_not_heard() -> None:
    r = routes("a", "b", "boss")
    for pair in (("a", "b"), ("b", "a"), ("boss", "a"), ("boss", "b")):
        r.join(*pair, 1.0)
    assert r.remove("boss") == set()
    assert r.heard_by("a") == {"b": 1.0}


def test_gain_zero_takes_a_route_away() -> None:
    r = routes("a", "b")
    r.join("a", "b", 0.5)
    assert r.join("a", "b", 0.0) == {}
    assert r.join("a", "b", 0.0) == {}
    assert r.group("a") == {"a"}


def test_removing_a_leg_names_its_listeners() -> None:
    r = routes("a", "b", "c")
    r.join("a", "c", 1.0)
    r.join("b", "c", 1.0)
    r.join("c", "a", 1.0)
    assert r.remove("c") == {"a", "b"}
    assert r.neighbours("a") == set()


pairs = st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 1.0])).filter(
    lambda p: p[0] != p[1]
)


@given(st.lists(pairs, max_size=30))
@settings(max_examples=100)
def test_all_members_of_a_group_share_a_phase(steps: list[tuple[int, int, float]]) -> None:
    r = routes(*"abcdef")
    phases = {leg: i % 4 for i, leg in enumerate("abcdef")}
    for listener, speaker, gain in steps:
        phases |= r.join("abcdef"[listener], "abcdef"[speaker], gain)
        for leg in "abcdef":
            for other in r.group(leg):
                assert phases[leg] == phases[other]
