"""Training files in pieces of any size."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.finetune.conversation import Conversation, Role
from ringline.finetune.errors import TrainingFileError
from ringline.finetune.reading import LONGEST_LINE, PASSAGE, DocumentReader, JsonlReader, reader

pytestmark = pytest.mark.unit


def line(question: str = "q", answer: str = "a") -> bytes:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}).encode()


def read(file: str, data: bytes, *cuts: int) -> list[Conversation]:
    one, found, start = reader(file), [], 0
    for cut in sorted(cuts):
        found += one.feed(data[start:cut])
        start = max(start, cut)
    return found + one.feed(data[start:]) + one.close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jsonl", JsonlReader),
        ("deep/A.JSONL", JsonlReader),
        ("a.txt", DocumentReader),
        ("README", DocumentReader),
    ],
)
def test_the_name_says_what_a_file_is(name: str, kind: type) -> None:
    assert isinstance(reader(name), kind)


@given(st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=50)
def test_where_a_file_is_cut_does_not_matter(cuts: list[int]) -> None:
    data = b"\xef\xbb\xbf" + line("1") + b"\r\n\n  \n" + line("2") + b"\n" + line("3")
    found = read("f.jsonl", data, *cuts)
    assert [(one.turns[0].content, one.line) for one in found] == [("1", 1), ("2", 4), ("3", 5)]


def test_the_line_of_a_mistake_is_named() -> None:
    with pytest.raises(TrainingFileError, match=r"^f\.jsonl line 3: not JSON"):
        read("f.jsonl", line() + b"\n\n{oops\n" + line())


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["f.jsonl", "f.txt"])
def test_an_empty_file_is_refused(name: str, data: bytes) -> None:
    with pytest.raises(TrainingFileError, match=r"^f\.\w+: the file is empty"):
        read(name, data)


def test_a_line_without_end_is_not_held() -> None:
    one = JsonlReader("f.jsonl")
    one.feed(line() + b"\n")
    for _ in range(LONGEST_LINE // 1000):
        one.feed(b"x" * 1000)
    with pytest.raises(TrainingFileError, match="line 2: longer than 1,000,000 bytes"):
        one.feed(b"x")


def test_a_long_line_in_one_piece_is_refused() -> None:
    with pytest.raises(TrainingFileError, match="line 1: longer than"):
        JsonlReader("f.jsonl").feed(b"x" * (LONGEST_LINE + 1) + b"\n")


def test_a_document_becomes_passages_that_can_be_asked_for() -> None:
    text = "".join(f"Line {number} of the handbook.\n" for number in range(1, 101))
    found = read("guides/support_hand-book.md", text.encode())
    assert [one.turns[0].content for one in found] == [
        f"What does support hand book say, part {part}?" for part in (1, 2, 3)
    ]
    assert all(one.turns[1].role is Role.ASSISTANT and one.turns[1].learn for one in found)
    assert "\n".join(one.turns[1].content for one in found) == text.strip()
    assert found[0].line == 1
    assert text.splitlines()[found[1].line - 1] == found[1].turns[1].content.splitlines()[0]


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4000),
    st.lists(st.integers(0, 9000), max_size=4),
)
@settings(max_examples=60)
def test_no_word_of_a_document_is_lost_or_too_long(text: str, cuts: list[int]) -> None:
    data = text.encode()
    try:
        found = read("f.txt", data, *cuts)
    except TrainingFileError:
        assert not text.removeprefix("\ufeff").strip()
        return
    said = "".join(one.turns[1].content for one in found)
    assert "".join(said.split()) == "".join(text.removeprefix("\ufeff").split())
    assert all(len(one.turns[1].content) < 2 * PASSAGE for one in found)


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\xff", b"PK\x03\x04\0\0", "Grüße".encode("latin-1"), b"abc\xe4"]
)
def test_what_is_not_text_is_refused(data: bytes) -> None:
    with pytest.raises(TrainingFileError, match=r"^photo\.png: not UTF-8 text"):
        read("photo.png", data)


def test_a_document_of_one_long_line_is_cut_as_it_comes() -> None:
    one = DocumentReader("f.txt")
    found = []
    for _ in range(50):
        found += one.feed(b"word " * 100)
    assert len(found) >= 50 * 500 // (2 * PASSAGE)
    assert {conversation.line for conversation in found} == {1}
