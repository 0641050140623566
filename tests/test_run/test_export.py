"""An exported backbone against the encoder that it came from."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import load_file
from torch import Tensor, nn

from contrastive_lab.encoder import Encoder
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.result import Result
from contrastive_lab.run.build import build_encoder
from contrastive_lab.run.export import export_run, load_backbone
from tests.conftest import TINY, command, only_run

IMAGES = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
BACKBONES = [
    ("backbone=resnet18_3x3", "torchvision.models.resnet18"),
    ("backbone=resnet50 backbone.arch=resnet18", "torchvision.models.resnet18"),
    ("backbone=timm backbone.arch=resnet10t", "timm.create_model"),
    ("backbone=small_resnet backbone.widths=[8,16]", "contrastive_lab.backbone.small_resnet"),
    pytest.param(
        "backbone=resnet18_3x3 backbone.width=2", "contrastive_lab.backbone.small_image_resnet", marks=pytest.mark.long
    ),
]


def stored(folder: Path, config: DictConfig) -> Encoder:
    """The folder of a run as training leaves it, of an encoder that has seen one batch; returns the encoder."""
    encoder = build_encoder(config)
    encoder.train()(IMAGES)  # running statistics that are not those of the start
    (folder / ".hydra").mkdir(parents=True)
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    told = {"status": "done", "method": "simo", "K": 255, "linear_top1": 50.0, "git": "abc", "classes": ["cat", "dog"]}
    Result.of(told).write(folder)
    (folder / "checkpoints").mkdir()
    state = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    others = {"key_encoder.backbone.conv1.weight": torch.zeros(1), "epoch_loss": torch.zeros(2)}
    torch.save({"state_dict": {**state, **others}, "global_step": 7}, folder / "checkpoints" / "last.ckpt")
    return encoder.eval()


@torch.no_grad()
def features(net: nn.Module) -> Tensor:
    """Of a net in the memory format that the encoder works in, so that sums are taken in the same order."""
    return net.to(memory_format=torch.channels_last)(IMAGES.contiguous(memory_format=torch.channels_last))


@pytest.mark.parametrize(("overrides", "constructor"), BACKBONES)
def test_features_are_the_encoders(
    overrides: str,
    constructor: str,
    tmp_path: Path,
    compose: Callable[..., DictConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = compose(*overrides.split())
    encoder, out = stored(tmp_path / "run", config), tmp_path / "out"
    export_run(tmp_path / "run", config, out)
    with torch.no_grad():
        h, _ = encoder(IMAGES)
    net = load_backbone(out)
    assert torch.equal(features(net), h)
    assert not net.training
    card = json.loads((out / "backbone.json").read_text())
    assert card["constructor"] == constructor
    assert set(card["keys"]) == set(load_file(out / "backbone.safetensors")) == set(encoder.backbone.state_dict())
    monkeypatch.chdir(out)
    by_hand: dict[str, nn.Module] = {}
    exec("\n".join(card["code"]), by_hand)  # what the card tells those who do not have this project
    assert torch.equal(features(by_hand["net"].eval()), h)


def test_the_card_says_what_the_run_was(tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    config = compose("dataset=cifar10", "K=16", "alpha=65536", "backbone.widths=[8]")
    stored(tmp_path, config)
    export_run(tmp_path, config, tmp_path / "export")
    card = json.loads((tmp_path / "export" / "backbone.json").read_text())
    # mean and standard deviation of CIFAR-10's training images
    assert card["images"] == {
        "channels": "RGB", "resize": 32, "interpolation": "bilinear",
        "range": [0, 1], "size": 32, "mean": [0.4914, 0.4822, 0.4465], "std": [0.2470, 0.2435, 0.2616]
    }  # fmt: skip
    assert (card["config"]["K"], card["config"]["alpha"], card["config"]["dataset.name"]) == (16, 65536, "cifar10")
    assert (card["step"], card["classes"]) == (7, ["cat", "dog"])
    assert card["result"] == json.loads((tmp_path / "result.json").read_text())
    assert (card["result"]["K"], card["result"]["linear_top1"]) == (255, 50.0)


def test_batch_normalisation_in_groups_has_the_keys_of_plain_one(
    tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    config = compose("backbone=resnet18_3x3", "batchnorm=split", "batchnorm.groups=2")
    encoder = stored(tmp_path, config)
    export_run(tmp_path, config, tmp_path / "export")
    with torch.no_grad():
        torch.testing.assert_close(features(load_backbone(tmp_path / "export")), encoder(IMAGES)[0], rtol=0, atol=1e-6)


@pytest.mark.parametrize("onnx", [False, pytest.param(True, marks=pytest.mark.long)])
def test_files_are_as_readable_as_others(onnx: bool, tmp_path: Path, compose: Callable[..., DictConfig]) -> None:
    if onnx:
        pytest.importorskip("onnx")
    config = compose("backbone.widths=[8]")
    stored(tmp_path, config)
    (tmp_path / "other").touch()
    export_run(tmp_path, config, tmp_path / "export", onnx)
    modes = {path.name: path.stat().st_mode for path in (tmp_path / "export").iterdir()}
    assert modes.keys() >= {"backbone.safetensors", "backbone.json", "README.md"}
    assert {*modes.values()} == {(tmp_path / "other").stat().st_mode}


@pytest.mark.long
@pytest.mark.parametrize("overrides", ["backbone=resnet18_3x3", "backbone.widths=[8,16]"])
def test_the_graph_gives_the_features_of_torch(
    overrides: str, tmp_path: Path, compose: Callable[..., DictConfig]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    config = compose("dataset.size=16", overrides)
    encoder = stored(tmp_path, config)
    export_run(tmp_path, config, tmp_path / "export", onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / "export" / "backbone.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(["features"], {"images": IMAGES.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), encoder(IMAGES)[0], rtol=1e-4, atol=1e-5)


def test_a_graph_needs_onnx(
    tmp_path: Path, compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.run.export.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^onnx=true: not installed; pip install"):
        export_run(tmp_path, compose(), tmp_path / "export", onnx=True)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize(
    ("constructor", "arguments", "replaced"),
    [
        ("os.system", {"command": "touch pwned"}, {}),
        ("torchvision.models.get_model", {"name": "resnet18"}, {}),
        ("torchvision.models.resnet18", {"weights": "DEFAULT"}, {}),
        ("torchvision.models.resnet18", {}, {"fc": ["Module", {}]}),
        ("timm.create_model", {"model_name": "resnet18", "checkpoint_path": "x.pt"}, {}),
        ("timm.create_model", {"model_name": "hf-hub:somebody/model"}, {}),
        ("timm.models.load_checkpoint", {}, {}),
        ("contrastive_lab.backbone.import_module", {"name": "os"}, {}),
    ],
)
def test_a_card_can_call_nothing_but_untrained_models(
    constructor: str, arguments: dict[str, str], replaced: dict[str, list[object]], tmp_path: Path
) -> None:
    card = {"constructor": constructor, "arguments": arguments, "replaced": replaced}
    (tmp_path / "backbone.json").write_text(json.dumps(card))
    with pytest.raises(ValueError, match=f"{constructor}: not an untrained model of torchvision, timm or"):
        load_backbone(tmp_path)


@pytest.mark.long
def test_the_script_exports_a_run_once(tmp_path: Path, trained: Callable[..., str]) -> None:
    trained(*TINY)
    folder = only_run(tmp_path)
    done = command("scripts/export.py", f"run={folder}", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "backbone.safetensors" in done.stdout
    state = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in load_backbone(folder / "export").state_dict().items():
        assert torch.equal(value, state[f"encoder.backbone.{name}"]), name
    config = OmegaConf.load(folder / ".hydra" / "config.yaml")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=r"export: backbone.safetensors is there already"):
        export_run(folder, config, folder / "export")
    with pytest.raises(ConfigError, match=r"^out=.*result.json/x: Not a directory"):
        export_run(folder, config, folder / "result.json" / "x")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "run=<folder of a run>: needed"),
        (["run=nowhere"], "run=nowhere: not the folder of a run"),
        (["run=nowhere", "K=3"], "K=3: takes run=<folder of a run>, out=<folder> and onnx=true"),
    ],
)
def test_bad_lines_are_errors(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = command("scripts/export.py", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert done.stderr.count("\n") == 1
