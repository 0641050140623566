"""What stands around `train.py`: every job is checked before the first one starts, and errors are single lines."""

import os
import sys
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf

from contrastive_lab.config.check import processes
from contrastive_lab.config.errors import ConfigError, RunError
from contrastive_lab.config.overrides import composed, first_line
from contrastive_lab.config.schema import register
from contrastive_lab.config.stored import check_resume

DISTRIBUTED_MULTIRUN = (  # Lightning would start the whole sweep again in every further process
    "strategy=ddp with -m: start one run after the other, "
    "e.g. for K in 4 16 64; do python train.py K=$K strategy=ddp; done"
)
CONF = Path(__file__).parents[2] / "conf"


def command_line(task: Callable[[], object]) -> int:
    """Check the line, run a task decorated by `hydra.main`, and return the exit code."""
    prepare()

    def checked() -> None:
        if "LOCAL_RANK" not in os.environ:  # the other processes of a run were checked by their parent
            preflight(sys.argv[1:])
        task()

    return exit_code(checked)


def prepare() -> None:
    """Tell Hydra the schema and the folder names."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    register()
    OmegaConf.register_new_resolver("new_folder", new_folder, replace=True)


def exit_code(task: Callable[[], object]) -> int:
    """Run a task: 0 if all went well, 1 if it failed, 2 if it was refused before any work; errors as single lines."""
    try:
        task()
        return 0
    except ConfigError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        return 2
    except RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def preflight(arguments: list[str]) -> None:
    """Check every job of a command line.

    Raises:
        ConfigError: with every problem of every job, each once.
    """
    args = get_args_parser().parse_args(arguments)
    if args.help or args.hydra_help or args.cfg or args.info or args.shell_completion:
        return
    if any(o.startswith("resume=") for o in args.overrides):
        _preflight_resume(args.overrides)
        return
    problems: dict[str, None] = {}
    for job in _jobs(args.overrides) if args.multirun else [args.overrides]:
        try:
            config = composed(job, CONF)
            if args.multirun and processes(config) > 1:
                problems[DISTRIBUTED_MULTIRUN] = None
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigError(*problems)


def _jobs(overrides: list[str]) -> list[list[str]]:
    """The jobs of a multirun, as Hydra's own sweeper expands them."""
    try:
        parsed = OverridesParser.create().parse_overrides(overrides)
        batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    except HydraException as error:
        raise ConfigError(first_line(error)) from None
    return [list(job) for batch in batches for job in batch]


def _preflight_resume(overrides: list[str]) -> None:
    """Check a `resume=<folder>` and let Hydra work in that folder, leaving the run's own .hydra as it is."""
    others = [o for o in overrides if not o.startswith("resume=")]
    if others:
        raise ConfigError(f"resume takes the run's own configuration; leave out {', '.join(others)}")
    folder = overrides[0].removeprefix("resume=").strip("'\"")
    if problems := check_resume(Path(folder)):
        raise ConfigError(*problems)
    sys.argv += [f"hydra.run.dir='{folder}'", "hydra.output_subdir=null"]


@lru_cache
def new_folder(parent: str) -> str:
    """Make `<parent>/<date>_<time>`, with a number behind it where another run took that second; never shared."""
    stem = f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    for number in range(1, 1000):
        folder = Path(parent) / (stem if number == 1 else f"{stem}_{number}")
        try:
            folder.mkdir(parents=True)
            return str(folder)
        except FileExistsError:
            continue
    raise RunError(f"no free folder under {parent} for a run of {stem}")
