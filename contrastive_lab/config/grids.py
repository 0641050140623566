"""The grids of an experiment: what each sets and sweeps."""

from typing import Any, NamedTuple


class Grid(NamedTuple):
    """The values of each key that an experiment gives, one for what it sets, and the arm that they make.

    The keys of `always` make the arm what it is: a value that a user types does not take their place.
    """

    arm: str | None
    axes: dict[str, list[Any]]
    always: frozenset[str] = frozenset()


def grids(node: dict[str, Any], scale: str) -> list[Grid]:
    """The grids of an experiment's node at a scale: one, or those of a list with its `arm`, `set` and `always`."""
    found = node.get("grid", {}).get(scale, [])
    parts = []
    for grid in found if isinstance(found, list) else [found]:
        always = grid.get("always", {})
        fixed = {key: [value] for key, value in (node.get("set", {}) | grid.get("set", {}) | always).items()}
        swept = {key: values for key, values in grid.items() if key not in ("arm", "set", "always")}
        parts.append(Grid(grid.get("arm"), fixed | swept, frozenset(always)))
    return parts
