"""The refusals that only a call can know (spec voice-api §1.3)."""

from ringline.core.errors import ApiError, Problem


def refusal(code: str, title: str, detail: str, pointer: str | None = None, status: int = 422) -> ApiError:
    """One problem as an error."""
    return ApiError(status, Problem(code, title, detail, pointer))


def unknown_call(pointer: str = "/call_control_id") -> ApiError:
    """90015: no such leg, or another account's."""
    return refusal("90015", "Invalid Call Control ID", "The call_control_id provided was not valid.", pointer)


def ended() -> ApiError:
    """90018: the leg is gone."""
    return refusal(
        "90018", "Call has already ended", "This call is no longer active and can't receive commands."
    )


def not_answered(command: str) -> ApiError:
    """90034: the command needs an answered leg."""
    return refusal(
        "90034",
        "Call has not been answered yet",
        f"This call can't receive {command} command because it has not been answered yet.",
    )


def cannot_answer_outbound() -> ApiError:
    """90102: only incoming legs can be answered."""
    return refusal(
        "90102",
        "Call answer command cannot be issued for outbound calls",
        "The answer command is for incoming calls; this call was dialed.",
    )


def bad_request(detail: str, pointer: str | None = None) -> ApiError:
    """10015: a request that this call's state makes meaningless."""
    return refusal("10015", "Bad request", detail, pointer)


def too_many_listeners(most: int) -> ApiError:
    """10015: each recording, stream and transcription takes a copy of the leg's audio."""
    return bad_request(
        f"A call has at most {most} recordings, media streams and transcriptions at a time; stop one first."
    )


def already_streaming() -> ApiError:
    """90045: one media stream per leg."""
    return refusal("90045", "Media Streaming is used", "This call is streaming already; stop it first.")


def not_streaming() -> ApiError:
    """90048: nothing to stop."""
    return refusal("90048", "Media Streaming is not used", "This call has no such media stream.")


def already_transcribing() -> ApiError:
    """90054: one transcription per leg."""
    return refusal(
        "90054",
        "Call transcription is already in progress",
        "This call is being transcribed; stop that first.",
    )


def timed_recording_while_transcribing(pointer: str | None = None) -> ApiError:
    """90053: only one of the two can be had."""
    return refusal(
        "90053",
        "Call recording with timeout_secs conflicts with transcription",
        "A recording that ends after a silence (timeout_secs) and a transcription exclude each other.",
        pointer,
    )


def transcription_needed() -> ApiError:
    """90055: a recording that waits for silence stands in the way."""
    return refusal(
        "90055",
        "Call transcription cannot be stopped",
        "A recording with timeout_secs is in progress; stop it first.",
    )


def cannot_transcribe(lacking: str) -> ApiError:
    """10038, as for commands that a server does not have: an app sees one code for what is not there."""
    return refusal("10038", "Feature not permitted", lacking)


def recognizer_busy(detail: str) -> ApiError:
    """10037: the recognizer listens to as many tracks as it can."""
    return ApiError(503, Problem("10037", "Service unavailable", detail), retry_after=5)


def no_capacity() -> ApiError:
    """10037: every call slot or RTP port is taken."""
    return ApiError(
        503,
        Problem("10037", "Service unavailable", "Every call slot is taken; try again shortly."),
        retry_after=1,
    )


def draining() -> ApiError:
    """10037: this server is about to end and takes no new leg."""
    return ApiError(
        503,
        Problem("10037", "Service unavailable", "This server is stopping; try again shortly."),
        retry_after=5,
    )


def being_processed() -> ApiError:
    """10036: the first request with this command id has not ended yet."""
    return ApiError(
        409,
        Problem("10036", "Resource is being processed", "A dial with this command_id is still at work."),
        retry_after=1,
    )


def channel_limit() -> ApiError:
    """90043: the connection's own limit."""
    return refusal(
        "90043",
        "Connection channel limit exceeded",
        "The connection's outbound channel limit is reached.",
        status=403,
    )
