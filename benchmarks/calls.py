"""What a call costs: N calls with media both ways, beside a program that does the bare minimum."""

from pathlib import Path
from statistics import median

from benchmarks.engines import Engine, Floor, Ringline, Window
from benchmarks.programs import Unavailable
from benchmarks.report import Result, Table, verdict

HEADS = (
    "calls", "engine", "CPU % of a core/call", "of it control", "× floor", "jitter ms p50 / p99 / max",
    "gaps > 40 ms", "sound %", "phone → app ms p50 / p99", "there and back ms p50 / p99", "kB/call",
    "other load",
)  # fmt: skip


AHEAD_MS = 300


async def run(programs: Path, scratch: Path, quick: bool) -> Result:
    """The whole of it, or the smallest that shows that it runs."""
    if quick:
        return await measure(programs, scratch, sizes=[4], rounds=1, seconds=1.0, disturbed=4)
    return await measure(programs, scratch, sizes=[50, 100, 200, 400], rounds=7, seconds=3.0, disturbed=200)


async def measure(
    programs: Path, scratch: Path, *, sizes: list[int], rounds: int, seconds: float, disturbed: int
) -> Result:
    """Measure in turns, so that what else the machine does falls on all alike."""
    rows: list[list[str]] = []
    goals: list[str] = []
    media = priority = ""
    for calls in sizes:
        try:
            engines = await _open(programs, scratch, calls)
        except Unavailable as problem:
            goals.append(verdict(f"{calls} calls: {problem}", False))
            break
        _, ringline, _ = engines
        media, priority = ringline.media, ringline.priority
        windows: dict[Engine, list[Window]] = {engine: [] for engine in engines}
        for _ in range(rounds):
            for engine in engines:
                engine.go_on()
                windows[engine].append(await engine.window(seconds))
                engine.pause()
        bare = windows[engines[0]]
        rows += [_row(engine, windows[engine], bare) for engine in engines]
        ratio = _ratio(windows[ringline], bare)
        jitter = median(one.phones["jitter"]["p99"] for one in windows[ringline])
        goals += [
            verdict(f"{calls} calls: {ratio:.2f} × the floor (goal 1.6)", ratio <= 1.6),
            verdict(f"{calls} calls: jitter p99 {jitter:.2f} ms (goal 3)", jitter < 3),
        ]
        for engine in engines:
            engine.go_on()
            await engine.close()
    blocked, more = await _disturbed(programs, scratch, disturbed, 4 * seconds)
    return Result(
        "calls",
        [Table(HEADS, rows), blocked],
        [*goals, *more],
        "one machine and its loopback carry the phones, the app and the server together, so no network card "
        "and no TLS are in it; jitter is what the phones' kernel saw, including their own neighbours' load; "
        "compare ratios between engines of the same run, not absolutes between machines.",
        [
            f"PCMU, 20 ms, JSON media both ways, an app that echoes; media engine {media}, thread priority "
            f"{priority}; {rounds} windows of {seconds:g} s each, engines in turns: CPU, p50 and p99 are "
            "medians over the windows, max is the worst; everything is on: timeline, jitter buffer, "
            "statistics. Engines that are not measured are stopped meanwhile. Blocked: the control thread "
            "is kept busy by Python for 100 ms once a second."
        ],
    )


async def _open(programs: Path, scratch: Path, calls: int) -> tuple[Floor, Ringline, Ringline]:
    """All three, paused."""
    floor = await Floor.open(programs, calls)
    floor.pause()
    ringline = await Ringline.open(programs, scratch / f"native-{calls}", calls)
    ringline.pause()
    plain = await Ringline.open(programs, scratch / f"asyncio-{calls}", calls, driver="asyncio")
    plain.pause()
    return floor, ringline, plain


def _ratio(windows: list[Window], floor: list[Window]) -> float:
    return median(one.percent / bare.percent for one, bare in zip(windows, floor, strict=True))


def _row(engine: Engine, windows: list[Window], floor: list[Window]) -> list[str]:
    ratio = _ratio(windows, floor)
    phones = [one.phones for one in windows]
    control = median(one.control_percent for one in windows)
    return [
        str(engine.calls),
        engine.name,
        " ; ".join(f"{one.percent:.3f}" for one in windows),
        f"{control:.3f}",
        f"{ratio:.2f}",
        _spread(phones, "jitter", worst=True),
        str(sum(one["gaps"] for one in phones)),
        f"{median(one.echo_percent for one in windows):.1f}",
        _spread([one.app for one in windows], "latency"),
        _spread(phones, "trip"),
        f"{engine.kb_per_call:.0f}",
        f"{median(one.others_cores for one in windows):.2f}",
    ]


def _spread(found: list[dict[str, dict[str, float]]], name: str, *, worst: bool = False) -> str:
    cells = [f"{median(one[name][part] for one in found):.2f}" for part in ("p50", "p99")]
    if worst:
        cells.append(f"{max(one[name]['max'] for one in found):.2f}")
    return " / ".join(cells)


async def _disturbed(programs: Path, scratch: Path, calls: int, seconds: float) -> tuple[Table, list[str]]:
    """The control thread is kept busy for 100 ms once a second: what the far end hears of it.

    The app is one that sends ahead: an echo that arrives just in time passes through Python, and is late when
    Python is.
    """
    rows, goals = [], []
    for driver in ("auto", "asyncio"):
        engine = await Ringline.open(
            programs, scratch / f"busy-{driver}", calls, driver=driver, ahead_ms=AHEAD_MS
        )
        window = await engine.disturbed_window(seconds)
        jitter = window.phones["jitter"]
        rows.append(
            [
                str(calls),
                engine.name,
                f"{jitter['p50']:.2f} / {jitter['p99']:.2f} / {jitter['max']:.2f}",
                str(window.phones["gaps"]),
                f"{window.echo_percent:.1f}",
                f"{window.others_cores:.2f}",
            ]
        )
        if engine.media == "native/compiled":
            holds = window.phones["gaps"] == 0
            goals.append(
                verdict(f"control thread blocked: {window.phones['gaps']} gaps over 40 ms (goal 0)", holds)
            )
        await engine.close()
    heads = (
        "calls", f"engine, blocked 100 ms a second, app {AHEAD_MS} ms ahead", "jitter ms p50 / p99 / max",
        "gaps > 40 ms", "sound %", "other load",
    )  # fmt: skip
    return Table(heads, rows), goals
