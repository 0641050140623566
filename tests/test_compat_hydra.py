"""Each private part of Hydra that compat.py names, by what the project needs of it."""

import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from contrastive_lab import compat
from contrastive_lab.compat import hydra_parser, multirun_jobs, run_hydra


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of configurations: two numbers, and a group of two options."""
    main = "a: 1\ndefaults: [_self_, size: small, override hydra/job_logging: none]\n"
    for name, text in {
        "main": main + "hydra: {run: {dir: out}, output_subdir: null, sweep: {dir: many}}",
        "size/small": "width: 1",
        "size/smart": "width: 2",
    }.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    return tmp_path / "conf"


def test_hydra_parser_tells_flags_from_overrides() -> None:
    args = hydra_parser().parse_args(["-m", "K=4,8", "tau=0.1"])
    assert (args.overrides, args.multirun, args.help, args.hydra_help) == (["K=4,8", "tau=0.1"], True, False, False)
    assert (args.cfg, args.info, args.shell_completion, args.experimental_rerun) == (None, None, False, None)


def test_run_hydra_gives_the_task_each_configuration_and_reads_no_sys_argv(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs that are given go through `GivenJobs`, which `Plugins.class_name_to_class` knows, in batches."""
    monkeypatch.setattr("sys.argv", ["train.py", "--no-such-flag"])
    found: list[tuple[int, int]] = []

    def task(config: DictConfig) -> None:
        found.append((config.a, config.size.width))

    run_hydra(task, hydra_parser().parse_args(["a=3"]), conf, "main")
    run_hydra(task, hydra_parser().parse_args(["-m", "a=4,5", "size=smart"]), conf, "main")
    assert found == [(3, 1), (4, 2), (5, 2)]
    run_hydra(task, hydra_parser().parse_args(["-m", "a=8,9"]), conf, "main", [["a=6", "size=smart"], ["a=7"]])
    assert found[3:] == [(6, 2), (7, 1)]
    assert capsys.readouterr().out.count("Launching 2 jobs") == 2
    run_hydra(task, hydra_parser().parse_args(["-m", "a=8,9"]), conf, "main")
    assert found[5:] == [(8, 1), (9, 1)]
    args = hydra_parser().parse_args(["-m", "hydra.sweeper.max_batch_size=2"])
    run_hydra(task, args, conf, "main", [["a=1"], ["a=2"], ["a=3"]])
    assert found[7:] == [(1, 1), (2, 1), (3, 1)]
    assert re.findall(r"Launching (\d)", capsys.readouterr().out) == ["2", "2", "1"]
    run_hydra(task, hydra_parser().parse_args(["--cfg", "job", "a=7"]), conf, "main")
    assert capsys.readouterr().out == "a: 7\nsize:\n  width: 1\n"


@pytest.mark.parametrize(
    ("line", "runs"), [(["a=3"], [3]), (["-m", "a=4,5"], [4, 5]), (["hydra.mode=MULTIRUN", "a=6,7"], [6, 7])]
)
def test_the_mode_is_that_of_the_line_and_nothing_is_composed_for_it(
    conf: Path, monkeypatch: pytest.MonkeyPatch, line: list[str], runs: list[int]
) -> None:
    """`Hydra.get_mode` is called where an override has hydra.mode, and as it was afterwards."""
    asked, found, modes = Hydra.get_mode, list[int](), list[Any]()

    def get_mode(*arguments: Any, **named: Any) -> Any:
        modes.append(asked(*arguments, **named))
        return modes[-1]

    monkeypatch.setattr(Hydra, "get_mode", get_mode)
    run_hydra(lambda config: found.append(config.a), hydra_parser().parse_args(line), conf, "main")
    assert (found, [mode.name for mode in modes]) == (runs, ["MULTIRUN"] * ("hydra.mode=MULTIRUN" in line))
    assert Hydra.get_mode is get_mode


def test_jobs_that_are_composed_once_are_those_that_hydra_composes(conf: Path) -> None:
    """`ConfigLoaderImpl.load_sweep_config`, its own node and all, for options, values, new keys and hydra's."""
    places = create_config_search_path(str(conf))
    own, ours = ConfigLoaderImpl(places), compat.ComposedOnce(places)
    master = own.load_configuration("main", ["hydra.mode=MULTIRUN", "hydra/launcher=basic"], RunMode.MULTIRUN)
    exclude = "hydra.job.config.override_dirname.exclude_keys=[a]"
    jobs = (
        ["a=2"],
        ["a=3", "size=smart"],
        ["size=smart", "+b=[1]", "++c.d=2"],
        ["hydra.sweep.subdir=x", exclude, "a=2"],
    )
    for job in jobs:
        told, made = own.load_sweep_config(master, job), ours.load_sweep_config(master, job)
        assert OmegaConf.to_yaml(told) == OmegaConf.to_yaml(made)
        assert OmegaConf.is_struct(made)
    assert len(ours.made) == 2  # without and with size=smart
    with pytest.raises(HydraException, match="Could not override 'b'"):
        ours.load_sweep_config(master, ["b=1"])


def test_an_error_of_a_task_is_raised_without_a_word_of_hydra(conf: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def task(config: DictConfig) -> None:
        raise RuntimeError(HydraConfig.get().job.name)

    with pytest.raises(RuntimeError, match=r"^test_compat_hydra$"):
        run_hydra(task, hydra_parser().parse_args(["a=3"]), conf, "main")
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("ignore:Experimental rerun CLI option:UserWarning")
def test_run_hydra_runs_a_pickled_configuration_again(conf: Path, tmp_path: Path) -> None:
    """`_get_rerun_conf` of hydra.main reads the configuration; `a` is what was told and not what the file says."""
    with initialize_config_dir(str(conf), version_base="1.3"):
        stored = compose("main", ["a=3"], return_hydra_config=True)
    (tmp_path / "config.pickle").write_bytes(pickle.dumps(stored))
    found: list[DictConfig] = []
    args = hydra_parser().parse_args(["--experimental-rerun", str(tmp_path / "config.pickle")])
    run_hydra(found.append, args, conf, "main")
    assert [config.a for config in found] == [3]


def test_a_help_is_filled_without_the_list_of_groups_that_hydra_makes(
    conf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`Hydra.format_config_groups` reads every yaml of the tree; it is as it was afterwards."""
    for line, told in (
        (["--help", "hydra.help.template='groups: $APP_CONFIG_GROUPS.'"], "groups: .\n"),
        (["--hydra-help"], "hydra/launcher: "),
    ):
        with pytest.raises(SystemExit) as ended:
            run_hydra(print, hydra_parser().parse_args(line), conf, "main")
        assert not ended.value.code
        assert told in capsys.readouterr().out


def test_run_hydra_completes_a_line_for_the_shell(
    conf: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", "main.py size=s")
    run_hydra(print, hydra_parser().parse_args(["-sc", "query=bash"]), conf, "main")
    assert capsys.readouterr().out.split() == ["size=small", "size=smart"]


def test_multirun_jobs_are_the_product_of_the_values_and_glob_names_options(conf: Path) -> None:
    assert multirun_jobs(["a=1,2", "size=glob(*)"], conf) == [
        [f"a={a}", f"size={size}"] for a in (1, 2) for size in ("small", "smart")
    ]
    assert multirun_jobs(["a=range(0,3)"], conf) == [["a=0"], ["a=1"], ["a=2"]]
    with pytest.raises(HydraException):
        multirun_jobs(["a"], conf)
