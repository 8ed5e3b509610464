"""What every room stands on: clock, ids, errors, settings, guarded network, log."""
