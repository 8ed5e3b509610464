"""What the rooms report of their paid-for work becomes usage, and usage becomes reports."""

from datetime import timedelta
from decimal import Decimal

from ringline.calls.state import Leg
from ringline.core.clock import SECOND, Clock
from ringline.core.ids import Ids
from ringline.core.settings import ReportSettings
from ringline.jobs.runner import Jobs
from ringline.reports.stt import Price, SttReports
from ringline.reports.usage import UsageKind, UsageLog, UsageRecord
from ringline.storage.objects import ObjectStore
from ringline.store import usage
from ringline.store.db import Store
from ringline.store.types import EPOCH


class Meter:
    """What a room calls when work is done: it implements the ports that rooms declare for that.

    None of its methods waits or raises; `engine` is what did the work, where there is more than one.
    """

    def __init__(self, log: UsageLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock

    def chat(
        self, account_id: str, model: str, prompt_tokens: int, completion_tokens: int, *, engine: str = ""
    ) -> None:
        """A chat completion, whole or as far as it came."""
        self._log.note(
            UsageRecord(
                kind=UsageKind.CHAT,
                account_id=account_id,
                at=self._clock.utc(),
                model=model,
                engine=engine,
                prompt_tokens=prompt_tokens,
                completion_tokens=completion_tokens,
            )
        )

    def recognition(
        self, account_id: str, model: str, seconds: float, *, engine: str, source: str | None = None
    ) -> None:
        """`seconds` of audio were listened to; `source` is the track or request that they came from.

        Of a call, `engine` and `model` are those that were asked for: a track may be heard by several.
        """
        self._log.note(
            UsageRecord(
                kind=UsageKind.RECOGNITION,
                account_id=account_id,
                at=self._clock.utc(),
                model=model,
                engine=engine,
                source=source,
                seconds=seconds,
            )
        )

    def synthesis(self, account_id: str, voice: str, characters: int) -> None:
        """So many characters were spoken."""
        self._log.note(
            UsageRecord(
                kind=UsageKind.SYNTHESIS,
                account_id=account_id,
                at=self._clock.utc(),
                model=voice,
                characters=characters,
            )
        )

    def training(self, account_id: str, model: str, tokens: int, seconds: float, *, source: str) -> None:
        """A training job has ended; `source` is its id, and it is noted once however often it is told."""
        self._log.note(
            UsageRecord(
                kind=UsageKind.TRAINING,
                account_id=account_id,
                at=self._clock.utc(),
                model=model,
                source=source,
                seconds=seconds,
                prompt_tokens=tokens,
            )
        )

    def call(self, leg: Leg) -> None:
        """A leg has ended; one that was never answered cost nothing."""
        if leg.answered is None or leg.ended is None:
            return
        self._log.note(
            UsageRecord(
                kind=UsageKind.CALL,
                account_id=leg.facts.application.account_id,
                at=leg.ended.utc,
                source=leg.facts.leg_id,
                seconds=(leg.ended.ns - leg.answered.ns) / SECOND,
            )
        )


class Reports:
    """The usage of this node and what is made of it."""

    def __init__(
        self,
        settings: ReportSettings,
        store: Store,
        objects: ObjectStore,
        jobs: Jobs,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._store = store
        self._clock = clock
        self._keep_days = settings.usage_days
        self.usage = UsageLog(store)
        self.meter = Meter(self.usage, clock)
        self.stt = SttReports(
            store,
            objects,
            jobs,
            self.usage,
            clock=clock,
            ids=ids,
            keep=timedelta(days=settings.keep_days),
            price=Price(Decimal(str(settings.recognition_price)), settings.currency),
        )

    async def start(self) -> None:
        """Note the calls that an earlier life could not, and begin to write."""
        kept = timedelta(days=self._keep_days)
        await self._store.tx(usage.add_ended_calls, self._clock.utc() - kept if kept else EPOCH)
        self.usage.start()

    async def stop(self) -> None:
        """Write what was noted last; after every room that notes."""
        await self.usage.stop()
