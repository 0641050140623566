"""What does not fit the processes and devices of a run."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from tempfile import TemporaryDirectory

from omegaconf import DictConfig

PROGRAM = '#include <cmath>\nextern "C" double one() { return std::exp(0.0); }\n'


def processes(config: DictConfig) -> int:
    """Number of processes a run starts."""
    return int(config.strategy.devices) * int(config.trainer.num_nodes)


def devices(config: DictConfig) -> Iterator[str]:
    """What does not fit the processes of a run."""
    N, world = config.batch_size, processes(config)
    groups = config.batchnorm.groups if config.batchnorm.kind in ("split", "shuffle") else world
    if config.strategy.name == "single" and world > 1:
        yield f"strategy=single: one process, not {world}; use strategy=ddp, or strategy=ddp_cpu without GPUs"
    if world >= 1 and N % world:
        yield f"batch_size={N}: not divisible over strategy.devices, {world} processes in all"
    if world >= 1 and groups >= 1 and groups % world:
        yield f"batchnorm.groups={groups}: not divisible over {world} processes"
    if groups >= 1 and groups != world and N % groups:
        yield f"batch_size={N}: not divisible into batchnorm.groups={groups}"
    if config.strategy.get("compile") and (lacking := no_compiler()):
        yield f"strategy.compile=true: {lacking}"
    if config.strategy.accelerator == "gpu":
        import torch  # only here: it takes seconds to import

        if (found := torch.cuda.device_count()) < (asked := config.strategy.devices):
            yield f"strategy.devices={asked}: this machine has {found} GPUs; strategy=ddp_cpu needs none"


def no_compiler() -> str | None:
    """What torch.compile lacks on a CPU; None where a C++ compiler makes a library of a small program."""
    return _lacking(*(shlex.split(os.environ.get("CXX", "")) or ["g++"]))


@cache
def _lacking(*compiler: str) -> str | None:
    if shutil.which(compiler[0]) is None:
        return f"needs a C++ compiler, and there is no {compiler[0]}; install one or set CXX"
    with TemporaryDirectory() as folder:
        line = [*compiler, "-shared", "-fPIC", "-x", "c++", "-", "-o", f"{folder}/tried.so"]
        tried = subprocess.run(line, input=PROGRAM, capture_output=True, text=True)
    told = tried.stderr.strip().partition("\n")[0] or f"exit code {tried.returncode}"
    cure = "mend it or set CXX to another"
    return f"{shlex.join(compiler)} compiles nothing here ({told}); {cure}" if tried.returncode else None
