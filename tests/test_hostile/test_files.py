"""Hostile files from elsewhere, of exports, boxes, benchmarks and arrays: nothing in them runs or leads out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contrastive_lab.bench.page import BEGIN, END
from contrastive_lab.record.right import read_right
from contrastive_lab.run.export import load_backbone
from tests.conftest import Line
from tests.hostile_runs import Payload, check

Type = Callable[..., Line]


@pytest.mark.parametrize("name", ["../elsewhere/mine", "ELSEWHERE/mine", "a/../../elsewhere/mine", "a\nb", ""])
def test_a_json_names_no_image_elsewhere(name: str, tmp_path: Path, elsewhere: Path, type_script: Type) -> None:
    file, folder = tmp_path / "boxes.json", tmp_path / "images"
    folder.mkdir()
    image = {"id": 1, "file_name": name.replace("ELSEWHERE", str(elsewhere)), "width": 8, "height": 8}
    file.write_text(json.dumps({"images": [image], "annotations": [], "categories": [{"id": 1, "name": "a"}]}))
    parts = [f"data.{part}_json={file}" for part in ("train", "test")]
    parts += [f"data.{part}_images={folder}" for part in ("train", "test")]
    done = type_script("detect", "start=random", "data=coco", *parts)
    check(done)
    assert done.code == 2 and f"error: {file}: image" in done.err and len(done.err.splitlines()) == 1


CARDS: list[dict[str, Any]] = [
    {"constructor": "os.mkdir", "arguments": {"path": "PWNED"}},
    {"constructor": "contrastive_lab.backbone.torch.load", "arguments": {"f": "x"}},
    {"constructor": "torchvision.models", "arguments": {}},
]


@pytest.mark.parametrize("card", CARDS)
def test_a_card_calls_nothing_but_models(card: dict[str, Any], tmp_path: Path, elsewhere: Path) -> None:
    told = json.dumps({**card, "replaced": {}}).replace("PWNED", str(tmp_path / "pwned"))
    (tmp_path / "backbone.json").write_text(told)
    with pytest.raises(ValueError, match="not an untrained model of"):
        load_backbone(tmp_path)


@pytest.mark.parametrize("header", [b"\xff" * 8, (1 << 40).to_bytes(8, "little"), b"\x02" + b"\0" * 7 + b"{}extra"])
def test_a_header_of_safetensors_that_lies(header: bytes, tmp_path: Path) -> None:
    from safetensors import SafetensorError

    card = {"constructor": "contrastive_lab.backbone.small_resnet", "arguments": {"widths": [8]}, "replaced": {}}
    (tmp_path / "backbone.json").write_text(json.dumps(card))
    (tmp_path / "backbone.safetensors").write_bytes(header)
    with pytest.raises((SafetensorError, RuntimeError)):
        load_backbone(tmp_path)


CARD = {"step": 1, "images": {"size": 28, "mean": [0.5], "std": [0.5]}, "replaced": {}}


@pytest.mark.parametrize("card", [*CARDS, {"constructor": "torchvision.models.resnet18", "arguments": {}}])
def test_embed_on_an_export(card: dict[str, Any], tmp_path: Path, elsewhere: Path, type_script: Type) -> None:
    """The last one is a net that may be made, in a folder whose features would go elsewhere."""
    (export := tmp_path / "export").mkdir()
    (export / "backbone.json").write_text(json.dumps(card | CARD).replace("PWNED", str(tmp_path / "pwned")))
    if card not in CARDS:
        (export / "embed").symlink_to(elsewhere)
    done = type_script("embed", f"run={export}", "dataset=fashion_mnist_mini")
    check(done)
    assert ("a link out of the folder" in done.err) == (card not in CARDS)


@pytest.mark.parametrize("name", ["ratios.png", "machine.json.partial"])
def test_bench_in_a_folder(name: str, tmp_path: Path, elsewhere: Path, type_script: Type) -> None:
    (out := tmp_path / "speed").mkdir()
    (out / name).symlink_to(elsewhere / "mine")
    (page := tmp_path / "page.md").write_text(f"{BEGIN}\n{END}\n")
    done = type_script("bench", "all", "--tiny", "--only", "loss", "--out", str(out), "--page", str(page))
    check(done)
    assert "a link out of the folder" in done.err and page.read_text() == f"{BEGIN}\n{END}\n"


def test_objects_in_arrays_are_not_made(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "right").mkdir()
    objects = np.array([Payload(tmp_path / "pwned")], dtype=object)
    np.savez(tmp_path / "right" / "knn.npz", bits=objects, images=1)
    assert read_right(tmp_path, "knn") is None
