"""Measure ways of doing the same side by side, on this machine.

contrastive-lab bench step
contrastive-lab bench step --lines "method=simo K=16" --settings backbone=resnet18_3x3
contrastive-lab bench views --rounds 9
contrastive-lab bench all
"""

from argparse import ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from contrastive_lab.errors import ConfigError
from contrastive_lab.launch.script import exit_code
from contrastive_lab.program import as_typed, program

if TYPE_CHECKING:
    from contrastive_lab.record.speed import Outcome

DEVICES = ("cpu", "cuda")
ALL, OUT, PAGE = "all", "docs/results/speed", "docs/speed.md"


class Option(NamedTuple):
    """A setting of a benchmark: its default, its value at a tiny size, a line of help; several values if a list."""

    default: Any
    tiny: Any
    text: str


class Benchmark(NamedTuple):
    """A line of help, and options by their names; `run` of contrastive_lab.bench.<name> takes them and `rounds`."""

    text: str
    options: dict[str, Option]
    threads: int = 0


LINES = [
    "method=simclr",
    *(f"method=simo K={K}" for K in (16, 255)),
    *(f"method=moco_v2 K={K}" for K in (1024, 4096, 65536)),
]
LINES += [f"{LINES[at]} strategy.compile=true" for at in (0, 1, 3, 5)]
BATCH, DEVICE = Option(256, 8, "images N of a step"), Option("cpu", "cpu", f"{' or '.join(DEVICES)}")
SIZE = Option(32, 16, "pixels of a side")
NARROW = ["backbone.widths=[8,8]", "head.dim=8"]
SHORT = ["K=5", "batch_size=64", "epochs=1", "trainer.limit_train_batches=5", "evaluation.epochs=2", *NARROW]
BENCHMARKS = {
    "step": Benchmark(
        "a step of train, and the bare passes of the same method",
        {
            "lines": Option(LINES, ["method=simo K=3", "method=moco_v2 K=16"], "settings of train, a case each"),
            "settings": Option([], NARROW, "settings of train for all cases, e.g. trainer.precision=bf16-mixed"),
            "batch": BATCH,
            "size": SIZE,
            "steps": Option(10, 1, "steps of a turn"),
            "device": DEVICE,
        },
    ),
    "peers": Benchmark(
        "a step of SimCLR end to end, and that of other libraries",
        {
            "settings": Option([], NARROW, "settings of train, e.g. backbone=resnet18_3x3"),
            "batch": BATCH,
            "size": SIZE,
            "steps": Option(10, 1, "steps of a turn"),
            "workers": Option([0], [0], "processes of their loaders, a case each; their start counts"),
            "device": DEVICE,
        },
    ),
    "folder": Benchmark(
        "two views of photos from files, by torchvision and by us, and the decoder alone",
        {
            "images": Option(2000, 8, "JPEGs of 400 to 600 pixels, made for it"),
            "size": Option(224, 16, "pixels of a view's side"),
            "batch": Option(100, 4, "images of a batch"),
            "workers": Option(2, 0, "processes that decode"),
            "device": DEVICE,
        },
        threads=1,
    ),
    "startup": Benchmark(
        "from a typed line to its help, its first step and its end",
        {"line": Option(["method=simo", "K=16", "alpha=65536"], SHORT, "settings of the run")},
    ),
    "sweep": Benchmark(
        "how long the jobs of a sweep in one process take to start",
        {"line": Option(SHORT, SHORT, "settings of its jobs"), "jobs": Option(8, 2, "jobs, one a seed")},
    ),
    "scale": Benchmark(
        "how the parts of a step grow, and what that means for ImageNet on 8 devices",
        {
            "batches": Option([64, 128, 256, 512], [8, 16], "images N, a case each"),
            "K": Option([1024, 4096, 16384, 65536], [16, 32], "keys of a queue, a case each"),
            "sizes": Option([32, 64, 96, 128], [16, 32], "pixels of a side, a case each"),
            "photos": Option(8, 2, "images of ImageNet in a pass"),
            "photo_size": Option(224, 32, "pixels of their side"),
            "processes": Option([1, 2], [1], "processes of a training, a case each"),
            "device": DEVICE,
        },
    ),
    "views": Benchmark(
        "images per second of others' augmentations and of ours",
        {"batch": BATCH, "size": SIZE},
        threads=1,
    ),
    "diagnostics": Benchmark(
        "what the diagnostics of a step cost beside the step",
        {"batch": BATCH, "K": Option(255, 5, "negatives")},
        threads=1,
    ),
    "loss": Benchmark(
        "what a loss costs in blocks of rows and with all cosines at once",
        {
            "sizes": Option([1024, 2048, 4096, 8192, 16384], [8, 16], "images N, a case each"),
            "dim": Option(128, 4, "dimensions D"),
        },
        threads=1,
    ),
}


