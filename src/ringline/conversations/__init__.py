"""Conversations and their messages, PostgREST filters, insights."""
