"""Media streaming over WebSocket: frames, client, session (spec: media-streaming)."""
