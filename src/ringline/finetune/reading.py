"""Training files piece by piece: bytes in, conversations out, never more than one line or passage held."""

import codecs
from pathlib import PurePosixPath
from typing import Protocol

from ringline.finetune.conversation import Conversation, Role, Turn, parse
from ringline.finetune.errors import TrainingFileError

LONGEST_LINE = 1_000_000
"""Bytes of one line of JSON; a conversation that long fits no model here."""

PASSAGE = 1_200
"""Characters of a document after which its passage ends at the next end of a line: some 300 tokens."""

BOM = codecs.BOM_UTF8


class Reader(Protocol):
    """Reads one file."""

    def feed(self, data: bytes) -> list[Conversation]:
        """Take in what was read; the conversations now complete. Raises `TrainingFileError`."""
        ...

    def close(self) -> list[Conversation]:
        """The file is over: what was still held. Raises `TrainingFileError`."""
        ...


def reader(file: str) -> Reader:
    """What reads a file of that name: `.jsonl` as chat format, anything else as a document."""
    return JsonlReader(file) if PurePosixPath(file).suffix.lower() == ".jsonl" else DocumentReader(file)


class JsonlReader:
    """One conversation a line; blank lines count but say nothing."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._rest = bytearray()
        self._looked = 0  # bytes of the rest that are known to hold no end of a line
        self._line = 0
        self._found = 0

    def feed(self, data: bytes) -> list[Conversation]:
        """Take in what was read; the conversations now complete. Raises `TrainingFileError`."""
        self._rest += data
        start, found = 0, []
        while (end := self._rest.find(b"\n", max(start, self._looked))) >= 0:
            found += self._one(bytes(self._rest[start:end]))
            start = end + 1
        del self._rest[:start]
        self._looked = len(self._rest)
        if self._looked > LONGEST_LINE:
            self._too_long(self._line + 1)
        return found

    def close(self) -> list[Conversation]:
        """The last line, if it has no end; raises `TrainingFileError` for a file without any."""
        found = self._one(bytes(self._rest))
        self._rest.clear()
        if not self._found:
            raise TrainingFileError(self._file, None, "the file is empty")
        return found

    def _one(self, line: bytes) -> list[Conversation]:
        self._line += 1
        if len(line) > LONGEST_LINE:
            self._too_long(self._line)
        if self._line == 1:
            line = line.removeprefix(BOM)
        if not line.strip():
            return []
        self._found += 1
        return [parse(line, self._file, self._line)]

    def _too_long(self, line: int) -> None:
        raise TrainingFileError(self._file, line, f"longer than {LONGEST_LINE:,} bytes")


class DocumentReader:
    """Plain text as conversations: each passage is the answer to a question that names file and part.

    A passage ends with the first line that brings it to `PASSAGE` characters; a single line longer than
    that is cut there. The text itself is what is learnt; the question only gives it a place to be asked for.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._title = PurePosixPath(file).stem.replace("_", " ").replace("-", " ").strip() or file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._held: list[str] = []
        self._characters = 0
        self._line = 1
        self._began = 1
        self._parts = 0

    def feed(self, data: bytes) -> list[Conversation]:
        """Take in what was read; the passages now complete. Raises `TrainingFileError`."""
        found: list[Conversation] = []
        *lines, self._rest = (self._rest + self._decoded(data, final=False)).split("\n")
        for line in lines:
            found += self._take(line + "\n")
            self._line += 1
        if len(self._rest) >= PASSAGE:
            found += self._take(self._rest)
            self._rest = ""
        return found

    def close(self) -> list[Conversation]:
        """The last passage; raises `TrainingFileError` for a document without text."""
        found = self._take(self._rest + self._decoded(b"", final=True))
        found += self._passage()
        if not self._parts:
            raise TrainingFileError(self._file, None, "the file is empty")
        return found

    def _decoded(self, data: bytes, *, final: bool) -> str:
        try:
            text = self._decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise TrainingFileError(self._file, None, _NOT_TEXT) from error
        if "\0" in text:
            raise TrainingFileError(self._file, None, _NOT_TEXT)
        return text

    def _take(self, text: str) -> list[Conversation]:
        found = []
        for start in range(0, len(text), PASSAGE):
            piece = text[start : start + PASSAGE]
            if not self._held:
                if not piece.strip():
                    continue
                self._began = self._line
            self._held.append(piece)
            self._characters += len(piece)
            if self._characters >= PASSAGE:
                found += self._passage()
        return found

    def _passage(self) -> list[Conversation]:
        text = "".join(self._held).strip()
        self._held.clear()
        self._characters = 0
        if not text:
            return []
        self._parts += 1
        question = Turn(Role.USER, f"What does {self._title} say, part {self._parts}?")
        return [Conversation((question, Turn(Role.ASSISTANT, text, learn=True)), self._file, self._began)]


_NOT_TEXT = "not UTF-8 text; give .jsonl, or documents as plain text"
