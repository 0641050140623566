"""Benchmarks, a module each with `run`: ways of doing the same, measured side by side; see the command `bench`."""
