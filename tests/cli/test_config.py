"""`ringline config`: values, where they come from, and what is never shown."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.cli.config import Effective, to_toml, unknown_variables
from ringline.core.settings import load, names

from .command import ringline

pytestmark = pytest.mark.unit


def _rows(*words: object, environ: dict[str, str] | None = None) -> dict[str, tuple[object, str]]:
    said = ringline("config", "--json", *words, environ=environ)
    return {row["name"]: (row["value"], row["source"]) for row in said.json}


def test_every_setting_is_shown_with_its_source(tmp_path: Path) -> None:
    file = tmp_path / "ringline.toml"
    file.write_text('drain_secs = 3\n[sip]\nport = 5080\nrealm = "a"\n')
    environ = {"RINGLINE_SIP_REALM": "b", "RINGLINE_NET_ALLOW": "10.0.0.0/8, 192.0.2.0/24"}

    rows = _rows("--config", file, "--data", tmp_path, environ=environ)

    assert list(rows) == [name for name, _, _ in names()]
    assert rows["data"] == (str(tmp_path), "--data")
    assert rows["sip.port"] == (5080, str(file))
    assert rows["drain_secs"] == (3.0, str(file))
    assert rows["sip.realm"] == ("b", "RINGLINE_SIP_REALM")
    assert rows["net.allow"] == (["10.0.0.0/8", "192.0.2.0/24"], "RINGLINE_NET_ALLOW")
    assert rows["http.port"] == (8080, "default")


@pytest.mark.parametrize("form", ["--json", "--toml", None])
def test_secrets_are_masked_in_every_form(form: str | None) -> None:
    environ = {
        "RINGLINE_API_KEY": "KEYhush",
        "RINGLINE_SPEECH_REMOTE_KEY": "sk-hush",
        "RINGLINE_STORE_URL": "postgresql+psycopg://me:hush@db.example/ringline",
        "RINGLINE_STORAGE_URL": "s3://bucket?region=eu-west-1&secret_access_key=hush",
    }
    said = ringline("config", *([form] if form else []), environ=environ)
    assert said.status == 0
    assert "hush" not in said.out
    assert "postgresql+psycopg://me:***@db.example/ringline" in said.out
    assert "s3://bucket?region=eu-west-1&secret_access_key=***" in said.out


def test_the_table_is_for_people() -> None:
    said = ringline("config", environ={"RINGLINE_SIP_PORT": "5099"})
    row = next(line for line in said.lines if line.startswith("sip.port"))
    assert row.split() == ["sip.port", "5099", "RINGLINE_SIP_PORT"]


def test_the_printed_file_can_be_read(tmp_path: Path) -> None:
    environ = {"RINGLINE_NET_DENY": "10.0.0.0/8,192.0.2.0/24", "RINGLINE_SIP_REALM": 'a "b" \\ c'}
    file = tmp_path / "ringline.toml"
    file.write_text(ringline("config", "--toml", environ=environ).out)
    read = load(file, environ={})
    assert read.net.deny == ("10.0.0.0/8", "192.0.2.0/24")
    assert read.sip.realm == 'a "b" \\ c'
    assert read.model_dump(exclude={"net", "sip"}) == load(environ={}).model_dump(exclude={"net", "sip"})


@settings(max_examples=50)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30))
def test_any_text_survives_the_file(text: str) -> None:
    if "***" not in text:
        assert tomllib.loads(to_toml([Effective("sip.realm", text, "")])) == {"sip": {"realm": text}}


def test_misspelled_variables_are_told() -> None:
    assert unknown_variables({"RINGLINE_SIP_PROT": "1", "RINGLINE_SIP_PORT": "1", "HOME": "/"}) == [
        "RINGLINE_SIP_PROT is no setting; did you mean RINGLINE_SIP_PORT?"
    ]
    assert unknown_variables({"RINGLINE_XYZZY_QQQ": ""}) == ["RINGLINE_XYZZY_QQQ is no setting"]
    assert unknown_variables({"RINGLINE_PURE": "1", "RINGLINE_TEST_MODELS": "x"}) == []
    said = ringline("config", "--json", environ={"RINGLINE_SIP_PROT": "1"})
    assert said.err.startswith("ringline: RINGLINE_SIP_PROT is no setting")
    assert said.json


def test_a_wrong_setting_is_one_line() -> None:
    said = ringline("config", environ={"RINGLINE_HTTP_PORT": "many"})
    assert said.status == 1
    assert said.err.startswith("ringline: setting http.port:")
    assert said.err.count("\n") == 1
