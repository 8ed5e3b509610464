"""What the engine makes of what its models write; the models are scripted, and so need no weights."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from ringline.core.errors import ProtocolError
from ringline.speech.engines.moonshine import SHORTEST, Floats, MoonshineEngine, confidence, to_samples
from ringline.speech.engines.moonshine_drafts import Written
from ringline.speech.engines.recognition_job import HeardAnswer, PassageJob, read_answer, write_job

pytestmark = pytest.mark.unit

VOCABULARY = [b"<unk>", b"<s>", b"</s>", "▁please".encode(), "▁hold".encode(), "▁on".encode()]
PLEASE, HOLD, ON = 3, 4, 5
SECOND = bytes(32_000)


class Scripted:
    """Writes the same text whatever it hears, and remembers the drafts that it read."""

    vocabulary = VOCABULARY

    def __init__(self, tokens: list[int], sure: float) -> None:
        self._tokens = tokens
        self._sure = sure
        self.drafts: list[list[int]] = []
        self.samples: list[int] = []

    def write(self, samples: Floats, draft: Sequence[int], cancelled: Callable[[], bool]) -> Written:
        self.samples.append(len(samples))
        self.drafts.append(list(draft))
        return Written(self._tokens, [math.log(self._sure)] * (len(self._tokens) + 1), len(self._tokens) + 1)


def asked(good: Scripted, quick: Scripted, drafter: str = "quick") -> HeardAnswer:
    engine = MoonshineEngine({"good": good, "quick": quick})
    (item,) = engine.run(write_job(PassageJob(SECOND, "good", drafter)), lambda: False)
    return read_answer(item)


def test_the_good_model_has_the_last_word() -> None:
    good, quick = Scripted([PLEASE, HOLD], 0.9), Scripted([HOLD, ON], 0.8)
    answer = asked(good, quick)
    assert answer.text == "please hold"
    assert answer.confidence == pytest.approx(0.9)
    assert answer.passes == 3
    assert good.drafts == [[HOLD, ON]]
    assert quick.drafts == [[]]


def test_without_a_drafter_there_is_no_draft() -> None:
    good, quick = Scripted([PLEASE], 0.9), Scripted([HOLD], 0.8)
    assert asked(good, quick, "").text == "please"
    assert good.drafts == [[]]
    assert quick.drafts == []


@pytest.mark.parametrize(
    ("draft", "sure", "text"),
    [
        ([PLEASE, HOLD, ON], 0.7, "please hold on"),
        ([PLEASE, HOLD, ON], 0.5, ""),  # several words, of which it is not sure
        ([HOLD], 0.9, ""),  # one word, which it is sure of: so it writes noise down
        ([], 0.9, ""),
    ],
)
def test_where_the_good_model_is_silent_a_good_draft_is_kept(
    draft: list[int], sure: float, text: str
) -> None:
    assert asked(Scripted([], 0.95), Scripted(draft, sure)).text == text


def test_nobody_waits_for_the_answer() -> None:
    engine = MoonshineEngine({"good": Scripted([PLEASE], 0.9)})
    assert list(engine.run(write_job(PassageJob(SECOND, "good")), lambda: True)) == []


def test_models_that_are_not_loaded_and_jobs_that_are_none() -> None:
    engine = MoonshineEngine({"good": Scripted([PLEASE], 0.9)})
    for job in (PassageJob(SECOND, "better"), PassageJob(SECOND, "good", "better")):
        with pytest.raises(ValueError, match="better is not loaded"):
            list(engine.run(write_job(job), lambda: False))
    with pytest.raises(ProtocolError):
        list(engine.run(b"", lambda: False))


def test_samples_are_of_full_scale_and_long_enough() -> None:
    full = to_samples(np.array([-32768, 0, 16384] * SHORTEST, np.int16).tobytes())
    assert full[:3].tolist() == [-1.0, 0.0, 0.5]
    assert len(full) == 3 * SHORTEST
    short = to_samples(np.full(10, 16384, np.int16).tobytes())
    assert len(short) == SHORTEST
    assert short[:10].tolist() == [0.5] * 10
    assert not short[10:].any()


def test_confidence_is_the_mean_of_what_multiplies() -> None:
    assert confidence([math.log(0.5), math.log(0.5)]) == pytest.approx(0.5)
    assert confidence([math.log(0.9), math.log(0.4)]) == pytest.approx(0.6)
    assert confidence([]) == 0.0
