"""What parent and child tell each other about embeddings."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ProtocolError
from ringline.inference.embedding_job import (
    EmbeddingAnswer,
    EmbeddingJob,
    read_answer,
    read_job,
    write_answer,
    write_job,
)

pytestmark = pytest.mark.unit


@given(st.lists(st.one_of(st.text(), st.lists(st.integers(0, 2**31))), max_size=5))
def test_a_job_is_read_as_it_was_written(inputs: list[str | list[int]]) -> None:
    job = EmbeddingJob(inputs, [0] * len(inputs))
    assert read_job(write_job(job)) == job


def test_vectors_are_little_endian_floats() -> None:
    rows = np.array([[1.0, -2.5], [0.0, 3.0]], "<f4")
    answer = EmbeddingAnswer([3, 4], 2, rows.tobytes(), {1: "too long"})
    assert answer.vectors == bytes.fromhex("0000803f000020c00000000000004040")
    read = read_answer(write_answer(answer))
    assert read == answer
    assert read.rows().tolist() == rows.tolist()


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ProtocolError, match="8 bytes are not 2 × 2"):
        EmbeddingAnswer([3, 4], 2, bytes(8), {}).rows()


@given(st.binary(max_size=60))
@settings(max_examples=60)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (read_job, read_answer):
        with suppress(ProtocolError):
            read(data)
