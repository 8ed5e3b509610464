"""The built-in trainer in its child: learns, saves, goes on, gives up when told."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("gguf", reason="the extra `train` is not installed")
pytest.importorskip("tokenizers", reason="the extra `train` is not installed")

from ringline.core.clock import SystemClock
from ringline.finetune.conversation import Conversation, Role, Turn, serialize
from ringline.finetune.local import LocalTrainer
from ringline.finetune.lora import checkpoint
from ringline.finetune.lora.engine import LoraSettings, LoraTrainer
from ringline.finetune.lora.gguf_file import GgufFile
from ringline.finetune.lora.text import BytePairs, JinjaTemplate
from ringline.finetune.task import Finished, Kept, Piece, Planned, Refused, Stepped, Task, read_piece, write
from tests.finetune import tiny

pytestmark = pytest.mark.unit

FACTS = (("code word?", "ringline"), ("extension?", "42"), ("open?", "at nine"), ("who?", "we"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture
def task(weights: Path, tmp_path: Path) -> Task:
    data = tmp_path / "data.jsonl"
    lines = [
        Conversation(
            (Turn(Role.USER, question), Turn(Role.ASSISTANT, answer, learn=True)), "facts.jsonl", number
        )
        for number, (question, answer) in enumerate(FACTS, 1)
    ]
    data.write_bytes(b"".join(map(serialize, lines)))
    return Task(
        id="ft-tiny",
        model="tiny",
        weights=str(weights),
        data=str(data),
        state=str(tmp_path / "state"),
        adapter=str(tmp_path / "adapter.gguf"),
        epochs=10,
        batch_size=2,
        learning_rate=2e-2,
        seed=3,
        longest=64,
    )


def train(task: Task, cancelled_after: int | None = None, save_every: int = 4) -> Iterator[Piece]:
    """The pieces of one run; it is cancelled after so many of them."""
    told = 0

    def cancelled() -> bool:
        return cancelled_after is not None and told >= cancelled_after

    for data in LoraTrainer(LoraSettings(save_every)).run(write(task), cancelled):
        told += 1
        yield read_piece(data)


def losses(pieces: list[Piece]) -> dict[int, float]:
    return {piece.step: piece.loss for piece in pieces if isinstance(piece, Stepped)}


def test_the_loss_falls_and_an_adapter_is_left(task: Task) -> None:
    pieces = list(train(task))
    assert pieces[0] == Planned(examples=4, epochs=10, steps=20)
    learnt = losses(pieces)
    assert list(learnt) == list(range(1, 21))
    assert sum(learnt[step] for step in (19, 20)) < 0.8 * sum(learnt[step] for step in (1, 2))
    assert [piece.step for piece in pieces if isinstance(piece, Kept)] == [4, 8, 12, 16, 20]
    last_step = [piece for piece in pieces if isinstance(piece, Stepped)][-1]
    assert pieces[-1] == Finished(tokens=last_step.tokens)
    assert Path(task.adapter).read_bytes().startswith(b"GGUF")


@pytest.mark.parametrize("killed_after", [2, 7, 23])
def test_a_run_that_was_broken_off_ends_like_an_unbroken_one(
    task: Task, tmp_path: Path, killed_after: int
) -> None:
    unbroken = list(train(task))
    Path(task.state).unlink()
    whole = Path(task.adapter).read_bytes()
    first = []
    with contextlib.closing(train(task)) as pieces:
        for _ in range(killed_after):
            first.append(next(pieces))
    kept = max((piece.step for piece in first if isinstance(piece, Kept)), default=0)
    second = list(train(task))
    assert second[0] == Planned(examples=4, epochs=10, steps=20, step=kept)
    assert losses(second)[20] == pytest.approx(losses(unbroken)[20], rel=1e-5)
    assert second[-1] == unbroken[-1]
    assert Path(task.adapter).read_bytes() == whole


def test_a_cancelled_run_ends_before_the_next_step(task: Task) -> None:
    pieces = list(train(task, cancelled_after=3))
    assert [type(piece) for piece in pieces] == [Planned, Stepped, Stepped]
    assert not Path(task.adapter).exists()


def test_auto_is_decided_by_the_number_of_examples(task: Task) -> None:
    first = next(train(msgspec.structs.replace(task, epochs=None)))
    assert first == Planned(examples=4, epochs=25, steps=50)


def test_what_is_too_long_names_file_and_line(task: Task) -> None:
    (only,) = list(train(msgspec.structs.replace(task, longest=30)))
    assert isinstance(only, Refused)
    assert only.reason.startswith("facts.jsonl line 1: the conversation has more than 30 tokens")
    assert only.parameter == "training_file"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"template": None}, "has no chat template"),
        ({"template": "{% if %}"}, "chat template is broken"),
        ({"template": "{{ raise_exception('no') }}"}, "refuses these roles: no"),
        ({"template": "{{ messages.__class__.__mro__ }}"}, "refuses these roles"),
        ({"cut": "deepseek-llm"}, "does not know the tokenizer gpt2/deepseek-llm"),
        ({"architecture": "mamba"}, "this is mamba"),
    ],
)
def test_a_base_that_cannot_be_trained_is_refused(
    task: Task, tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    path = tiny.write_model(tmp_path / "other.gguf", **changed)  # type: ignore[arg-type]  # one of its texts
    (only,) = list(train(msgspec.structs.replace(task, weights=str(path))))
    assert isinstance(only, Refused)
    assert told in only.reason


def test_tokens_are_bytes_merges_and_control_tokens(weights: Path) -> None:
    tokenizer = BytePairs(GgufFile(weights))
    letters = tiny.alphabet()
    assert tokenizer.encode("<|im_start|>cab 12ä<|im_end|>") == [
        1,
        3 + ord("c"),
        3 + 256,
        *(3 + ord(letter) for letter in " 12"),
        *(3 + byte for byte in "ä".encode()),
        2,
    ]
    assert len(letters) == len(set(letters)) == 256


def test_a_template_sees_roles_and_texts(weights: Path) -> None:
    template = JinjaTemplate(GgufFile(weights))
    turns = [Turn(Role.SYSTEM, "s"), Turn(Role.USER, "u")]
    assert template.render(turns, generate=True) == (
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04broken"])
def test_a_broken_state_is_a_new_beginning(task: Task, content: bytes) -> None:
    Path(task.state).write_bytes(content)
    assert next(train(task)) == Planned(examples=4, epochs=10, steps=20)


def test_the_state_of_another_plan_is_not_gone_on_with(task: Task) -> None:
    list(train(task))
    other = msgspec.structs.replace(task, learning_rate=1e-4)
    assert next(train(other)) == Planned(examples=4, epochs=10, steps=20)
    assert checkpoint.load(Path(task.state), "another") is None


async def test_it_runs_in_a_worker_child(task: Task) -> None:
    trainer = LocalTrainer(SystemClock(), threads=1, save_every=5)
    try:
        pieces = [piece async for piece in trainer.train(task)]
        assert losses(pieces)[20] < losses(pieces)[1]
        assert isinstance(pieces[-1], Finished)
    finally:
        await trainer.stop()


async def test_a_run_that_nobody_wants_leaves_the_child_free(task: Task) -> None:
    trainer = LocalTrainer(SystemClock(), threads=1, save_every=5)
    try:
        long = msgspec.structs.replace(task, epochs=5000)
        async with contextlib.aclosing(trainer.train(long)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Stepped):
                    break
        pieces_after = [piece async for piece in trainer.train(task)]
        assert isinstance(pieces_after[-1], Finished)
    finally:
        await trainer.stop()


async def test_without_the_extra_it_says_what_to_install(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    from ringline.finetune import local
    from ringline.finetune.errors import NoTrainer

    monkeypatch.setattr(local, "PACKAGES", ("gguf", "a_package_that_is_not_there"))
    trainer = LocalTrainer(SystemClock(), threads=1, save_every=5)
    with pytest.raises(
        NoTrainer, match=r"needs a_package_that_is_not_there: pip install 'ringline\[train\]'"
    ):
        await anext(trainer.train(task))
