"""Webhooks: payloads, signatures, the outbox and its delivery."""