class Parser(ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the line."""
        raise ConfigError(f"{message}; {self.prog} --help")


def main(line: Sequence[str]) -> int:
    """Run a line of `bench`; returns the exit code."""
    return exit_code(lambda: run(line[1:]))


def run(arguments: Sequence[str]) -> None:
    """Run the benchmark that arguments name, and print its table."""
    asked = vars(parser().parse_args(arguments))
    name, tiny = asked.pop("benchmark"), asked.pop("tiny")
    if name == ALL:
        run_all(tiny, **asked)
        return
    from contrastive_lab.bench.table import table  # here, so that errors need not wait for torch
    from contrastive_lab.bench.turns import machine

    outcome = measured(name, {key: value for key, value in asked.items() if value is not None}, tiny)
    print(f"{machine()}\n{table(outcome)}")


def run_all(tiny: bool, only: Sequence[str], out: str, page: str, **asked: Any) -> None:
    """Run all benchmarks or some, each in a process of its own with the settings asked for that it has."""
    from contrastive_lab.bench.everything import everything
    from contrastive_lab.bench.turns import alone

    told = {key: value for key, value in asked.items() if value is not None}

    def measure(name: str) -> "Outcome":
        known = (*BENCHMARKS[name].options, "rounds", "threads")
        outcome: Outcome = alone(measured, name, {key: told[key] for key in told if key in known}, tiny)
        return outcome

    everything(only, measure, Path(out), Path(page), tiny)


def measured(name: str, asked: dict[str, Any], tiny: bool) -> "Outcome":
    """What a benchmark finds with the options that are asked for, and the defaults of the others."""
    from contrastive_lab.bench.turns import ready

    benchmark = BENCHMARKS[name]
    told = {key: option.tiny if tiny else option.default for key, option in benchmark.options.items()}
    told |= {"rounds": 1 if tiny else 5, "threads": benchmark.threads} | asked
    ready(told.pop("threads"))
    outcome: Outcome = import_module(f"contrastive_lab.bench.{name}").run(**told)
    outcome.settings = told
    return outcome


def parser() -> ArgumentParser:
    """The parser of the line."""
    found = Parser(program("bench"), description=as_typed(__doc__ or ""), formatter_class=RawDescriptionHelpFormatter)
    commands = found.add_subparsers(required=True, dest="benchmark")
    for name, benchmark in BENCHMARKS.items():
        own = commands.add_parser(name, help=benchmark.text, description=benchmark.text)
        for key, option in benchmark.options.items():
            _add(own, key, option)
        _add_shared(own, str(benchmark.threads or "one a core"))
    text = "all of them, kept as json, a table and a figure"
    every = commands.add_parser(ALL, help=text, description=text)
    every.add_argument("--only", nargs="+", choices=[*BENCHMARKS], default=[*BENCHMARKS], help="some of them")
    every.add_argument("--out", default=OUT, help="folder of a json for each machine; %(default)s unless told")
    every.add_argument("--page", default=PAGE, help="file with the table; %(default)s unless told")
    every.add_argument("--device", choices=DEVICES, help="of those that have a choice; cpu unless told")
    _add_shared(every, "what each has")
    return found


def _add_shared(parser: ArgumentParser, threads: str) -> None:
    """Add the options of all benchmarks."""
    parser.add_argument("--rounds", type=_positive, help="turns that are counted; 5 unless told")
    parser.add_argument("--threads", type=_positive, help=f"of torch; {threads} unless told")
    parser.add_argument("--tiny", action="store_true", help="only show that it runs: sizes that measure nothing")


def _add(parser: ArgumentParser, key: str, option: Option) -> None:
    """Add an option whose default is filled in later, where --tiny is known."""
    value = option.default[0] if isinstance(option.default, list) and option.default else option.default
    several: dict[str, Any] = {"nargs": "+"} if isinstance(option.default, list) else {}
    choices: dict[str, Any] = {"choices": DEVICES} if option == DEVICE else {}
    shown = " ".join(repr(each) if " " in str(each) else str(each) for each in option.default) if several else value
    text = f"{option.text}; {shown if shown != '' else 'none'} unless told"
    kind: Any = str if not isinstance(value, int) else _from_0 if value == 0 else _positive
    parser.add_argument(f"--{key.replace('_', '-')}", type=kind, help=text, **several, **choices)


def _whole(text: str, least: int) -> int:
    if not (text.isdecimal() and int(text) >= least):
        raise ArgumentTypeError(f"{text}: must be a whole number from {least}")
    return int(text)


_positive, _from_0 = partial(_whole, least=1), partial(_whole, least=0)
