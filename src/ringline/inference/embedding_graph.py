"""A model whose weights are kept as 8-bit integers, made to calculate with integers too.

Such a file turns its weights into floats before it multiplies: small on disk, but as slow as one of floats.
Here each of these multiplications becomes `MatMulNBits` (an operator of onnxruntime's), which keeps the
weights as they are and rounds what they meet to 8 bits in blocks of 64 values, each with a scale of its own.
Texts do not share blocks, so a text's vector is the same whatever company it has.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

BLOCK = 64
"""Values with a common scale: fewer are more exact and slower (docs/decisions/0025)."""
DOMAIN = "com.microsoft"
INTEGERS = 4
"""onnxruntime's accuracy level for products of 8-bit integers."""
MIDDLE = 128
"""What stands for zero in the operator's unsigned weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A matrix [inputs, outputs] of signed integers, and the scale of each column or the one of all."""

    name: str
    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def with_integers(model: bytes) -> bytes:
    """The same model; unchanged if no multiplication in it is of the form Cast(int8) × scale."""
    read = onnx.load_model_from_string(model)
    graph = read.graph
    constants = {one.name: one for one in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    done = False
    for node in graph.node:
        found = _weights(node, made_by, constants)
        if found is None:
            continue
        graph.initializer.extend(_blocks(found))
        node.CopyFrom(_product(node, found))
        done = True
    if not done:
        return model
    _drop_unused(graph)
    read.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    written: bytes = read.SerializeToString()
    return written


def _weights(
    node: onnx.NodeProto, made_by: dict[str, onnx.NodeProto], constants: dict[str, onnx.TensorProto]
) -> Weights | None:
    """The integers behind the right side of a multiplication."""
    if node.op_type != "MatMul":
        return None
    scaled = made_by.get(node.input[1])
    if scaled is None or scaled.op_type != "Mul" or scaled.input[1] not in constants:
        return None
    cast = made_by.get(scaled.input[0])
    if cast is None or cast.op_type != "Cast" or cast.input[0] not in constants:
        return None
    values = numpy_helper.to_array(constants[cast.input[0]])
    scales = numpy_helper.to_array(constants[scaled.input[1]]).astype(np.float32)
    if values.dtype != np.int8 or values.ndim != 2 or values.shape[0] % BLOCK:
        return None
    if scales.size != 1 and scales.shape != (1, values.shape[1]):
        return None
    return Weights(node.input[1], values, scales.reshape(-1))


def _blocks(weights: Weights) -> list[onnx.TensorProto]:
    """Weights as the operator wants them: [outputs, blocks, 64] unsigned, and a scale for each block."""
    inputs, outputs = weights.values.shape
    unsigned = (weights.values.T.astype(np.int16) + MIDDLE).astype(np.uint8)
    values = np.ascontiguousarray(unsigned.reshape(outputs, inputs // BLOCK, BLOCK))
    scales = np.repeat(np.broadcast_to(weights.scales, (outputs,)), inputs // BLOCK)
    return [
        numpy_helper.from_array(values, f"{weights.name}:blocks"),
        numpy_helper.from_array(scales, f"{weights.name}:scales"),
    ]


def _product(node: onnx.NodeProto, weights: Weights) -> onnx.NodeProto:
    inputs, outputs = weights.values.shape
    return helper.make_node(
        "MatMulNBits",
        [node.input[0], f"{weights.name}:blocks", f"{weights.name}:scales"],
        list(node.output),
        name=node.name,
        domain=DOMAIN,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=BLOCK,
        accuracy_level=INTEGERS,
    )


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Take out what nothing needs any more: conversions to floats, then their constants."""
    while True:
        needed = {name for node in graph.node for name in node.input} | {one.name for one in graph.output}
        idle = [node for node in graph.node if not needed.intersection(node.output)]
        if not idle:
            break
        for node in idle:
            graph.node.remove(node)
    for constant in [one for one in graph.initializer if one.name not in needed]:
        graph.initializer.remove(constant)
