"""Tables of fine-tuning jobs (spec ai-api §8)."""
