"""Usage records, batch reports, usage reports."""
