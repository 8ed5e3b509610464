"""Settings from file, environment and command line, and what is said of mistakes."""

from pathlib import Path

import pytest

from ringline.core.errors import ConfigError
from ringline.core.settings import load, names, variable

pytestmark = pytest.mark.unit


def test_precedence_command_line_environment_file_default(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text('data = "there"\n[http]\nport = 1\nhost = "h"\n[sip]\nport = 2\n')
    settings = load(
        file, {"RINGLINE_HTTP_PORT": "3", "RINGLINE_SIP_PORT": "4"}, {"sip.port": 5, "http.host": None}
    )
    assert (settings.http.port, settings.http.host, settings.sip.port) == (3, "h", 5)
    assert settings.data == Path("there")
    assert settings.media.ports == "20000-29999"


def test_lists_are_comma_separated_in_the_environment() -> None:
    settings = load(environ={"RINGLINE_NET_ALLOW": "127.0.0.0/8, 10.0.0.0/8"})
    assert settings.net.allow == ("127.0.0.0/8", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"RINGLINE_HTTP_PORT": "x"}, "http.port"),
        ({"RINGLINE_MEDIA_PORTS": "20000"}, "media.ports"),
        ({"RINGLINE_WEBHOOKS_ORDER": "fast"}, "webhooks.order"),
    ],
)
def test_a_mistake_names_the_setting_and_its_variable(environ: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=name) as wrong:
        load(environ=environ)
    assert variable(name) in str(wrong.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "none.toml", {})
    bad = tmp_path / "bad.toml"
    bad.write_text("http = [")
    with pytest.raises(ConfigError, match="not TOML"):
        load(bad, {})
    bad.write_text("[http]\nprot = 1\n")
    with pytest.raises(ConfigError, match="prot"):
        load(bad, {})


def test_secrets_are_not_printed() -> None:
    settings = load(environ={"RINGLINE_API_KEY": "KEYsecret"})
    assert "KEYsecret" not in repr(settings)
    assert settings.api_key.get_secret_value() == "KEYsecret"


def test_every_setting_says_what_it_is_for() -> None:
    assert all(description for _, description, _ in names())


@pytest.mark.parametrize("ports", ["30000-20000", "80-90", "60000-70000"])
def test_port_ranges_that_cannot_be(ports: str) -> None:
    with pytest.raises(ConfigError):
        load(environ={"RINGLINE_MEDIA_PORTS": ports}).media.port_range()
