"""Offer and answer: what two sides agree on, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringline.sip import sdp
from ringline.sip.offeranswer import (
    CODECS,
    Negotiation,
    NoCommonCodec,
    OfferAnswerError,
    Selected,
    answerable,
    offered_codecs,
)
from ringline.sip.sdp import Direction, MediaDescription, SdpError

pytestmark = pytest.mark.unit

DATA = Path(__file__).parent / "data"
PLAIN, RICH, VENDOR = ((DATA / f"{name}.sdp").read_bytes() for name in ("plain", "rich", "vendor"))
HERE = ("198.51.100.1", 20000)
DIRECTIONS = ["sendrecv", "sendonly", "recvonly", "inactive"]


def offer(*lines: str, address: str = "192.0.2.1") -> bytes:
    text = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", f"c=IN IP4 {address}", "t=0 0", *lines]
    return "".join(f"{line}\r\n" for line in text).encode()


def answer(data: bytes, *codecs: str, direction: str | None = None) -> tuple[MediaDescription, Selected]:
    """A fresh side's audio section in answer to this, and what it selected."""
    made, selected = Negotiation(1).answer(data, codecs or ("PCMU",), *HERE, direction=direction)
    return next(media for media in sdp.parse(made).media if media.port), selected


def version(data: bytes) -> str:
    return sdp.parse(data).origin.version


def test_an_answer_in_full() -> None:
    made, selected = Negotiation(77).answer(PLAIN, ["PCMA", "PCMU"], *HERE)

    assert made == (
        b"v=0\r\no=- 77 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
        b"m=audio 20000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert selected == Selected(
        codec="PCMA",
        payload_type=8,
        clock_rate=8000,
        ptime_ms=20,
        dtmf_payload_type=101,
        dtmf_clock=8000,
        direction=Direction.SENDRECV,
        remote_address="192.0.2.7",
        remote_port=40000,
        remote_rtcp_port=40001,
        fmtp="",
        receive_payload_type=8,
        receive_dtmf_payload_type=101,
    )


