"""result.json: what a run was and what came out of it, in one flat object."""

import json
import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.provenance import write_json


class Status(StrEnum):
    """How far a run came; missing where it has no result.json."""

    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    MISSING = "missing"


@dataclass
class Result:
    """The fields of result.json, in its order; None stands for what is not known (yet).

    Args:
        K: negatives of a query as used; None for a method without them.
        alpha: weight of the loss as used: K where null was asked for; infinity is the text "inf" on disk.
        scores: accuracies in percent by name, e.g. linear_top1; on disk they stand between `seed` and `mi_estimate`.
        mi_estimate: log(1 + alpha) - loss, in nats.
        loss: mean of the last epoch, in nats.
        seconds: in all, probes included.
        git: commit of the code.
        error: last line of what ended the run.
    """

    status: Status = Status.MISSING
    method: str | None = None
    dataset: str | None = None
    backbone: str | None = None
    K: int | None = None
    alpha: float | None = None
    tau: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    seed: int | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    mi_estimate: float | None = None
    loss: float | None = None
    images_per_second: float | None = None
    seconds: float | None = None
    config_hash: str | None = None
    git: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The result that some values of result.json make; keys that are not fields count as scores.

        Raises:
            ValueError: if the status is none.
        """
        names = {known.name for known in fields(cls)} - {"scores"}
        scores = {name: value for name, value in values.items() if name not in names}
        told = {name: value for name, value in values.items() if name in names}
        if told.get("alpha") == "inf":
            told["alpha"] = math.inf
        return cls(**{**told, "status": Status(values.get("status", "missing"))}, scores=scores)

    def flat(self) -> dict[str, Any]:
        """The values in the order of result.json."""
        values: dict[str, Any] = {}
        for known in fields(self):
            value = getattr(self, known.name)
            values |= value if known.name == "scores" else {known.name: "inf" if value == math.inf else value}
        return {**values, "status": self.status.value}

    def write(self, folder: Path) -> None:
        """Write result.json into the folder of a run."""
        write_json(folder / "result.json", self.flat())


def read_result(folder: Path) -> Result:
    """Read the result.json of a run's folder; its status is missing where there is none.

    Raises:
        ConfigError: if it cannot be read; the cause says why.
    """
    path = folder / "result.json"
    try:
        values = json.loads(path.read_text()) if path.is_file() else {}
        if not isinstance(values, dict):
            raise ValueError(f"not an object but {type(values).__name__}")
        return Result.of(values)
    except ValueError as error:
        raise ConfigError(f"{path}: damaged; without it the run counts as not finished") from error
