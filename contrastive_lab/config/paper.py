"""What of a run differs from the paper of its method."""

from typing import Any

from omegaconf import DictConfig

from contrastive_lab.config import options
from contrastive_lab.config.check import WITHOUT_ALPHA
from contrastive_lab.config.identity import LATER, within
from contrastive_lab.config.overrides import base
from contrastive_lab.config.values import flat, typed, with_arch

COMPARED = ("K", "alpha", *LATER, "loss.name", "tau", "batch_size", "epochs", "base_lr", "dataset.name",
            "backbone.name", "backbone.width")  # fmt: skip
COMPARED_GROUPS = ("method", "head", "optim", "augment", "batchnorm")
OMITTED = ("augment.size", "augment.mean", "augment.std", "optim.base_lr", "optim.batch_size")

# What nothing uses where another setting has one of some values.
IDLE = (
    ("augment.small_views", (0,), ("augment.small_size", "augment.small_crop")),
    ("augment.blur", (0,), ("augment.blur_sigma",)),
    ("augment.color.p", (0,), ("augment.color",)),
    ("batchnorm.kind", ("sync", "plain"), ("batchnorm.groups",)),
    ("head.kind", ("none",), ("head",)),
    ("head.kind", ("linear",), ("head.hidden", "head.layers")),
    ("head.kind", ("linear", "mlp"), ("head.beta", "head.last_norm")),
    ("loss.name", WITHOUT_ALPHA, ("alpha",)),
    ("loss.name", ("spectral",), ("tau",)),
    ("method.queue", (0,), ("method.queue_from_epoch",)),
    ("optim.kind", ("lars", "adamw"), ("optim.nesterov",)),
    ("optim.schedule", ("cosine", "warmup_times_cosine"), ("optim.milestones",)),
)


def paper_differences(config: DictConfig, kind: str = "images") -> list[str]:
    """Settings that are not those of the method at `scale=paper`, as lines like `epochs 10 (paper: 200)`.

    Of texts, which are another kind, the views are not compared, and what nothing uses here is left out.
    """
    if config.method_info.id not in options("method"):  # of a yaml beside conf/, in a resumed run
        return []
    ours, papers = _settings(config), _settings(base((f"method={config.method_info.id}", "scale=paper")))
    return [
        f"{key} {_short(key, ours[key])} (paper: {_short(key, papers.get(key))})"
        for key in ours
        if ours[key] != papers.get(key)
        and not (key.startswith("augment.") and kind == "texts")
        and not _idle(key, ours)
    ]


def _idle(key: str, values: dict[str, Any]) -> bool:
    """Whether nothing uses a setting beside these values."""
    return any(values.get(other) in off and within(key, keys) and key != other for other, off, keys in IDLE)


def _settings(config: DictConfig) -> dict[str, Any]:
    values = {"backbone.width": 1, **flat(config)}
    values["backbone.name"] = with_arch(values["backbone.name"], values.get("backbone.arch"))
    groups = [key for key in values if key.partition(".")[0] in COMPARED_GROUPS and key not in OMITTED]
    return {key: values[key] for key in (*COMPARED, *groups)}


def _short(key: str, value: Any) -> str:
    if value is None and key in ("K", "alpha"):
        return {"K": "all", "alpha": "K"}[key]
    return f"{value:g}" if isinstance(value, float) else typed(value)
