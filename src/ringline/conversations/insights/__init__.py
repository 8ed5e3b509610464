"""Insights: what a model finds in conversations, asked by templates in groups (spec ai-api §5.4–5.6)."""
