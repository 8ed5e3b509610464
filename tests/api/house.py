"""The rest of the house as the API's tests see it: the real store and objects, and ports that take notes."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from ringline.api.app import build_app
from ringline.api.buckets import Buckets
from ringline.api.ports import ApiDeps, ApiSettings, Health, Registration
from ringline.calls.commands import CallInfo, Command, CommandResult, Dial
from ringline.calls.errors import unknown_call
from ringline.conversations.insights.intake import Intake
from ringline.core.clock import VirtualClock
from ringline.core.ids import Ids
from ringline.core.net import Guard, Policy
from ringline.core.settings import Settings
from ringline.finetune.service import FineTuning
from ringline.inference.embedding import Embedder
from ringline.inference.service import Inference
from ringline.jobs.runner import Jobs
from ringline.node.finetune import make_training
from ringline.node.inference import make_client, make_inference
from ringline.node.reports import Meter
from ringline.reports.stt import Price, SttReports
from ringline.reports.usage import UsageLog
from ringline.storage.objects import ObjectStore
from ringline.store import accounts, keys
from ringline.store.db import Store

KEY = "KEY-of-the-first-account"
OTHER_KEY = "KEY-of-the-second-account"


class NotingCalls:
    """Notes every command; answers what a test puts in."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.commands: list[tuple[str, str, Command]] = []
        self.dialed: list[tuple[str, Dial]] = []
        self.known: dict[str, CallInfo] = {}
        self.unknown: set[str] = set()
        """Calls that never were."""
        self.refusal: Exception | None = None
        self.result = CommandResult()

    async def require(self, account_id: str, call_control_id: str) -> None:
        if call_control_id in self.unknown:
            raise unknown_call()

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        self._refuse()
        self.commands.append((account_id, call_control_id, command))
        return self.result

    async def dial(self, account_id: str, command: Dial) -> CallInfo:
        self._refuse()
        self.dialed.append((account_id, command))
        return CallInfo("v3:dialed", "leg", "session", command.connection_id, False, command.client_state)

    async def status(self, account_id: str, call_control_id: str) -> CallInfo | None:
        return self.known.get(call_control_id)

    async def active(self, account_id: str, connection_id: str) -> list[CallInfo]:
        return [info for info in self.known.values() if info.connection_id == connection_id and info.is_alive]

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


class NotedRegistrations(dict[str, Registration]):
    """Registrations that a test puts in."""

    def of(self, user_name: str) -> Registration | None:
        return self.get(user_name)


@dataclass
class House:
    """What one application under test stands on."""

    folder: Path
    store: Store
    clock: VirtualClock
    account_id: str
    other_account_id: str
    calls: NotingCalls = field(default_factory=NotingCalls)
    registrations: NotedRegistrations = field(default_factory=NotedRegistrations)
    health: Health = field(default_factory=lambda: Health(True, {"version": "test"}))
    settings: ApiSettings = field(default_factory=ApiSettings)
    config: Settings | None = None
    """Of the node; by default nothing but the folder is set."""
    route_changes: int = 0
    ids: Ids = field(default_factory=lambda: Ids.seeded(1))
    embedder: Embedder = field(default_factory=Embedder)
    http: httpx.AsyncClient = field(default_factory=make_client)
    """To engines; whoever makes a house closes it."""
    usage: UsageLog = field(init=False)
    """Not started: `flush` it."""
    objects: ObjectStore = field(init=False)
    reports: SttReports = field(init=False)
    inference: Inference = field(init=False)
    """Without any engine; tests put one in that has some."""
    training: FineTuning = field(init=False)
    jobs: Jobs = field(init=False)
    """Not started: what is queued can be seen in the store; tests register the kinds they need."""

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.store, self.clock, ids=self.ids, node="test")
        self.usage = UsageLog(self.store)
        self.objects = ObjectStore.open("", self.folder / "objects")
        config = self.config or Settings(data=self.folder)
        self.inference = make_inference(
            config, self.clock, self.ids, self.http, Meter(self.usage, self.clock)
        )
        self.training = make_training(
            *(config, self.store, self.clock, self.ids),
            node="test",
            buckets=Buckets(self.store, self.objects, self.clock, self.ids),
            inference=self.inference,
            note=Meter(self.usage, self.clock).training,
            http=self.http,
        ).service
        self.reports = SttReports(
            *(self.store, self.objects, self.jobs, self.usage),
            clock=self.clock,
            ids=self.ids,
            keep=timedelta(days=7),
            price=Price(Decimal("0.06"), "EUR"),
        )

    def app(self) -> FastAPI:
        """The application, wired."""
        objects = self.objects
        return build_app(
            ApiDeps(
                calls=self.calls,
                store=self.store,
                objects=objects,
                buckets=Buckets(self.store, objects, self.clock, self.ids),
                guard=Guard(Policy(private=True)),
                registrations=self.registrations,
                jobs=self.jobs,
                usage=self.usage,
                reports=self.reports,
                embedder=self.embedder,
                inference=self.inference,
                training=self.training,
                insights=Intake(self.store, self.jobs, self.clock, self.ids, default_group="default"),
                clock=self.clock,
                ids=self.ids,
                registry=CollectorRegistry(),
                health=lambda: self.health,
                routes_changed=self._routes_changed,
                link_secret=b"secret of the tests",
                scratch=self.folder,
                settings=self.settings,
            )
        )

    async def _routes_changed(self) -> None:
        self.route_changes += 1


async def prepare(path: Path) -> tuple[str, str]:
    """Make a database file with two accounts and their keys; returns the accounts' ids."""
    return await move_in(f"sqlite:///{path}")


async def move_in(url: str) -> tuple[str, str]:
    """Put two accounts and their keys into an empty database; returns the accounts' ids."""
    clock, ids = VirtualClock(), Ids.seeded(7)
    store = Store.open(url, clock=clock)
    made = []
    for name, key in (("first", KEY), ("second", OTHER_KEY)):
        account = await store.tx(accounts.create_account, name, ids=ids, now=clock.utc())
        await store.tx(keys.create_key, account.id, key, name="test", ids=ids, now=clock.utc())
        made.append(account.id)
        clock.advance(1)
    await store.close()
    return made[0], made[1]


def check_answer(answer: httpx.Response) -> None:
    """Ours, whatever was asked: no failure of the server, and every refusal whole."""
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        for error in answer.json()["errors"]:
            assert error["code"].isdecimal()
            assert error["title"]
            assert len(error["detail"]) < 2000
