"""Dials of an experiment that are out of range."""

from collections.abc import Iterable

Rule = tuple[str, object, bool, str]  # name, value, whether it is right, and what would be


def check_settings(rules: Iterable[Rule]) -> None:
    """Stop at the first dial that is wrong.

    Raises:
        ValueError: names the dial, its value and what it must be.
    """
    for name, value, right, wanted in rules:
        if not right:
            raise ValueError(f"theory.{name}={value}: must be {wanted}")
