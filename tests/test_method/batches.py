"""Random batches and a linear encoder for the tests of the methods."""

import torch
from torch import Tensor, nn

from contrastive_lab.dataset import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.randomness import StepRandom
from tests.conftest import ROOT

FOLDER = ROOT / "conf" / "method"
METHODS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
CONTRASTIVE = [name for name in METHODS if "pool: none" not in (FOLDER / f"{name}.yaml").read_text()]
N, D = 8, 5


class LinearBackbone(nn.Module):
    """A backbone without batch normalisation: a linear map of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.num_features = D
        self.map = nn.Linear(12, D)

    def forward(self, images: Tensor) -> Tensor:
        return self.map(images.flatten(1))


def linear_encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder(LinearBackbone(), nn.Identity()).double()


def random_batch(step: int = 0) -> Batch:
    source = torch.Generator().manual_seed(step)
    views = [torch.randn(N, 3, 2, 2, generator=source, dtype=torch.float64) for _ in range(2)]
    ids = torch.arange(step * N, (step + 1) * N)
    return Batch(views, ids, StepRandom(0, 0, step, N, 0, N), None)


def one_view_batch(step: int = 0) -> Batch:
    return random_batch(step)._replace(views=random_batch(step).views[:1])


def labelled_batch(classes: torch.Tensor) -> Batch:
    return random_batch()._replace(classes=classes)
