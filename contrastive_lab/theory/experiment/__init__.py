"""One file for each experiment of `scripts/theory.py`, with a function `run(...) -> Outcome`."""
