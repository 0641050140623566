"""Folders from elsewhere, one of each kind for every entry: nothing in them runs, and nothing is written elsewhere."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.config.detect_check import composed_detect
from contrastive_lab.errors import ConfigError
from contrastive_lab.run.start import tensors_of
from tests.conftest import TINY, Line
from tests.hostile_runs import KINDS, SPLITS, check, download, in_this_process, make
from tests.sweep_folder import write_sweep
from tests.test_commands.test_theory import enter as enter_theory

Type = Callable[..., Line]


@pytest.fixture
def hostile_code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that a run may know makes folders, and so does a download."""
    monkeypatch.setattr("torchvision.datasets.CIFAR10", download)
    before = lambda parent: parent  # noqa: E731, that of conftest.py
    OmegaConf.register_new_resolver("new_folder", lambda folder: Path(folder).mkdir() or folder, replace=True)
    yield
    OmegaConf.register_new_resolver("new_folder", before, replace=True)


@pytest.fixture(params=KINDS)
def hostile(
    request: pytest.FixtureRequest, tmp_path: Path, compose: Callable[..., DictConfig], elsewhere: Path
) -> Path:
    """A hostile run."""
    run = make(tmp_path / "run", request.param, compose(*TINY), elsewhere)
    request.getfixturevalue("hostile_code")
    return run


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    """What is hostile in it."""
    return str(request.node.callspec.params["hostile"])


@pytest.mark.long
def test_resume(hostile: Path, kind: str, line: Type) -> None:
    before = (hostile / "result.json").read_text()
    done = line(f"resume={hostile}")
    check(done, kind)
    assert kind == "pickle" or (hostile / "result.json").read_text() == before
    if kind == "pickle":
        assert done.err.endswith("last.ckpt: holds code beside tensors; nothing of it was loaded\n")


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_resume_of_a_detector(
    kind: str, tmp_path: Path, elsewhere: Path, hostile_code: None, type_script: Type
) -> None:
    run = make(tmp_path / "run", kind, composed_detect(["start=random"]), elsewhere)
    before = (run / "result.json").read_text()
    check(type_script("detect", f"resume={run}"), kind)
    assert kind == "pickle" or (run / "result.json").read_text() == before


def test_code_in_a_checkpoint_is_told(tmp_path: Path, compose: Callable[..., DictConfig], elsewhere: Path) -> None:
    run = make(tmp_path / "run", "pickle", compose(*TINY), elsewhere)
    with pytest.raises(ConfigError, match=r"last.ckpt: holds code beside tensors; nothing of it was loaded$"):
        tensors_of(run / "checkpoints" / "last.ckpt")


@pytest.mark.long
@pytest.mark.parametrize("script", ["detect", "embed", "evaluate", "export", "finetune", "replay"])
def test_a_script_that_reads_the_checkpoint(script: str, hostile: Path, kind: str, type_script: Type) -> None:
    check(type_script(script, f"run={hostile}"), kind if script != "export" or kind not in SPLITS else "")


@pytest.mark.long
@pytest.mark.parametrize("script", ["evaluate", "finetune"])
def test_a_script_on_a_sweep(script: str, hostile: Path, kind: str, tmp_path: Path, type_script: Type) -> None:
    sweep = write_sweep(tmp_path / "sweep", [({"K": 4}, {"linear_top1": 50.0})])
    (hostile / "result.json").write_text((hostile / "result.json").read_text().replace("interrupted", "done"))
    (sweep / "K=4").rename(tmp_path / "old")
    hostile.rename(sweep / "K=4")
    done = type_script(script, f"sweep={sweep}", "labels=0.5" if script == "finetune" else "evaluation=mean")
    told = script == "finetune" or kind not in SPLITS  # else a data set is read run by run, whose line says what failed
    check(done, kind if told else "")
    assert told or "a stored run does not say where to write; data_dir=<folder> on the" in done.out
    assert "raceback" not in done.out


