"""Configuration: types, checks and the command line. Nothing here imports torch, so errors come at once."""

from pathlib import Path

CONF = Path(__file__).parents[2] / "conf"
