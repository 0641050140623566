"""Lines of `detect` that cannot run, and what the scales are."""

from pathlib import Path

import pytest

from contrastive_lab.config.detect_check import composed_detect, resolve_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.optim import Optim


def problems(*line: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        composed_detect([*line])
    return [*error.value.problems]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["start=run"], "start=run: needs run=<folder of a run>; start=random is from scratch"),
        (["start=random", "weights=."], "weights=.: is of start=run, not of start=random"),
        (["start=supervised"], "start=supervised: no library has weights of backbone=small_resnet"),
        (["start=supervised", "backbone=resnet18"], "backbone.pretrained=false: start=supervised takes a library's"),
        (
            ["backbone=resnet18", "backbone.pretrained=true"],
            "backbone.pretrained=true: start=supervised takes a library's",
        ),
        (["backbone=timm"], "backbone=timm: has no stages of feature maps; a ResNet of torchvision"),
        (["dataset=ag_news"], "dataset=ag_news: data=canvases pastes images of arrays"),
        (["data.sides=[16,97]"], "data.sides=[16,97]: no tile is longer than data.size=96"),
        (["data.patch=97"], "data.patch=97: more than data.size=96"),
        (["data.images=7"], "batch_size=8: more than data.images=7"),
        (["data=coco"], "data.root=<folder with COCO's annotations/, train2017/ and val2017/>: needed"),
        (["data=cocoo"], "data=cocoo: no such option; did you mean coco? choose one of canvases, coco"),
        (["data.imagse=3"], "data.imagse: no such key; did you mean data.images?"),
        (["K=4"], "K: no such key"),
        (["method=simo"], "method: no such group; choose one of backbone, batchnorm, data"),
        (["strategy.devices=2"], "strategy=single: one process, not 2"),
        (["strategy.compile=true"], "strategy.compile=true: detect does not compile; leave it out"),
        (["detector.rois=0"], "detector.rois=0: must be 1 or more"),
        (["optim.warmup_epochs=13"], "optim.warmup_epochs=13: longer than epochs=12"),
    ],
)
def test_what_cannot_run_is_one_clear_line(line: list[str], told: str) -> None:
    assert any(problem.startswith(told) for problem in problems(*line)), problems(*line)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    found = problems("data=coco", f"data.root={tmp_path}", "backbone=timm", "start=run")
    assert len(found) == 6
    assert f"data.train_json={tmp_path}/annotations/instances_train2017.json: no such file" in found
    assert f"data.test_images={tmp_path}/val2017: no such folder" in found


def test_without_the_backend_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("contrastive_lab.config.detect_check.find_spec", lambda name: None)
    assert problems() == [
        'detect: pycocotools, which computes average precision, is not installed; pip install "contrastive-lab[detect]"'
    ]


def test_the_papers_scale_is_that_of_its_table(tmp_path: Path) -> None:
    """12 epochs, 0.02 at 16 images, x 0.1 after epochs 7 and 11, 640 to 800 pixels, 800 in tests."""
    for name in ("train2017", "val2017", "annotations"):
        (tmp_path / name).mkdir()
    for name in ("train", "val"):
        (tmp_path / "annotations" / f"instances_{name}2017.json").write_text("{}")
    config = composed_detect(["scale=paper", f"data.root={tmp_path}"])
    optim = Optim(**{key: value for key, value in config.optim.items() if key != "_target_"})
    assert (config.epochs, config.batch_size, optim.lr, config.backbone.arch) == (12, 16, 0.02, "resnet50")
    assert [round(12 * share, 1) for share in optim.milestones] == [7, 11]
    assert (config.data.sizes, config.data.test_size) == ([640, 672, 704, 736, 768, 800], 800)
    assert (config.detector.convolutions, config.detector.hidden, config.detector.channels) == (4, 1024, 256)


def test_what_follows_from_a_configuration() -> None:
    config = composed_detect(["seed=3"])
    found = resolve_detect(config)
    assert (found.name, found.K, found.processes) == ("detect-random-s3", None, 1)
    assert found.hash != resolve_detect(composed_detect(["seed=3", "data.images=401"])).hash
    assert found.hash == resolve_detect(composed_detect(["seed=3", "data.workers=2"])).hash
    assert composed_detect(["scale=cifar"]).data.images == 10000
