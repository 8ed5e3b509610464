"""The rooms' numbers as Prometheus reads them."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from ringline.core.clock import SystemClock
from ringline.node.metrics import LoopLag, RoomCounts

pytestmark = pytest.mark.unit


def test_numbers_are_read_when_they_are_asked_for() -> None:
    registry, sip = CollectorRegistry(), {"received": 1}
    registry.register(
        RoomCounts(
            calls=lambda: 3,
            sip=lambda: sip,
            webhooks=lambda: {"failed": 2},
            jobs=lambda: {"succeeded": 4},
            held=lambda: 1,
        )
    )
    sip["received"] = 7
    text = generate_latest(registry).decode()
    assert "ringline_legs 3.0" in text
    assert 'ringline_sip_total{kind="received"} 7.0' in text
    assert 'ringline_webhooks_total{outcome="failed"} 2.0' in text
    assert 'ringline_jobs_total{outcome="succeeded"} 4.0' in text


async def test_a_blocked_loop_shows_as_lag() -> None:
    registry = CollectorRegistry()
    lag = LoopLag(registry, SystemClock())
    lag.start()
    await asyncio.sleep(0)
    end = SystemClock().now_ns() + 500_000_000
    while SystemClock().now_ns() < end:
        pass
    while not registry.get_sample_value("ringline_loop_lag_seconds_count"):  # noqa: ASYNC110 - a histogram tells nobody
        await asyncio.sleep(0)
    await lag.stop()
    assert (registry.get_sample_value("ringline_loop_lag_seconds_sum") or 0) > 0.15
