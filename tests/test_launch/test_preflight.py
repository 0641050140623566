import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from contrastive_lab.compat import hydra_parser
from contrastive_lab.config import FURTHER
from contrastive_lab.config.overrides import composed
from contrastive_lab.errors import ConfigError
from contrastive_lab.launch import experiment
from contrastive_lab.launch.preflight import check_started, preflight
from contrastive_lab.record.plan import Plan
from contrastive_lab.record.run import check_resume
from tests.conftest import TINY, Line, settled
from tests.test_launch.conftest import SMALL

Type = Callable[..., Line]

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(autouse=True)
def _no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)


@pytest.fixture
def one_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two processes of torchrun."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")


def test_torchrun_does_not_start_a_sweep_in_every_process(one_of_two: None, tmp_path: Path, line: Callable) -> None:
    done: Line = line("-m", *TINY, "tau=0.1,0.2", "strategy=ddp_cpu")
    assert done.code == 2
    assert done.err.startswith("error: strategy=ddp with -m: this launcher cannot")
    assert not list(tmp_path.iterdir())


def test_processes_of_torchrun_must_be_told_one_folder(one_of_two: None, tmp_path: Path, line: Callable) -> None:
    done: Line = line(*TINY, "strategy=ddp_cpu")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith("error: hydra.run.dir=<folder>: needed with several processes")
    assert not list(tmp_path.iterdir())
    for line in ([*TINY, "hydra.run.dir=outputs/x"], ["resume=outputs/x"]):
        check_started(hydra_parser().parse_args(line))


def test_a_multirun_is_checked_as_a_whole_before_its_first_job() -> None:
    with pytest.raises(ConfigError) as caught:
        preflight(["train.py", "-m", "K=4,300", "tau=0.1,0", "method=simo,simclr"])
    assert sorted(caught.value.problems) == [
        "K=300: more than the N-1 = 255 keys of batch_size=256; lower K or raise N",
        "tau=0.0: must be more than 0",
    ]
    preflight(["train.py", "-m", "K=4,16", "seed=range(0,3)"])
    with pytest.raises(
        ConfigError, match=r"strategy=ddp with -m: this launcher cannot; either one run after the other"
    ):
        preflight(["train.py", "-m", "K=4,16", "strategy=ddp_cpu"])


def test_resume_takes_no_other_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="leave out K=3"):
        preflight(["train.py", f"resume={tmp_path}", "K=3"])
    with pytest.raises(ConfigError, match="not the folder of a run"):
        preflight(["train.py", f"resume={tmp_path}"])
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text("K: 3")
    assert check_resume(tmp_path) == []  # it starts anew
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(b"half a checkpoint")
    assert "damaged" in check_resume(tmp_path)[0]
    (tmp_path / "result.json").write_text('{"status": "done"}')
    assert "that run is finished" in check_resume(tmp_path)[0]


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (["experiment=eqco/fig4"], "experiment=eqco/fig4: for several runs; python train.py -m experiment=eqco/fig4"),
        (["-m"], "-m: this line has one job; give a key several values, e.g. K=4,16, or leave out -m"),
        (["-m", "K=4,4"], "-m: two jobs are the same run, K=4; leave one out"),
        (["-m", "experiment=a/none", "K=4,5"], "experiment=a/none: no such option"),
        (["-m", "sweep=a/b", "K=4,5"], "sweep=a/b: must be letters"),
        (["-m", "K=4,5", "strategy=ddp_cpu", "hydra/launcher=joblib"], "strategy=ddp with -m: this launcher cannot"),
    ],
)
def test_a_sweep_that_cannot_be_is_an_error(
    told: list[str], problem: str, fig: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        preflight(["train.py", *told])
    assert problem in str(caught.value)
    assert not list(tmp_path.iterdir())


def job_of(sweep: Plan) -> Path:
    """Make the folder of the one job of a sweep."""
    folder = sweep.folder / sweep.jobs[0].folder
    (folder / ".hydra").mkdir(parents=True)
    return folder.absolute()


def test_a_stored_run_of_another_configuration_is_never_taken(planned: Callable[..., Plan], line: Type) -> None:
    told = (*settled(*SMALL, "K=4"), "sweep=s")
    folder = job_of(planned(*told))
    config = composed([*SMALL, "K=4"])
    config.tau = 0.7  # as if the defaults had been others then
    OmegaConf.save(config, folder / ".hydra" / "config.yaml")
    result = {"status": "done", "config_hash": "0" * 12}
    (folder / "result.json").write_text(json.dumps(result))
    done = line("-m", *told)
    assert done.code == 2
    assert "holds another run (tau: 0.7, not 0.2); choose another sweep=<name>" in done.err
    assert json.loads((folder / "result.json").read_text()) == result


@pytest.mark.parametrize("told", [("sweep=2026_11_21",), ("sweep=1.10",), ("sweep=true",), ("sweep='a.b'",), ()])
def test_hydra_takes_the_name_for_the_name_it_is(
    told: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides, sweep = preflight(["train.py", "-m", "K=4,13", *told])
    assert sweep is not None
    assert sweep.name == (told[0].partition("=")[2].strip("'") if told else "83e55427")  # which reads as a number
    (last,) = [override for override in overrides if override.startswith("sweep=")][-1:]
    assert OverridesParser.create().parse_override(last).value() == sweep.name


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        (("experiment=eqco/fig4", "scale=laptop,cifar"), "scale=laptop,cifar: an experiment has a grid for each of"),
        (
            ("K=4,8", "hydra.sweep.dir=elsewhere"),
            "hydra.sweep.dir=elsewhere: a sweep's folder is outputs/sweeps/<name>",
        ),
        (("method=glob(x*)", "K=4"), "-m: this line makes no job"),
    ],
)
def test_what_a_sweep_does_not_take(told: tuple[str, ...], problem: str, planned: Callable[..., Plan]) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(*told)
    assert problem in str(caught.value)


