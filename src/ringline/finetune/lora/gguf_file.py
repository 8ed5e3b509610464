"""Reads a model's weights, tokenizer and template from a GGUF file, and writes a LoRA as one."""

import os
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from ringline.finetune.errors import TrainingError
from ringline.finetune.lora.llama import Adapter, Floats, Layer, Shape, Weights

ARCHITECTURE = "llama"
LAYER_PARTS = tuple(Layer.__dataclass_fields__)
UNSUPPORTED = ("attn_q.bias", "attn_q_norm.weight", "ffn_gate_exps.weight", "attn_post_norm.weight")
"""Tensors of a block that this transformer does not know: with them, the results would be wrong."""


class GgufFile:
    """An open model file; raises `TrainingError` for what cannot be trained."""

    def __init__(self, path: Path) -> None:
        try:
            self._reader = gguf.GGUFReader(path)
        except (OSError, ValueError, LookupError) as error:  # the reader trusts what it reads
            raise TrainingError(f"the weights of the base model cannot be read: {error}") from error
        self._tensors = {tensor.name: tensor for tensor in self._reader.tensors}
        architecture = self.value("general.architecture")
        if architecture != ARCHITECTURE:
            raise TrainingError(
                f"the built-in trainer knows models of the architecture {ARCHITECTURE}, this is "
                f"{architecture}; configure an external trainer for it"
            )

    def value(self, key: str, default: Any = None) -> Any:
        """A key of the file's head."""
        field = self._reader.fields.get(key)
        return default if field is None else field.contents()

    def weights(self) -> Weights:
        """All weights as 32-bit floats, which is what training needs: four bytes each."""
        shape = self._shape()
        if any(f"blk.0.{part}" in self._tensors for part in UNSUPPORTED):
            raise TrainingError("this variant of the llama architecture is not one that can be trained here")
        embedding = self._array("token_embd.weight")
        output = self._array("output.weight") if "output.weight" in self._tensors else embedding
        factors = self._array("rope_freqs.weight") if "rope_freqs.weight" in self._tensors else None
        return Weights(
            shape=shape,
            embedding=embedding,
            layers=[self._layer(number) for number in range(shape.layers)],
            output_norm=self._array("output_norm.weight"),
            output=output,
            rope_factors=factors,
        )

    def _layer(self, number: int) -> Layer:
        return Layer(**{part: self._array(f"blk.{number}.{part}.weight") for part in LAYER_PARTS})

    def _array(self, name: str) -> Floats:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise TrainingError(f"the base model's file has no tensor {name}")
        return np.ascontiguousarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), np.float32)

    def _shape(self) -> Shape:
        def number(key: str, default: Any = None) -> Any:
            found = self.value(f"{ARCHITECTURE}.{key}", default)
            if found is None:
                raise TrainingError(f"the base model's file does not say {ARCHITECTURE}.{key}")
            return found

        heads, width = number("attention.head_count"), number("embedding_length")
        size = number("attention.key_length", width // heads)
        if number("rope.dimension_count", size) != size or self.value(
            f"{ARCHITECTURE}.rope.scaling.type", "none"
        ) not in ("none", ""):
            raise TrainingError("the base model scales its rotary embedding in a way not known here")
        return Shape(
            layers=number("block_count"),
            width=width,
            heads=heads,
            kv_heads=number("attention.head_count_kv", heads),
            head_size=size,
            rope_base=number("rope.freq_base", 10_000.0),
            epsilon=number("attention.layer_norm_rms_epsilon"),
            context=number("context_length"),
        )


def write_adapter(path: Path, adapter: Adapter, alpha: float) -> None:
    """Write a LoRA as llama.cpp loads it, whole or not at all."""
    new = path.with_suffix(".new")
    writer = gguf.GGUFWriter(new, ARCHITECTURE)
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, alpha)
    for name, value in adapter.items():
        writer.add_tensor(name, np.ascontiguousarray(value, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with new.open("rb") as written:
        os.fsync(written.fileno())
    new.replace(path)
