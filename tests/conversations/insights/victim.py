"""A node to be killed: `python -m tests.conversations.insights.victim DATABASE ENGINE FOLDER`."""

import asyncio
import sys
from pathlib import Path

from tests.conversations.insights.bench import life


async def main(database: str, engine_url: str, folder: str) -> None:
    async with life(database, engine_url, Path(folder), node="victim"):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
