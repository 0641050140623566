"""Benchmarks, one function and one subcommand each: `python scripts/bench.py views`."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the package of this checkout

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


def views(args: argparse.Namespace) -> None:
    """Images per second of MoCo v2's recipe without blur: torchvision on PIL images, and whole batches."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (args.batch, 3, args.size, args.size), dtype=torch.uint8)
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    crop, color = Crop(scale=(0.2, 1.0)), Color(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
    recipe = Recipe(args.size, MEAN, STD, crop, flip=0.5, color=color, gray=0.2, blur=0.0)
    transform = torchvision_recipe(args.size)

    def one_by_one(_: int) -> Tensor:
        return torch.stack([transform(picture) for picture in pictures])

    def whole_batch(step: int) -> Tensor:
        return recipe(images, StepRandom(0, 0, step, args.batch, 0, args.batch), view=0)

    seconds = alternate({one_by_one: 1, whole_batch: 10}, args.repeats)
    speeds = [args.batch / statistics.median(times) for times in seconds]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), batch {args.batch}, {args.size} pixels")
    print(f"torchvision, image by image: {speeds[0]:9.0f} images/s")
    print(f"contrastive_lab, whole batch: {speeds[1]:8.0f} images/s")
    print(f"ratio: {speeds[1] / speeds[0]:.1f}")


def diagnostics(args: argparse.Namespace) -> None:
    """Cost of the diagnostics of one step beside a training step of SiMo with the small ResNet on 28 pixels."""
    encoder = Encoder(small_resnet(), build_head("mlp_bn", features=128))
    method = SiMo(encoder, K=args.K, alpha=65536)
    classes = torch.arange(args.batch) % 10

    def step(number: int) -> tuple[Pairs, Tensor]:
        inputs = [torch.randn(args.batch, 3, 28, 28) for _ in range(2)]
        random = StepRandom(0, 0, number, args.batch, 0, args.batch)
        pairs = method.pairs(Batch(inputs, torch.arange(args.batch), random, classes))
        return pairs, info_nce(pairs.pos, pairs.neg, 0.2, 65536, reduction="none")

    def plain(number: int) -> None:
        step(number)[1].mean().backward()

    def diagnosed(number: int) -> None:
        pairs, losses = step(number)
        diagnose(pairs, losses, 0.2, 65536, classes)
        losses.mean().backward()

    times = alternate({plain: 1, diagnosed: 1}, args.repeats)
    extra = statistics.median(b / a - 1 for a, b in zip(*times, strict=True))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} thread(s), batch {args.batch}, K {args.K}")
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


def main() -> None:
    """Run the benchmark that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=9)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("views", help=views.__doc__)
    command.add_argument("--batch", type=int, default=256)
    command.add_argument("--size", type=int, default=32)
    command.set_defaults(run=views)
    command = commands.add_parser("diagnostics", help=diagnostics.__doc__)
    command.add_argument("--batch", type=int, default=256)
    command.add_argument("--K", type=int, default=255)
    command.set_defaults(run=diagnostics)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.zeros(30 * 2**20, dtype=torch.uint8)  # once freed, glibc keeps memory for reuse, as after any training step
    args.run(args)


if __name__ == "__main__":
    main()
