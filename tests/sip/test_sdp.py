"""Session descriptions: golden bytes, what is read from them, what is forgiven."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip import sdp
from ringline.sip.sdp import (
    MAX_BYTES,
    MAX_FORMATS,
    MAX_LINES,
    MAX_MEDIA,
    Attribute,
    Codec,
    Direction,
    MediaDescription,
    Origin,
    SdpError,
    SessionDescription,
)

pytestmark = pytest.mark.unit

DATA = Path(__file__).parent / "data"
GOLDEN = {path.stem: path.read_bytes() for path in sorted(DATA.glob("*.sdp"))}
MINIMAL = b"v=0\r\no=- 1 1 IN IP4 h\r\n"


def audio(*lines: str, before: str = "") -> MediaDescription:
    """The one audio section of a description with these lines."""
    text = "\r\n".join(["v=0", "o=- 1 1 IN IP4 h", *before.split(), *lines]) + "\r\n"
    (media,) = sdp.parse(text.encode()).media
    return media


def test_there_are_golden_files() -> None:
    assert set(GOLDEN) == {"plain", "rich", "vendor"}


@pytest.mark.parametrize("name", GOLDEN)
def test_parse_and_serialize_are_inverse(name: str) -> None:
    assert sdp.parse(GOLDEN[name]).serialize() == GOLDEN[name]


def test_a_rich_session_is_typed() -> None:
    session = sdp.parse(GOLDEN["rich"])

    assert session.origin == Origin("alice", "2890844526", "2890844526", "2001:db8::5")
    assert (session.name, session.address) == ("a call", "2001:db8::5")
    voice, video, fax = session.media
    assert (voice.media, voice.port, voice.port_count, voice.protocol) == ("audio", 49170, 2, "RTP/AVPF")
    assert voice.codecs == (
        Codec(111, "opus", 48000, 2, "useinbandfec=1; minptime=10"),
        Codec(9, "G722", 8000),
        Codec(0, "PCMU", 8000),
        Codec(96, "AMR-WB", 16000, 1, "octet-align=1;mode-set=0,2"),
    )
    assert voice.codecs[0].parameters == {"useinbandfec": "1", "minptime": "10"}
    assert (voice.ptime, voice.maxptime, voice.rtcp_port, voice.rtcp_mux) == (30, 60, 53020, True)
    assert [line[:27] for line in voice.crypto] == [
        "1 AES_CM_128_HMAC_SHA1_80 i",
        "2 AES_CM_128_HMAC_SHA1_32 i",
    ]
    assert [session.address_of(media) for media in session.media] == [
        "198.51.100.9",
        "2001:db8::5",
        "2001:db8::5",
    ]
    assert [session.direction_of(media) for media in session.media] == ["sendonly", "recvonly", "recvonly"]
    assert (video.port, fax.formats, fax.codecs) == (0, ("t38",), ())


def test_unknown_lines_and_attributes_are_kept() -> None:
    kept = sdp.parse(
        MINIMAL
        + b"s=x\r\nt=1 2\r\nx=own\r\na=odd:1:2\r\na=flag\r\nm=audio 1 RTP/AVP 0\r\ny=too\r\na=more\r\n"
    )
    assert kept.other == (("t", "1 2"), ("x", "own"))
    assert kept.attributes == (Attribute("odd", "1:2"), Attribute("flag"))
    assert kept.media[0].other == (("y", "too"),)
    assert sdp.parse(kept.serialize()) == kept


def test_order_is_made_canonical() -> None:
    shuffled = b"v=0\r\na=x\r\nt=0 0\r\nc=IN IP4 1.2.3.4\r\ns=-\r\no=- 1 1 IN IP4 h\r\nb=AS:1\r\n"
    assert sdp.parse(shuffled).serialize() == (
        b"v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nb=AS:1\r\nt=0 0\r\na=x\r\n"
    )


def test_a_made_session_is_complete() -> None:
    made = SessionDescription(
        Origin("-", "1", "2", "::1"), "::1", (MediaDescription("audio", 4, "RTP/AVP", ("0",)),)
    )
    assert made.serialize() == (
        b"v=0\r\no=- 1 2 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\nm=audio 4 RTP/AVP 0\r\n"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_line_ends_and_blank_lines_are_forgiven(end: bytes) -> None:
    lines = GOLDEN["plain"].replace(b"\r\n", end) + end + b"\0" + end
    assert sdp.parse(lines) == sdp.parse(GOLDEN["plain"])


@pytest.mark.parametrize(
    ("lines", "codecs"),
    [
        (["m=audio 1 RTP/AVP 0 8 9 18"], ["PCMU", "PCMA", "G722", "G729"]),
        (["m=audio 1 RTP/AVP 97"], []),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 opus"], []),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 opus/x"], []),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 /8000"], []),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97"], []),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 opus/48000/2", "a=rtpmap:97 PCMU/8000"], ["opus"]),
        (["m=audio 1 RTP/AVP 128 -1 x ٣ 0"], ["PCMU"]),
        (["m=audio 1 RTP/AVP 0", "a=rtpmap:0 G722/8000"], ["G722"]),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97  L16/16000/1 "], ["L16"]),
    ],
)
def test_codecs(lines: list[str], codecs: list[str]) -> None:
    assert [codec.name for codec in audio(*lines).codecs] == codecs


@pytest.mark.parametrize(
    ("line", "ptime"),
    [
        ("a=ptime:30", 30),
        ("a=ptime:20.0", 20),
        ("a=ptime: 20", 20),
        ("a=ptime:x", None),
        ("a=ptime", None),
        ("a=x", None),
    ],
)
def test_ptime(line: str, ptime: int | None) -> None:
    assert audio("m=audio 1 RTP/AVP 0", line).ptime == ptime


@pytest.mark.parametrize(
    ("port", "lines", "rtcp"),
    [
        (4000, [], 4001),
        (4000, ["a=rtcp:4100"], 4100),
        (4000, ["a=rtcp:4100 IN IP4 1.2.3.4"], 4100),
        (4000, ["a=rtcp:x"], 4001),
        (4000, ["a=rtcp:0"], 4001),
        (4000, ["a=rtcp-mux"], 4000),
        (65535, [], 65535),
        (0, [], 0),
    ],
)
def test_rtcp_port(port: int, lines: list[str], rtcp: int) -> None:
    assert audio(f"m=audio {port} RTP/AVP 0", *lines).rtcp_port == rtcp


def test_directions() -> None:
    assert audio("m=audio 1 RTP/AVP 0", "a=inactive").direction is Direction.INACTIVE
    assert audio("m=audio 1 RTP/AVP 0", "a=sendonly:x").direction is None
    table = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
    for ours, theirs in table.items():
        assert Direction(ours).seen_from_there is Direction(theirs)
        assert Direction.of(sends=Direction(ours).sends, receives=Direction(ours).receives) is Direction(ours)


def test_multicast_suffixes_are_cut_and_the_first_address_counts() -> None:
    assert audio("m=audio 1 RTP/AVP 0", "c=IN IP4 224.2.1.1/127/3", "c=IN IP4 9.9.9.9").address == "224.2.1.1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"v=1\r\no=- 1 1 IN IP4 h\r\n",
        b"o=- 1 1 IN IP4 h\r\nv=0\r\n",
        b"v=0\r\n",
        b"v=0\r\ns=-\r\nm=audio 1 RTP/AVP 0\r\n",
        b"v=0\r\no=- 1 1 IN IP4\r\n",
        MINIMAL + b"c=IN IP4\r\n",
        MINIMAL + b"m=audio\r\n",
        MINIMAL + b"m=audio x RTP/AVP 0\r\n",
        MINIMAL + b"m=audio -1 RTP/AVP 0\r\n",
        MINIMAL + b"m=audio 65536 RTP/AVP 0\r\n",
        MINIMAL + b"m=audio 1/0 RTP/AVP 0\r\n",
        MINIMAL + b"m=audio 1/x RTP/AVP 0\r\n",
        MINIMAL + b"nonsense\r\n",
        MINIMAL + b"a=x\r\n" * MAX_LINES,
        MINIMAL + b"m=audio 1 RTP/AVP 0\r\n" * (MAX_MEDIA + 1),
        MINIMAL + b"a=" + b"x" * MAX_BYTES,
        MINIMAL + b"m=audio 1 RTP/AVP" + b" 0" * (MAX_FORMATS + 1) + b"\r\n",
    ],
    ids=lambda data: str(data[22:44]),
)
def test_what_is_not_a_description(data: bytes) -> None:
    with pytest.raises(SdpError):
        sdp.parse(data)


TEXT = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=20)
WORD = st.from_regex(r"[a-z0-9.-]{1,10}", fullmatch=True)


@given(
    st.builds(
        SessionDescription,
        origin=st.builds(Origin, WORD, WORD, WORD, WORD),
        address=st.none() | st.ip_addresses().map(str),
        name=TEXT,
        attributes=st.lists(st.builds(Attribute, WORD, st.none() | TEXT), max_size=3).map(tuple),
        media=st.lists(
            st.builds(
                MediaDescription,
                media=WORD,
                port=st.integers(0, 65535),
                protocol=WORD,
                formats=st.lists(WORD, max_size=4).map(tuple),
                address=st.none() | st.ip_addresses().map(str),
                port_count=st.integers(1, 9),
            ),
            max_size=3,
        ).map(tuple),
    )
)
@settings(max_examples=60)
def test_any_description_survives_its_bytes(session: SessionDescription) -> None:
    assert sdp.parse(session.serialize()) == session


@given(st.binary(max_size=200), st.sampled_from([b"", MINIMAL, GOLDEN["plain"], GOLDEN["rich"]]))
@settings(max_examples=100)
def test_any_bytes_parse_or_raise_sdp_error(noise: bytes, start: bytes) -> None:
    try:
        session = sdp.parse(start + noise)
    except SdpError:
        return
    for media in session.media:
        assert all(0 <= codec.payload_type <= 127 for codec in media.codecs)
        assert 0 <= media.rtcp_port <= 65535
        assert session.direction_of(media) in Direction
    assert sdp.parse(session.serialize()).serialize() == session.serialize()
