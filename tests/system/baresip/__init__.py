"""Headless baresip: a real phone, with files for its microphone and its ear."""
