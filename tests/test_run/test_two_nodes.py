"""Two nodes, as torchrun has them: an agent each, which meet at an address; here both are this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import torch

from tests.conftest import ROOT, TINY, settled
from tests.forked_runs import children, logged
from tests.test_run.test_train import metrics, result, weights

EPOCH = 12
TOLD = (*TINY, f"trainer.limit_train_batches={EPOCH}", "epochs=2", "strategy=ddp_multi_node", "trainer.num_nodes=2")
HERE = ("strategy.accelerator=cpu", "strategy.devices=1", "hydra.run.dir=x")


class Nodes(ExitStack):
    """The agents of a run in the folder x of `cwd`, each with its process; none is left at the end."""

    def __init__(self, cwd: Path) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as free:
            meet = ("--master-addr=127.0.0.1", f"--master-port={free.getsockname()[1]}")
        agent = (sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1", *meet)
        options = {"cwd": cwd, "env": {**os.environ, "OMP_NUM_THREADS": "1"}, "stderr": subprocess.PIPE, "text": True}
        self.agents = []
        for rank in range(2):
            line = [*agent, f"--node-rank={rank}", str(ROOT / "train.py"), *settled(*TOLD, *HERE)]
            process = subprocess.Popen(line, **options)
            self.agents.append(self.enter_context(process))
            self.callback(self.kill, rank)

    def kill(self, rank: int) -> None:
        """Kill an agent and its process, which is in a session of its own."""
        if (agent := self.agents[rank]).poll() is None:
            for pid in (*children(agent.pid), agent.pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def ended(self, rank: int, timeout: float) -> tuple[int, str]:
        """Wait for an agent; its exit code and what it and its process said."""
        told = self.agents[rank].communicate(timeout=timeout)[1]
        return self.agents[rank].returncode, told


@pytest.mark.long
def test_a_node_that_is_lost_ends_the_other_and_both_go_on(tmp_path: Path) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    for cwd in (parts, whole):
        cwd.mkdir()
    with Nodes(parts) as nodes:
        while logged(parts / "x") < EPOCH + 2:
            assert all(agent.poll() is None for agent in nodes.agents)
            time.sleep(0.02)
        nodes.kill(1)
        code, told = nodes.ended(0, timeout=60)
    assert code == 1
    lost = "another process of this run has ended; the same line, or resume=x, goes on (traceback.txt in x)"
    assert f"error: {lost}\n" in told
    assert (result(parts / "x")["status"], result(parts / "x")["error"]) == ("failed", lost)
    for cwd in (parts, whole):
        with Nodes(cwd) as nodes:
            assert nodes.ended(0, timeout=400)[0] == nodes.ended(1, timeout=60)[0] == 0
    assert result(parts / "x")["status"] == "done"
    assert metrics(parts / "x") == metrics(whole / "x")
    assert all(torch.equal(value, weights(parts / "x")[name]) for name, value in weights(whole / "x").items())
