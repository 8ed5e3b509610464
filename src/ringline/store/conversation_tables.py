"""Tables of conversations and their messages (spec ai-api §5.1–5.3)."""
