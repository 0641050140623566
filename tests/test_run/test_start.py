"""Where a backbone's weights come from when a run starts."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from omegaconf import DictConfig
from safetensors.torch import save_file
from torch import nn

from contrastive_lab.config.identity import config_hash
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.build import build_encoder
from contrastive_lab.run.console import starts_from
from contrastive_lab.run.start import start_from
from tests.conftest import TINY, Line

Compose = Callable[..., DictConfig]
SMALL = "backbone.widths=[8,16]"


def same(net: nn.Module, state: dict[str, Any]) -> bool:
    """Whether a net has these tensors."""
    own = net.state_dict()
    return own.keys() == state.keys() and all(torch.equal(value, state[key]) for key, value in own.items())


@pytest.fixture
def weights(compose: Compose) -> dict[str, Any]:
    """Those of a small backbone of another seed."""
    return build_encoder(compose(SMALL, "seed=1")).backbone.state_dict()


@pytest.mark.parametrize("kind", ["run", "export", "safetensors", "pth", "Lightning's"])
def test_a_backbone_starts_from_what_is_named(
    kind: str, weights: dict[str, Any], tmp_path: Path, compose: Compose
) -> None:
    path = {"safetensors": tmp_path / "x.safetensors", "pth": tmp_path / "x.pth", "Lightning's": tmp_path / "x.ckpt"}
    of_run = {f"encoder.backbone.{key}": value for key, value in weights.items()} | {"encoder.head.x": torch.zeros(1)}
    with_classifier = {key: value.contiguous() for key, value in weights.items()} | {"fc.weight": torch.zeros(3, 16)}
    if kind == "run":
        (tmp_path / "checkpoints").mkdir()
        torch.save({"state_dict": of_run}, tmp_path / "checkpoints" / "last.ckpt")
    elif kind == "Lightning's":
        torch.save({"state_dict": of_run, "epoch": 3}, path[kind])
    elif kind == "pth":
        torch.save(with_classifier, path[kind])
    else:
        save_file(with_classifier, path.get(kind, tmp_path / "backbone.safetensors"))
    config = compose(SMALL, f"weights={path.get(kind, tmp_path)}")
    fresh, stored = build_encoder(config, start=True), build_encoder(config)
    assert same(fresh.backbone, weights) and not same(stored.backbone, weights)
    assert same(fresh.head, stored.head.state_dict())  # of the seed, as without weights
    assert starts_from(config) == str(path.get(kind, tmp_path))
    assert config_hash(config) != config_hash(compose(SMALL))


def test_weights_of_another_backbone_are_one_line(weights: dict[str, Any], tmp_path: Path) -> None:
    path, net = tmp_path / "x.pth", nn.Linear(3, 2)
    for state, told in (
        ({"weight": torch.zeros(2, 3)}, "has no bias; take the backbone that they are of, not net"),
        ({**net.state_dict(), "more": torch.zeros(1)}, "has more too; take"),
        ({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, r"weight has the shape \(2, 4\), not \(2, 3\); take"),
    ):
        torch.save(state, path)
        with pytest.raises(ConfigError, match=told) as caught:
            start_from(net, str(path), "net")
        assert str(caught.value).startswith(f"weights={path}: ")


class Evil:
    """What runs when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize("content", [pickle.dumps(Evil()), b"", b"no weights"])
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_a_file_without_tensors_is_one_line_and_runs_no_code(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    with pytest.raises(ConfigError, match=f"weights={name}: cannot be read as tensors") as caught:
        start_from(nn.Linear(3, 2), name, "net")
    assert "\n" not in str(caught.value) and not Path("ran").exists()


def test_a_line_is_answered_before_anything_is_made(tmp_path: Path, line: Callable[..., Line]) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "x.pth")
    (tmp_path / "empty").mkdir()
    for told, answer in (
        ("nowhere", "no such file or folder"),
        ("empty", "neither the folder of a run with a checkpoint nor that of an export"),
        ("x.pth", "has no stem.0.weight; take the backbone that they are of, not small_resnet"),
    ):
        for more in ([], ["-m", "seed=0,1"]):
            done = line(*more, *TINY, f"weights={told}")
            assert (done.code, done.err) == (2, f"error: weights={told}: {answer}\n")
    assert not (tmp_path / "outputs").exists()


def test_torchvision_s_weights_come_from_its_cache(
    tmp_path: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    url = torchvision.models.ResNet18_Weights.DEFAULT.url
    cache = tmp_path / "hub" / "checkpoints" / url.rpartition("/")[2]
    cache.parent.mkdir(parents=True)
    state = torchvision.models.resnet18().state_dict()
    torch.save(state, cache)
    config = compose("backbone=resnet50", "backbone.arch=resnet18", "backbone.pretrained=true")
    expected = {key: value for key, value in state.items() if not key.startswith("fc.")}
    assert same(build_encoder(config, start=True).backbone, expected)
    assert (starts_from(config), config_hash(config) == config_hash(compose("backbone=resnet50"))) == (
        "pretrained",
        False,
    )
    cache.unlink()
    build_encoder(config)  # a stored run has its own

    def offline(*_: Any, **__: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setattr("torch.hub.urlopen", offline)
    with pytest.raises(ConfigError, match=r"^backbone.pretrained=true: no weights of resnet18 .*weights=<file> takes"):
        build_encoder(config, start=True)


def test_timm_is_asked_for_its_weights_at_the_start_alone(compose: Compose, monkeypatch: pytest.MonkeyPatch) -> None:
    timm = pytest.importorskip("timm")
    asked, make = [], timm.create_model

    def create(arch: str, pretrained: bool, **options: Any) -> nn.Module:
        asked.append(pretrained)
        net = make(arch, pretrained=False, **options)
        return nn.init.constant_(net.layer1[0].bn2.weight, 0.7) is not None and net

    monkeypatch.setattr("timm.create_model", create)
    config = compose(
        "backbone=timm", "backbone.arch=resnet18", "backbone.pretrained=true", "backbone.zero_init_residual=true"
    )
    net = build_encoder(config, start=True).backbone
    assert net.layer1[0].bn2.weight.unique().tolist() == pytest.approx([0.7])  # not set to zero
    build_encoder(config)
    assert asked == [True, False]


def test_a_width_without_weights_is_one_line(compose: Compose) -> None:
    config = compose("backbone=resnet50_2x", "backbone.arch=resnet18", "backbone.pretrained=true")
    with pytest.raises(ConfigError, match=r"there are none of backbone.width=2"):
        build_encoder(config, start=True)
