"""What the rooms count, in Prometheus' terms, read when it is asked for; and how late the loop is."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ringline.core.clock import SECOND, Clock

BEAT_S = 0.25
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


class RoomCounts(Collector):
    """Numbers that rooms keep anyway."""

    def __init__(
        self,
        *,
        calls: Callable[[], int],
        sip: Callable[[], Mapping[str, int]],
        webhooks: Callable[[], Mapping[str, int]],
        jobs: Callable[[], Mapping[str, int]],
        held: Callable[[], int],
    ) -> None:
        self._calls = calls
        self._sip = sip
        self._webhooks = webhooks
        self._jobs = jobs
        self._held = held

    def collect(self) -> Iterable[Metric]:
        """One family per room."""
        yield GaugeMetricFamily("ringline_legs", "Legs that have not ended.", self._calls())
        yield GaugeMetricFamily("ringline_webhooks_held", "Deliveries in flight or waiting.", self._held())
        yield _counters("ringline_sip", "SIP messages and drops, by kind.", "kind", self._sip())
        yield _counters(
            "ringline_webhooks", "Webhook attempts and their outcomes.", "outcome", self._webhooks()
        )
        yield _counters("ringline_jobs", "Durable jobs and their outcomes.", "outcome", self._jobs())


class LoopLag:
    """Measures how late the event loop runs what is due: the first sign of a node with too much to do."""

    def __init__(self, registry: CollectorRegistry, clock: Clock) -> None:
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._lag = Histogram(
            "ringline_loop_lag_seconds",
            "How late the event loop wakes.",
            registry=registry,
            buckets=LAG_BUCKETS,
        )

    def start(self) -> None:
        """Beat."""
        self._task = asyncio.create_task(self._beat(), name="loop lag")

    async def stop(self) -> None:
        """Beat no more."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            before = self._clock.now_ns()
            await asyncio.sleep(BEAT_S)
            self._lag.observe(max(0.0, (self._clock.now_ns() - before) / SECOND - BEAT_S))


def _counters(name: str, help_text: str, label: str, values: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family