def test_one_run_has_no_sweep(tmp_path: Path, line: Type) -> None:
    done = line(*SMALL, "sweep=mine")
    assert (done.code, done.err) == (2, "error: sweep=mine: for several runs; python train.py -m sweep=mine\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("several", [(), ("-m",)])
@pytest.mark.parametrize("group", ["experiment", "method"])
def test_no_option_is_null(group: str, several: tuple[str, ...], line: Type) -> None:
    done = line(*several, *SMALL, f"{group}=null")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"error: {group}=null: must be the name of an option; choose one of ")


def test_a_damaged_result_is_named_before_any_work(planned: Callable[..., Plan], tmp_path: Path, line: Type) -> None:
    told = (*SMALL, "sweep=s")
    path = job_of(planned(*told)) / "result.json"
    path.write_text('{"status": "done", "method": "si')
    done = line("-m", *told)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"error: {path.relative_to(tmp_path)}: damaged")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (["hydra.run.dir="], "hydra.run.dir=: must be a folder"),
        (["resume="], "resume=: must be a folder"),
        (["experiment=eqco/fig9"], "experiment=eqco/fig9: no such option; did you mean eqco/fig4?"),
        (["tau=inf"], "tau=inf: must be finite and more than 0"),
    ],
)
def test_a_line_that_means_nothing_is_answered_before_work(line: list[str], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        preflight(["train.py", *line])
    assert caught.value.problems[0].startswith(problem)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"file/x: cannot be made in .*file; choose another folder"):
        preflight(["train.py", f"hydra.run.dir={tmp_path}/file/x"])


def test_an_experiment_with_a_wrong_margin_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "wide.yaml").write_text("margin: -1\n")
    monkeypatch.setenv(FURTHER, str(tmp_path))
    with pytest.raises(ConfigError, match=r"^experiment=wide: margin=-1: must be a number above 0"):
        experiment.load("wide")


def test_the_command_of_a_sweep_is_its_line_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["/opt/bin/contrastive-lab"])
    _, sweep = preflight(["train", "-m", "K=4,16", "sweep=s"])
    assert sweep is not None and sweep.command == "contrastive-lab train -m K=4,16 sweep=s"


def test_hydra_gets_of_a_sweep_what_is_its_own_alone() -> None:
    """It composes the line once without the jobs, where a key may be of an option that they choose."""
    own = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    told, _ = preflight(["train", "-m", "K=4,8", "method=moco_v2", *own, "loss=hard", "loss.beta=0.5", "sweep=s"])
    assert told == [*own, "sweep='s'", "hydra.output_subdir=null"]
