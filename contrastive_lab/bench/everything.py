"""All benchmarks of this machine, kept in its file, and the page of all machines."""

from collections.abc import Callable, Sequence
from pathlib import Path

from contrastive_lab.bench.page import check_page, write_page
from contrastive_lab.bench.table import table
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.provenance import environment
from contrastive_lab.record.run import check_links
from contrastive_lab.record.speed import Outcome, Speed, file_of, machine, read_speed, write_speed

KEPT = ("python", "system", "cpu", "cpus", "gpus", "driver", "git")  # of the environment; what names no host
Measure = Callable[[str], Outcome]


def everything(names: Sequence[str], measure: Measure, folder: Path, page: Path, tiny: bool) -> None:
    """Run benchmarks one behind the other, keep what each found as soon as it is done, and write the page.

    What this machine's file has of other benchmarks stays. A benchmark that lacks a package is left out, with a line
    that says what to install.

    Raises:
        ConfigError: before any work, where the page has no place for a table, a machine's file cannot be read, a link
            leads out of the folder, or a tiny run would take the place of a true one.
    """
    check_page(page)
    check_links(folder)
    speed = _begun(folder, tiny)
    for name in names:
        print(f"\n{name}", flush=True)
        try:
            speed.benchmarks[name] = measure(name)
        except ConfigError as error:
            print(f"left out: {'; '.join(error.problems)}", flush=True)
            continue
        print(table(speed.benchmarks[name]), flush=True)
        path = write_speed(folder, speed)
        write_page(page, folder)
        print(f"kept in {path}", flush=True)


def _begun(folder: Path, tiny: bool) -> Speed:
    """What this machine's file has, or a new one; a tiny run's makes room for a true one."""
    own = environment()
    kept = {name: own[name] for name in KEPT} | {"torch": own["packages"].get("torch")}
    new = Speed(machine=machine(own), tiny=tiny, environment=kept)
    stored = {path: read_speed(path) for path in sorted(folder.glob("*.json"))}
    before = stored.get(path := file_of(folder, new.machine))
    if before is not None and tiny and not before.tiny:
        raise ConfigError(
            f"--tiny: {path} has true measurements, which a tiny run would replace; --out <another folder>"
        )
    if before is not None and before.tiny == tiny:
        new.benchmarks = before.benchmarks
    return new
