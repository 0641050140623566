"""Benchmarks, each a ratio of two ways of doing the same, measured side by side; see the command `bench`."""

import statistics
import time
from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torchvision import transforms as T

from contrastive_lab.augment import Color, Crop, Recipe
from contrastive_lab.backbone import small_resnet
from contrastive_lab.dataset import Batch
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.losses import info_nce
from contrastive_lab.method import SiMo
from contrastive_lab.pairs import Pairs
from contrastive_lab.randomness import StepRandom

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def ready(threads: int) -> None:
    """Set what a benchmark depends on: threads, and memory as after any training step."""
    torch.set_num_threads(threads)
    torch.zeros(30 * 2**20, dtype=torch.uint8)  # once freed, glibc keeps memory for reuse


def views(batch: int, size: int, repeats: int) -> None:
    """Print images per second of MoCo v2's recipe without blur: torchvision on PIL images, and whole batches."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (batch, 3, size, size), dtype=torch.uint8)
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    crop, color = Crop(scale=(0.2, 1.0)), Color(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    recipe = Recipe(size, MEAN, STD, crop, flip=0.5, color=color, gray=0.2, blur=0.0)
    transform = torchvision_recipe(size)

    def one_by_one(_: int) -> Tensor:
        return torch.stack([transform(picture) for picture in pictures])

    def whole_batch(step: int) -> Tensor:
        return recipe(images, StepRandom(0, 0, step, batch, 0, batch), view=0)

    seconds = alternate({one_by_one: 1, whole_batch: 10}, repeats)
    speeds = [batch / statistics.median(times) for times in seconds]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), batch {batch}, {size} pixels")
    print(f"torchvision, image by image: {speeds[0]:9.0f} images/s")
    print(f"contrastive_lab, whole batch: {speeds[1]:8.0f} images/s")
    print(f"ratio: {speeds[1] / speeds[0]:.1f}")


def diagnostics(batch: int, K: int, repeats: int) -> None:
    """Print what the diagnostics of a step cost beside a training step of SiMo, a small ResNet on 28 pixels."""
    encoder = Encoder(small_resnet(), build_head("mlp_bn", features=128))
    method = SiMo(encoder, K=K, alpha=65536)
    classes = torch.arange(batch) % 10

    def step(number: int) -> tuple[Pairs, Tensor]:
        inputs = [torch.randn(batch, 3, 28, 28) for _ in range(2)]
        random = StepRandom(0, 0, number, batch, 0, batch)
        pairs = method.pairs(Batch(inputs, torch.arange(batch), random, classes))
        return pairs, info_nce(pairs.pos, pairs.neg, 0.2, 65536, reduction="none")

    def plain(number: int) -> None:
        step(number)[1].mean().backward()

    def diagnosed(number: int) -> None:
        pairs, losses = step(number)
        diagnose(pairs, losses, 0.2, 65536, classes)
        losses.mean().backward()

    times = alternate({plain: 1, diagnosed: 1}, repeats)
    extra = statistics.median(b / a - 1 for a, b in zip(*times, strict=True))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), batch {batch}, K {K}")
    print(f"diagnostics: {100 * extra:.1f} % of a step that logs, {statistics.median(times[0]):.3f} s without them")
    print(f"logged every 10 steps {10 * extra:.2f} %, every 50 steps {2 * extra:.2f} % of the training")


def torchvision_recipe(size: int) -> T.Compose:
    """MoCo v2's transform without blur, as facebookresearch/moco writes it."""
    steps = [
        T.RandomResizedCrop(size, scale=(0.2, 1.0)),
        T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
        T.RandomGrayscale(p=0.2),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        T.Normalize(MEAN, STD),
    ]
    return T.Compose(steps)


def alternate(functions: dict[Callable[[int], object], int], repeats: int) -> list[list[float]]:
    """Seconds of one call of each function, the mean over its number of calls in a turn.

    The functions take turns, so that a slow spell of the machine meets all of them; the first turn is not counted.
    """
    seconds: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for times, (function, calls) in zip(seconds, functions.items(), strict=True):
            start = time.perf_counter()
            for call in range(calls):
                function(turn * calls + call)
            times.append((time.perf_counter() - start) / calls)
    return [times[1:] for times in seconds]
