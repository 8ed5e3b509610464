"""`ringline webhooks`: events on their way to apps."""

from typing import Annotated

import typer

from ringline.cli.database import opened
from ringline.cli.failure import fail
from ringline.cli.lookup import find_event, recent_deliveries
from ringline.cli.options import AsJson, Config, Data, settings_of
from ringline.cli.output import columns, moment, print_json
from ringline.core.clock import SystemClock
from ringline.store.deliveries import Delivery, DeliveryFilter
from ringline.timeline.readers import iso
from ringline.webhooks.outbox import redeliver as send_again

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Events on their way to apps.")


@app.command("list")
def list_(
    failed: Annotated[bool, typer.Option("--failed", help="Only those that were given up.")] = False,
    waiting: Annotated[bool, typer.Option("--pending", help="Only those that are still tried.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="How many at most.")] = 20,
    config: Config = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Deliveries, newest first, with their last attempt."""
    if failed and waiting:
        raise fail("--failed and --pending exclude each other; give one of them")
    state = "failed" if failed else "pending" if waiting else None
    with opened(settings_of(config, data)) as database:
        found = database.read(recent_deliveries, DeliveryFilter(state=state), limit=limit)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    columns(
        ("event", "type", "at", "state", "tries", "ms", "to", "last answer"), [_row(one) for one in found]
    )


@app.command("redeliver")
def redeliver(
    event: Annotated[str, typer.Argument(metavar="EVENT_ID", help="The event's id, or the beginning of it.")],
    config: Config = None,
    data: Data = None,
) -> None:
    """Send an event again to everybody it went to. A running server does so within five seconds."""
    with opened(settings_of(config, data)) as database:
        event_id = database.read(find_event, event)
        count = database.write(send_again, event_id, now=SystemClock().utc())
    if count == 0:
        raise fail(
            f"event {event_id} has no finished delivery: it went to nobody, or is still being delivered"
        )
    typer.echo(f"event {event_id} will be sent again to {count} {'app' if count == 1 else 'apps'}")


def _row(one: Delivery) -> tuple[str, ...]:
    last = one.attempts[0] if one.attempts else None
    return (
        one.event_id,
        one.event_type,
        moment(one.occurred_at),
        one.state,
        str(len(one.attempts)),
        f"{last.latency_us / 1000:.1f}" if last else "–",
        last.url if last else str(one.target.get("url", "")),
        "–" if last is None else last.error or str(last.status),
    )


def _plain(one: Delivery) -> dict[str, object]:
    return {
        "id": one.id,
        "event_id": one.event_id,
        "event_type": one.event_type,
        "occurred_at": iso(one.occurred_at),
        "call_leg_id": one.leg_id,
        "state": one.state,
        "attempts": [
            {
                "attempt": tried.attempt,
                "url": tried.url,
                "started_at": iso(tried.started_at),
                "latency_ms": tried.latency_us / 1000,
                "status": tried.status,
                "error": tried.error,
            }
            for tried in reversed(one.attempts)
        ],
    }
