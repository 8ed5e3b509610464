"""The append-only record of everything that happened to a call, and what is read from it."""
