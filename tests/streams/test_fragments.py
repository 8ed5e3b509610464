"""Messages in pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringline.streams.fragments import FragmentError, Fragments, Message

pytestmark = pytest.mark.unit


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.integers(1, 3))
def test_pieces_make_the_message(pieces: list[bytes], rounds: int) -> None:
    fragments = Fragments(1000)
    for _ in range(rounds):
        last = len(pieces) - 1
        message = fragments.first(pieces[0], text=True, final=last == 0)
        for i, piece in enumerate(pieces[1:], 1):
            assert message is None
            assert not fragments.idle
            message = fragments.more(piece, final=i == last)
        assert message == Message(True, b"".join(pieces))
        assert fragments.idle


def test_a_binary_message_is_noticed_but_not_kept() -> None:
    fragments = Fragments(10)
    assert fragments.first(b"x" * 9, text=False, final=False) is None
    assert fragments.more(b"x" * 9, final=True) == Message(False, b"")


def test_the_limit_counts_the_whole_message() -> None:
    fragments = Fragments(10)
    fragments.first(b"x" * 6, text=True, final=False)
    with pytest.raises(FragmentError) as caught:
        fragments.more(b"x" * 5, final=False)
    assert caught.value.code == 1009


def test_pieces_out_of_place() -> None:
    with pytest.raises(FragmentError) as caught:
        Fragments(10).more(b"", final=True)
    assert caught.value.code == 1002
    fragments = Fragments(10)
    fragments.first(b"", text=True, final=False)
    with pytest.raises(FragmentError) as caught:
        fragments.first(b"", text=True, final=True)
    assert caught.value.code == 1002