def test_an_offer_in_full() -> None:
    made = Negotiation(5).offer(["OPUS", "L16", "PCMU"], "2001:db8::1", 30000, direction="recvonly")
    assert made.decode().split("\r\n") == [
        "v=0",
        "o=- 5 1 IN IP6 2001:db8::1",
        "s=-",
        "c=IN IP6 2001:db8::1",
        "t=0 0",
        "m=audio 30000 RTP/AVP 111 98 0 101 110 100",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1",
        "a=rtpmap:98 L16/16000",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-16",
        "a=rtpmap:100 telephone-event/16000",
        "a=fmtp:100 0-16",
        "a=ptime:20",
        "a=recvonly",
        "",
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_both_sides_agree_on_every_codec(codec: str) -> None:
    caller, callee = Negotiation(1), Negotiation(2)
    made, theirs = callee.answer(caller.offer([codec], *HERE), [codec], "203.0.113.2", 30000)
    ours = caller.accepted(made)

    assert ours.codec == theirs.codec == codec
    assert (ours.payload_type, ours.clock_rate, ours.dtmf_payload_type, ours.dtmf_clock) == (
        theirs.payload_type,
        theirs.clock_rate,
        theirs.dtmf_payload_type,
        theirs.dtmf_clock,
    )
    assert ours.dtmf_clock == (CODECS[codec].clock_rate)  # RFC 4733 §2.1
    assert (ours.remote_address, ours.remote_port) == ("203.0.113.2", 30000)
    assert (theirs.remote_address, theirs.remote_port) == HERE


def test_our_order_decides() -> None:
    assert answer(RICH, "PCMU", "OPUS")[1].codec == "PCMU"
    assert answer(RICH, "L16", "OPUS", "PCMU")[1].codec == "OPUS"
    assert answer(VENDOR, "OPUS", "G722", "PCMU")[1].codec == "G722"


def test_an_answer_names_one_codec() -> None:
    media, _ = answer(VENDOR, "PCMU", "PCMA", "G722")
    assert [codec.name for codec in media.codecs] == ["PCMU", "telephone-event"]


def test_offered_codecs_in_their_order() -> None:
    assert offered_codecs(RICH) == ["OPUS", "G722", "PCMU", "AMR-WB"]
    assert offered_codecs(VENDOR) == ["G729", "GSM", "G722", "PCMU", "PCMA", "SPEEX"]
    assert offered_codecs(offer("m=video 1 RTP/AVP 31")) == []
    assert offered_codecs(offer()) == []
    with pytest.raises(SdpError):
        offered_codecs(b"no")


def test_the_offers_payload_numbers_are_kept() -> None:
    media, selected = answer(
        offer("m=audio 1 RTP/AVP 120 121", "a=rtpmap:120 OPUS/48000/2", "a=rtpmap:121 telephone-event/48000"),
        "OPUS",
    )
    assert media.formats == ("120", "121")
    assert (selected.payload_type, selected.dtmf_payload_type, selected.dtmf_clock) == (120, 121, 48000)


def test_telephone_event_follows_the_codecs_clock_or_is_the_only_one() -> None:
    both = (
        "a=rtpmap:97 opus/48000/2",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:102 telephone-event/48000",
    )
    assert answer(offer("m=audio 1 RTP/AVP 0 97 101 102", *both), "OPUS")[1].dtmf_payload_type == 102
    assert answer(offer("m=audio 1 RTP/AVP 0 97 102 101", *both), "PCMU")[1].dtmf_payload_type == 101
    lone = answer(offer("m=audio 1 RTP/AVP 97 101", *both), "OPUS")[1]
    assert (lone.dtmf_payload_type, lone.dtmf_clock) == (101, 8000)
    none = answer(offer("m=audio 1 RTP/AVP 0"), "PCMU")
    assert (none[1].dtmf_payload_type, none[1].receive_dtmf_payload_type, none[0].formats) == (
        None,
        None,
        ("0",),
    )


@pytest.mark.parametrize(
    ("lines", "codecs"),
    [
        (["m=audio 1 RTP/AVP 18"], ["PCMU", "OPUS"]),
        (["m=audio 0 RTP/AVP 0"], ["PCMU"]),
        (["m=audio 1 RTP/SAVP 0"], ["PCMU"]),
        (["m=audio 1 UDP/TLS/RTP/SAVPF 0"], ["PCMU"]),
        (["m=video 1 RTP/AVP 0"], ["PCMU"]),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 L16/44100/2"], ["L16"]),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 opus/48000"], ["OPUS"]),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 AMR-WB/16000", "a=fmtp:97 crc=1"], ["AMR-WB"]),
        (["m=audio 1 RTP/AVP 97", "a=rtpmap:97 AMR-WB/16000", "a=fmtp:97 interleaving=30"], ["AMR-WB"]),
        ([], ["PCMU"]),
        (["m=audio 1 RTP/AVP"], ["PCMU"]),
        (["m=audio 1 RTP/AVP 0"], []),
    ],
)
def test_nothing_in_common(lines: list[str], codecs: list[str]) -> None:
    side = Negotiation(1)
    with pytest.raises(NoCommonCodec):
        side.answer(offer(*lines), codecs, *HERE)
    assert side.selected is None
    with pytest.raises(OfferAnswerError):
        side.reoffer()


def test_amr_wb_repeats_the_offers_packing() -> None:
    lines = ("m=audio 1 RTP/AVP 97", "a=rtpmap:97 AMR-WB/16000/1")
    aligned, selected = answer(offer(*lines, "a=fmtp:97 octet-align=1; mode-set=0,2; crc=0"), "AMR-WB")
    assert aligned.codecs[0].fmtp == "octet-align=1;mode-set=0,2"
    assert selected.fmtp == "octet-align=1; mode-set=0,2; crc=0"
    efficient, _ = answer(offer(*lines), "AMR-WB")
    assert efficient.codecs[0].fmtp == ""


def test_other_sections_are_refused_in_order() -> None:
    data = offer(
        "m=video 6000 RTP/AVP 31 32",
        "m=audio 6002 RTP/SAVP 0",
        "m=audio 6004 RTP/AVP 0",
        "a=mid:x",
        "m=audio 6006 RTP/AVP 0",
        "m=application 6008 UDP/BFCP",
    )
    made, selected = Negotiation(1).answer(data, ["PCMU"], *HERE)
    assert [line for line in made.decode().split("\r\n") if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31 32",
        "m=audio 0 RTP/SAVP 0",
        "m=audio 20000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
        "m=application 0 UDP/BFCP 0",
    ]
    assert selected.remote_port == 6004


