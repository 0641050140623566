"""result.json: what a run was and what came out of it, in one flat object."""

import math
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from contrastive_lab.config.identity import LATER
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.files import RESULT, overwrite_json, read_json, write_json

OBJECTIVE = ("loss.name", *LATER)
LATER_FIELDS = ("arch", "data_hash", "classes", "skipped", "start", "labels")  # which older versions did not write


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

    `arch` is the architecture of a backbone that has one by name, of torchvision or timm.
    `K` is that of the run (None for a method without negatives), and so is `alpha`: K where null was asked for,
    infinity as the text "inf" on disk; None for a loss that has no alpha. `objective` has of loss.name, sets, remember,
    own_class_share and dclw_sigma those that make the loss another one than InfoNCE over one set, on disk after `tau`.
    `labels` is the share of the labelled images that it learned from, None without such a share.
    `scores` holds accuracies in percent by name, e.g. linear_top1, on disk between `seed` and `mi_estimate`.
    `mi_estimate` is log(1 + alpha) - loss and `loss` the mean of the last epoch, in nats; `seconds` includes probes and
    all parts of a resumed run;
    `classes` are the names of the classes in the order of their labels, and `skipped` how many files could not be read;
    `start` are the weights that the backbone started from, None from scratch;
    `config_hash` and `data_hash` tell runs of other settings and of other images or texts; `git` is the commit of the
    code, `error` the last line of what ended the run.
    """

    status: Status = Status.MISSING
    method: str | None = None
    dataset: str | None = None
    backbone: str | None = None
    arch: str | None = None
    K: int | None = None
    alpha: float | None = None
    tau: float | None = None
    objective: dict[str, Any] = field(default_factory=dict)
    batch_size: int | None = None
    epochs: int | None = None
    seed: int | None = None
    labels: float | None = None
    scores: dict[str, Any] = field(default_factory=dict)
    mi_estimate: float | None = None
    loss: float | None = None
    images_per_second: float | None = None
    seconds: float | None = None
    config_hash: str | None = None
    data_hash: str | None = None
    classes: list[str] | None = None
    skipped: int | None = None
    start: str | None = None
    git: str | None = None
    error: str | None = None

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """The result of some values of result.json; keys that are not fields count as scores.

        Raises:
            ValueError: if the status is none.
        """
        names = {known.name for known in fields(cls)} - {"scores", "objective"}
        result = cls(**{name: value for name, value in values.items() if name in names})
        result.objective = {name: value for name, value in values.items() if name in OBJECTIVE}
        result.scores = {name: value for name, value in values.items() if name not in (*names, *OBJECTIVE)}
        result.status = Status(result.status)
        result.alpha = math.inf if values.get("alpha") == "inf" else result.alpha
        return result

    def flat(self) -> dict[str, Any]:
        """The values in the order of result.json."""
        values: dict[str, Any] = {}
        for name, value in vars(self).items():
            if value is not None or name not in LATER_FIELDS:
                values |= value if isinstance(value, dict) else {name: "inf" if value == math.inf else value}
        return values | {"status": self.status.value}

    def write(self, folder: Path) -> None:
        """Write result.json into the folder of a run."""
        try:
            write_json(folder / RESULT, self.flat())
        except OSError:  # a full disk: the old file's own room is left
            overwrite_json(folder / RESULT, self.flat())


def read_result(folder: Path) -> Result:
    """Read the result.json of a run's folder; its status is missing where there is none.

    Raises:
        ConfigError: if it cannot be read; the cause says why.
    """
    path = folder / RESULT
    try:
        return Result.of(read_json(path)) if path.is_file() else Result()
    except ValueError as error:
        raise ConfigError(f"{path}: damaged; without it the run counts as not finished") from error
