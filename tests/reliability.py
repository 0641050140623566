"""Count what was survived, answered and refused: `make reliability`, which prints the table of docs/reliability.md."""

import os
import sys
from collections import Counter
from typing import NamedTuple

import pytest

FULL = {"KILLS": "100", "SIGNALS": "20", "STEPS": "20000"}  # as the Makefile sets them
KILLS, STEPS = os.environ.get("KILLS", "10"), os.environ.get("STEPS", "2000")
RUN = "tests/test_run/test"


class Subject(NamedTuple):
    """What is counted: passed tests of a file or of one function, each of which stands for so many."""

    what: str
    tests: str
    each: int = 1
    variable: str = ""  # of FULL, that says how many are tried


SUBJECTS = {
    "kills": Subject(
        "kills survived bit for bit, one in five inside a checkpoint's write",
        f"{RUN}_kills.py",
        int(KILLS) // 5,
        "KILLS",
    ),
    "signals": Subject(
        "SIGTERM, SIGINT and SIGUSR1 to two processes, at random moments",
        f"{RUN}_signals_of_two.py::test_a_signal_to_one_of_two_processes_ends_both",
        variable="SIGNALS",
    ),
    "evaluation": Subject(
        "SIGTERM to two processes, in the final evaluation",
        f"{RUN}_signals_of_two.py::test_a_signal_in_the_final_evaluation_of_two_processes",
    ),
    "nodes": Subject("nodes of torchrun lost", f"{RUN}_two_nodes.py"),
    "queue": Subject("jobs sent to a queue again", "tests/test_launch/test_slurm.py"),
    "steps": Subject(
        "methods and settings whose step on two processes is that of one",
        "tests/test_distributed.py::test_two_processes_equal_one",
    ),
    "processes": Subject(
        "methods that go on from 1 to 4 to 2 processes, to 1e-8 in float64",
        f"{RUN}_other_processes.py::test_every_method_goes_on_in_another_number_of_processes",
    ),
    "lines": Subject(
        "wrong lines and files answered in one line",
        "tests/test_bad_lines.py::test_a_wrong_line_is_answered_before_anything_is_made",
    ),
    "hostile": Subject("hostile folders and files that ran and wrote nothing, by entry", "tests/test_hostile/"),
    "disks": Subject("full disks", f"{RUN}_full_disk.py"),
    "memory": Subject("steps without growth of memory", f"{RUN}_memory.py", int(STEPS), "STEPS"),
}


class Tests:
    """A plugin of pytest that counts tests by subject: those that passed, and those that there are."""

    def __init__(self) -> None:
        self.passed, self.there = Counter[str](), Counter[str]()

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Count one test that there is."""
        self.there.update(_subjects(item.nodeid))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one test that passed."""
        if report.when == "call" and report.passed:
            self.passed.update(_subjects(report.nodeid))


def _subjects(test: str) -> list[str]:
    return [name for name, subject in SUBJECTS.items() if test.startswith(subject.tests)]


def row(name: str, tests: int) -> str:
    """A subject's line of the table, with the command that prints it."""
    subject = SUBJECTS[name]
    told = f"{subject.variable}={os.environ[subject.variable]} " if subject.variable in os.environ else ""
    return f"| {subject.what} | {subject.each * tests:,} | `{told}python -m tests.reliability {name}` |"


def main(arguments: list[str]) -> int:
    """Run the tests of all subjects, or of those named, and print the table; returns pytest's exit code.

    With --collect-only nothing is run, and the table has what would be tried.
    """
    options = [argument for argument in arguments if argument.startswith("-")]
    chosen = [argument for argument in arguments if argument not in options] or [*SUBJECTS]
    tests = Tests()
    wanted = (SUBJECTS[name].tests for name in chosen)
    code = pytest.main([*wanted, "-n0", "-q", "-m", "long or not long", *options], plugins=[tests])
    print("\n| what | count | command |\n|---|---|---|")
    for name in chosen:
        print(row(name, (tests.there if options else tests.passed)[name]))
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
