"""A trainer outside, as somebody might write one: `python script.py MANNER STEPS < task`.

Learns nothing, but keeps the rules: goes on after a kill, leaves an adapter, ends when it is told to.
"""

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType


def tell(event: str, **values: object) -> None:
    say(json.dumps({"event": event, **values}))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def leave(number: int, frame: FrameType | None) -> None:
    Path(sys.argv[3]).write_text("told to leave")
    sys.exit(0)


def main(manner: str, steps: int) -> int:
    task = json.load(sys.stdin)
    state = Path(task["state"])
    examples = Path(task["data"]).read_text().count("\n")
    done = int(state.read_text()) if state.exists() else 0
    if manner == "refuses":
        tell("failed", reason="the card is on fire", parameter="model")
        return 0
    if manner == "babbles":
        say("Loading checkpoint shards: 100%")
        return 0
    if manner == "dies":
        sys.stderr.write("first line\nout of memory\n")
        return 7
    if manner == "quiet":
        tell("finished", tokens=1)
        return 0
    if manner == "endless":
        signal.signal(signal.SIGTERM, leave)
    tell("planned", examples=examples, epochs=task["epochs"] or 4, steps=steps, step=done)
    while done < steps or manner == "endless":
        done += 1
        if manner in ("endless", "slow"):
            time.sleep(0.002)  # as long as a small step
        tell("step", step=min(done, steps), steps=steps, loss=2.0 / done, tokens=10 * done)
        new = state.with_suffix(".new")
        new.write_text(str(done))
        new.replace(state)
        tell("checkpoint", step=min(done, steps))
        if manner == "dies at half" and done == steps // 2:
            return 9
    Path(task["adapter"]).write_bytes(b"GGUF and so on")
    tell("finished", tokens=10 * done)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
