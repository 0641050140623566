import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.progress import Progress
from contrastive_lab.report import serve, write_report
from contrastive_lab.report.serve import Live, as_shown, bind
from tests.sweep_folder import Told, seeds, write_sweep

JOBS: list[Told] = [
    *seeds([80, 81], K=4),
    ({"K": 8, "seed": 0}, {"status": "running"}),
    ({"K": 8, "seed": 1}, {"status": "failed", "error": "Traceback\nloss <is> nan"}),
    ({"K": 8, "seed": 2}, None),
]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    """A sweep with its report."""
    folder = write_sweep(tmp_path_factory.mktemp("sweeps") / "s", JOBS)
    write_report(folder)
    (folder / "report" / "figures" / "mine.png").write_text("a picture of the user's own")
    return Live(folder)


@pytest.fixture(scope="module")
def port(live: Live) -> Iterator[int]:
    """The port at which it is served."""
    with bind(live, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def asked(port: int, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes, str]:
    """Status, body and type of an answer; the path is sent as it is."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    found = (answer.status, answer.read(), answer.getheader("Content-Type", ""))
    connection.close()
    return found


def test_the_page_is_the_static_one_with_a_flag(port: int, live: Live) -> None:
    status, body, kind = asked(port, "/")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    flag = f'<html lang="en" data-live="{live.version}">'
    assert body.decode() == live.page.read_text().replace('<html lang="en">', flag)
    assert flag in body.decode() and asked(port, "/page")[1] == body


def test_the_state_says_how_the_jobs_stand(port: int, live: Live) -> None:
    status, body, kind = asked(port, "/status.json")
    state = json.loads(body)
    assert (status, kind, state["version"], state["problem"]) == (200, "application/json", live.version, "")
    assert (state["over"], time.monotonic() - live.heard < 60) == (False, True)
    assert state["counts"] == {"done": 2, "failed": 1, "running": 1, "missing": 1}
    assert state["failed"] == [{"name": "simo-3", "error": "loss <is> nan"}]
    (running,) = state["running"]
    assert (running["name"], running["epoch"], running["step"], running["stale"]) == ("simo-2", "5", "50", False)


def test_a_job_without_a_sign_for_long_is_stale(live: Live) -> None:
    run = live.folder / "K=8,seed=0"
    before = {path: path.stat().st_mtime for path in (run / "result.json", run / "metrics.csv")}
    for path in before:
        os.utime(path, (time.time() - 7200,) * 2)
    (running,) = live.state()["running"]
    assert (running["stale"], running["sign"], running["left"]) == (True, "stale: 2.0 h ago", "")
    for path, when in before.items():
        os.utime(path, (when, when))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/runs.csv", "text/csv"),
        ("/figures/linear_top1.svg", "image/svg+xml"),
        ("/figures/linear_top1.csv", "text/csv"),
    ],
)
def test_the_files_of_the_report_are_served(path: str, kind: str, port: int, live: Live) -> None:
    status, body, found = asked(port, path)
    assert (status, body) == (200, (live.page.parent / path[1:]).read_bytes())
    assert found.partition(";")[0] == kind


@pytest.mark.parametrize(
    "path",
    [
        "/../sweep.json",
        "/..%2fsweep.json",
        "/figures/../../sweep.json",
        "/figures/mine.png",
        "/figures/",
        "/report.html",
        "//etc/passwd",
        "/K=4,seed=0/result.json",
        "/%00",
    ],
)
def test_nothing_else_is_served(path: str, port: int) -> None:
    assert asked(port, path)[0] == 404


def test_other_methods_and_other_hosts_are_refused(port: int) -> None:
    assert [asked(port, "/", method)[0] for method in ("POST", "PUT", "DELETE", "HEAD")] == [501] * 4
    assert [asked(port, "/", host=host)[0] for host in ("evil.example", "127.0.0.1.evil.example:80", "[")] == [403] * 3
    assert asked(port, "/", host="localhost:9999")[0] == 200  # over ssh the port is another


def test_it_listens_on_this_machine_alone(live: Live) -> None:
    with bind(live, 0) as server:
        assert server.server_address[0] == "127.0.0.1"
        with pytest.raises(ConfigError, match=f"port={server.server_port}: .*leave it out for a free one"):
            bind(live, server.server_port)


def test_the_report_is_written_anew_when_a_job_ends_and_not_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, written = write_sweep(tmp_path / "s", JOBS), list[object]()
    monkeypatch.setattr(serve, "write_report", lambda folder, **asked: written.append(asked))
    live = Live(folder, x="K")
    live.renew()
    live.renew()
    assert written == [{"x": "K"}]
    result = folder / "K=8,seed=0" / "result.json"
    result.write_text(result.read_text().replace("running", "done"))
    live.renew()
    (folder / "K=8,seed=0" / "metrics.csv").write_text("step,epoch\n1,0\n")
    live.renew()
    begun = folder / "K=8,seed=2" / "result.json"  # only how the jobs stand has changed, which the page asks for
    begun.parent.mkdir()
    begun.write_text('{"status": "running"}')
    live.renew()
    assert len(written) == 2
    assert live.sweep().results["status"].to_list().count("done") == 3


def test_a_report_that_fails_is_a_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(folder: Path, **asked: object) -> None:
        raise OSError("disk full\nsecond line")

    live = Live(write_sweep(tmp_path / "s", JOBS))
    monkeypatch.setattr(serve, "write_report", fails)
    live.renew()
    assert live.problem == "no new report (OSError: disk full)"
    (live.folder / "sweep.json").write_text("{")
    assert len(live.sweep().results) == 5  # the last one that could be read


def test_the_first_lines_say_where_it_is(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(seconds: float) -> None:
        waiting, address = capsys.readouterr().out.split("\n", 1)
        assert waiting == "writing the report of 5 runs"
        url = address.split()[0]
        assert f"ssh -L {url.rpartition(':')[2]}:127.0.0.1:{url.rpartition(':')[2]} " in address
        with urllib.request.urlopen(url) as answer:
            assert b"data-live" in answer.read()
        raise KeyboardInterrupt

    monkeypatch.setattr(serve.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        serve.serve(live.folder)


def test_the_end_is_told_until_no_page_asks_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    live = Live(write_sweep(tmp_path / "s", JOBS))
    monkeypatch.setattr(serve.time, "monotonic", lambda: clock[0])

    def asks_until(when: float) -> float:
        def passes(seconds: float) -> None:
            clock[0] += seconds
            live.heard = min(clock[0], when)

        clock[0] = 100.0
        monkeypatch.setattr(serve.time, "sleep", passes)
        live.end()
        return clock[0]

    assert (asks_until(104), live.over) == (100.0, True)  # nobody has asked
    live.heard = 99.0
    assert asks_until(104) == pytest.approx(104 + serve.QUIET, abs=0.2)
    live.heard = 99.0
    assert asks_until(900) == pytest.approx(100 + serve.LONGEST, abs=0.2)


def test_how_far_a_run_is_as_the_page_shows_it() -> None:
    found = Progress(epoch=2, step=40, steps=100, loss=3.14159, elapsed=80.0, left=120.0, quiet=5.0, stale=False)
    assert as_shown(found) == {
        "epoch": "2",
        "step": "40 of 100",
        "loss": "3.142",
        "left": "about 2 min",
        "sign": "5 s ago",
        "stale": False,
    }
    ended = Progress(epoch=2, step=100, steps=100, loss=None, elapsed=80.0, left=0.0, quiet=5.0, stale=False)
    assert (as_shown(ended)["left"], as_shown(ended)["loss"]) == ("evaluation", "")
