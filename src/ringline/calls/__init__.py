"""Calls: the pure leg core, its commands, and the runner that performs their effects."""
