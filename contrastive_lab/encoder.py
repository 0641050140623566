"""The encoder: images -> backbone features h -> unit vectors z."""

from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from contrastive_lab.losses import at_least_float32


class Encoder(nn.Module):
    """Backbone and head, with the widths of their results: `features` F and `dim` D.

    `backbone` takes images (n, 3, H, W) or ids of words (n, L) to features (n, F), with F as its attribute
    `num_features`; `head` these to (n, D), D the width of its last linear layer, F without one.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone.to(memory_format=torch.channels_last)  # 1.5 times as fast on a CPU
        self.head = head
        layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
        self.features = cast(int, backbone.num_features)
        self.dim = layers[-1].out_features if layers else self.features
        self._compiled: tuple[Callable[[Tensor], Tensor], ...] = ()  # no modules of this one: they share its weights

    def compile_training(self) -> None:
        """Let torch.compile make the training passes of backbone and head, one code for each shape of views."""
        self._compiled = tuple(torch.compile(part, dynamic=False) for part in (self.backbone, self.head))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """What the backbone takes -> features h (n, F), unit rows z (n, D) in float32 or better."""
        backbone, head = self._compiled if self._compiled and self.training else (self.backbone, self.head)
        h = backbone(images.contiguous(memory_format=torch.channels_last) if images.ndim == 4 else images)
        return h, unit(head(h))

    def forward_views(self, views: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Features h and unit vectors z of each view; views of one size that follow each other take one pass.

        The views of an image are consecutive rows of it. Batch normalisation then sees them all at once, as in the
        reference code of SimCLR and SwAV, and a group of rows holds the same images for any number of processes.
        """
        features, vectors = [], []
        for _, same in groupby(views, key=lambda view: view.shape):
            stacked = torch.stack(list(same), dim=1)
            h, z = self(stacked.flatten(0, 1))
            features += h.unflatten(0, stacked.shape[:2]).unbind(1)
            vectors += z.unflatten(0, stacked.shape[:2]).unbind(1)
        return features, vectors


def has_dropout(module: nn.Module) -> bool:
    """Whether a layer leaves something out at random: dropout, stochastic depth (torchvision), drop path (timm)."""
    names = ("p", "prob", "drop_prob", "drop_rate", "dropout")
    values = [getattr(layer, name, None) for layer in module.modules() for name in names]
    return any(isinstance(value, int | float) and value > 0 for value in values)


def unit(x: Tensor) -> Tensor:
    """Rows of length one, in float32 or better: (n, D) -> (n, D)."""
    return F.normalize(at_least_float32(x), dim=1)


def cosines(query: Tensor, key: Tensor) -> Tensor:
    """All cosines of unit rows (n, D) and (m, D): (n, m), in float32 or better also under autocast."""
    with torch.autocast(query.device.type, enabled=False):
        return query @ key.to(query.dtype).T


def build_head(
    kind: Literal["none", "linear", "mlp", "mlp_bn"],
    features: int,
    dim: int = 128,
    hidden: int | None = None,
    beta: bool = True,
    layers: int = 2,
    last_norm: bool = True,
) -> nn.Module:
    """The projection head of a method, (n, features) -> (n, dim): "none", "linear" (MoCo v1), "mlp" or "mlp_bn".

    "mlp" is MoCo v2's linear-ReLU-linear; "mlp_bn" is SimCLR's and SiMo's, without biases and with batch normalisation
    after each layer, the last with a bias if `beta` (SiMo yes, SimCLR no). SwAV leaves the last out (`last_norm`), and
    its layers have biases and PyTorch's own start (Caron et al. 2020, read in facebookresearch/swav). Both have 1 to 3
    linear `layers` (2 in the papers, 3 by default in google-research/simclr), the inner ones as wide as `hidden`, None
    for `features`. ValueError on another kind.
    """
    if kind == "none":
        return nn.Identity()
    if kind == "linear":
        return nn.Linear(features, dim)
    if kind not in ("mlp", "mlp_bn"):
        raise ValueError(f"head is none, linear, mlp or mlp_bn, not {kind!r}")
    widths = [features, *[hidden or features] * (layers - 1), dim]
    return _mlp(widths, norm=kind == "mlp_bn", beta=beta, last_norm=last_norm)


def _mlp(widths: Sequence[int], norm: bool, beta: bool, last_norm: bool) -> nn.Sequential:
    plain = not (norm and last_norm)
    linears = [nn.Linear(inputs, outputs, bias=plain) for inputs, outputs in pairwise(widths)]
    parts: list[nn.Module] = []
    for linear in linears:
        last = linear is linears[-1]
        parts.append(linear)
        if not plain:
            nn.init.normal_(linear.weight, std=0.01)
        if norm and (last_norm or not last):
            parts.append(nn.BatchNorm1d(linear.out_features))
            if last and not beta:
                parts[-1].register_parameter("bias", None)
        if not last:
            parts.append(nn.ReLU())
    return nn.Sequential(*parts)
