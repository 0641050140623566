"""Random batches and a linear encoder for the tests of the methods."""

import torch
from torch import Tensor, nn

from contrastive_lab.dataset import Batch
from contrastive_lab.encoder import Encoder
from contrastive_lab.randomness import StepRandom
from tests.conftest import MY_LAB, OWN, ROOT

# Those of the project and of the example of code from outside; what is asked of one follows from its yaml.
YAMLS = {path.stem: path for folder in (ROOT, MY_LAB) for path in (folder / "conf" / "method").glob("*.yaml")}
METHODS = sorted(YAMLS)
CONTRASTIVE = [name for name in METHODS if "pool: none" not in YAMLS[name].read_text()]
OBJECTIVE = [
    name for name in CONTRASTIVE if "own_loss: true" not in YAMLS[name].read_text()
]  # take any loss, and alpha
# What is logged of InfoNCE and its relatives alone.
INFONCE = {"mi_estimate", "gradient_bound", "competition", "factor", "agreement", "dispersion"}
N, D = 8, 5


def asked(name: str) -> tuple[str, ...]:
    """The words that ask for a method, with the probe that all of them have."""
    return (*(OWN if YAMLS[name].is_relative_to(MY_LAB) else ()), f"method={name}", "evaluation=linear")


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
