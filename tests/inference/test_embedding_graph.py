"""Models whose weights are integers are made to multiply them as such; all others stay as they are."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ringline.inference.embedding_graph import with_integers

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.unit

Floats = NDArray[np.float32]

INPUTS, OUTPUTS = 128, 24
RANDOM = np.random.default_rng(5)
VALUES = RANDOM.integers(-127, 128, (INPUTS, OUTPUTS)).astype(np.int8)
BY_COLUMN = RANDOM.uniform(0.001, 0.02, (1, OUTPUTS)).astype(np.float32)


def model(values: NDArray[Any], scales: Floats, *, swapped: bool = False) -> bytes:
    """x @ (float(values) * scales) + 1, as such files have it."""
    product = ["w", "x"] if swapped else ["x", "w"]
    helper, numbers = onnx.helper, onnx.numpy_helper.from_array
    nodes = [
        helper.make_node("Cast", ["values"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "scales"], ["w"]),
        helper.make_node("MatMul", product, ["y"]),
        helper.make_node("Add", ["y", "one"], ["out"]),
    ]
    constants = [numbers(values, "values"), numbers(scales, "scales"), numbers(np.float32([1]), "one")]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [None, None]) for name in ("x", "out")
    ]
    graph = helper.make_graph(nodes, "one layer", ends[:1], ends[1:], constants)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    written: bytes = made.SerializeToString()
    return written


def run(written: bytes, x: Floats) -> Floats:
    found: Floats = onnxruntime.InferenceSession(written).run(None, {"x": x})[0]
    return found


def operators(written: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(written).graph.node]


@pytest.mark.parametrize(
    "scales", [BY_COLUMN, np.float32([[0.01]]), np.float32([0.01])], ids=["columns", "all", "flat"]
)
def test_products_are_the_same_but_for_rounding(scales: Floats) -> None:
    floats = model(VALUES, scales)
    integers = with_integers(floats)
    assert operators(integers) == ["MatMulNBits", "Add"]
    x = RANDOM.normal(size=(7, INPUTS)).astype(np.float32)
    right, found = run(floats, x), run(integers, x)
    assert np.abs(found - right).max() < 0.05 * right.std()
    assert np.abs(found - right).max() > 0, "integers were multiplied, not floats"


def test_no_row_changes_another() -> None:
    integers = with_integers(model(VALUES, BY_COLUMN))
    x = RANDOM.normal(size=(9, INPUTS)).astype(np.float32)
    x[3] *= 1000
    together = run(integers, x)
    for row in range(len(x)):
        np.testing.assert_array_equal(run(integers, x[row : row + 1])[0], together[row])


@pytest.mark.parametrize(
    "other",
    [
        model(VALUES[:100], BY_COLUMN),
        model(VALUES.astype(np.float32), BY_COLUMN),
        model(VALUES, np.full((INPUTS, 1), 0.01, np.float32)),
        model(VALUES, BY_COLUMN, swapped=True),
    ],
    ids=["no whole blocks", "floats", "a scale for each row", "weights on the left"],
)
def test_others_stay_as_they_are(other: bytes) -> None:
    assert with_integers(other) == other
