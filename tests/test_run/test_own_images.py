"""Folders of a user's own images, from the command line to the probes: whatever holds stripes is told apart."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contrastive_lab.dataset import ViewsDataModule
from tests.conftest import Line

Type = Callable[..., Line]
LINE = ["dataset=image_folder", "dataset.size=32", "dataset.workers=2", "batch_size=16", "K=8", "epochs=3"]
LINE += ["evaluation.epochs=50", "backbone.widths=[8,16]", "trainer.enable_progress_bar=false"]


def stripes(kind: int, noise: np.random.Generator) -> np.ndarray:
    """Grey values in [0, 1], (32, 32), that rise and fall along one axis."""
    wave = 0.5 + 0.4 * np.sin(2 * np.pi * (np.arange(32) + noise.integers(8)) / noise.integers(4, 9))
    image = np.broadcast_to(wave if kind else wave[:, None], (32, 32))
    return np.clip(image + 0.05 * noise.standard_normal((32, 32)), 0, 1)


def eight_bit(image: np.ndarray, path: Path) -> None:
    Image.fromarray((255 * image).astype(np.uint8)).save(path)


def grey16(image: np.ndarray, path: Path) -> None:
    Image.fromarray((65535 * image).astype(np.uint16)).save(path)


def alpha_alone(image: np.ndarray, path: Path) -> None:
    rgba = np.zeros((32, 32, 4), np.uint8)
    rgba[..., 3] = 255 * image
    Image.fromarray(rgba).save(path)


def turned(image: np.ndarray, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray((255 * image).astype(np.uint8)).save(path, exif=exif)


def folder(root: Path, write: Callable[[np.ndarray, Path], None] = eight_bit, train: int = 40, val: int = 20) -> Path:
    """train/<class>/ and val/<class>/ of two classes, with so many images a class."""
    noise = np.random.default_rng(0)
    for part, count in (("train", train), ("val", val)):
        for kind, name in enumerate(("cat", "dog")):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                write(stripes(kind, noise), root / part / name / f"{i:03d}.png")
    return root


@pytest.mark.long
@pytest.mark.parametrize("write", [eight_bit, grey16, alpha_alone, turned])
def test_pixels_are_read_right(write: Callable[[np.ndarray, Path], None], tmp_path: Path, line: Type) -> None:
    done = line(*LINE, f"dataset.root={folder(tmp_path / 'D', write)}")
    assert done.code == 0, done.err
    assert "labels     2 classes, 40 to test" in done.out
    (top1,) = [float(row.split()[1]) for row in done.out.splitlines() if row.startswith("linear ")]
    assert top1 > 90  # chance is 50


@pytest.mark.long
def test_images_without_test_images_train_with_their_labels(tmp_path: Path, line: Type) -> None:
    root = folder(tmp_path / "D", val=0)
    for name in ("cat", "dog"):
        (root / "val" / name).rmdir()
    (root / "val").rmdir()
    told = [option for option in LINE if option != "K=8"]
    done = line(*told, "method=supcon", f"dataset.root={root}")
    assert done.code == 0, done.err
    assert "labels     2 classes, none to test" in done.out
    assert "notice: nothing is tested: no val/ in" in done.out


@pytest.mark.long
def test_a_probe_of_two_images_a_class_runs(tmp_path: Path, line: Type) -> None:
    root, few = folder(tmp_path / "D"), folder(tmp_path / "few", train=2, val=2)
    done = line(*LINE, f"dataset.root={root}", f"dataset.probe_root={few}")
    assert done.code == 0, done.err
    assert "too early to tell after 15 steps" in done.out


def test_what_is_wrong_with_a_folder_is_told_before_anything_is_made(tmp_path: Path, line: Type) -> None:
    root = folder(tmp_path / "D", train=20, val=5)
    told = [option for option in LINE if option not in ("batch_size=16", "K=8")]
    done = line(*told, f"dataset.root={root}")
    assert (done.code, done.err) == (
        2,
        f"error: batch_size=256: more than the 40 images of {root}; batch_size=32 fits\n",
    )
    for name in ("cat/003", "dog/004"):
        (root / "train" / f"{name}.png").write_text("<html>403 Forbidden</html>")
    for arguments in (LINE, ["-m", *LINE, "seed=0,1"]):
        done = line(*arguments, f"dataset.root={root}")
        assert done.code == 2
        assert [row.rpartition("/")[2] for row in done.err.splitlines()] == [
            "003.png: is no image that can be read",
            "004.png: is no image that can be read",
        ]
    (tmp_path / "empty").mkdir()
    assert "no images below" in line(*LINE, f"dataset.root={tmp_path / 'empty'}").err
    assert not (tmp_path / "outputs").exists()


@pytest.mark.long
def test_a_run_does_not_go_on_with_other_images(tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder(tmp_path / "D")
    told = [*LINE, f"dataset.root={root}", "evaluation=knn", "epochs=1"]
    told = [option for option in told if option not in ("evaluation.epochs=50", "epochs=3")]
    assert line(*told, "hydra.run.dir=x").code == 0
    assert line("-m", *told, "seed=0", "sweep=s").code == 0
    (root / "train" / "cat" / "000.png").unlink()
    for again in ([*told, "hydra.run.dir=x"], ["-m", *told, "seed=0,1", "sweep=s"]):
        done = line(*again)
        assert done.code == 2
        assert "data_hash: 80-" in done.err and ", not 79-" in done.err
    result = json.loads((tmp_path / "x" / "result.json").read_text())
    (tmp_path / "x" / "result.json").write_text(json.dumps({**result, "status": "interrupted"}))
    done, told = line("resume=x"), r"error: resume=x: the run had other images \(data_hash: 80-\w+, not 79-\w+\); .*\n"
    assert (done.code, done.out) == (2, "") and re.fullmatch(told, done.err)
    assert json.loads((tmp_path / "x" / "result.json").read_text())["status"] == "interrupted"
    monkeypatch.setattr("contrastive_lab.launch.preflight.other_images", lambda *_: "")  # as if they went later
    done = line("resume=x")
    assert done.code == 1
    assert "error: the checkpoint is of other data: 80-" in done.err


@pytest.mark.long
def test_images_that_were_moved_are_given_anew(tmp_path: Path, line: Type) -> None:
    root = folder(tmp_path / "D")
    told = [option for option in LINE if option not in ("evaluation.epochs=50", "epochs=3")]
    assert line(*told, f"dataset.root={root}", "evaluation=knn", "epochs=1", "hydra.run.dir=x y=1").code == 0
    result = json.loads((tmp_path / "x y=1" / "result.json").read_text())
    (tmp_path / "x y=1" / "result.json").write_text(json.dumps({**result, "status": "interrupted", "knn_top1": None}))
    moved = root.rename(tmp_path / "my photos (été)=1")
    done = line("resume=x y=1")
    assert done.code == 2
    assert done.err == f"error: dataset.root={root}: no such folder; if it has moved, dataset.root=<where it is now>\n"
    done = line("resume=x y=1", "dataset.root=nowhere")
    assert (done.code, done.err) == (2, "error: dataset.root=nowhere: no such folder\n")
    done = line("resume=x y=1", f"dataset.root={moved}", "dataset.workers=0")
    assert done.code == 0, done.err
    again = json.loads((tmp_path / "x y=1" / "result.json").read_text())
    assert {key: again[key] for key in ("status", "data_hash", "knn_top1")} == {
        key: result[key] for key in ("status", "data_hash", "knn_top1")
    }
    assert "leave out K=3" in line("resume=x y=1", "K=3").err


@pytest.mark.long
def test_an_evaluation_on_other_images_is_not_in_the_mean_of_the_runs_own(
    tmp_path: Path, line: Type, type_script: Type
) -> None:
    root = folder(tmp_path / "D")
    told = [option for option in LINE if option not in ("evaluation.epochs=50", "epochs=3")]
    assert line("-m", *told, f"dataset.root={root}", "evaluation=knn", "epochs=1", "seed=0,1", "sweep=s").code == 0
    runs = sorted(path.parent for path in Path("outputs/sweeps/s").glob("*/result.json"))
    assert type_script("evaluate", f"run={runs[0]}", "evaluation=mean").code == 0
    (root / "val" / "cat" / "000.png").unlink()
    done = type_script("evaluate", f"run={runs[1]}", "evaluation=mean")
    assert done.code == 0 and "evaluated on other data than those of the run" in done.out
    first, second = (json.loads((run / "result.json").read_text()) for run in runs)
    (hash_,) = {
        key.removeprefix("mean_").removesuffix("_top1") for key in second.keys() - first.keys() if "top1" in key
    }
    assert hash_.startswith("80-") and hash_ != first["data_hash"]
    assert "mean_top1" in first and "mean_top1" not in second
    (path,) = runs[1].glob(f"evaluation_mean_*_{hash_}.json")
    stored = json.loads(path.read_text())
    assert (stored["data_hash"], stored["top1"]) == (hash_, second[f"mean_{hash_}_top1"])


@pytest.mark.long
@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_goes_while_a_run_trains_is_one_line(
    workers: int, tmp_path: Path, line: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, begun = folder(tmp_path / "D"), ViewsDataModule.train_dataloader

    def gone(self: ViewsDataModule) -> object:
        for path in (root / "train").rglob("*.png"):
            path.unlink()
        return begun(self)

    monkeypatch.setattr(ViewsDataModule, "train_dataloader", gone)
    done = line(*LINE, f"dataset.workers={workers}", f"dataset.root={root}")
    assert done.code == 1
    told = done.err.strip().splitlines()
    assert len(told) == 1 and re.fullmatch(r"error: .*\.png: is not there", told[0])
