import random
from decimal import Decimal
from itertools import product

import pytest

from ringline.inference.guided.errors import NotExpressible
from ringline.inference.guided.grammar import Grammar
from ringline.inference.guided.numbers import Bounds, integers, numbers
from tests.inference.guided.language import accepts

pytestmark = pytest.mark.unit


def within(value: Decimal, bounds: Bounds) -> bool:
    low, high = bounds.low, bounds.high
    above = low is None or value > low or (value == low and not bounds.open_low)
    return above and (high is None or value < high or (value == high and not bounds.open_high))


def near(rng: random.Random, bounds: Bounds) -> Decimal:
    """A number close to where it matters."""
    edge = rng.choice([edge for edge in (bounds.low, bounds.high, Decimal(0)) if edge is not None])
    return edge + Decimal(rng.randint(-30, 30)).scaleb(-rng.choice([0, 1, 2, 3]))


def test_numbers_are_those_within_the_bounds() -> None:
    rng = random.Random(3)
    for _ in range(300):
        low, high = sorted(Decimal(rng.randint(-1200, 1200)).scaleb(-rng.choice([0, 1, 2])) for _ in "ab")
        bounds = Bounds(
            *rng.choice([(low, high), (low, None), (None, high)]), rng.random() < 0.3, rng.random() < 0.3
        )
        for make in (numbers, integers):
            try:
                grammar = Grammar(make(bounds))
            except NotExpressible:
                grammar = None
            for _ in range(10):
                value = near(rng, bounds)
                value = Decimal(int(value)) if make is integers else value
                text = f"{value:f}".removeprefix("-") if value == 0 else f"{value:f}"
                assert (grammar is not None and accepts(grammar, text)) == within(value, bounds), (
                    bounds,
                    text,
                )


def test_all_small_ranges_of_integers() -> None:
    for low, high in product(range(-12, 13), repeat=2):
        bounds = Bounds(Decimal(low), Decimal(high))
        if low > high:
            with pytest.raises(NotExpressible):
                integers(bounds)
            continue
        grammar = Grammar(integers(bounds))
        taken = [number for number in range(-130, 131) if accepts(grammar, str(number))]
        assert taken == list(range(low, high + 1))


@pytest.mark.parametrize("text", ["01", "+1", "1.", ".5", "1e3", "--1", "", "-"])
def test_what_is_no_json_number_is_not_taken(text: str) -> None:
    assert not accepts(Grammar(numbers(Bounds())), text)
    assert not accepts(Grammar(integers(Bounds())), text)


def test_bounds_of_many_digits_are_refused() -> None:
    with pytest.raises(NotExpressible, match="so many digits"):
        numbers(Bounds(low=Decimal("0.30000000000000004")))
