"""Tables of usage records and reports (spec ai-api §10)."""
