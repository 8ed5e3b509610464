"""Tables of insight templates, groups and results (spec ai-api §5.4–5.6)."""
