"""Count what was survived, answered and refused: `make reliability`, which prints the table of docs/reliability.md."""

import os
import sys
from collections import Counter

import pytest

KILLS, STEPS = os.environ.get("KILLS", "10"), os.environ.get("STEPS", "2000")
# What a file's passed tests count, and how many of it each of them stands for.
SUBJECTS = {
    "tests/test_run/test_kills.py": ("kills survived, one in five inside a checkpoint's write", int(KILLS) // 5),
    "tests/test_run/test_signals.py": ("signals answered", 1),
    "tests/test_run/test_two_nodes.py": ("nodes of torchrun lost", 1),
    "tests/test_launch/test_slurm.py": ("jobs sent to a queue again", 1),
    "tests/test_run/test_other_processes.py": ("methods that go on in another number of processes, and what cannot", 1),
    "tests/test_distributed.py": ("runs on several processes that agree with one", 1),
    "tests/test_bad_lines.py": ("wrong lines and files answered in one line", 1),
    "tests/test_hostile_folders.py": ("hostile folders that ran and wrote nothing, by entry", 1),
    "tests/test_run/test_full_disk.py": ("full disks", 1),
    "tests/test_run/test_memory.py": ("steps without growth of memory", int(STEPS)),
}


class Passed:
    """A plugin of pytest that counts passed tests by file."""

    def __init__(self) -> None:
        self.count = Counter[str]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one test."""
        if report.when == "call" and report.passed:
            self.count[report.location[0]] += 1


def main() -> int:
    """Run the tests of all subjects, or of the files named, and print the table; returns pytest's exit code."""
    chosen = {file: SUBJECTS[file] for file in sys.argv[1:] or SUBJECTS}
    passed = Passed()
    code = pytest.main([*chosen, "-n0", "-q", "-m", "long or not long"], plugins=[passed])
    print("\n| what | count | command |\n|---|---|---|")
    environ = " ".join(f"{key}={os.environ[key]}" for key in ("KILLS", "SIGNALS", "STEPS") if key in os.environ)
    for file, (what, each) in chosen.items():
        line = f"{environ} python -m tests.reliability {file}".strip()
        print(f"| {what} | {each * passed.count[file]:,} | `{line}` |")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
