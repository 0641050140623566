"""The programs of the command `theory`: one module for each, with a function `run(...)`, its table and its figure."""