def test_other_sections_stay_refused_in_our_own_offers() -> None:
    side = Negotiation(1)
    side.answer(offer("m=video 6000 RTP/AVP 31", "m=audio 6004 RTP/AVPF 0"), ["PCMU"], *HERE)
    again = sdp.parse(side.reoffer(codecs=["PCMU", "PCMA"]))
    assert [(media.media, media.port, media.protocol) for media in again.media] == [
        ("video", 0, "RTP/AVP"),
        ("audio", 20000, "RTP/AVPF"),
    ]
    chosen = side.accepted(offer("m=video 0 RTP/AVP 31", "m=audio 6004 RTP/AVPF 8"))
    assert chosen.codec == "PCMA"


# what they say × what we want → what we are (RFC 3264 §6.1)
@pytest.mark.parametrize(
    ("theirs", "wanted", "ours"),
    [
        ("sendrecv", None, "sendrecv"),
        ("sendonly", None, "recvonly"),
        ("recvonly", None, "sendonly"),
        ("inactive", None, "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "sendonly", "sendonly"),
        ("sendrecv", "recvonly", "recvonly"),
        ("recvonly", "recvonly", "inactive"),
        ("sendrecv", "inactive", "inactive"),
    ],
)
def test_direction(theirs: str, wanted: str | None, ours: str) -> None:
    media, selected = answer(offer("m=audio 1 RTP/AVP 0", f"a={theirs}"), direction=wanted)
    assert media.direction == selected.direction == ours


@pytest.mark.parametrize(
    ("said", "ours"), [("sendrecv", "recvonly"), ("recvonly", "inactive"), ("sendonly", "recvonly")]
)
def test_the_zero_address_is_a_hold(said: str, ours: str) -> None:
    media, selected = answer(offer("m=audio 1 RTP/AVP 0", f"a={said}", address="0.0.0.0"))
    assert media.direction == selected.direction == ours


NOWHERE = ["phone.example.com", "2001:db8::1", "::", "256.1.1.1", "", "\udcff"]


@pytest.mark.parametrize("address", NOWHERE)
def test_media_to_no_ipv4_address_is_refused_and_the_session_stays(address: str) -> None:
    theirs = offer("m=audio 1 RTP/AVP 0", address="192.0.2.1")
    lost = theirs.replace(
        b"c=IN IP4 192.0.2.1", f"c=IN IP4 {address or '/'}".encode(errors="surrogateescape")
    )
    assert answerable(theirs, ["PCMU"])
    assert not answerable(lost, ["PCMU"])
    side = Negotiation(1)
    _, before = side.answer(theirs, ["PCMU"], *HERE)
    with pytest.raises(NoCommonCodec, match="IPv4"):
        side.answer(lost, ["PCMU"], *HERE)
    assert side.selected == before
    side.reoffer()
    with pytest.raises(NoCommonCodec):
        side.accepted(lost)


def test_a_section_that_can_be_reached_is_taken_before_one_that_cannot() -> None:
    both = offer("m=audio 1 RTP/AVP 0", "c=IN IP6 2001:db8::1", "m=audio 3 RTP/AVP 0")
    assert answerable(both, ["PCMU"])
    _, selected = answer(both)
    assert (selected.remote_address, selected.remote_port) == ("192.0.2.1", 3)


@pytest.mark.parametrize("data", [b"", b"no", offer("m=audio 1 RTP/SAVP 0"), offer("m=audio 1 RTP/AVP 18")])
def test_what_is_not_answerable(data: bytes) -> None:
    assert not answerable(data, ["PCMU"])


def test_they_hold_and_come_back() -> None:
    side = Negotiation(1)
    active = offer("m=audio 1 RTP/AVP 0")
    first, _ = side.answer(active, ["PCMU"], *HERE)
    held, on_hold = side.answer(offer("m=audio 1 RTP/AVP 0", "a=sendonly"), ["PCMU"], *HERE)
    back, resumed = side.answer(active, ["PCMU"], *HERE)
    assert (on_hold.direction, resumed.direction) == ("recvonly", "sendrecv")
    assert [version(data) for data in (first, held, back)] == ["1", "2", "3"]


def test_our_hold_lasts_through_their_offers() -> None:
    side = Negotiation(1)
    side.answer(PLAIN, ["PCMU"], *HERE)
    side.reoffer(direction="sendonly")
    assert side.accepted(offer("m=audio 9 RTP/AVP 0", "a=recvonly")).direction == "sendonly"
    _, selected = side.answer(PLAIN, ["PCMU"], *HERE)
    assert selected.direction == "sendonly"
    _, selected = side.answer(PLAIN, ["PCMU"], *HERE, direction="sendrecv")
    assert selected.direction == "sendrecv"


def test_the_version_grows_only_with_the_content() -> None:
    side = Negotiation(1)
    first = side.offer(["PCMU", "G722"], *HERE)
    side.accepted(offer("m=audio 9 RTP/AVP 0"))
    refresh = side.reoffer()
    side.accepted(offer("m=audio 9 RTP/AVP 0"))
    assert refresh == first
    moved = side.reoffer(port=20002)
    assert (version(first), version(moved)) == ("1", "2")


def test_a_refresh_after_an_answer_repeats_it() -> None:
    side = Negotiation(1)
    made, before = side.answer(PLAIN, ["G722", "PCMU"], *HERE)
    assert side.reoffer() == made
    assert side.accepted(PLAIN).codec == before.codec


def test_a_refused_offer_changes_nothing_but_the_version() -> None:
    side = Negotiation(1)
    first = side.offer(["PCMU"], *HERE)
    before = side.accepted(PLAIN)
    side.reoffer(codecs=["PCMA"], direction="inactive")
    side.rejected()
    after = side.reoffer()
    assert after == first.replace(b"o=- 1 1 ", b"o=- 1 3 ")
    assert side.selected == before


def test_a_first_offer_that_is_refused_leaves_no_session() -> None:
    side = Negotiation(1)
    side.offer(["PCMU"], *HERE)
    side.rejected()
    with pytest.raises(OfferAnswerError):
        side.reoffer()
    with pytest.raises(OfferAnswerError):
        side.accepted(PLAIN)
    assert side.answer(PLAIN, ["PCMA"], *HERE)[1].codec == "PCMA"


def test_illegal_moves_have_names() -> None:
    side = Negotiation(1)
    for move in (side.reoffer, side.rejected, lambda: side.accepted(PLAIN)):
        with pytest.raises(OfferAnswerError):
            move()
    side.offer(["PCMU"], *HERE)
    assert side.waiting
    for move in (
        side.reoffer,
        lambda: side.offer(["PCMU"], *HERE),
        lambda: side.answer(PLAIN, ["PCMU"], *HERE),
    ):
        with pytest.raises(OfferAnswerError, match="waits"):
            move()
    side.accepted(PLAIN)
    assert not side.waiting
    with pytest.raises(OfferAnswerError):
        side.rejected()
    side.answer(PLAIN, ["PCMU"], *HERE)
    with pytest.raises(OfferAnswerError, match="no offer"):
        side.accepted(PLAIN)


@pytest.mark.parametrize("codecs", [[], ["G729"], ["pcmu"]])
def test_unknown_codecs_cannot_be_offered(codecs: list[str]) -> None:
    with pytest.raises(ValueError, match="PCMU"):
        Negotiation(1).offer(codecs, *HERE)
    with pytest.raises(ValueError, match="sideways"):
        Negotiation(1).offer(["PCMU"], *HERE, direction="sideways")


def test_an_early_answer_and_a_fork_may_differ_from_the_last() -> None:
    side = Negotiation(1)
    side.offer(["PCMU", "PCMA"], *HERE)
    assert side.accepted(offer("m=audio 7 RTP/AVP 8", address="192.0.2.1")).remote_port == 7
    final = side.accepted(offer("m=audio 9 RTP/AVP 0", address="192.0.2.2"))
    assert (final.codec, final.remote_address, final.remote_port) == ("PCMU", "192.0.2.2", 9)
    assert side.selected == final


@pytest.mark.parametrize(
    "lines",
    [
        ["m=audio 0 RTP/AVP 0"],
        ["m=audio 9 RTP/AVP 8"],
        ["m=audio 9 RTP/SAVP 0"],
        ["m=audio 9 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"],
        [],
    ],
)
def test_an_answer_that_refuses(lines: list[str]) -> None:
    side = Negotiation(1)
    side.offer(["PCMU"], *HERE)
    with pytest.raises(NoCommonCodec):
        side.accepted(offer(*lines))
    assert side.waiting
    side.rejected()


def test_an_unreadable_answer_leaves_the_offer_waiting() -> None:
    side = Negotiation(1)
    side.offer(["PCMU"], *HERE)
    with pytest.raises(SdpError):
        side.accepted(b"nonsense")
    assert side.waiting


def test_an_answer_that_renumbers_is_sent_its_numbers_and_heard_by_ours() -> None:
    side = Negotiation(1)
    side.offer(["OPUS"], *HERE)
    selected = side.accepted(
        offer("m=audio 9 RTP/AVP 96 97", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/48000")
    )
    assert (selected.payload_type, selected.receive_payload_type) == (96, 111)
    assert (selected.dtmf_payload_type, selected.receive_dtmf_payload_type) == (97, 110)


def test_an_answers_telephone_event_must_be_of_the_offer() -> None:
    side = Negotiation(1)
    side.offer(["PCMU"], *HERE)
    selected = side.accepted(offer("m=audio 9 RTP/AVP 0 97", "a=rtpmap:97 telephone-event/48000"))
    assert selected.dtmf_payload_type is None


def test_a_number_is_never_given_to_another_codec() -> None:
    side = Negotiation(1)
    # 111 is speex there, and 101 is opus: our own favourites are taken
    side.answer(
        offer("m=audio 1 RTP/AVP 0 111 101", "a=rtpmap:111 speex/8000", "a=rtpmap:101 opus/48000/2"),
        ["PCMU"],
        *HERE,
    )
    (media,) = sdp.parse(side.reoffer(codecs=["OPUS", "AMR-WB", "PCMU"])).media
    numbers = {(codec.name, codec.clock_rate): codec.payload_type for codec in media.codecs}
    assert numbers["opus", 48000] == 101
    assert numbers["PCMU", 8000] == 0
    assert 111 not in numbers.values()
    assert len(set(numbers.values())) == len(numbers)


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ([], 20),
        (["a=ptime:30"], 30),
        (["a=ptime:10"], 10),
        (["a=ptime:60"], 60),
        (["a=ptime:0"], 20),
        (["a=ptime:25"], 20),
        (["a=ptime:200"], 60),
        (["a=ptime:40", "a=maxptime:20"], 20),
        (["a=maxptime:10"], 10),
    ],
)
def test_ptime(lines: list[str], ptime: int) -> None:
    assert answer(offer("m=audio 1 RTP/AVP 0", *lines))[1].ptime_ms == ptime


