"""How the parts of a step grow with N, K, image size and processes, and what that means for ImageNet on 8 devices."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.nn import functional as F

from contrastive_lab import pairs
from contrastive_lab.backbone import imagenet_resnet, small_resnet
from contrastive_lab.bench.loss import loss_step
from contrastive_lab.bench.process import OURS, ended
from contrastive_lab.bench.step import ACCELERATORS, check_device, write_images
from contrastive_lab.bench.turns import alternate, power
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.objective import Objective
from contrastive_lab.record.result import read_result
from contrastive_lab.record.speed import Outcome, Row

IMAGES, EPOCHS, DEVICES = 1_281_167, 200, 8  # of ImageNet's training set; of MoCo v2's schedule; of its machine
N, K, D = 256, 65536, 128  # of MoCo v2
Step = Callable[[int], object]


def run(
    batches: Sequence[int], K: Sequence[int], sizes: Sequence[int], photos: int, photo_size: int,
    processes: Sequence[int], device: str, rounds: int,
) -> Outcome:  # fmt: skip
    """Seconds of each part by its size, the exponents of their growth, and hours of ImageNet by arithmetic.

    The passes, forward and backward, are those of a small ResNet with `batches` images of 32 pixels, or 64 images of
    each of `sizes`; the loss is SimCLR's of `batches` images, or MoCo's of 256 queries with each of `K` keys.
    """
    check_device(device)
    outcome = Outcome(rows=[], told=["s", "exponent", "images/s", "hours"], notes=[])
    small = Encoder(small_resnet(), build_head("mlp_bn", features=128)).to(device)
    grown: dict[str, dict[int, Step]] = {
        "pass, N": {n: passes(small, n, 32) for n in batches},
        "pass of 64, pixels": {size: passes(small, min(64, *batches), size) for size in sizes},
        "SimCLR's loss, N": {n: loss_step(n, D, pairs.BLOCK, device=device) for n in batches},
        "MoCo's loss of 256, K": {k: queue_loss(N, k, device) for k in K},
    }
    for name, steps in grown.items():
        outcome.rows += growth(name, steps, rounds)
    outcome.rows += [_training(count, min(batches), device) for count in processes]
    outcome.rows += imagenet(photos, photo_size, device, rounds)
    outcome.notes += [
        f"ImageNet: {EPOCHS} epochs of {IMAGES:,} images by MoCo v2, ResNet-50, on {DEVICES} devices such as this one,",
        f"by arithmetic from a pass of {photos} images of {photo_size} pixels and a loss; nothing else is counted",
    ]
    return outcome


def growth(name: str, steps: Mapping[int, Step], rounds: int) -> list[Row]:
    """A row for each size with its seconds, and one with the exponent of the growth over all of them."""
    times = [statistics.median(own) for own in alternate(dict.fromkeys(steps.values(), 1), rounds)]
    rows = [Row(case=f"{name} = {size:,}", values={"s": own}) for size, own in zip(steps, times, strict=True)]
    return [*rows, Row(case=f"{name}: growth", values={"exponent": power([*steps], times)})]


def passes(encoder: Encoder, count: int, size: int, backward: bool = True) -> Step:
    """Forward and backward of so many random images, or forward alone without gradient."""
    device = next(encoder.parameters()).device
    images = torch.randn(count, 3, size, size, device=device)
    gradient = torch.randn(count, encoder.dim, device=device)

    def step(_: int) -> None:
        with torch.set_grad_enabled(backward):
            vectors = encoder(images)[1]
        if backward:
            vectors.backward(gradient)

    return step


def queue_loss(queries: int, keys: int, device: str) -> Step:
    """MoCo's loss and its gradient at the queries, with all keys of a queue as negatives."""
    source = torch.Generator().manual_seed(0)
    query, positive, queue = (
        F.normalize(torch.randn(count, D, generator=source), dim=1).to(device) for count in (queries, queries, keys)
    )
    ids, old = torch.arange(queries, device=device), torch.full((keys,), -1, device=device)
    leaf = query.requires_grad_()

    def step(_: int) -> None:
        part = pairs.Part(leaf, pairs.row_cosines(leaf, positive), ids, queue, old, None, leaf)
        Objective().losses(pairs.Pairs([part]), 0.2, None).mean().backward()

    return step


def _training(processes: int, batch: int, device: str) -> Row:
    """Images per second of a short training in so many processes, as its result.json has it."""
    strategy = "single" if processes == 1 else "ddp" if device == "cuda" else "ddp_cpu"
    with TemporaryDirectory() as folder:
        write_images(folder, 20 * batch, 32)
        line = ["method=simclr", "dataset=arrays", f"dataset.root={folder}", f"batch_size={batch}", "epochs=2"]
        line += [f"strategy={strategy}", f"strategy.devices={processes}", f"hydra.run.dir={folder}/run"]
        line += [f"strategy.accelerator={ACCELERATORS[device]}"]
        ended([*OURS, "train", *line], Path(folder))
        speed = read_result(Path(folder, "run")).images_per_second
    return Row(case=f"training, N = {batch}, processes = {processes}", values={"images/s": speed})


def imagenet(photos: int, size: int, device: str, rounds: int) -> list[Row]:
    """Hours of ImageNet by what each image costs here: the query's pass, the key's, and a loss of 256 queries."""
    encoder = Encoder(imagenet_resnet("resnet50"), build_head("mlp", features=2048)).to(device)
    steps = [passes(encoder, photos, size), passes(encoder, photos, size, backward=False)]
    times = alternate(dict.fromkeys([*steps, queue_loss(N, K, device)], 1), rounds)
    query, key, loss = (statistics.median(own) for own in times)
    each = {"queries": query / photos, "keys": key / photos, "loss": loss / N}  # seconds an image
    hours = {name: IMAGES * EPOCHS * seconds / DEVICES / 3600 for name, seconds in each.items()}
    return [Row(case=f"ImageNet, {name}", values={"hours": own}) for name, own in hours.items()]
