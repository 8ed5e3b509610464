"""Links: what was signed is what opens, for as long as it was said, and nothing else does."""

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.storage.signed import BadLink, Grant, link, token, verify

pytestmark = pytest.mark.unit

SECRET = bytes(range(32))
NOW = datetime(2030, 1, 1, tzinfo=UTC)
GRANT = Grant("recordings/3f/x.wav", "audio/wav", "my call (1).wav", int(NOW.timestamp()) + 600)


def parts(path: str) -> tuple[str, str]:
    root, version, storage, middle, name = path.split("/")
    assert (root, version, storage) == ("", "v2", "storage")
    return middle, unquote(name)


def test_a_link_opens_what_it_was_made_for() -> None:
    path = link(SECRET, GRANT)
    assert path.endswith("/my%20call%20%281%29.wav")
    assert verify(SECRET, *parts(path), NOW) == GRANT


def test_a_link_is_over_when_its_time_is() -> None:
    middle, name = parts(link(SECRET, GRANT))
    assert verify(SECRET, middle, name, NOW + timedelta(seconds=599.999)) == GRANT
    with pytest.raises(BadLink, match="over"):
        verify(SECRET, middle, name, NOW + timedelta(seconds=600))


def test_another_secret_opens_nothing() -> None:
    middle, name = parts(link(SECRET, GRANT))
    with pytest.raises(BadLink, match="damaged"):
        verify(bytes(32), middle, name, NOW)


def test_another_name_opens_nothing() -> None:
    with pytest.raises(BadLink, match="damaged"):
        verify(SECRET, token(SECRET, GRANT), "evil.html", NOW)


@given(st.data())
def test_no_bit_can_be_changed(data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(token(SECRET, GRANT) + "=="))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    changed = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    with pytest.raises(BadLink, match="damaged"):
        verify(SECRET, changed, GRANT.filename, NOW)


@given(st.text(max_size=80), st.text(max_size=20))
def test_any_text_is_refused_or_damaged(middle: str, name: str) -> None:
    with pytest.raises(BadLink):
        verify(SECRET, middle, name, NOW)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.integers(0, 2**40))
def test_any_grant_comes_back(key: str, kind: str, name: str, seconds: int) -> None:
    grant = Grant(key, kind, name, seconds)
    before = datetime(1969, 12, 31, tzinfo=UTC)
    assert verify(SECRET, token(SECRET, grant), name, before) == grant


def test_the_token_fits_into_a_path() -> None:
    middle = token(SECRET, GRANT)
    assert set(middle) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(middle) < 120
