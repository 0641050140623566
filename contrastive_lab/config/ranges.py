"""What values of single keys are allowed; keys that a method, data set or group does not have are passed over."""

import math
from typing import Any, NamedTuple

CHOICES = {
    "method.negatives_per": ("query", "batch"),
    "method.pool": ("2N-2", "N-1"),
    "method.loss": ("info_nce", "nce"),
    "head.kind": ("none", "linear", "mlp", "mlp_bn"),
    "batchnorm.kind": ("sync", "split", "shuffle", "plain"),
    "optim.schedule": ("cosine", "warmup_times_cosine", "steps"),
    "optim.scaling": ("linear", "sqrt"),
    "augment.crop.interpolation": ("bilinear", "bicubic"),
    "augment.small_crop.interpolation": ("bilinear", "bicubic"),
    "evaluation.features": ("h", "z", "pixels"),
    "optim.kind": ("sgd", "lars", "adamw"),
    "augment.order": ("color", "gray", "blur"),
    "strategy.accelerator": ("auto", "cpu", "gpu"),
    "trainer.precision": ("32-true", "64-true", "16-mixed", "bf16-mixed"),
}


class Range(NamedTuple):
    """Finite numbers from `low` to `high`; `low` itself only where it is not `open`."""

    low: float
    high: float = math.inf
    open: bool = False

    def holds(self, value: Any) -> bool:
        """Whether `value` is a number in it; infinity and NaN are not."""
        number = isinstance(value, int | float) and math.isfinite(value)
        return number and self.low <= value <= self.high and not (self.open and value == self.low)

    def __str__(self) -> str:
        if self.high < math.inf:
            return f"between {self.low:g} and {self.high:g}"
        return f"more than {self.low:g}" if self.open else f"{self.low:g} or more"


RANGES = {
    "K": Range(1),
    "batch_size": Range(2),
    "epochs": Range(0),
    "seed": Range(0),
    "checkpoint_every_n_steps": Range(1),
    "head.dim": Range(1),
    "method.prototypes": Range(2),
    "method.sinkhorn_iterations": Range(1),
    "method.queue": Range(0),
    "method.queue_from_epoch": Range(0),
    "method.freeze_epochs": Range(0),
    "method.proximal": Range(0),
    "method.epsilon": Range(0, open=True),
    "method.bank_momentum": Range(0, 1),
    "augment.small_views": Range(0),
    "augment.small_size": Range(1),
    "head.hidden": Range(1),
    "head.layers": Range(1, 3),
    "batchnorm.groups": Range(1),
    "optim.warmup_epochs": Range(0),
    "optim.weight_decay": Range(0),
    "evaluation.epochs": Range(1),
    "probes.online.every_n_epochs": Range(1),
    "probes.knn.every_n_epochs": Range(1),
    "probes.knn.k": Range(1),
    "evaluation.k": Range(1),
    "strategy.devices": Range(1),
    "trainer.num_nodes": Range(1),
    "trainer.log_every_n_steps": Range(1),
    "dataset.workers": Range(0),
    "dataset.size": Range(1),
    "dataset.min_frequency": Range(1),
    "backbone.features": Range(1),
    "augment.drop": Range(0, 1),
    "augment.replace": Range(0, 1),
    "augment.color.hue": Range(0, 0.5),
    "augment.color.strength": Range(0),
    "augment.color.brightness": Range(0),
    "augment.color.contrast": Range(0),
    "augment.color.saturation": Range(0),
    "alpha": Range(0, open=True),
    "tau": Range(0, open=True),
    "base_lr": Range(0, open=True),
    "probes.online.lr": Range(0, open=True),
    "evaluation.lr": Range(0, open=True),
    "probes.knn.temperature": Range(0, open=True),
    "evaluation.temperature": Range(0, open=True),
    "method.momentum": Range(0, 1),
    "optim.momentum": Range(0, 0.9999),
    "augment.flip": Range(0, 1),
    "augment.color.p": Range(0, 1),
    "augment.gray": Range(0, 1),
    "augment.blur": Range(0, 1),
}
