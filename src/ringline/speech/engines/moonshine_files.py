"""Moonshine models on disk: an encoder, a decoder, and the vocabulary in the authors' own format."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from ringline.core.errors import ConfigError

ENCODER, DECODER, TOKENIZER = "encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"
BEGIN, END = 1, 2
SPECIAL = frozenset({0, BEGIN, END})
SPACE = "▁"


class MoonshineSettings(msgspec.Struct, frozen=True):
    """The folders of the models to load, by name, and the threads that one run may use."""

    models: dict[str, str]
    threads: int = 1


def find_models(models: Path, names: Iterable[str]) -> dict[str, Path]:
    """Those models whose files are all in the folder."""
    folders = {name: models / name for name in names}
    return {
        name: folder
        for name, folder in folders.items()
        if all((folder / file).is_file() for file in (ENCODER, DECODER, TOKENIZER))
    }


def read_vocabulary(data: bytes) -> list[bytes]:
    """The tokens in order; raises `ConfigError`.

    Each is its length and its bytes. The length is one byte up to 127; above, that byte less 128 is the low
    part and a second one the high part, in units of 128.
    """
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        size = data[at]
        at += 1
        if size > 127:
            if at == len(data):
                raise ConfigError("the vocabulary ends within a length")
            size += 128 * (data[at] - 1)
            at += 1
        if at + size > len(data):
            raise ConfigError("the vocabulary ends within a token")
        tokens.append(data[at : at + size])
        at += size
    return tokens


def spell(tokens: Sequence[int], vocabulary: Sequence[bytes]) -> str:
    """The text of token ids; special ones and those without a word say nothing."""
    parts = [vocabulary[one] for one in tokens if one not in SPECIAL and one < len(vocabulary)]
    text = b"".join(part for part in parts if not part.startswith(b"<<"))
    return text.decode("utf-8", "replace").replace(SPACE, " ").strip()
