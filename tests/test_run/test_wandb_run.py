"""Opening and closing W&B runs: their ids, what goes offline and when, and other launchers."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb

from contrastive_lab.errors import RunError
from contrastive_lab.record.result import Result, Status
from contrastive_lab.run import wandb_run
from tests.conftest import ROOT, TINY, command, only_run
from tests.wandb_files import QUIET, offline_runs


def test_a_run_is_not_written_into_another_that_is_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace(name="mine", id="abc")
    monkeypatch.setattr(wandb, "run", other)
    monkeypatch.setattr(wandb, "finish", lambda **_: pytest.fail("the user's run was closed"))
    with pytest.raises(RunError, match=r"W&B run mine is still open.*wandb\.finish"):
        wandb_run.open_run(tmp_path)
    wandb_run.close_run(tmp_path, Result(Status.FAILED))


def test_the_id_is_new_unless_the_run_is_resumed(tmp_path: Path) -> None:
    first = wandb_run._new_id(tmp_path, resumed=True)  # resumed, but it had no id yet
    assert wandb_run._new_id(tmp_path, resumed=True) == first == (tmp_path / "wandb_run_id.txt").read_text().strip()
    assert wandb_run._new_id(tmp_path, resumed=False) != first


def test_a_sweep_agent_gives_the_id_and_an_id_in_the_environment_alone_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_RUN_ID", "agent123")
    assert wandb_run._new_id(tmp_path, resumed=False) != "agent123"  # it would be that of every job
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    assert wandb_run._new_id(tmp_path, resumed=False) == "agent123"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Say where W&B's server is; no key is known."""
    for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(wandb_run, "getproxies", dict)

    def at(url: str) -> None:
        monkeypatch.setattr(wandb, "setup", lambda: SimpleNamespace(settings=SimpleNamespace(base_url=url)))

    return at


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_without_a_key_or_a_connection_a_run_is_offline(
    server: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    server(f"http://127.0.0.1:{closed_port()}")
    assert wandb_run._why_offline() == "finds no key (WANDB_API_KEY or wandb login)"
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert wandb_run._why_offline() == "cannot reach 127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server(f"http://127.0.0.1:{listening.getsockname()[1]}")
        assert wandb_run._why_offline() is None


def test_the_port_of_a_server_is_that_of_its_address(
    server: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setattr(wandb_run, "reachable", lambda host, port: ports.append(port) or True)
    for url in ("http://wandb.local", "https://wandb.local", "http://wandb.local:8080", "https://wandb.local:8443"):
        server(url)
        assert wandb_run._why_offline() is None
    assert ports == [80, 443, 8080, 8443]


def test_a_key_of_wandb_login_is_found(
    server: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server("https://api.wandb.ai")
    monkeypatch.setattr(wandb_run, "reachable", lambda host, port: (host, port) == ("api.wandb.ai", 443))
    (tmp_path / "netrc").write_text("machine example.com login user password secret\n")
    assert wandb_run._why_offline() == "finds no key (WANDB_API_KEY or wandb login)"
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert wandb_run._why_offline() is None


def test_a_server_that_refuses_costs_a_notice_and_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[dict[str, Any]] = []

    def init(**options: Any) -> str:
        calls.append(options)
        if options["mode"] == "online":
            raise wandb.errors.CommError("permission denied\nand more")
        return "run"

    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setattr(wandb_run, "_why_offline", lambda: None)
    monkeypatch.setattr(wandb, "init", init)
    monkeypatch.setattr(wandb, "teardown", lambda: calls.append({"mode": "teardown"}))
    assert wandb_run.open_run(tmp_path, name="x") == "run"
    assert [call["mode"] for call in calls] == ["online", "teardown", "offline"]
    assert calls[0]["id"] == calls[2]["id"] and calls[0]["resume"] == "allow"
    assert capsys.readouterr().out == "notice: logger=wandb: permission denied; the run is written offline\n"


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments", [("-m", "K=4,8"), ("-m", "K=4,8", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1")]
)
def test_a_multirun_is_one_run_a_job_in_each_launcher(arguments: tuple[str, ...], tmp_path: Path) -> None:
    if any("joblib" in argument for argument in arguments):
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs hydra-joblib-launcher")
    tiny = [argument for argument in TINY if not argument.startswith("K=")]
    done = command(*arguments, *tiny, "logger=wandb", "sweep=demo", cwd=tmp_path, **QUIET)
    assert done.returncode == 0, done.stdout + done.stderr
    found = [run for path in sorted(tmp_path.rglob("result.json")) for run in offline_runs(path.parent)]
    assert sorted((run.config["K"], run.run.display_name, run.run.run_group, run.exit_code) for run in found) == [
        (4, "simo-K4-a256-s0", "demo", 0),
        (8, "simo-K8-a256-s0", "demo", 0),
    ]


@pytest.mark.long
def test_settings_lie_in_the_working_directory_and_not_in_the_folder_of_a_run(tmp_path: Path) -> None:
    """W&B's own files in a run's folder, with links that lead out, are neither read nor written through."""
    (tmp_path / "theirs").write_text("theirs")
    for folder, name in ((tmp_path / "mine", "me"), (tmp_path / "run", "stranger")):
        (folder / "wandb").mkdir(parents=True)
        (folder / "wandb" / "settings").write_text(f"[default]\nbase_url = http://{name}.invalid\nentity = {name}\n")
    for name in ("debug.log", "debug-internal.log", "latest-run"):
        (tmp_path / "run" / "wandb" / name).symlink_to(tmp_path / "theirs")
    code = (
        "from contrastive_lab.run.wandb_run import open_run; from pathlib import Path; run = open_run(Path('../run'));"
        "print(run.settings.base_url, run.entity); run.finish()"
    )
    environ = {name: value for name, value in os.environ.items() if "WANDB" not in name} | QUIET
    line, cwd = [sys.executable, "-c", code], tmp_path / "mine"
    done = subprocess.run(
        line, cwd=cwd, env={**environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.stdout == "http://me.invalid me\n", done.stderr
    assert len(offline_runs(tmp_path / "run")) == 1
    assert (tmp_path / "theirs").read_text() == "theirs"


@pytest.mark.long
def test_two_processes_are_one_run(tmp_path: Path) -> None:
    done = command(*TINY, "logger=wandb", "strategy=ddp_cpu", cwd=tmp_path, **QUIET)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = offline_runs(only_run(tmp_path))
    assert run.exit_code == 0
    assert [row["trainer/global_step"] for row in run.history if "train/loss" in row] == [0, 1, 2, 3, 4]
    assert "views" in run.history[0]


@pytest.mark.long
def test_a_server_that_hangs_up_costs_a_notice_and_not_the_run(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        environ = {
            **QUIET,
            "WANDB_MODE": "",
            "WANDB_BASE_URL": url,
            "WANDB_API_KEY": "0" * 40,
            "WANDB_INIT_TIMEOUT": "3",
        }
        done = command(*TINY, "logger=wandb", cwd=tmp_path, **environ)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "notice: logger=wandb: " in done.stdout and "; the run is written offline" in done.stdout
    (run,) = offline_runs(only_run(tmp_path))
    assert run.exit_code == 0
