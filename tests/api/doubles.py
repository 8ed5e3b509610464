"""The rest of the house as the API's tests see it: ports that record what they are asked."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from ringline.api.auth import key_hash
from ringline.api.ports import ApiDeps, ApiSettings, Health
from ringline.calls.commands import CallInfo, Command, CommandResult, Dial
from ringline.core.clock import VirtualClock
from ringline.core.errors import ApiError
from ringline.core.ids import Ids

KEY = "KEY-test-one"
OTHER_KEY = "KEY-test-two"
ACCOUNT = "11111111-1111-4111-8111-111111111111"
OTHER_ACCOUNT = "22222222-2222-4222-8222-222222222222"


class RecordingCalls:
    """Notes every command; answers what a test puts in."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, str, Command]] = []
        self.dialed: list[Dial] = []
        self.known: dict[str, CallInfo] = {}
        self.refusal: ApiError | None = None
        self.failure: Exception | None = None
        self.result = CommandResult()

    async def command(self, account_id: str, call_control_id: str, command: Command) -> CommandResult:
        if self.failure is not None:
            raise self.failure
        if self.refusal is not None:
            raise self.refusal
        self.commands.append((account_id, call_control_id, command))
        return self.result

    async def dial(self, account_id: str, command: Dial) -> CallInfo:
        if self.refusal is not None:
            raise self.refusal
        self.dialed.append(command)
        return CallInfo(
            f"v3:{len(self.dialed)}", "leg-1", "session-1", command.connection_id, False, command.client_state
        )

    async def status(self, account_id: str, call_control_id: str) -> CallInfo | None:
        return self.known.get(call_control_id)

    async def active(self, account_id: str, connection_id: str) -> list[CallInfo]:
        return [info for info in self.known.values() if info.connection_id == connection_id and info.is_alive]

    @property
    def last(self) -> Command:
        """The command given last."""
        return self.commands[-1][2]


class TwoKeys:
    """Two accounts with one key each; a key can be revoked."""

    def __init__(self) -> None:
        self.accounts = {key_hash(KEY): ACCOUNT, key_hash(OTHER_KEY): OTHER_ACCOUNT}
        self.asked = 0

    async def account_of(self, key_hash: str) -> str | None:
        self.asked += 1
        return self.accounts.get(key_hash)


@dataclass
class House:
    """The deps of one application under test."""

    calls: RecordingCalls = field(default_factory=RecordingCalls)
    keys: TwoKeys = field(default_factory=TwoKeys)
    clock: VirtualClock = field(default_factory=VirtualClock)
    health: Health = Health(True, {"version": "test"})
    settings: ApiSettings = ApiSettings()

    def deps(self) -> ApiDeps:
        return ApiDeps(
            calls=self.calls,
            keys=self.keys,
            clock=self.clock,
            ids=Ids.seeded(1),
            health=lambda: self.health,
            public_key=self._public_key,
            registry=CollectorRegistry(),
            settings=self.settings,
        )

    async def _public_key(self, account_id: str | None) -> str:
        return "public"
