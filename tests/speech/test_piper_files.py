import json
from pathlib import Path

import pytest

from ringline.core.errors import ConfigError
from ringline.speech.engines.piper_files import find_voices, read_config
from ringline.speech.voices import Gender

pytestmark = pytest.mark.unit

CONFIG = {
    "audio": {"sample_rate": 22050, "quality": "medium"},
    "espeak": {"voice": "de"},
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2]},
    "language": {"code": "de_DE"},
    "dataset": "thorsten_emma",
}


def put(folder: Path, name: str, config: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(b"")
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))


def test_voices_are_found_in_the_folder_and_one_below(tmp_path: Path) -> None:
    put(tmp_path / "one", "b-voice", CONFIG)
    put(tmp_path, "a-voice", CONFIG | {"dataset": "", "language": {"code": "en_GB"}})
    (tmp_path / "one" / "other.onnx").write_bytes(b"no voice: it has no configuration")
    first, second = find_voices(tmp_path)
    assert (first.id, first.language, first.gender) == ("piper:a-voice", "en-GB", None)
    assert (second.id, second.language, second.gender) == ("piper:b-voice", "de-DE", Gender.FEMALE)
    assert second.key == str(tmp_path / "one" / "b-voice.onnx")


def test_a_folder_that_is_not_there_has_no_voices(tmp_path: Path) -> None:
    assert find_voices(tmp_path / "nowhere") == ()


def test_defaults_are_pipers_own(tmp_path: Path) -> None:
    put(tmp_path, "v", CONFIG)
    config = read_config(tmp_path / "v.onnx")
    assert (config.inference.noise_scale, config.inference.length_scale, config.inference.noise_w) == (
        0.667,
        1.0,
        0.8,
    )
    assert config.num_speakers == 1


@pytest.mark.parametrize("config", [{}, [], "x", CONFIG | {"audio": {"sample_rate": "fast"}}])
def test_a_broken_configuration_is_named(tmp_path: Path, config: object) -> None:
    put(tmp_path, "v", config)
    with pytest.raises(ConfigError, match=r"v\.onnx\.json is no Piper voice configuration"):
        find_voices(tmp_path)
