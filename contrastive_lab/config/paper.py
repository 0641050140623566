"""What of a run differs from the paper of its method."""

from typing import Any

from omegaconf import DictConfig

from contrastive_lab.config import options
from contrastive_lab.config.identity import LATER
from contrastive_lab.config.overrides import base
from contrastive_lab.config.values import flat, typed, with_arch

COMPARED = ("K", "alpha", *LATER, "loss.name", "tau", "batch_size", "epochs", "base_lr", "dataset.name",
            "backbone.name", "backbone.width")  # fmt: skip
COMPARED_GROUPS = ("method", "head", "optim", "augment", "batchnorm")
OMITTED = ("augment.size", "augment.mean", "augment.std", "optim.base_lr", "optim.batch_size")


def paper_differences(config: DictConfig, kind: str = "images") -> list[str]:
    """Settings that are not those of the method at `scale=paper`, as lines like `epochs 10 (paper: 200)`.

    Of texts, which are another kind, the views are not compared.
    """
    if config.method_info.id not in options("method"):  # of a yaml beside conf/, in a resumed run
        return []
    ours, papers = _settings(config), _settings(base((f"method={config.method_info.id}", "scale=paper")))
    return [
        f"{key} {_short(key, ours[key])} (paper: {_short(key, papers.get(key))})"
        for key in ours
        if ours[key] != papers.get(key) and not (key.startswith("augment.") and kind == "texts")
    ]


def _settings(config: DictConfig) -> dict[str, Any]:
    values = {"backbone.width": 1, **flat(config)}
    values["backbone.name"] = with_arch(values["backbone.name"], values.get("backbone.arch"))
    groups = [key for key in values if key.partition(".")[0] in COMPARED_GROUPS and key not in OMITTED]
    return {key: values[key] for key in (*COMPARED, *groups)}


def _short(key: str, value: Any) -> str:
    if value is None and key in ("K", "alpha"):
        return {"K": "all", "alpha": "K"}[key]
    return f"{value:g}" if isinstance(value, float) else typed(value)
