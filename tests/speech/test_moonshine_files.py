"""Moonshine's files: which are there, and the vocabulary's format."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.core.errors import ConfigError
from ringline.speech.engines.local_transcriber import moonshine_transcriber
from ringline.speech.engines.moonshine_files import (
    DECODER,
    ENCODER,
    TOKENIZER,
    find_models,
    read_vocabulary,
    spell,
)
from ringline.workers.admission import Limits

pytestmark = pytest.mark.unit


def written(tokens: list[bytes]) -> bytes:
    """Tokens in the authors' format."""
    return b"".join(
        (bytes([size]) if size < 128 else bytes([128 + size % 128, size // 128])) + token
        for token in tokens
        for size in [len(token)]
    )


def test_a_vocabulary_byte_by_byte() -> None:
    assert read_vocabulary(b"\x00\x03<s>\x01a\x80\x01" + b"x" * 128) == [b"", b"<s>", b"a", b"x" * 128]


@given(st.lists(st.binary(max_size=300), max_size=20))
@settings(max_examples=50)
def test_any_vocabulary_is_read(tokens: list[bytes]) -> None:
    assert read_vocabulary(written(tokens)) == tokens


@pytest.mark.parametrize("data", [b"\x02a", b"\x81", b"\x81\x01a"])
def test_a_vocabulary_that_ends_too_early(data: bytes) -> None:
    with pytest.raises(ConfigError, match="the vocabulary ends within"):
        read_vocabulary(data)


VOCABULARY = [
    b"<unk>",
    b"<s>",
    b"</s>",
    "▁Hello".encode(),
    b",",
    "▁caf".encode(),
    b"\xc3",
    b"\xa9",
    b"<<ST_0>>",
]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ([1, 3, 4, 5, 6, 7, 2], "Hello, café"),
        ([], ""),
        ([3, 8, 0, 99], "Hello"),
        ([6], "�"),
    ],
)
def test_tokens_as_text(tokens: list[int], text: str) -> None:
    assert spell(tokens, VOCABULARY) == text


def test_a_model_is_there_when_all_of_it_is(tmp_path: Path) -> None:
    for name, files in (("whole", (ENCODER, DECODER, TOKENIZER)), ("half", (ENCODER, DECODER))):
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).touch()
    assert find_models(tmp_path, ("whole", "half", "none")) == {"whole": tmp_path / "whole"}


def test_without_weights_there_is_no_engine(tmp_path: Path) -> None:
    assert moonshine_transcriber(tmp_path, Limits(1, 1)) is None
