"""Steps, batches and rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.finetune.plan import Plan, auto_epochs

pytestmark = pytest.mark.unit

PLANS = st.builds(
    Plan,
    examples=st.integers(1, 60),
    epochs=st.integers(1, 6),
    batch=st.integers(1, 20),
    learning_rate=st.floats(1e-6, 1e-1),
    seed=st.integers(0, 2**31),
)


@given(PLANS)
def test_each_pass_sees_each_example_once(plan: Plan) -> None:
    batches = [plan.batch_at(step) for step in range(plan.steps)]
    for start in range(0, plan.steps, plan.per_epoch):
        epoch = batches[start : start + plan.per_epoch]
        assert sorted(number for batch in epoch for number in batch) == list(range(plan.examples))
        assert all(0 < len(batch) <= plan.batch for batch in epoch)


@given(PLANS)
def test_the_rate_stays_between_nothing_and_the_wanted(plan: Plan) -> None:
    rates = [plan.rate_at(step) for step in range(plan.steps)]
    assert all(0 < rate <= plan.learning_rate * (1 + 1e-9) for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_passes_differ_in_order_and_seeds_repeat_them() -> None:
    plan = Plan(examples=50, epochs=2, batch=50, learning_rate=1e-3, seed=4)
    assert plan.batch_at(0) != plan.batch_at(1)
    again = Plan(examples=50, epochs=2, batch=50, learning_rate=1e-3, seed=4)
    assert again.batch_at(1) == plan.batch_at(1)
    assert Plan(examples=50, epochs=2, batch=50, learning_rate=1e-3, seed=5).batch_at(0) != plan.batch_at(0)


@pytest.mark.parametrize(("examples", "epochs"), [(1, 25), (8, 25), (10, 20), (100, 2), (1000, 1)])
def test_few_examples_are_repeated_more_often(examples: int, epochs: int) -> None:
    assert auto_epochs(examples) == epochs
