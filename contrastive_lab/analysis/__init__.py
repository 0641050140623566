"""The programs of `scripts/theory.py`: one module for each, with a function `run(...)`, its table and its figure."""
