"""The grids of an experiment: what each sets and sweeps."""

from typing import Any, NamedTuple


class Grid(NamedTuple):
    """The values of each key that an experiment gives, one for what it sets, and the arm that they make."""

    arm: str | None
    axes: dict[str, list[Any]]


def grids(node: dict[str, Any], scale: str) -> list[Grid]:
    """The grids of an experiment's node at a scale: one, or those of a list, each with its own `arm` and `set`."""
    found = node.get("grid", {}).get(scale, [])
    parts = []
    for grid in found if isinstance(found, list) else [found]:
        fixed = {key: [value] for key, value in (node.get("set", {}) | grid.get("set", {})).items()}
        swept = {key: values for key, values in grid.items() if key not in ("arm", "set")}
        parts.append(Grid(grid.get("arm"), fixed | swept))
    return parts
