"""The example of code from outside, examples/my_lab, as its README and docs/own_code.md say it is used."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor

from contrastive_lab.errors import RunError
from contrastive_lab.objective import Objective
from contrastive_lab.randomness import StepRandom
from contrastive_lab.run.build import build_data, build_encoder, build_objective
from contrastive_lab.run.export import load_backbone
from tests.conftest import MY_LAB, OWN, ROOT, TINY, Line, only_run
from tests.cosines import pairs_of
from tests.test_method.batches import INFONCE, linear_encoder, random_batch
from tests.test_wheel import run as run_alone

Type = Callable[..., Line]
Compose = Callable[..., DictConfig]
PLACE = ("--config-dir", str(MY_LAB / "conf"))
WORD = "plugins=[my_lab]"
SMALL = (
    "method=mine", "dataset=shapes", "dataset.count=128", "backbone=plain_net", "backbone.width=16", "augment=erasing",
    "head.dim=8", "K=5", "batch_size=32", "epochs=1", "evaluation.epochs=2", "trainer.enable_progress_bar=false",
    "trainer.log_every_n_steps=1",
)  # fmt: skip


def test_the_method_is_dcl_over_the_negatives_that_were_drawn(compose: Compose) -> None:
    """Eq. 6 of Yeh et al., written out, and with a weight that multiplies the second term alone."""
    compose(*OWN)
    from my_lab import Mine

    pairs = Mine(linear_encoder(), K=3, tau=0.2).pairs(random_batch())
    plain = Mine(linear_encoder(), K=3, tau=0.2).losses(pairs)
    assert pairs.neg.shape == (8, 3) and not (pairs.neg_ids == pairs.ids[:, None]).any()
    assert torch.allclose(plain, (pairs.neg / 0.2).exp().sum(dim=1).log() - pairs.pos / 0.2)
    twice = Mine(linear_encoder(), K=3, tau=0.2, repulsion=2.0).losses(pairs)
    assert torch.allclose(twice - plain, (pairs.neg / 0.2).exp().sum(dim=1).log())


@pytest.mark.parametrize("sets", [1, 2])
def test_the_loss_is_a_hinge_on_every_negative(sets: int, compose: Compose) -> None:
    """A loop, and the mean over sets of negatives, by the objective that every method has."""
    config = compose(*OWN, "method=simo", "loss=margin", "loss.width=0.3", "K=3", f"sets={sets}", "batch_size=32")
    objective = build_objective(config, build_data(config))
    pos, neg = torch.tensor([0.9, -0.2, 0.1]), torch.linspace(-1, 1, 18).view(3, 6)[:, : 3 * sets]
    by_hand = [
        sum(max(0.0, 0.3 + float(n) - float(p)) for n in own) / len(own) for p, own in zip(pos, neg, strict=True)
    ]
    assert objective.losses(pairs_of((pos, neg)), 0.2, None).tolist() == pytest.approx(by_hand)
    assert not objective.is_infonce


def test_a_loss_that_gives_one_number_is_told_so() -> None:
    objective = Objective("total", function=lambda pos, neg: neg.mean() - pos.mean())
    with pytest.raises(RunError, match=r"loss=total: must give a value for each query, \(4,\), not \(\)"):
        objective.losses(pairs_of((torch.zeros(4), torch.zeros(4, 3))), 0.2, None)


def test_a_loss_is_given_those_of_tau_and_alpha_that_it_takes() -> None:
    def scaled(neg: Tensor, alpha: float | None, pos: Tensor, by: float) -> Tensor:
        return by * (neg.sum(dim=1) * float(alpha or 0) - pos)

    found = Objective("scaled", function=scaled, by=2.0).losses(pairs_of((torch.ones(2), torch.ones(2, 3))), 0.2, 4.0)
    assert found.tolist() == [2 * (3 * 4 - 1)] * 2


@pytest.mark.long
def test_the_loss_trains_and_its_run_is_read_with_the_word(tmp_path: Path, line: Type, type_script: Type) -> None:
    done = line(*PLACE, WORD, "loss=margin", *TINY)
    assert done.code == 0, done.err
    run = only_run(tmp_path)
    result = json.loads((run / "result.json").read_text())
    assert (result["loss.name"], result["alpha"], result["mi_estimate"]) == ("margin", None, None)
    done = type_script("evaluate", f"run={run}", "evaluation=knn")
    assert done.code == 2 and "plugins=[my_lab] allows my_lab" in done.err
    done = type_script("evaluate", f"run={run}", "evaluation=knn", WORD)
    assert done.code == 0, done.err


@pytest.mark.long
def test_its_texts_train(tmp_path: Path, line: Type) -> None:
    """Words of a topic stand together, so that a few steps tell the topics apart."""
    told = ("backbone.features=6", "evaluation.epochs=5", "trainer.enable_progress_bar=false", "head.dim=8")
    done = line(*PLACE, WORD, "method=simclr", "dataset=sentences", "batch_size=32", "epochs=3", *told)
    assert done.code == 0, done.err
    result = json.loads((only_run(tmp_path) / "result.json").read_text())
    assert result["dataset"] == "sentences" and result["linear_top1"] > 50


def test_it_is_short() -> None:
    assert len((MY_LAB / "my_lab" / "method.py").read_text().splitlines()) < 40


def test_the_arrays_hold_three_shapes_in_equal_numbers(compose: Compose) -> None:
    splits = build_data(compose(*OWN, "dataset=shapes", "K=5", "batch_size=64")).splits
    assert (len(splits.pretrain), len(splits.test), splits.classes) == (1024, 256, 3)
    assert torch.bincount(splits.pretrain.labels).tolist() == [342, 341, 341]
    colours = [len(np.unique(image.reshape(-1, 3), axis=0)) for image in splits.pretrain.images[:50]]
    assert {*colours} == {2}  # a shape on its ground


def test_the_folder_has_its_classes_in_the_names_of_its_files(tmp_path: Path, compose: Compose) -> None:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    for number in range(20):
        name = f"photos/{'more/' * (number % 2)}{('cat', 'dog')[number % 2]}_{number:02d}.png"
        Image.fromarray(np.full((8, 8, 3), 10 * number, np.uint8)).save(tmp_path / name)
    told = ("dataset=named_files", f"dataset.root={tmp_path}/photos", "K=5", "batch_size=8", "backbone=plain_net")
    data = build_data(compose(*OWN, *told))
    assert (len(data.splits.train), len(data.splits.test), data.splits.classes) == (16, 4, 2)
    named = [path.name.startswith("dog") for path in data.splits.train.paths]
    assert named == data.splits.train.labels.bool().tolist()
    views = data.batch(next(data.positions(0))).views
    assert [tuple(view.shape) for view in views] == [(8, 3, 32, 32)] * 2


def test_erasing_makes_a_square_grey_in_the_share_of_views_that_is_asked(compose: Compose) -> None:
    config = compose(*OWN, "dataset=shapes", "augment=erasing", "augment.erase=0.25", "batch_size=1024")
    recipe, white = build_data(config).recipe, torch.ones(1024, 1, 24, 24)
    erased = (recipe.last(white, StepRandom(0, 0, 0, 1024, 0, 1024), 0) == 0.5).flatten(1).sum(dim=1)
    assert {*erased.tolist()} == {0, 64}  # a third of 24 pixels, squared
    assert abs((erased > 0).float().mean() - 0.25) < 3 * (0.25 * 0.75 / 1024) ** 0.5


def test_a_backbone_without_residual_blocks_is_not_told_of_them(compose: Compose) -> None:
    config = compose(*OWN, "method=simclr", "backbone=plain_net", "backbone.zero_init_residual=true")
    assert build_encoder(config).features == 64


@pytest.fixture
def run(tmp_path: Path, line: Type) -> Path:
    """The folder of a run of all five parts."""
    done = line(*PLACE, WORD, *SMALL)
    assert done.code == 0, done.err
    return only_run(tmp_path)


def test_it_trains_and_is_read_with_the_same_word(run: Path, line: Type, type_script: Type) -> None:
    result = json.loads((run / "result.json").read_text())
    assert (result["status"], result["K"], result["alpha"], result["mi_estimate"]) == ("done", 5, None, None)
    header = (run / "metrics.csv").read_text().partition("\n")[0].split(",")
    assert "gradient_norm" in header and not INFONCE & {*header}
    refused = f"error: {run}/.hydra/config.yaml: backbone._target_=my_lab.plain_net: "
    hint = "only what conf/ names there is called; plugins=[my_lab] allows my_lab, whose code then runs"
    for script, *told in (["evaluate", "evaluation=knn"], ["export"], ["replay"]):
        done = type_script(script, f"run={run}", *told)
        assert done.code == 2 and f"{refused}{hint}\n" in done.err
    assert type_script("evaluate", f"run={run}", "evaluation=knn", WORD).code == 0
    assert type_script("export", f"run={run}", WORD).code == 0
    assert "met no NaN or infinity" in type_script("replay", f"run={run}", WORD).err
    for script, key in (("curves", "run"), ("report", "sweep")):
        assert type_script(script, f"{key}={run if key == 'run' else run.parent}", WORD).code == 0
    with pytest.raises(ValueError, match=r"^my_lab.plain_net: not an untrained model of .*, nor of plugins=\[\]$"):
        load_backbone(run / "export")
    assert load_backbone(run / "export", plugins=["my_lab"])(torch.zeros(2, 3, 24, 24)).shape == (2, 16)


def test_a_run_that_was_stopped_asks_for_the_word_again(run: Path, line: Type) -> None:
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps({**result, "status": "interrupted"}))
    done = line(f"resume={run}")
    assert done.code == 2 and "plugins=[my_lab] allows my_lab" in done.err
    assert all(text.startswith("error: ") for text in done.err.splitlines())
    done = line(f"resume={run}", WORD)
    assert done.code == 0, done.err


@pytest.mark.long
def test_its_experiment_runs_goes_on_and_is_reported(tmp_path: Path, line: Type) -> None:
    told = ("-m", *PLACE, WORD, "experiment=my_lab/negatives", "K=1,4", "seed=0", SMALL[2], *SMALL[8:])
    done = line(*told)
    assert done.code == 0, done.err
    sweep = tmp_path / "outputs" / "sweeps" / "my_lab_negatives-laptop"
    assert (sweep / "report" / "report.html").is_file()
    runs = {path.parent.name: path.read_text() for path in sweep.glob("*/command.txt")}
    assert len(runs) == 4 and all("hydra.searchpath=[" in text and WORD in text for text in runs.values())
    assert "4 done before" in line(*told).out
    (stopped,) = sweep.glob("*K=1*method=mine*")
    result = json.loads((stopped / "result.json").read_text())
    (stopped / "result.json").write_text(json.dumps({**result, "status": "interrupted"}))
    assert line(*told).code == 0
    assert json.loads((stopped / "result.json").read_text())["status"] == "done"


@pytest.mark.long
def test_processes_of_a_sweep_side_by_side_have_the_word(tmp_path: Path, line: Type) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    told = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep=s")
    done = line("-m", *PLACE, WORD, *SMALL, *told, "seed=0,1")
    assert done.code == 0, done.err


def test_find_k_takes_the_data_of_others_and_no_loss_of_others(line: Type, type_script: Type) -> None:
    done = type_script("find_k", *PLACE, WORD, *SMALL)
    assert done.code == 2 and done.err.startswith("error: method=mine: has a loss of its own, of which no curve tells")
    done = type_script("find_k", *PLACE, WORD, "dataset=shapes", "backbone=plain_net", "backbone.width=4")
    assert done.err == "error: backbone.width=4: must be 8 or more\n"


@pytest.mark.long
def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    cells = json.loads((ROOT / "examples" / "first_sweep.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    environ = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^(?:knn|linear): (\d+\.\d) %$", done.stdout, re.MULTILINE)
    assert len(found) == 2 and all(float(top1) > 20 for top1 in found)  # chance is 10
    assert len(re.findall(r"^\d +\d+ +done ", done.stdout, re.MULTILINE)) == 3
    for name in ("loss", "sweep"):
        assert (tmp_path / "outputs" / "notebook" / f"{name}.png").stat().st_size > 0


@pytest.mark.long
def test_it_can_be_installed(tmp_path: Path) -> None:
    shutil.copytree(MY_LAB, tmp_path / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-index", "--no-deps")
    run_alone(*pip, "--no-build-isolation", "--wheel-dir", tmp_path, tmp_path / "source", cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        (points,) = (file.read(name).decode() for name in file.namelist() if name.endswith("entry_points.txt"))
    yamls = {f"my_lab/{path.relative_to(MY_LAB)}" for path in (MY_LAB / "conf").rglob("*.yaml")}
    assert names == yamls | {f"my_lab/{path.name}" for path in (MY_LAB / "my_lab").glob("*.py")}
    assert points == "[contrastive_lab.plugins]\nmy_lab = my_lab\n"
