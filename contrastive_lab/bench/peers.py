"""A step of SimCLR end to end, beside other libraries' SimCLR of the same backbone, on the same images."""

import copy
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from contrastive_lab.bench.beside import Beside
from contrastive_lab.bench.step import config_of, fit_beside, write_images
from contrastive_lab.bench.turns import missing, ratio
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.speed import Outcome, Row
from contrastive_lab.run.build import build_data, build_method

Views = tuple[Tensor, Tensor]


class Peer(NamedTuple):
    """A library's part: the two views of a picture, and the loss of a batch of them, from what `network` holds."""

    views: Callable[[Image.Image], Views]
    network: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]


def run(
    settings: Sequence[str], batch: int, size: int, steps: int, workers: Sequence[int], device: str, rounds: int
) -> Outcome:
    """How many times as long as a step of `train method=simclr` theirs takes, from bytes in memory to the new weights.

    Theirs is each library's documented loop in plain PyTorch: views of PIL images in a DataLoader, with so many workers
    each as a case, two passes, its loss, and SGD. A turn of theirs is an epoch of its loader, so that nothing of it is
    left to compute in the turns of others.

    Raises:
        ConfigError: in a line that says what to install, where none of them is.
    """
    absent = {name: told for name, (package, extra) in PACKAGES.items() if (told := missing(package, extra))}
    if len(absent) == len(PACKAGES):
        raise ConfigError(*absent.values())
    with TemporaryDirectory() as folder:
        config = config_of(["method=simclr", *settings], folder, batch, size, device)
        write_images(folder, batch * steps * (rounds + 1), size)
        method = build_method(config, data := build_data(config), start=True)
        images = np.load(Path(folder) / "train_images.npy")[: batch * steps]
        cases = {
            f"{name}, {count} worker{'s' * (count != 1)}": turn(
                make(method.encoder, config), images, config, count, device
            )
            for name, make in PEERS.items()
            if name not in absent
            for count in workers
        }
        beside = Beside([*cases.values()], steps)
        fit_beside(config, method, data, Path(folder), beside)
    ours, *theirs = ([seconds / steps for seconds in times] for times in beside.seconds)
    rows = []
    for case, times in zip(cases, theirs, strict=True):
        found: dict[str, float | None] = {"s": statistics.median(times), "ours s": statistics.median(ours)}
        rows.append(Row(case=case, values=found | ratio(times, ours)))
    return Outcome(rows=rows, told=["ratio"], notes=[f"SimCLR, N = {batch}, {size} pixels", *absent.values()])


class Pictures(Dataset[Views]):
    """Images (n, H, W, 3) as PIL images, each in its two views."""

    def __init__(self, images: NDArray[np.uint8], views: Callable[[Image.Image], Views]) -> None:
        self.images, self.views = images, views

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Views:
        return self.views(Image.fromarray(self.images[index]))


def turn(peer: Peer, images: NDArray[np.uint8], config: DictConfig, workers: int, device: str) -> Callable[[], None]:
    """An epoch of a library's SimCLR on some images."""
    network = peer.network.to(device)
    optimizer = torch.optim.SGD(
        network.parameters(), config.base_lr, momentum=0.9, weight_decay=config.optim.weight_decay
    )
    pictures = Pictures(images, peer.views)
    loader = DataLoader(pictures, config.batch_size, shuffle=True, drop_last=True, num_workers=workers)

    def epoch() -> None:
        for first, second in loader:
            optimizer.zero_grad()
            peer.loss(first.to(device), second.to(device)).backward()
            optimizer.step()

    return epoch


def lightly(encoder: Encoder, config: DictConfig) -> Peer:
    """Lightly's SimCLR, after its documentation, with the views of SimCLR's appendix A without blur."""
    normalize = {"mean": [*config.dataset.mean], "std": [*config.dataset.std]}
    transform = import_module("lightly.transforms").SimCLRTransform
    views = transform(input_size=config.dataset.size, gaussian_blur=0.0, normalize=normalize)
    projection, width = import_module("lightly.models.modules").SimCLRProjectionHead, encoder.features
    network = nn.Sequential(copy.deepcopy(encoder.backbone), projection(width, width, encoder.dim))
    loss = import_module("lightly.loss").NTXentLoss(temperature=config.tau)
    return Peer(views, network, lambda first, second: cast(Tensor, loss(network(first), network(second))))


def stable_pretraining(encoder: Encoder, config: DictConfig) -> Peer:
    """Stable-pretraining's SimCLR, with the same views by its own transforms."""
    T: Any = import_module("stable_pretraining.data.transforms")
    size, width = config.dataset.size, encoder.features
    one = T.Compose(
        T.RGB(),
        T.RandomResizedCrop((size, size), scale=(0.08, 1.0)),
        T.ColorJitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomHorizontalFlip(p=0.5),
        T.ToImage(mean=[*config.dataset.mean], std=[*config.dataset.std]),
    )
    make = import_module("stable_pretraining.methods").SimCLR
    network = make(copy.deepcopy(encoder.backbone), projector_dims=(width, encoder.dim), temperature=config.tau)
    views = partial(_both, T.MultiViewTransform([one, one]))
    return Peer(views, network, lambda first, second: cast(Tensor, network(first, second).loss))


def _both(transform: Callable[[dict[str, Any]], dict[str, Any]], picture: Image.Image) -> Views:
    first, second = transform({"image": picture})["views"]
    return first["image"], second["image"]


PEERS = {"lightly": lightly, "stable-pretraining": stable_pretraining}
# What is imported, and what installs it: stable-pretraining asks for too much to be in the extra.
PACKAGES = {
    "lightly": ("lightly", "contrastive-lab[bench]"),
    "stable-pretraining": ("stable_pretraining", "stable-pretraining"),
}
