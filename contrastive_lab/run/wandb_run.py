"""One Weights & Biases run for each run: its id, offline where W&B cannot be reached, and closed as what it was.

`wandb` is imported where it is used: that takes a second, which other loggers need not wait for.
"""

import netrc
import os
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

from omegaconf import DictConfig, OmegaConf

from contrastive_lab.errors import RunError
from contrastive_lab.record.provenance import stored_wandb_id, write_wandb_id
from contrastive_lab.record.result import Result, Status

if TYPE_CHECKING:
    from wandb import Run

STEP = "trainer/global_step"  # the x-axis, as Lightning's logger names it
BEST = (
    "negatives/contrastive_top1",
    "probe/knn_top1",
    "probe/online_top1",
)  # of these the summary holds the greatest and the last value
OURS = ("name", "run_name", "media", "artifacts")  # settings of the logger that are not W&B's
PATIENCE = 5.0  # seconds to wait for a connection


def open_run(folder: Path, resumed: bool = False, **facts: Any) -> "Run":
    """Start a W&B run in a folder, or go on with the one that stands there; offline with a notice if it must be.

    The id is in `<folder>/wandb_run_id.txt` before anything else happens, so that a run that is killed can be resumed
    under it, synced or not (resume="allow"); where it is not `resumed`, a new id replaces that. Offline, a resumed run
    is a second folder with the same id, and `wandb sync` joins the two. `wandb.init` is given the facts, but for `dir`,
    `id` and `resume`. RunError if a W&B run is open in this process: this one's values would land there.
    """
    import wandb

    if wandb.run is not None:
        raise RunError(f"the W&B run {wandb.run.name} is still open in this process; close it with wandb.finish()")
    options = {**facts, "dir": str(folder), "id": _new_id(folder, resumed), "resume": "allow"}
    mode: Any = options.pop("mode", None) or os.environ.get("WANDB_MODE")
    if not mode:
        os.environ.pop("WANDB_MODE", None)  # W&B stops at an empty one
        mode = "online"
        if reason := _why_offline():
            mode = "offline"
            print(f"notice: logger=wandb {reason}; the run is written offline", flush=True)
    try:
        return wandb.init(mode=mode, **options)
    except wandb.Error as error:
        if mode != "online":
            raise
        print(f"notice: logger=wandb: {str(error).splitlines()[0]}; the run is written offline", flush=True)
        wandb.teardown()  # else the id counts as taken
        return wandb.init(mode="offline", **options)


def define_metrics(run: "Run") -> None:
    """Make optimizer steps the x-axis of all metrics in W&B, also after a resume; of some it keeps the maximum."""
    run.define_metric(STEP)
    run.define_metric("*", step_metric=STEP, step_sync=True)
    for name in BEST:
        run.define_metric(name, step_metric=STEP, step_sync=True, summary="max,last")


def destination(config: DictConfig) -> dict[str, Any]:
    """What a configuration's logger node hands to `wandb.init`: project, entity, and what else is not null."""
    node = cast(dict[str, Any], OmegaConf.to_container(config.logger, resolve=True))
    told = {"name": node.get("run_name"), **{name: value for name, value in node.items() if name not in OURS}}
    return {name: value for name, value in told.items() if value is not None}


def log_artifact(kind: str, name: str, folder: Path) -> None:
    """Keep the files of a folder, such as a report, as an artifact of the W&B run that is open in this process."""
    import wandb

    artifact = wandb.Artifact(name, kind)
    artifact.add_dir(str(folder))
    cast(Any, wandb.run).log_artifact(artifact)


def close_run(folder: Path, result: Result) -> None:
    """End the W&B run of a folder, if this process has it open: as failed unless done, with the result as summary."""
    wandb = sys.modules.get("wandb")
    if wandb is None or wandb.run is None or wandb.run.id != stored_wandb_id(folder):
        return
    wandb.run.summary.update({name: value for name, value in result.flat().items() if value is not None})
    wandb.finish(exit_code=0 if result.status is Status.DONE else 1)


def _why_offline() -> str | None:
    """What keeps this process from W&B's server, in short; None where nothing is known to."""
    import wandb

    url = urlsplit(wandb.setup().settings.base_url)
    if not _has_key(url.hostname or ""):
        return "finds no key (WANDB_API_KEY or wandb login)"
    port = url.port or (80 if url.scheme == "http" else 443)
    return None if reachable(url.hostname or "", port) else f"cannot reach {url.hostname}"


def _has_key(host: str) -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    with suppress(OSError, netrc.NetrcParseError):
        return host in netrc.netrc(os.environ.get("NETRC")).hosts
    return False


def reachable(host: str, port: int) -> bool:
    """Whether a connection opens; taken for granted behind a proxy. W&B itself would try for a minute and a half."""
    with suppress(OSError):
        if not getproxies():
            socket.create_connection((host, port), timeout=PATIENCE).close()
        return True
    return False


def _new_id(folder: Path, resumed: bool) -> str:
    """The id of a run, written down: that of the resumed run, that of W&B's sweep agent, or a new one."""
    stored = stored_wandb_id(folder) if resumed else None
    asked = os.environ.get("WANDB_RUN_ID") if os.environ.get("WANDB_SWEEP_ID") else None
    name = stored or asked or secrets.token_hex(4)
    write_wandb_id(folder, name)
    return name