def test_best_effort_encryption_is_answered_in_the_clear() -> None:
    media, _ = answer(offer("m=audio 1 RTP/AVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA"))
    assert (media.protocol, media.crypto) == ("RTP/AVP", ())


NAMES = st.lists(st.sampled_from(list(CODECS)), min_size=1, max_size=6, unique=True)


@given(NAMES, NAMES, st.sampled_from(DIRECTIONS), st.sampled_from(DIRECTIONS))
@settings(max_examples=80)
def test_both_sides_always_agree(ours: list[str], theirs: list[str], here: str, there: str) -> None:
    caller, callee = Negotiation(1), Negotiation(2)
    made = caller.offer(ours, *HERE, direction=here)
    common = [name for name in theirs if name in ours]
    if not common:
        with pytest.raises(NoCommonCodec):
            callee.answer(made, theirs, "203.0.113.2", 30000)
        return
    reply, second = callee.answer(made, theirs, "203.0.113.2", 30000, direction=there)
    first = caller.accepted(reply)
    assert first.codec == second.codec == common[0]
    assert first.direction == second.direction.seen_from_there
    assert first.direction.sends == (Direction(here).sends and Direction(there).receives)
    assert (first.payload_type, first.dtmf_payload_type) == (second.payload_type, second.dtmf_payload_type)


@given(st.binary(max_size=120), st.sampled_from([PLAIN, RICH, VENDOR]), st.integers(0, 400))
@settings(max_examples=100)
def test_any_description_is_answered_or_refused(noise: bytes, start: bytes, cut: int) -> None:
    data = start[:cut] + noise + start[cut:]
    side = Negotiation(1)
    try:
        made, selected = side.answer(data, list(CODECS), *HERE)
    except SdpError:
        assert side.selected is None
        return
    assert len(sdp.parse(made).media) == len(sdp.parse(data).media)
    assert 0 <= selected.payload_type <= 127
    assert 1 <= selected.remote_port <= 65535
