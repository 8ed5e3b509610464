"""One HTTP attempt: pooled connections, vetted addresses, redirects by the book (spec webhooks §2)."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ringline.core.clock import SECOND, Clock
from ringline.core.errors import NotAllowed
from ringline.core.net import Guard
from ringline.webhooks.policy import Method, Outcome, outcome_of

MAX_REDIRECTS = 3
EXCERPT = 1024
"""Bytes of an answer that are kept."""

PIN_NS = 60 * SECOND
"""How long a vetted address is used for new connections before the name is resolved again."""

KEEP_ALIVE_SECS = 30.0
_SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Answer:
    """How an attempt ended. `status` is None when no HTTP answer came; `error` is empty when delivered."""

    outcome: Outcome
    status: int | None
    error: str
    body: str = ""


class Sender:
    """Sends webhooks. One per server: connections are kept and shared."""

    def __init__(self, *, guard: Guard, clock: Clock) -> None:
        self._pins = _Pins(guard, clock)
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, url: str, *, method: Method, body: bytes, headers: Mapping[str, str], timeout_ms: int
    ) -> Answer:
        """POST `body`, or GET the URL as it is. Never raises for anything the network or the app does."""
        deadline = asyncio.get_running_loop().time() + timeout_ms / 1000
        try:
            return await self._follow(url, method, body, headers, deadline)
        except TimeoutError:
            return Answer(Outcome.RETRY, None, f"no answer within {timeout_ms} ms")
        except NotAllowed as error:
            return Answer(Outcome.REFUSED, None, str(error))
        except aiohttp.InvalidURL as error:
            return Answer(Outcome.REFUSED, None, f"not a URL: {error}")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(Outcome.RETRY, None, f"{type(error).__name__}: {error}"[:EXCERPT])

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _follow(
        self, url: str, method: Method, body: bytes, headers: Mapping[str, str], deadline: float
    ) -> Answer:
        for _ in range(MAX_REDIRECTS + 1):
            async with asyncio.timeout_at(deadline):
                await self._pins.pin(url)
                response = await self._opened().request(
                    method,
                    URL(url, encoded=True) if method == "GET" else url,
                    data=body if method == "POST" else None,
                    headers=headers,
                    allow_redirects=False,
                )
            location = response.headers.get("location", "")
            if not (300 <= response.status < 400 and location):
                return await _answer(response, deadline)
            response.release()
            url = urljoin(url, location)
        return Answer(Outcome.REFUSED, response.status, f"more than {MAX_REDIRECTS} redirects")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No limit here: `lanes` has one for each origin, and waiting for it must not eat the time-out.
            connector = aiohttp.TCPConnector(
                limit=0, use_dns_cache=False, resolver=self._pins, keepalive_timeout=KEEP_ALIVE_SECS
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session


async def _answer(response: aiohttp.ClientResponse, deadline: float) -> Answer:
    outcome = outcome_of(response.status)
    excerpt = b""
    # The status is what counts: an app that says 200 and then breaks off or dawdles has heard us.
    with suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout_at(deadline):
            excerpt = await response.content.read(EXCERPT)
    response.release()
    error = "" if outcome is Outcome.DELIVERED else f"HTTP status {response.status}"
    return Answer(outcome, response.status, error, excerpt.decode("utf-8", "replace").replace("\0", "�"))


class _Pins(AbstractResolver):
    """Gives connections the addresses that the guard has let through, and no others."""

    def __init__(self, guard: Guard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock
        self._pinned: dict[tuple[str, int], tuple[str, int]] = {}

    async def pin(self, url: str) -> None:
        """Vet `url` and remember its address; raises `NotAllowed`."""
        key = _place(url)
        now = self._clock.now_ns()
        known = self._pinned.get(key)
        if known is None or known[1] <= now:
            if len(self._pinned) > 1_000:
                self._pinned.clear()
            target = await self._guard.vet(url, _SCHEMES)
            self._pinned[key] = (target.address, now + PIN_NS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The pinned address of a host; OSError for one that was never vetted."""
        known = self._pinned.get((host, port))
        if known is None:
            raise OSError(f"{host} is not vetted")
        address = known[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing to close."""


def _place(url: str) -> tuple[str, int]:
    try:
        parsed = URL(url)  # the same reading as the connection's: host in lower case and in IDNA
        return parsed.raw_host or "", parsed.port or 0
    except ValueError as error:
        raise NotAllowed(f"not a URL: {error}") from error
