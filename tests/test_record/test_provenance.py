"""command.txt, environment.json and the commit of the code."""

import json
import re
import shlex
import sys
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
    assert (stored["torch"], stored["threads"]) == (torch.__version__.partition("+")[0], torch.get_num_threads())


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
