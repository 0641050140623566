from collections.abc import Callable

import pytest
import torch
from omegaconf import DictConfig
from PIL import Image
from torch import nn
from torchvision.transforms.functional import to_tensor

from contrastive_lab.bench import peers
from contrastive_lab.bench.peers import Peer, run
from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError

NARROW = ["backbone.widths=[8,8]", "head.dim=4"]


def absent(*packages: str) -> Callable[..., str | None]:
    return lambda package, install: f"{package} is not installed" if package in packages else None


def test_each_library_that_is_there_takes_turns_with_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn of a library is two steps, each on both views of all images of a batch of 8."""
    seen: list[tuple[int, ...]] = []

    def other(encoder: Encoder, config: DictConfig) -> Peer:
        network = nn.Linear(1, 1)

        def loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            seen.append((*first.shape, *second.shape))
            return network(torch.ones(1)).sum()

        return Peer(lambda picture: (to_tensor(picture), to_tensor(picture)), network, loss)

    monkeypatch.setattr(peers, "missing", absent("stable_pretraining"))
    monkeypatch.setattr(peers, "PEERS", {"lightly": other})
    outcome = run(NARROW, batch=8, size=8, steps=2, workers=[0], device="cpu", rounds=2)
    (row,) = outcome.rows
    assert row.case == "lightly, 0 workers" and 0 < (row.values["least"] or 0) <= (row.values["most"] or 0)
    assert seen == [(8, 3, 8, 8, 8, 3, 8, 8)] * 2 * 3  # with the turn that is not counted
    assert outcome.notes == ["SimCLR, N = 8, 8 pixels", "stable_pretraining is not installed"]


def test_without_any_library_a_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "missing", absent("lightly", "stable_pretraining"))
    with pytest.raises(ConfigError) as error:
        run([], batch=8, size=8, steps=1, workers=[0], device="cpu", rounds=1)
    assert [*error.value.problems] == ["lightly is not installed", "stable_pretraining is not installed"]


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_library_that_is_installed_gives_two_views_and_a_loss(name: str, compose: Callable[..., DictConfig]) -> None:
    pytest.importorskip(peers.PACKAGES[name][0])
    config = compose("method=simclr", "dataset=cifar10", *NARROW)
    backbone = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten())
    backbone.num_features = 48  # type: ignore[assignment]
    peer = peers.PEERS[name](Encoder(backbone, nn.Linear(48, 4)), config)
    views = [peer.views(Image.new("RGB", (40, 30), (0, 9, color))) for color in range(4)]
    first, second = (torch.stack(view) for view in zip(*views, strict=True))
    assert first.shape == second.shape == (4, 3, 32, 32)
    assert peer.loss(first, second).isfinite() and [*peer.network.parameters()]
