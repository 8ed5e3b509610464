"""Media streaming over WebSocket (spec media-streaming): we dial the app and carry the call's audio.

Reading order: `frames` and `formats` (what is said), `session` (when it may be said, pure), `transport`
(how it travels), `client` (the stream that runs them on a media plane), `doctor` (the same, by hand).
"""
