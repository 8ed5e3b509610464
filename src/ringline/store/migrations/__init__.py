"""Alembic's script folder: `env` and one revision per change of `store.tables`."""
