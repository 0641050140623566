"""Configuration: types, checks and the command line. Nothing here imports torch, so errors come at once."""
