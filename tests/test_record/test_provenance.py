"""command.txt, environment.json and the commit of the code."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from contrastive_lab.record import provenance


def test_each_part_of_a_run_adds_a_line_and_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_changes", lambda: "- old\n+ new")
    for line in (["train.py", "K=4", "sweep=a b"], ["train.py", "resume=x"]):
        monkeypatch.setattr(sys, "argv", line)
        provenance.describe(tmp_path)
    lines = (tmp_path / "command.txt").read_text().splitlines()
    assert [shlex.split(line)[1:] for line in lines] == [["train.py", "K=4", "sweep=a b"], ["train.py", "resume=x"]]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"command.txt", "environment.json", "environment.2.json", "git.diff", "git.2.diff"}
    stored = json.loads((tmp_path / "environment.json").read_text())
    assert (stored["packages"]["torch"].partition("+")[0], stored["threads"]) == (
        torch.__version__.partition("+")[0],
        torch.get_num_threads(),
    )


def test_the_environment_tells_the_machine_and_all_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\necho 'NVIDIA X, 80 GB, 1.2'\necho 'NVIDIA Y, 1.2'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = provenance.environment()
    assert (found["gpus"], found["driver"]) == (["NVIDIA X, 80 GB", "NVIDIA Y"], "1.2")
    assert found["host"] == socket.gethostname() and found["cpu"] and found["cpus"] == os.cpu_count()
    installed = {name: version(name) for name in ("numpy", "pytest", "hydra-core", "pytorch-lightning")}
    assert {name: found["packages"][name] for name in installed} == installed
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")  # a driver that does not answer
    found = provenance.environment()
    assert (found["gpus"], found["driver"]) == ([], None)


def test_a_package_that_is_installed_or_renewed_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))

    def told() -> str | None:
        found: str | None = provenance.environment()["packages"].get("their-lab")
        return found

    assert told() is None
    for version_ in ("1.0", "2.0"):
        for old in tmp_path.glob("*.dist-info"):
            old.rename(tmp_path / f"their_lab-{version_}.dist-info")
        folder = tmp_path / f"their_lab-{version_}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: Their-Lab\nVersion: {version_}\n")
        assert told() == version_


def test_packages_are_read_once_for_all_jobs_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before = provenance.environment()["packages"]
    monkeypatch.setattr(provenance, "distributions", lambda **_: pytest.fail("read again"))
    assert provenance.environment()["packages"] == before


def test_the_commit_is_twelve_digits_and_a_plus_where_files_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"rev-parse": "0123456789abcdef", "status": ""}
    monkeypatch.setattr(provenance, "_git", lambda command, *_: answers[command])
    assert provenance.commit() == "0123456789ab"
    answers["status"] = " M file"
    assert provenance.commit() == "0123456789ab+"
    monkeypatch.setattr(provenance, "_git", lambda *_: None)
    assert provenance.commit() is None


def test_git_s_own_answer_is_a_commit_or_nothing() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}\+?", provenance.commit() or "0" * 12)


def test_the_traceback_is_that_of_the_error_that_is_being_handled(tmp_path: Path) -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as error:
        assert provenance.unforeseen(error, tmp_path) == f"ZeroDivisionError: by nothing (traceback.txt in {tmp_path})"
    assert (tmp_path / "traceback.txt").read_text().endswith("ZeroDivisionError: by nothing\n")


def test_an_id_is_read_back_and_there_is_none_without_its_file(tmp_path: Path) -> None:
    assert provenance.stored_wandb_id(tmp_path / "run") is None
    provenance.write_wandb_id(tmp_path / "run", "abcd1234")
    assert provenance.stored_wandb_id(tmp_path / "run") == "abcd1234"


@pytest.mark.parametrize(
    "text",
    [
        "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
        "shared memory. Please try to raise your shared memory limit.",
        "Caught RuntimeError in DataLoader worker process 0.\nunable to write to file </torch_7_1_0>: No space left on "
        "device (28)",
        "unable to allocate shared memory(shm) for file </torch_7_1_0>: Success (0)",
    ],
)
def test_too_small_a_dev_shm_is_one_line_that_says_what_to_do(text: str, tmp_path: Path) -> None:
    told = provenance.unforeseen(RuntimeError(text), tmp_path)
    assert told.count("\n") == 0 and "--shm-size" in told
    assert told.endswith(f"resume={tmp_path} dataset.workers=0")
    assert not [*tmp_path.iterdir()]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one commit, of which the package is taken to be."""
    root = tmp_path / "clone"
    (root / "contrastive_lab").mkdir(parents=True)
    (root / "contrastive_lab" / "a.py").write_text("x = 1\n")
    (root / ".env").write_text("KEY=old secret\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        who = ["-c", "user.name=x", "-c", "user.email=x@y.z"]
        subprocess.run(["git", *who, *arguments], cwd=root, check=True)
    monkeypatch.setattr(provenance, "ROOT", root)
    return root


def test_the_diff_has_the_package_s_own_small_texts_alone(clone: Path, tmp_path: Path) -> None:
    """Applied to a fresh checkout it gives the files again."""
    package = clone / "contrastive_lab"
    new = {
        "contrastive_lab/a.py": "x = 2 \n\n",  # ends that matter
        "contrastive_lab/new.py": "y = 'é'\n",
        "contrastive_lab/no_end.py": "y = 1",
        "contrastive_lab/empty.py": "",
        "conf/method/own.yaml": "K: 3\r\n",
    }
    for name, text in new.items():
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text(text, newline="")
    (package / "latin.py").write_bytes(b"# \xe9\n")
    (package / "large.py").write_text("x = 1\n" * 20_000)
    (package / "data.csv").write_text("1,2\n")
    (package / ".env").write_text("KEY=secret\n")
    (package / ".env.py").write_text("KEY = 'secret'\n")
    (clone / ".env").write_text("KEY=new secret\n")
    (clone / "notes.py").write_text("mine\n")
    (package / "elsewhere.py").symlink_to(clone / ".env")
    provenance.describe(tmp_path, ["train"])
    diff = (tmp_path / "git.diff").read_bytes()
    assert b"secret" not in diff and b"mine" not in diff
    subprocess.run(["git", "stash", "-q", "-u"], cwd=clone, check=True)
    subprocess.run(["git", "apply", str(tmp_path / "git.diff")], cwd=clone, check=True)
    found = subprocess.run(["git", "status", "--porcelain", "-uall"], cwd=clone, check=True, capture_output=True)
    assert {line[3:] for line in found.stdout.decode().splitlines()} == {*new}
    for name, text in new.items():
        assert (clone / name).read_bytes() == text.encode()


def test_git_is_called_as_often_for_many_new_files_as_for_none(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, run = [], subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda command, **how: (calls.append(command), run(command, **how))[1])
    provenance._changes()
    before = len(calls)
    for i in range(50):
        (clone / f"{i}.png").write_bytes(b"no text \xff")
        (clone / "contrastive_lab" / f"b{i}.py").write_text("z = 1\n")
    assert provenance._changes().count("new file mode") == 50
    assert len(calls) == 2 * before
