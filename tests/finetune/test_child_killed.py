"""kill -9 of the training child: the job goes on from what was saved and ends as if nothing had been."""

import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="the extra `train` is not installed")
pytest.importorskip("tokenizers", reason="the extra `train` is not installed")

from ringline.core.clock import SystemClock
from ringline.finetune.local import LocalTrainer
from ringline.store.db import Store
from tests.finetune import tiny
from tests.finetune.shop import MODEL, Shop, facts

pytestmark = pytest.mark.fault

EPOCHS = 50


async def test_a_job_survives_its_trainer(tmp_path: Path) -> None:
    clock = SystemClock()
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}", clock=clock)
    weights = tiny.write_model(tmp_path / "tiny.gguf")
    trainer = LocalTrainer(clock, threads=1, save_every=10)
    shop = Shop(store, clock, tmp_path / "training", trainer, weights=weights)
    shop.files.held["training"]["facts.jsonl"] = facts(
        *[(f"{number}?", f"{number}.") for number in range(16)]
    )
    shop.jobs.start()
    try:
        made = await shop.order(epochs=EPOCHS, batch_size=1, learning_rate_multiplier=5.0, seed=1)
        steps = EPOCHS * 16
        state = tmp_path / "training" / made.id / "state"
        await shop.reaches(made.id, lambda one: state.exists())
        pid = trainer.worker.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

        done = await shop.ends(made.id)

        assert (done.status, done.error, done.step, done.steps) == ("succeeded", None, steps, steps)
        messages = [event.message for event in await shop.told(made.id)]
        assert any("Broke off and will be tried again: training: the child ended" in one for one in messages)
        (went_on,) = [one for one in messages if "going on after step" in one]
        assert 10 <= int(went_on.split("step ")[1].split(",")[0]) < steps
        base, adapter = shop.served.held[made.id]
        assert (base, adapter[:4]) == (MODEL, b"GGUF")
    finally:
        await shop.close()
        await store.close()
