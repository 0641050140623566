"""What becomes of a command whose reader ends first; each line is typed in a process of its own, into a pipe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contrastive_lab.output import outlast_readers
from contrastive_lab.record.result import Status, read_result
from tests.conftest import ROOT, TINY, settled

# Prints a line, waits until nobody reads, prints more than any buffer holds, and ends by writing a file.
PROGRAM = """
import os, subprocess, sys
{before}
print("read", flush=True)
sys.stdin.readline()
with {around}:
    for _ in range(3):
        print("lost " * 9999, flush=True)
        print("lost " * 9999, file=sys.stderr)
    os.write(1, b"of a library")
    subprocess.run(["echo", "of a child"], check=True)
    print("lost in the buffer")
open(sys.argv[1], "w").write(f"{{sys.stdout.encoding}} {{sys.stdout.isatty()}} {{sys.stdout.fileno()}}")
"""
OUTLAST = "from contrastive_lab.output import outlast_readers; outlast_readers()"
PREFIXED = "from contrastive_lab.launch.prefix import prefixed"


@pytest.mark.parametrize(
    ("before", "around", "options"),
    [(OUTLAST, "open(os.devnull)", []), (OUTLAST, "open(os.devnull)", ["-u"]), (PREFIXED, "prefixed('K=4')", [])],
    ids=["own", "unbuffered", "job"],
)
def test_a_command_goes_on_to_its_end_where_nobody_reads(
    before: str, around: str, options: list[str], tmp_path: Path
) -> None:
    code = PROGRAM.format(before=before, around=around)
    line = [sys.executable, *options, "-c", code, str(tmp_path / "end")]
    environ = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "latin-1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(line, env=environ, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == b"read\n"
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.close()
        assert process.wait(60) == 0
    assert (tmp_path / "end").read_text() == "iso8859-1 False 1"


@pytest.mark.long
@pytest.mark.parametrize("more", [(), ("-m", "seed=0,1", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")])
def test_a_run_and_the_jobs_of_a_sweep_whose_reader_ends_first_are_done(more: tuple[str, ...], tmp_path: Path) -> None:
    line = [
        sys.executable,
        str(ROOT / "train.py"),
        *settled(*TINY, "epochs=2", "trainer.enable_progress_bar=null", *more),
    ]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(line, cwd=tmp_path, env=environ, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        process.stdout.close()
        assert process.wait(240) == 0
    found = [read_result(path.parent).status for path in tmp_path.rglob("result.json")]
    assert found == [Status.DONE] * (2 if more else 1)


@pytest.mark.parametrize("words", ["train.py --help", "scripts/export.py --help", "-m contrastive_lab --help"])
def test_help_whose_reader_ends_first_is_no_error(words: str, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    line, environ = [sys.executable, *words.split()], {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(line, cwd=ROOT, env=environ, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr, [*tmp_path.iterdir()]) == (0, b"", [])


def test_a_command_without_any_output_prints_nothing(tmp_path: Path) -> None:
    line = (
        f"{sys.executable} -c '{OUTLAST}; import sys; print(sys.stdout.isatty()); print(1, file=sys.stderr)' >&- 2>&-"
    )
    done = subprocess.run(["bash", "-c", line], env={"PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0


def test_what_others_have_put_in_place_of_the_output_stays(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    outlast_readers()
    assert (sys.stdout, sys.stderr) == before
    print("caught")
    assert capsys.readouterr().out == "caught\n"
