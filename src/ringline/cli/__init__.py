"""The ringline command."""
