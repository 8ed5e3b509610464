"""Benchmarks: `python -m benchmarks [NAME]`. Each compares with a peer or a limit in the same run."""
