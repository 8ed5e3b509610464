"""A process to be killed: `python -m tests.webhooks.victim STORE APP queue|deliver`.

`queue` queues events for a few legs as fast as it can, says the number of each on standard output once it is
committed, and delivers meanwhile. `deliver` delivers what is left and ends.
"""

import asyncio
import sys

import msgspec

from ringline.core.clock import SystemClock
from ringline.core.ids import Ids
from ringline.core.net import Guard, Policy
from ringline.core.settings import WebhookSettings
from ringline.store.db import Store
from ringline.store.deliveries import pending_count
from ringline.webhooks.delivery import Delivery
from ringline.webhooks.outbox import QueuedEvent, queue_event
from ringline.webhooks.policy import Target

LEGS = 4


async def main(url: str, app: str, mode: str) -> None:
    clock, ids = SystemClock(), Ids()
    store = Store.open(url, clock=clock)
    delivery = Delivery(
        store, clock, WebhookSettings(), guard=Guard(Policy(private=True)), ids=ids, node="victim"
    )
    delivery.start()
    if mode == "deliver":
        while await store.read(pending_count):  # noqa: ASYNC110  # the condition is in a database
            await asyncio.sleep(0.01)
        await delivery.stop(0)
        await store.close()
        return
    await asyncio.gather(*(queue(store, clock, ids, app, leg) for leg in range(LEGS)))


async def queue(store: Store, clock: SystemClock, ids: Ids, app: str, leg: int) -> None:
    number = 0
    while True:
        payload = msgspec.json.encode({"leg": leg, "number": number})
        event = QueuedEvent(
            ids.uuid(),
            "account",
            "call.answered",
            clock.utc(),
            payload,
            (Target(url=app, retries_ms=(1, 1, 1, 1, 1)),),
            leg_id=f"leg {leg}",
        )
        await store.tx(queue_event, event)
        sys.stdout.write(f"{leg} {number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
