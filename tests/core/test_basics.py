"""Clock, ids, log masking."""

import os
from datetime import timedelta

import pytest

from ringline.core.clock import SystemClock, VirtualClock
from ringline.core.ids import Ids, SystemRandomness
from ringline.core.log import mask

pytestmark = pytest.mark.unit


def test_a_virtual_clock_stands_still_until_told() -> None:
    clock = VirtualClock()
    before = clock.utc()
    assert clock.now_ns() == clock.now_ns() == 0
    clock.advance(1.5)
    assert clock.now_ns() == 1_500_000_000
    assert clock.utc() - before == timedelta(seconds=1.5)
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_the_system_clock_goes_on_and_is_utc() -> None:
    clock = SystemClock()
    assert clock.now_ns() <= clock.now_ns()
    assert clock.utc().utcoffset() == timedelta(0)


def test_seeded_ids_repeat_and_others_do_not() -> None:
    assert Ids.seeded(3).uuid() == Ids.seeded(3).uuid()
    assert Ids().uuid() != Ids().uuid()


def test_ids_have_the_forms_of_the_specification() -> None:
    ids = Ids.seeded(1)
    control = ids.call_control_id()
    assert control.startswith("v3:")
    assert len(control) == 57
    assert 10**18 <= int(ids.decimal()) < 2**63
    assert 0 <= ids.u16() < 2**16
    assert 0 <= ids.u32() < 2**32


def test_secrets_do_not_reach_the_log() -> None:
    line = {"event": "digit heard", "digits": "42", "api_key": "K", "leg": "l", "auth_token": "t"}
    assert mask(None, "info", line) == {
        "event": "digit heard",
        "digits": "…",
        "api_key": "…",
        "leg": "l",
        "auth_token": "…",
    }


def test_random_bytes_come_once_each() -> None:
    source = SystemRandomness()
    drawn = b"".join(source.randbytes(n) for n in (16, 5000, 4, 4090, 16))
    assert len(drawn) == 9126
    pieces = [drawn[start : start + 8] for start in range(0, len(drawn) - 8, 8)]
    assert len(set(pieces)) == len(pieces)


def test_a_forked_child_draws_its_own() -> None:
    source = SystemRandomness()
    source.randbytes(1)
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, source.randbytes(16))
        os._exit(0)
    os.wait()
    assert os.read(read, 16) != source.randbytes(16)
    os.close(read)
    os.close(write)
