"""The names of events that `webhook_urls` and `webhook_retries_policies` may be keyed by (spec webhooks §6).

Events of features that this server does not have are names all the same: an app may be written for both.
"""

EVENT_TYPES = frozenset(
    """
    call.initiated call.answered call.bridged call.hangup call.hold call.unhold call.enqueued call.dequeued
    call.cost call.sip_info.received call.dtmf.received call.gather.ended call.playback.started
    call.playback.ended call.speak.started call.speak.ended call.recording.saved call.recording.error
    call.recording.transcription.saved streaming.started streaming.stopped streaming.failed call.fork.started
    call.fork.stopped siprec.started siprec.stopped siprec.failed call.refer.started call.refer.completed
    call.refer.failed call.transcription call.machine.detection.ended call.machine.greeting.ended
    call.machine.premium.detection.ended call.machine.premium.greeting.ended
    call.machine.premium.detection.started call.machine.premium.call_screening.detected
    call.deepfake_detection.result call.deepfake_detection.error call.payment.completed call.payment.progress
    call.ai_gather.ended call.ai_gather.message_history_updated call.ai_gather.partial_results call.analyzed
    call.conversation.created call.conversation.ended call.conversation.start_failed
    call.conversation_insights.generated conference.created conference.ended conference.floor.changed
    conference.participant.joined conference.participant.left conference.participant.playback.started
    conference.participant.playback.ended conference.participant.speak.started
    conference.participant.speak.ended conference.playback.started conference.playback.ended
    conference.recording.saved conference.speak.started conference.speak.ended
    """.split()  # noqa: SIM905 - names in lines, not one a line
)
