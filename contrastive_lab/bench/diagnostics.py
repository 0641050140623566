"""What the diagnostics of a step cost beside the step."""

import statistics

import torch
from torch import Tensor

from contrastive_lab.backbone import small_resnet
from contrastive_lab.bench.turns import alternate, ratio
from contrastive_lab.dataset import Batch
from contrastive_lab.diagnostics import diagnose
from contrastive_lab.encoder import Encoder, build_head
from contrastive_lab.method import SiMo
from contrastive_lab.pairs import Pairs
from contrastive_lab.randomness import StepRandom
from contrastive_lab.record.speed import Outcome, Row


def run(batch: int, K: int, rounds: int) -> Outcome:
    """Seconds of a training step of SiMo, a small ResNet on 28 pixels, with the diagnostics of a row and without."""
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

    without, logged = alternate({plain: 1, diagnosed: 1}, rounds)
    found = ratio(logged, without)
    extra = 100 * ((found["ratio"] or 1) - 1)
    found |= {"plain s": statistics.median(without), "logged s": statistics.median(logged)}
    notes = [f"logged every 10 steps {extra / 10:.2f} %, every 50 steps {extra / 50:.2f} % of the training"]
    return Outcome(rows=[Row(case=f"SiMo, N = {batch}, K = {K}", values=found)], told=["ratio"], notes=notes)
