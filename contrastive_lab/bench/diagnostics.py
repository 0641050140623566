"""What the diagnostics of a step cost beside the step."""

import statistics

import torch
from torch import Tensor

from contrastive_lab.backbone import small_resnet
from contrastive_lab.bench.turns import alternate, machine
from contrastive_lab.dataset import Batch
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.method import SiMo
from contrastive_lab.pairs import Pairs
from contrastive_lab.randomness import StepRandom


def run(batch: int, K: int, repeats: int) -> None:
    """Print what the diagnostics of a step cost beside a training step of SiMo, a small ResNet on 28 pixels."""
    encoder = Encoder(small_resnet(), build_head("mlp_bn", features=128))
    method = SiMo(encoder, K=K, alpha=65536, tau=0.2)
    classes = torch.arange(batch) % 10

    def step(number: int) -> tuple[Pairs, Tensor]:
        inputs = [torch.randn(batch, 3, 28, 28) for _ in range(2)]
        random = StepRandom(0, 0, number, batch, 0, batch)
        pairs = method.pairs(Batch(inputs, torch.arange(batch), random, classes))
        return pairs, method.losses(pairs)

    def plain(number: int) -> None:
        step(number)[1].mean().backward()

    def diagnosed(number: int) -> None:
        pairs, losses = step(number)
        diagnose(pairs, losses, 0.2, 65536, classes)
        losses.mean().backward()

    times = alternate({plain: 1, diagnosed: 1}, repeats)
    extra = statistics.median(b / a - 1 for a, b in zip(*times, strict=True))
    print(f"{machine()}, batch {batch}, K {K}")
    print(f"diagnostics: {100 * extra:.1f} % of a step that logs, {statistics.median(times[0]):.3f} s without them")
    print(f"logged every 10 steps {10 * extra:.2f} %, every 50 steps {2 * extra:.2f} % of the training")
