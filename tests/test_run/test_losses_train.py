"""Every loss and setting of negatives through the command line, on images and on texts."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import pytorch_lightning as pl
import torch

from contrastive_lab.competition import Causes
from contrastive_lab.errors import RunError
from contrastive_lab.record.sweep import read_sweep
from contrastive_lab.report import write_report
from contrastive_lab.report.grid import choose
from contrastive_lab.run.callbacks import LastCheckpoint
from tests.conftest import Line, only_run
from tests.test_run.test_train import Trained, metrics, result, weights

TINY = (
    "backbone.widths=[8,8]",
    "head.dim=8",
    "batch_size=32",
    "trainer.limit_train_batches=2",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "trainer.enable_model_summary=false",
    "epochs=1",
    "evaluation=mean",
    "K=6",
)
TEXTS = (*(a for a in TINY if "widths" not in a), "dataset=ag_news", "backbone.features=6")
LONG = pytest.mark.long
SETTINGS = [  # what is typed; where the estimate of the mutual information is defined
    ("method=simo alpha=inf", False),
    ("method=simclr loss=spectral", False),
    ("method=npid alpha=inf remember=0.5", False),
    ("method=moco_v2 loss=hard sets=3", False),
    ("method=simo sets=3 own_class_share=0", True),
    pytest.param("method=simo alpha=inf dclw_sigma=0.5", False, marks=LONG),
    pytest.param("method=simo loss=spectral loss.phi=exp sets=2", False, marks=LONG),
    pytest.param("method=simo loss=debiased", False, marks=LONG),
    pytest.param("method=simo loss=dual_temperature", False, marks=LONG),
    pytest.param("method=simclr alpha=inf remember=0.9", False, marks=LONG),
    pytest.param("method=npid loss=nce sets=2 own_class_share=0.5", False, marks=LONG),
    pytest.param("method=moco_v2 sets=4", True, marks=LONG),
    pytest.param("method=simclr own_class_share=1 K=2", True, marks=LONG),
]


WITH_DEFAULTS = ("method", "alpha", "K", "loss.phi", "dclw_sigma")


def settings(typed: str) -> dict[str, str | float]:
    """What is typed, numbers as numbers."""
    told = (text.split("=") for text in typed.split())
    return {key: float(value) if value[0].isdigit() else value for key, value in told}


def check(folder: Path, typed: str, has_mi: bool, printed: str) -> None:
    found = result(folder)
    rows = [row for row in metrics(folder) if row["loss"]]
    assert (found["status"], found["error"]) == ("done", None)
    without_alpha = "spectral" in typed or "loss=nce" in typed
    default = 256 if "method=simo" in typed else found["K"]  # SiMo's own alpha; null, which is K, of the others
    assert found["alpha"] == ("inf" if "alpha=inf" in typed else None if without_alpha else default)
    told = {key: value for key, value in found.items() if key in ("loss.name", "sets", "remember", "own_class_share")}
    assert told == {f"{k}.name" if k == "loss" else k: v for k, v in settings(typed).items() if k not in WITH_DEFAULTS}
    assert "Infinity" not in (folder / "result.json").read_text()
    assert (found["mi_estimate"] is not None) is has_mi
    assert all(bool(row["gradient_norm"]) for row in rows) and len(rows) == 2
    causes = {"agreement"} if "spectral" in typed else set() if "loss=nce" in typed else set(Causes._fields)
    assert all({name for name in Causes._fields if row.get(name)} == causes for row in rows)
    assert found["loss"] == pytest.approx(sum(float(row["loss"]) for row in rows) / 2, rel=1e-4)
    assert ("LABELS ARE USED" in printed) is ("own_class_share" in typed)
    if share := next((text.partition("=")[2] for text in typed.split() if "own_class_share" in text), None):
        K = found["K"]
        assert float(rows[0]["own_class"]) == pytest.approx(round(float(share) * K) / K)
    for told in ("remember", "dclw_sigma", "spectral", "hard", "debiased", "dual_temperature", "nce"):
        if any(told in text.split("=") for text in typed.split()):
            assert told in printed


@pytest.mark.parametrize(
    ("typed", "has_mi"), [*SETTINGS[3:5], *(pytest.param(*told, marks=LONG) for told in SETTINGS[:3]), *SETTINGS[5:]]
)
def test_every_setting_trains_on_images(typed: str, has_mi: bool, tmp_path: Path, trained: Trained) -> None:
    wide = ["batch_size=128"] if "own_class_share=1" in typed else []  # no image alone in its class
    printed = trained(*TINY, *typed.split(), *wide)
    check(only_run(tmp_path), typed, has_mi, printed)


@pytest.mark.parametrize(("typed", "has_mi"), SETTINGS)
def test_every_setting_trains_on_texts(typed: str, has_mi: bool, news: Path, trained: Trained) -> None:
    printed = trained(*TEXTS, "data_dir=.", *typed.split(), cwd=news)
    check(only_run(news), typed, has_mi, printed)


def test_a_class_that_a_batch_cannot_fill_is_one_line(tmp_path: Path, line: Callable[..., Line]) -> None:
    done = line(*TINY, "method=simo", "own_class_share=1", "K=20")
    assert done.code == 2
    told = done.err.splitlines()[-1]
    assert told.startswith("error: own_class_share=1: a query needs 20 negatives of its own class, and among 32 images")


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "precision"),
    [("simclr", "32-true"), ("npid", "32-true"), ("npid", "64-true")],
)
def test_a_stopped_run_that_remembers_resumes_to_the_same_bits(
    method: str,
    precision: str,
    request: pytest.FixtureRequest,
    trained: Trained,
    line: Callable[..., Line],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The normalisers are in the checkpoint: images of the first epoch come again in the second."""
    folder: Path = request.getfixturevalue("news")
    arguments = (
        *TEXTS, f"data_dir={folder}", f"method={method}", "alpha=inf", "remember=0.7", "epochs=2", "batch_size=16",
        "trainer.limit_train_batches=4", "checkpoint_every_n_steps=1", f"trainer.precision={precision}",
    )  # fmt: skip
    trained(*arguments, cwd=folder / "whole")
    save = LastCheckpoint.save

    def stop(self: LastCheckpoint, trainer: pl.Trainer) -> None:
        if trainer.global_step == 7:  # of 8; the checkpoint is that of step 6
            raise RunError("stopped")
        save(self, trainer)

    with monkeypatch.context() as patch:
        patch.setattr(LastCheckpoint, "save", stop)
        assert line(*arguments, cwd=folder / "part").code == 1
    whole, part = only_run(folder / "whole"), only_run(folder / "part")
    kept = "objective.log_normaliser"
    assert not torch.equal(weights(whole)[kept], weights(part)[kept])
    trained(f"resume={part.relative_to(folder / 'part')}", cwd=folder / "part")
    first, second = weights(whole), weights(part)
    assert first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
    assert metrics(whole) == metrics(part)
    assert first[kept].shape == ({"simclr": 2, "npid": 1}[method], 64)
    assert first["objective.seen"].all() and (first[kept] != 0).all()


