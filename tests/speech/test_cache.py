import os
from pathlib import Path

import pytest

from ringline.speech.cache import CacheLimits, ClauseCache, FolderCache, MemoryCache, key_of
from ringline.speech.synthesis import Utterance
from ringline.speech.voices import Gender, LocalVoice

pytestmark = pytest.mark.unit

VOICE = LocalVoice("espeak:en-us", "espeak", "en-us", "en-US", Gender.MALE, 1)


def utterance(text: str = "hello", rate: int = 8000, speed: float = 1.0) -> Utterance:
    return Utterance(text, VOICE, rate, speed)


def test_the_key_knows_voice_settings_and_words_and_shows_none() -> None:
    other = LocalVoice("espeak:en-us+f3", "espeak", "en-us+f3", "en-US", Gender.FEMALE, 1)
    utterances = [
        utterance(),
        utterance("hullo"),
        utterance(rate=16000),
        utterance(speed=1.1),
        Utterance("hello", other, 8000, 1.0),
    ]
    keys = {key_of(one) for one in utterances}
    assert len(keys) == len(utterances)
    assert all("hello" not in key for key in keys)
    assert key_of(utterance()) == key_of(utterance())


def test_memory_forgets_what_was_used_longest_ago() -> None:
    cache = MemoryCache(limit=10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1234", None, b"1234")
    assert cache.bytes == 8


def test_memory_replaces_and_refuses_what_is_too_large() -> None:
    cache = MemoryCache(limit=10)
    cache.put("a", b"1234")
    cache.put("a", b"12")
    cache.put("b", bytes(11))
    assert (cache.get("a"), cache.get("b"), cache.bytes) == (b"12", None, 2)


def test_a_full_folder_keeps_what_was_used_last(tmp_path: Path) -> None:
    cache = FolderCache(tmp_path, limit=30)
    cache.open()
    for age, name in enumerate("abc"):
        cache.put(name, bytes(10))
        os.utime(tmp_path / f"{name}.pcm", ns=(age, age))
    assert cache.get("a") == bytes(10)  # used now, so b is the oldest
    cache.put("d", bytes(10))
    assert cache.get("b") is None
    assert cache.get("a") == cache.get("d") == bytes(10)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 30


def test_a_folder_knows_what_an_earlier_run_left(tmp_path: Path) -> None:
    first = FolderCache(tmp_path, limit=15)
    first.open()
    first.put("a", bytes(10))
    second = FolderCache(tmp_path, limit=15)
    second.open()
    second.put("b", bytes(10))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_cannot_be_written_costs_a_line_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    FolderCache(tmp_path / "gone", limit=30).put("a", b"1")
    assert "cannot be written" in caplog.text


async def test_sounds_outlive_the_process_in_a_folder(tmp_path: Path) -> None:
    first = ClauseCache(tmp_path / "cache")
    await first.open()
    await first.put(utterance(), b"sound")
    second = ClauseCache(tmp_path / "cache", CacheLimits(memory=100, folder=100))
    await second.open()
    assert await second.get(utterance()) == b"sound"
    (sound,) = (tmp_path / "cache").iterdir()
    sound.unlink()
    assert await second.get(utterance()) == b"sound"  # now from memory
    assert await second.get(utterance("other")) is None


async def test_without_a_folder_memory_serves() -> None:
    cache = ClauseCache()
    await cache.open()
    await cache.put(utterance(), b"sound")
    assert await cache.get(utterance()) == b"sound"
