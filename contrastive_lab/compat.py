"""What the project takes from other packages beyond their documented interface: one small function for each.

`hydra.main` reads sys.argv alone, and neither its flags nor its sweeper's jobs can be had without running; Lightning's
types leave attributes out; multiprocessing ends processes in an order of its own; a workspace of W&B can be saved on
its server alone. Imports stand inside the functions: the command line reads this file before it needs what takes
seconds to import.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager, nullcontext
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import urlsplit

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode, TaskFunction
from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    import pytorch_lightning as pl


def any_number_of_shapes() -> None:
    """Let torch.compile make code for each shape that it meets; it would stop after eight, without a word."""
    from torch._dynamo import config

    config.recompile_limit = config.accumulated_recompile_limit = 2**20


@contextmanager
def hub_offline(is_offline: Callable[[str], bool]) -> Iterator[None]:
    """Let the Hugging Face Hub take what is in its cache alone where its server, a host, cannot be reached.

    It reads HF_HUB_OFFLINE when it is imported, and else tries for a minute, with a line for each time.
    """
    try:
        from huggingface_hub import constants
    except ImportError:  # of a timm that does without it
        yield
        return
    before, host = constants.HF_HUB_OFFLINE, urlsplit(constants.ENDPOINT).hostname or ""
    constants.HF_HUB_OFFLINE = before or is_offline(host)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def hydra_parser() -> ArgumentParser:
    """`get_args_parser`: the parser of Hydra's command line, flags such as -m and --cfg among it."""
    from hydra._internal.utils import get_args_parser

    return get_args_parser()


def run_hydra(
    task: Callable[[Any], object], args: Namespace, conf: Path, name: str, jobs: Iterable[list[str]] | None = None
) -> None:
    """`_run_hydra`: what `hydra.main` does with a command line once `hydra_parser` has read it.

    `task` is called with the configuration of each job; `name` is that of the primary one in the folder `conf`. The
    `jobs` of a multirun, a list of overrides each, are launched together in place of those that `args` expand to; those
    of an iterator one after the other, the next is asked for when one is over. An
    error of a single job is raised without the line that Hydra would print before it. With --help a template is filled
    without Hydra's own list of groups, $APP_CONFIG_GROUPS.
    """
    from hydra import version
    from hydra._internal.utils import _run_hydra
    from hydra.main import _get_rerun_conf

    version.setbase("1.3")
    if args.experimental_rerun is not None:
        task(_get_rerun_conf(args.experimental_rerun, args.overrides))
    else:
        if jobs is not None:
            GivenJobs.jobs = jobs
            Plugins.instance().class_name_to_class[GivenJobs.NAME] = GivenJobs
            overrides = [*args.overrides, f"hydra.sweeper._target_={GivenJobs.NAME}"]
            args = Namespace(**vars(args) | {"overrides": overrides})
        raised: list[Exception] = []

        @wraps(task)
        def heard(config: Any) -> object:
            try:
                return task(config)
            except Exception as error:
                raised.append(error)
                return None

        told = task if args.multirun else heard
        with _no_list_of_groups() if args.help else nullcontext(), _mode_of_line(args.overrides):
            _run_hydra(args, hydra_parser(), told, config_path=str(conf), config_name=name)
        if raised:
            raise raised[0]


@contextmanager
def _no_list_of_groups() -> Iterator[None]:
    """`Hydra.format_config_groups`: not made for a help whose template lists the groups itself; it takes a second."""
    from hydra._internal.hydra import Hydra

    made = Hydra.format_config_groups
    Hydra.format_config_groups = lambda *_, **__: ""  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.format_config_groups = made  # type: ignore[method-assign]


@contextmanager
def _mode_of_line(overrides: Sequence[str]) -> Iterator[None]:
    """`Hydra.get_mode`: composes the whole configuration for hydra.mode, which stays as -m has it unless it is told."""
    from hydra._internal.hydra import Hydra

    asked = Hydra.get_mode
    if not any("hydra.mode=" in override for override in overrides):
        Hydra.get_mode = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode = asked  # type: ignore[method-assign]


