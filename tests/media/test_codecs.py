import pytest

from ringline.media.codecs import CODECS, G722, L16, PCMA, PCMU, Codec, l16, named, static

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("codec", "payload_type", "rtpmap", "samples", "units", "octets"),
    [
        (PCMU, 0, "PCMU/8000", 160, 160, 160),
        (PCMA, 8, "PCMA/8000", 160, 160, 160),
        (G722, 9, "G722/8000", 320, 160, 160),
        (L16, None, "L16/16000", 320, 320, 640),
        (l16(22_050), None, "L16/22050", 441, 441, 882),
    ],
)
def test_twenty_milliseconds_of_each(
    codec: Codec, payload_type: int | None, rtpmap: str, samples: int, units: int, octets: int
) -> None:
    assert (codec.payload_type, codec.rtpmap) == (payload_type, rtpmap)
    assert (codec.samples, codec.timestamp_units, codec.octets) == (samples, units, octets)


def test_names_of_sdp_are_read_in_any_case() -> None:
    assert named("pcmu") is PCMU
    assert named("G722", 8000) is G722


def test_a_name_at_another_clock_is_another_codec() -> None:
    assert named("G722", 16_000) is None
    assert named("EVS") is None


def test_static_payload_types_need_no_name() -> None:
    assert [static(n) for n in (0, 8, 9, 96)] == [PCMU, PCMA, G722, None]


def test_no_two_codecs_share_a_name_or_type() -> None:
    assert len({codec.rtpmap for codec in CODECS}) == len(CODECS)