@pytest.mark.long
@pytest.mark.parametrize(
    ("axis", "rest"),
    [
        ("loss=info_nce,spectral,hard", ("alpha=null",)),
        ("sets=1,2,4", ()),
        ("remember=null,0.1,0.9", ("alpha=inf",)),
        ("own_class_share=null,0,0.5", ("batch_size=128", "K=4")),
    ],
)
def test_a_sweep_over_a_setting_has_it_as_axis(
    axis: str, rest: tuple[str, ...], tmp_path: Path, trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contrastive_lab.report.write_report", lambda folder: folder / "report" / "report.html")
    trained("-m", *TINY, *rest, axis, "method=simo", "sweep=swept")
    monkeypatch.undo()
    folder = tmp_path / "outputs" / "sweeps" / "swept"
    key, _, values = axis.partition("=")
    page = write_report(folder)
    assert choose(read_sweep(folder)).x == key
    table = pd.read_csv(folder / "report" / "runs.csv", dtype=str, keep_default_na=False)
    assert set(table["status"]) == {"done"}
    told = {value.removesuffix(".0") for value in table["loss.name" if key == "loss" else key]}  # loss is a metric
    assert {value for value in values.split(",") if value != "null"} <= told
    assert key in page.read_text()
    assert json.loads((folder / "sweep.json").read_text())["jobs"]
