"""Calls as the API shows them (spec voice-api §3, §4)."""

from typing import Literal

from pydantic import BaseModel, Field

from ringline.calls.commands import CallInfo


class Call(BaseModel):
    """A call: the answer of dial and of status. Absent members are left out."""

    record_type: Literal["call"] = "call"
    call_control_id: str = Field(examples=["v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"])
    call_leg_id: str
    call_session_id: str
    is_alive: bool
    client_state: str | None = None
    call_duration: int | None = Field(None, description="Whole seconds since the answer.")
    start_time: str | None = None
    end_time: str | None = None
    recording_id: str | None = None

    @classmethod
    def of(cls, info: CallInfo) -> "Call":
        """The view of a leg."""
        return cls(
            call_control_id=info.call_control_id,
            call_leg_id=info.call_leg_id,
            call_session_id=info.call_session_id,
            is_alive=info.is_alive,
            client_state=info.client_state,
            call_duration=info.duration_s,
            start_time=info.start_time,
            end_time=info.end_time,
            recording_id=info.recording_id,
        )


class ActiveCall(BaseModel):
    """An entry of a connection's active calls."""

    record_type: Literal["call"] = "call"
    call_control_id: str
    call_leg_id: str
    call_session_id: str
    client_state: str
    call_duration: int

    @classmethod
    def of(cls, info: CallInfo) -> "ActiveCall":
        """The view of a leg; the SDK wants a text where there is no client state."""
        return cls(
            call_control_id=info.call_control_id,
            call_leg_id=info.call_leg_id,
            call_session_id=info.call_session_id,
            client_state=info.client_state or "",
            call_duration=info.duration_s,
        )
