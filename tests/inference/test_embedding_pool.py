"""Hidden states into one vector a text."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

from ringline.inference.embedding_onnx import pool

pytestmark = pytest.mark.unit


def test_padding_counts_for_nothing() -> None:
    hidden = np.array([[[3, 0], [3, 8], [9, 9]], [[0, 2], [7, 7], [7, 7]]], np.float32)
    mask = np.array([[1, 1, 0], [1, 0, 0]], np.int64)
    np.testing.assert_allclose(pool(hidden, mask), [[0.6, 0.8], [0.0, 1.0]], atol=1e-6)


def test_a_vector_without_length_stays_finite() -> None:
    assert pool(np.zeros((1, 2, 3), np.float32), np.ones((1, 2), np.int64)).tolist() == [[0.0, 0.0, 0.0]]
