"""What offer and answer agreed on, in the words of the media plane."""

from ringline.media import codecs
from ringline.media.plane import RemoteMedia
from ringline.sip.offeranswer import Selected


def remote_media(selected: Selected) -> RemoteMedia:
    """Where to send, what comes, and in which codec."""
    return RemoteMedia(
        address=selected.remote_address,
        port=selected.remote_port,
        codec=selected.codec,
        payload_type=selected.payload_type,
        ptime_ms=selected.ptime_ms,
        dtmf_payload_type=selected.dtmf_payload_type,
        direction=selected.direction.value,
        rtcp_port=selected.remote_rtcp_port,
        receive_payload_type=selected.receive_payload_type,
        receive_dtmf_payload_type=selected.receive_dtmf_payload_type,
    )


def sample_rate(codec: str) -> int:
    """Audio samples a second of a codec on the wire; 0 for one that the media plane cannot code."""
    found = codecs.named(codec)
    return found.sample_rate if found else 0
