"""Supervised child processes that carry models."""
