"""`ringline serve`: run the server until it is told to stop."""

import asyncio
import signal
import sys
from typing import Annotated

import typer

from ringline.cli.failure import fail
from ringline.cli.options import Config, Data, host_and_port, settings_of
from ringline.core import log
from ringline.core.errors import ConfigError
from ringline.core.settings import Settings
from ringline.node.node import Node
from ringline.store.errors import StoreUnavailable

SWITCH_INTERVAL_S = 0.0005


def serve(
    config: Config = None,
    data: Data = None,
    http: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address of the API.")] = None,
    sip: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="Address of SIP, UDP and TCP.")] = None,
    rtp_ports: Annotated[str | None, typer.Option(metavar="LOW-HIGH", help="Ports of RTP.")] = None,
    drain_secs: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long a stop waits for calls.")
    ] = None,
) -> None:
    """Run the server. SIGTERM lets calls end; a second one ends them at once."""
    http_host, http_port = host_and_port(http, "--http")
    sip_host, sip_port = host_and_port(sip, "--sip")
    settings = settings_of(
        config,
        data,
        http__host=http_host,
        http__port=http_port,
        sip__host=sip_host,
        sip__port=sip_port,
        media__ports=rtp_ports,
        drain_secs=drain_secs,
    )
    log.configure(settings.log)
    # The store writes on a thread of its own: with 5 ms between hand-overs, every answer would wait for it.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(settings))
    except (ConfigError, StoreUnavailable) as error:
        raise fail(str(error)) from error


def _loop_factory() -> "type[asyncio.AbstractEventLoop] | None":
    try:
        import uvloop  # noqa: PLC0415 - optional: the loop of the standard library works as well
    except ImportError:
        return None
    return uvloop.Loop


async def _run(settings: Settings) -> None:
    node = Node(settings)
    await node.start()
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    if node.first_key:
        print(f"ringline first API key, shown once: {node.first_key.secret}", flush=True)
    print(f"ringline ready http={node.http_url} sip={node.sip_address}", flush=True)
    await stop.wait()
    stopping = asyncio.create_task(node.stop(settings.drain_secs))
    hurried = asyncio.create_task(hurry.wait())
    await asyncio.wait((stopping, hurried), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        node.hurry()
    await stopping
    hurried.cancel()
