"""How a batch is cut into runs of a model: little padding against few runs. Pure."""

from collections.abc import Sequence


def plan(lengths: Sequence[int], texts: int, tokens: int, run_cost: int) -> list[list[int]]:
    """Cut a batch into runs; each is a list of places in `lengths`, longest first.

    A run pads its texts to its longest, and costs what `run_cost` tokens do beside them. The cut is the
    cheapest one with at most `texts` texts and `tokens` padded tokens a run (one text always fits):
    O(n × `texts`) by dynamic programming over the sorted batch.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    cheapest = [0] * (len(order) + 1)
    begins = [0] * (len(order) + 1)
    for end in range(1, len(order) + 1):
        best = None
        for begin in range(end - 1, max(-1, end - 1 - texts), -1):
            padded = lengths[order[begin]] * (end - begin)
            if padded > tokens and end - begin > 1:
                break  # more texts, and longer ones, need even more
            cost = cheapest[begin] + run_cost + padded
            if best is None or cost < best:
                best = cost
                begins[end] = begin
        assert best is not None  # a run of one text is always allowed
        cheapest[end] = best
    runs: list[list[int]] = []
    end = len(order)
    while end:
        runs.append(order[begins[end] : end])
        end = begins[end]
    return runs[::-1]
