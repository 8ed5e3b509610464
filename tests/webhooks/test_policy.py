"""Where an event goes, and what is tried after what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.webhooks.policy import (
    BACKOFF_MS,
    Final,
    Hooks,
    Next,
    Outcome,
    Progress,
    Target,
    after,
    origin,
    outcome_of,
    targets,
)

pytestmark = pytest.mark.unit

PRIMARY, FAILOVER = "https://a.example/hook", "https://b.example/hook"
HOOKS = Hooks(url=PRIMARY, failover_url=FAILOVER, timeout_ms=5_000)


def test_the_application_hears_of_everything() -> None:
    assert targets("call.answered", HOOKS) == (Target(url=PRIMARY, failover_url=FAILOVER, timeout_ms=5_000),)


def test_a_leg_url_comes_before_the_application() -> None:
    hooks = Hooks(url=PRIMARY, failover_url=FAILOVER, leg_url="https://c.example/", leg_method="GET")
    assert targets("call.answered", hooks) == (
        Target(url="https://c.example/", failover_url=FAILOVER, method="GET"),
    )


def test_urls_for_the_event_come_first_and_all_are_called() -> None:
    hooks = Hooks(
        url=PRIMARY,
        leg_url="https://c.example/",
        urls={"call.hangup": ("https://d.example/1", "https://d.example/2", "https://d.example/1")},
        urls_method="GET",
    )
    assert [(one.url, one.method) for one in targets("call.hangup", hooks)] == [
        ("https://d.example/1", "GET"),
        ("https://d.example/2", "GET"),
    ]
    assert [one.url for one in targets("call.answered", hooks)] == ["https://c.example/"]


def test_nobody_hears_of_a_call_without_urls() -> None:
    assert targets("call.answered", Hooks()) == ()


def test_a_custom_back_off_is_for_its_event_only() -> None:
    hooks = Hooks(url=PRIMARY, retries_ms={"call.hangup": (5, 10)})
    assert targets("call.hangup", hooks)[0].retries_ms == (5, 10)
    assert targets("call.answered", hooks)[0].retries_ms is None


@pytest.mark.parametrize("empty", [{"failover_url": ""}, {"timeout_ms": 0}])
def test_empty_settings_are_none(empty: dict[str, object]) -> None:
    (target,) = targets("call.hangup", Hooks(url=PRIMARY, **empty))  # type: ignore[arg-type]  # one of two
    assert (target.failover_url, target.timeout_ms) == (None, None)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.DELIVERED),
        (204, Outcome.DELIVERED),
        (299, Outcome.DELIVERED),
        (302, Outcome.REFUSED),
        (400, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.RETRY),
        (410, Outcome.REFUSED),
        (429, Outcome.RETRY),
        (500, Outcome.RETRY),
        (503, Outcome.RETRY),
    ],
)
def test_statuses_mean_what_the_specification_says(status: int, outcome: Outcome) -> None:
    assert outcome_of(status) is outcome


def story(target: Target, *outcomes: Outcome) -> list[tuple[int, str, int]]:
    """(attempt, URL, pause before it) of every attempt, for the outcomes given; the last outcome repeats."""
    progress, pause, told = Progress(), 0, []
    for number in range(50):
        told.append((progress.attempt, progress.url(target), pause))
        step = after(target, progress, outcomes[min(number, len(outcomes) - 1)])
        if isinstance(step, Final):
            return told
        progress, pause = step.progress, step.delay_ms
    raise AssertionError("no end")


ALONE = Target(url=PRIMARY)
BOTH = Target(url=PRIMARY, failover_url=FAILOVER)


def test_four_rounds_and_then_it_has_failed() -> None:
    assert story(ALONE, Outcome.RETRY) == [
        (1, PRIMARY, 0),
        (2, PRIMARY, 1000),
        (3, PRIMARY, 2000),
        (4, PRIMARY, 4000),
    ]


def test_each_round_asks_the_failover_at_once() -> None:
    assert story(BOTH, Outcome.RETRY) == [
        (1, PRIMARY, 0),
        (2, FAILOVER, 0),
        (3, PRIMARY, 1000),
        (4, FAILOVER, 0),
        (5, PRIMARY, 2000),
        (6, FAILOVER, 0),
        (7, PRIMARY, 4000),
        (8, FAILOVER, 0),
    ]


def test_a_refusal_is_not_asked_again() -> None:
    assert story(ALONE, Outcome.REFUSED) == [(1, PRIMARY, 0)]


@pytest.mark.parametrize("second", [Outcome.RETRY, Outcome.REFUSED])
def test_a_refusal_goes_to_the_failover_once(second: Outcome) -> None:
    assert story(BOTH, Outcome.REFUSED, second) == [(1, PRIMARY, 0), (2, FAILOVER, 0)]


def test_a_failover_that_refused_is_left_out_of_later_rounds() -> None:
    assert story(BOTH, Outcome.RETRY, Outcome.REFUSED, Outcome.RETRY) == [
        (1, PRIMARY, 0),
        (2, FAILOVER, 0),
        (3, PRIMARY, 1000),
        (4, PRIMARY, 2000),
        (5, PRIMARY, 4000),
    ]


def test_a_failover_that_is_the_same_is_none() -> None:
    assert story(Target(url=PRIMARY, failover_url=PRIMARY), Outcome.RETRY) == story(ALONE, Outcome.RETRY)


def test_a_custom_back_off_replaces_ours() -> None:
    assert story(Target(url=PRIMARY, retries_ms=(7, 0)), Outcome.RETRY) == [
        (1, PRIMARY, 0),
        (2, PRIMARY, 7),
        (3, PRIMARY, 0),
    ]
    assert story(Target(url=PRIMARY, retries_ms=()), Outcome.RETRY) == [(1, PRIMARY, 0)]


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=12), st.booleans())
def test_every_story_ends_counts_up_and_ends_with_the_first_success(
    outcomes: list[Outcome], failover: bool
) -> None:
    target = BOTH if failover else ALONE
    told = story(target, *outcomes, Outcome.RETRY)
    assert [attempt for attempt, _, _ in told] == list(range(1, len(told) + 1))
    assert len(told) <= (8 if failover else 4)
    assert sum(pause for _, _, pause in told) <= sum(BACKOFF_MS)
    happened = [*outcomes, *[Outcome.RETRY] * 12][: len(told)]
    assert Outcome.DELIVERED not in happened[:-1]
    last = happened[-1]
    refused = {url for (_, url, _), outcome in zip(told, happened, strict=True) if outcome is Outcome.REFUSED}
    asked_after = [
        url
        for number, (_, url, _) in enumerate(told)
        if any(told[k][1] == url and happened[k] is Outcome.REFUSED for k in range(number))
    ]
    assert asked_after == []
    if last is not Outcome.DELIVERED and not refused:
        assert len(told) == (8 if failover else 4)


def test_the_next_step_keeps_what_the_delivery_learnt() -> None:
    step = after(BOTH, Progress(attempt=3, round=1, failover=True), Outcome.RETRY)
    assert step == Next(Progress(attempt=4, round=2), 2_000)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://App.Example/a?b", "https://app.example:443"),
        ("http://app.example:80/x", "http://app.example:80"),
        ("http://app.example", "http://app.example:80"),
        ("http://[::1]:9/x", "http://::1:9"),
        ("http://app:99999/", "http://app:99999/"),
    ],
)
def test_one_app_is_one_origin(url: str, expected: str) -> None:
    assert origin(url) == expected