class GivenJobs(Sweeper):
    """`Plugins.class_name_to_class`: the sweeper that `run_hydra` gives its jobs; it expands nothing."""

    NAME = "hydra_plugins.given_jobs"  # Hydra takes no sweeper of another package
    jobs: ClassVar[Iterable[list[str]]] = []

    def __init__(self, max_batch_size: int | None = None, n_jobs: int = 1, **others: object) -> None:
        self.size = max_batch_size or (max(1, len(self.jobs)) if isinstance(self.jobs, Sized) else n_jobs)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Make the launcher that the configuration asks for."""
        hydra_context.config_loader = ComposedOnce(hydra_context.config_loader.get_search_path())
        self._launch = Plugins.instance().instantiate_launcher(hydra_context, task_function, config).launch

    def sweep(self, arguments: list[str]) -> None:
        """Launch the jobs, in batches of hydra.sweeper.max_batch_size, or n_jobs of a search."""
        left, first = iter(self.jobs), 0
        while batch := [*islice(left, self.size)]:
            for job in self._launch(batch, initial_job_idx=first):
                _ = job.return_value  # raises the job's error
            first += len(batch)


def without_sweeper(name: str) -> None:
    """`ConfigStore.repo`: take out the sweeper that a plugin registers under a name, so that conf/ has it."""
    from hydra.core.config_store import ConfigStore

    Plugins.instance()  # which registers it
    ConfigStore.instance().repo.get("hydra", {}).get("sweeper", {}).pop(f"{name}.yaml", None)


class ComposedOnce(ConfigLoaderImpl):
    """`ConfigLoaderImpl`: jobs with the same options are composed once, and each sets its values in a copy."""

    def __init__(self, places: ConfigSearchPath) -> None:
        super().__init__(places)
        self.made: dict[tuple[str, ...], DictConfig] = {}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The configuration of a job of a multirun."""
        told = OverridesParser.create().parse_overrides(sweep_overrides)
        values = [o for o in told if not self.repository.group_exists(o.key_or_group) and o.package is None]
        of_hydra = [*master_config.hydra.overrides.hydra, *(str(o.input_line) for o in told if o.is_hydra_override())]
        of_task = [o for o in told if not o.is_hydra_override()]
        chosen = (*master_config.hydra.overrides.hydra, *(str(o.input_line) for o in told if o not in values))
        if chosen not in self.made:
            self.made[chosen] = self.load_configuration(master_config.hydra.job.config_name, [*chosen], RunMode.RUN)
        config = self.made[chosen].copy()
        self._apply_overrides_to_config(values, config)
        config.hydra.overrides.hydra, config.hydra.overrides.task = of_hydra, [o.input_line for o in of_task]
        config.hydra.job.override_dirname = get_overrides_dirname(of_task, **config.hydra.job.config.override_dirname)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config


def multirun_jobs(overrides: list[str], conf: Path, further: Sequence[Path] = ()) -> list[list[str]]:
    """`BasicSweeper.split_arguments`: the jobs of a multirun; `ConfigLoaderImpl` knows what glob(*) stands for.

    Options are those of the folder `conf`, and of further ones.

    HydraException if an override cannot be read.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra._internal.utils import create_config_search_path

    places = create_config_search_path(str(conf))
    for place in further:
        places.append("command-line", f"file://{place}")
    loader = ConfigLoaderImpl(places)
    batches = BasicSweeper.split_arguments(OverridesParser.create(loader).parse_overrides(overrides), None)
    return [list(job) for batch in batches for job in batch]


def attached_data(trainer: "pl.Trainer") -> Any:
    """`trainer.datamodule`: the data module given to `fit`, or None."""
    return cast(Any, trainer).datamodule


def callbacks_of(trainer: "pl.Trainer") -> "list[pl.Callback]":
    """`trainer.callbacks`: the callbacks in the order in which they are called."""
    return cast("list[pl.Callback]", cast(Any, trainer).callbacks)


def logging_interval(trainer: "pl.Trainer") -> int:
    """`trainer.log_every_n_steps`: steps between two values that the loggers get; 0 for none."""
    return int(cast(Any, trainer).log_every_n_steps)


def batches_started(trainer: "pl.Trainer") -> int:
    """`batch_progress.current.ready` of the epoch's loop: batches begun in this epoch, kept in the checkpoint."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.current.ready)


def logged_next(trainer: "pl.Trainer") -> dict[str, float]:
    """`_logger_connector.metrics`: what the loggers will get of a step in its `on_train_batch_end`, or of an epoch."""
    log = cast(dict[str, Any], trainer._logger_connector.metrics["log"])
    return {name: float(value) for name, value in log.items()}


def without_signals(trainer: "pl.Trainer") -> None:
    """`_signal_connector`: leave signals to who has them; Lightning's handler of SIGTERM waits for all processes."""
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]


def workspace_json(board: Any) -> str:
    """`Workspace._to_model`: what W&B would store of a workspace, as JSON."""
    return str(board._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2))


def before_processes_end(call: Callable[[], None]) -> None:
    """`multiprocessing.util.Finalize`: call at this process's exit, before its child processes are ended and joined."""
    from multiprocessing.util import Finalize

    Finalize(None, call, exitpriority=10)
