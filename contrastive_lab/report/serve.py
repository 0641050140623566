"""The page of a sweep, alive on this machine alone: how its jobs stand, and a new report when one has ended."""

import getpass
import json
import math
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd

from contrastive_lab.errors import ConfigError, first_line
from contrastive_lab.record.files import PLAN, RESULT
from contrastive_lab.record.progress import Progress, duration, progress
from contrastive_lab.record.result import Status
from contrastive_lab.record.sweep import Sweep, read_sweep
from contrastive_lab.report.page import counts, failures
from contrastive_lab.report.stats import finite
from contrastive_lab.report.write import figure_files, write_report
from contrastive_lab.waiting import alone

HERE = "127.0.0.1"
TABLES = ("runs.csv", "comparisons.csv", "table.csv", "table.md", "table.tex", "verdict.txt")
QUIET, LONGEST = 3.0, 15.0  # seconds: without a question, and in all, after which a page that has ended goes
Stamp = dict[Path, int]


class Live:
    """The report of a folder and how its runs stand; `asked` are the other arguments of `write_report`."""

    def __init__(self, folder: Path, **asked: Any) -> None:
        self.folder, self.asked, self.problem = folder, asked, ""
        self.lock, self.read = threading.Lock(), (Stamp(), read_sweep(folder))
        self.written = pd.DataFrame()
        self.over, self.heard = False, -math.inf  # whether the sweep has ended, and when a page asked last

    @property
    def page(self) -> Path:
        """The page on the disk."""
        return self.folder / "report" / "report.html"

    @property
    def version(self) -> str:
        """Differs from one page to the next."""
        return str(self.page.stat().st_mtime_ns)

    @property
    def ended(self) -> pd.DataFrame:
        """What a report is made of: the results of the runs, nothing of those that run or have not begun."""
        results = self.sweep().results
        return results.where(~results["status"].isin([Status.RUNNING, Status.MISSING]))

    def stamp(self) -> Stamp:
        """When each file was written that tells how the runs stand."""
        paths = [self.folder / PLAN, *self.folder.rglob(RESULT)]
        return {path: path.stat().st_mtime_ns for path in paths if path.is_file()}

    def renew(self) -> None:
        """Write the report if a run has ended since the last one; an error is kept as `problem`."""
        if self.ended.equals(self.written):
            return
        ended = self.ended
        try:
            self.write()
            self.problem = ""
        except Exception as error:  # the page goes on with the last report that could be written
            self.problem = f"no new report ({type(error).__name__}: {first_line(error)})"
        self.written = ended

    def write(self) -> None:
        """Write the report, once another process that writes it has done so."""
        with alone(self.folder):
            write_report(self.folder, **self.asked)

    def end(self) -> None:
        """Say that the sweep has ended until the pages know, which then ask no more."""
        self.over, latest = True, time.monotonic() + LONGEST
        while time.monotonic() < min(self.heard + QUIET, latest):
            time.sleep(0.1)

    def sweep(self) -> Sweep:
        """The sweep as it is on the disk, read anew where that changed; the last one that could be read."""
        with self.lock, suppress(ConfigError):
            if (stamp := self.stamp()) != self.read[0]:
                self.read = (stamp, read_sweep(self.folder))
        return self.read[1]

    def state(self) -> dict[str, Any]:
        """How the jobs stand, as the page shows it."""
        sweep, now = self.sweep(), time.time()
        usual = finite(sweep.done["seconds"]).mean() if "seconds" in sweep.done else float("nan")
        running = sweep.results.index[sweep.results["status"] == Status.RUNNING]
        found = {run: progress(self.folder / run, now, usual if usual > 0 else None) for run in running}
        return {
            "version": self.version,
            "problem": self.problem,
            "over": self.over,
            "counts": counts(sweep),
            "running": [
                {"folder": run, "name": sweep.results["name"][run], **as_shown(each)} for run, each in found.items()
            ],
            "failed": [{"name": run["name"], "error": run["line"]} for run in failures(sweep, self.folder)],
        }

    def file(self, path: str) -> Path | None:
        """The file behind an address, which is one of the report's; None for any other."""
        out = self.folder / "report"
        files = {f"/{name}": out / name for name in TABLES}
        files |= {f"/figures/{file.name}": file for file in figure_files(out)}
        found = files.get(unquote(path))
        return found if found and found.is_file() else None


def as_shown(found: Progress) -> dict[str, Any]:
    """How far a run is, as the page shows it."""
    left = "" if found.left is None else f"about {duration(found.left)}"
    left = "evaluation" if found.step == found.steps else left
    return {
        "epoch": "" if found.epoch is None else str(found.epoch),
        "step": f"{found.step}" if found.steps is None else f"{found.step} of {found.steps}",
        "loss": "" if found.loss is None else f"{found.loss:.4g}",
        "left": "" if found.stale else left,
        "sign": f"{'stale: ' if found.stale else ''}{duration(found.quiet)} ago",
        "stale": found.stale,
    }


class Handler(BaseHTTPRequestHandler):
    """Answers GET for the page, how the jobs stand, and the report's files; nothing else, and no other host name."""

    timeout = 10

    def __init__(self, live: Live, *args: Any) -> None:
        self.live = live
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if not re.fullmatch(r"(127\.0\.0\.1|localhost)(:\d+)?", self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN)  # a page from elsewhere whose name now leads here
            return
        self.live.heard = time.monotonic()
        if path in ("/", "/page"):
            flag = f'<html lang="en" data-live="{self.live.version}">'
            self._send(self.live.page.read_text().replace('<html lang="en">', flag, 1).encode(), "text/html")
        elif path == "/status.json":
            self._send(json.dumps(self.live.state()).encode(), "application/json")
        elif file := self.live.file(path):
            self._send(file.read_bytes(), guess_type(file.name)[0] or "text/plain")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)
        self.live.heard = time.monotonic()

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (("X-Content-Type-Options", "nosniff"), ("Cross-Origin-Resource-Policy", "same-origin")):
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with suppress(ConnectionError):  # the browser went elsewhere
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing: the page asks every second."""


def bind(live: Live, port: int) -> ThreadingHTTPServer:
    """A server on this machine's own address; port 0 takes a free one, and one that is taken is a ConfigError."""
    try:
        return ThreadingHTTPServer((HERE, port), partial(Handler, live))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"port={port}: {first_line(error)}; leave it out for a free one") from None


@contextmanager
def served(live: Live, port: int = 0, until: str = "Ctrl-C ends it") -> Iterator[None]:
    """Write the report, and serve its page meanwhile, which a line tells with its address and `until`.

    Raises:
        ConfigError: as `write_report`, and where the port cannot be had.
    """
    with bind(live, port) as server:
        live.written = live.ended
        live.write()
        port = server.server_port
        print(f"http://{HERE}:{port}  ({until})")
        print(
            f"from elsewhere, first: ssh -L {port}:{HERE}:{port} {getpass.getuser()}@{socket.gethostname()}", flush=True
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def serve(folder: Path, port: int = 0, **asked: Any) -> None:
    """Serve the page of a sweep until it is interrupted; the errors are those of `served`."""
    live = Live(folder, **asked)
    print(f"writing the report of {len(live.sweep().results)} runs", flush=True)
    with served(live, port):
        while True:
            time.sleep(0.5)
            live.renew()
