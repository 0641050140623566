"""contrastive_lab: what notebooks and code of others take, each imported when it is asked for: torch takes seconds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:  # the same as below, for editors and type checkers
    from contrastive_lab.augment import Color, Crop, Recipe
    from contrastive_lab.backbone import imagenet_resnet, small_image_resnet, small_resnet, timm_model
    from contrastive_lab.blocks import by_rows
    from contrastive_lab.dataset import Arrays, Batch, Files, Splits, ViewsDataModule, embedded, image_folder, packed
    from contrastive_lab.dataset.adapt import from_datasets, from_texts
    from contrastive_lab.dataset.look import look_through
    from contrastive_lab.encoder import Encoder, build_head
    from contrastive_lab.errors import ConfigError
    from contrastive_lab.evaluation.protocols import knn, linear
    from contrastive_lab.losses import info_nce, mi_estimate
    from contrastive_lab.method import NPID, MoCo, SimCLR, SiMo, SupCon, Supervised, SwAV
    from contrastive_lab.method.base import ContrastiveModule
    from contrastive_lab.negatives import Bank, Queue, from_batch
    from contrastive_lab.objective import Objective
    from contrastive_lab.optim import Optim
    from contrastive_lab.pairs import Chosen, Pairs, Part, row_cosines
    from contrastive_lab.randomness import StepRandom
    from contrastive_lab.record import load_sweep
    from contrastive_lab.report import write_report
    from contrastive_lab.run.export import load_backbone

_FACE = {
    "augment": ("Color", "Crop", "Recipe"),
    "backbone": ("imagenet_resnet", "small_image_resnet", "small_resnet", "timm_model"),
    "blocks": ("by_rows",),
    "dataset": ("Arrays", "Batch", "Files", "Splits", "ViewsDataModule", "embedded", "image_folder", "packed"),
    "dataset.adapt": ("from_datasets", "from_texts"),
    "dataset.look": ("look_through",),
    "encoder": ("Encoder", "build_head"),
    "errors": ("ConfigError",),
    "evaluation.protocols": ("knn", "linear"),
    "losses": ("info_nce", "mi_estimate"),
    "method": ("NPID", "MoCo", "SiMo", "SimCLR", "SupCon", "Supervised", "SwAV"),
    "method.base": ("ContrastiveModule",),
    "negatives": ("Bank", "Queue", "from_batch"),
    "objective": ("Objective",),
    "optim": ("Optim",),
    "pairs": ("Chosen", "Pairs", "Part", "row_cosines"),
    "randomness": ("StepRandom",),
    "record": ("load_sweep",),
    "report": ("write_report",),
    "run.export": ("load_backbone",),
}
_HOME = {name: module for module, names in _FACE.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