@pytest.mark.long
@pytest.mark.parametrize("pilot", ["begun", "done"])
def test_find_k_in_a_folder(
    pilot: str, hostile: Path, tmp_path: Path, type_script: Type, monkeypatch: pytest.MonkeyPatch
) -> None:
    (out := tmp_path / "out").mkdir()
    hostile.rename(out / "pilot")
    monkeypatch.chdir(tmp_path)
    if pilot == "done":
        monkeypatch.setattr("contrastive_lab.commands.find_k.pilot", lambda asked: asked.out / "pilot")
    else:
        monkeypatch.setattr("contrastive_lab.launch.find_k.train", in_this_process)
    check(type_script("find_k", *TINY, f"out={out}"))


@pytest.mark.long
def test_theory_on_a_run(hostile: Path, kind: str, entered: Type) -> None:
    check(entered("theory.py", enter_theory, "theory=bounds", f"run={hostile}"), kind)


@pytest.mark.long
@pytest.mark.parametrize("script", ["curves", "report"])
def test_a_script_that_reads_results_alone(
    script: str,
    hostile: Path,
    tmp_path: Path,
    elsewhere: Path,
    type_script: Type,
) -> None:
    """What it does not read may be hostile, so that it may go well: the fixture sees that nothing ran."""
    told = f"run={hostile}"
    if script == "report":
        sweep = write_sweep(tmp_path / "sweep", [({"K": 4}, {"linear_top1": 50.0})])
        hostile.rename(sweep / "K=4" / "run")
        (sweep / "report").symlink_to(elsewhere)
        told = f"sweep={sweep}"
    done = type_script(script, told)
    if done.code or script == "report":
        check(done)


@pytest.mark.long
def test_a_sweep_that_goes_on(
    hostile: Path, kind: str, tmp_path: Path, line: Type, no_report: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same line again finds a job that another hand has changed."""
    told = ("-m", *[part for part in TINY if part != "K=5"], "K=5", "sweep=s")
    with monkeypatch.context() as patch:
        patch.setattr("contrastive_lab.launch.jobs.train", lambda *_: None)  # a plan, and a job that was stopped
        assert line(*told).code == 1
    (job,) = (path.parent.parent for path in (tmp_path / "outputs").rglob(".hydra/config.yaml"))
    job.rename(tmp_path / "old")
    hostile.rename(job)
    check(line(*told), kind)


@pytest.mark.parametrize("name", ["../run", "/tmp", "a/b", "..", ""])
def test_a_job_of_a_plan_lies_below_its_sweep(name: str, tmp_path: Path, type_script: Type) -> None:
    sweep = write_sweep(tmp_path / "sweep", [({"K": 4}, {"linear_top1": 50.0})])
    plan = json.loads((sweep / "sweep.json").read_text())
    plan["jobs"][0]["folder"] = name
    (sweep / "sweep.json").write_text(json.dumps(plan))
    check(type_script("report", f"sweep={sweep}"))


@pytest.mark.parametrize(("told", "refused"), [({"y": "../../../pwned"}, False), ({"curves": ["/../pwned"]}, True)])
def test_a_metric_does_not_name_a_file_elsewhere(
    told: dict[str, Any], refused: bool, tmp_path: Path, type_script: Type
) -> None:
    """Figures are named after metrics, which sweep.json, result.json and metrics.csv may call what they like."""
    sweep = write_sweep(tmp_path / "sweep", [({"K": 4}, {"linear_top1": 50.0, "../../../pwned": 1.0})], experiment=told)
    (sweep / "K=4" / "metrics.csv").write_text("step,epoch,/../pwned\n1,0,1.0\n2,0,1.0\n")
    before = {*tmp_path.rglob("*")}
    done = type_script("report", f"sweep={sweep}")
    if refused:
        check(done)
        assert "pwned names a figure; it must be a name without a /" in done.err
    made = {*tmp_path.rglob("*")} - before
    assert all(path.is_relative_to(sweep / "report") for path in made) and bool(made) != refused
