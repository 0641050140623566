"""What the README says is so."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from contrastive_lab.errors import ConfigError
from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text()


def tree() -> list[str]:
    """Paths of the tree in the README."""
    block = TEXT[TEXT.index("```\ntrain.py") :].split("```")[1]
    paths, parents = [], [""]
    for line in block.strip().splitlines():
        depth, name = (len(line) - len(line.lstrip())) // 2, line.split()[0]
        parents = [*parents[: depth + 1], name]
        paths.append("".join(parents[1:]))
    return paths


def test_the_tree_names_what_is_there() -> None:
    for path in tree():
        assert (ROOT / path).exists(), path


def test_the_tree_names_all_of_the_package_and_the_scripts() -> None:
    named = {path.rstrip("/") for path in tree()}
    for folder in ("contrastive_lab", "scripts"):
        found = {
            f"{folder}/{path.name}" for path in (ROOT / folder).iterdir() if not path.name.startswith(("_", "py."))
        }
        assert found - named == set()


def test_the_table_of_methods_has_what_their_yamls_have() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| \[(.*?)\]\(http.*\| (.*) \| \[\1.yaml\]\(conf/method/\1.yaml\) \|$", TEXT, re.MULTILINE
    )
    assert len(rows) >= 8
    for name, paper, defaults in rows:
        config = OmegaConf.load(ROOT / "conf" / "method" / f"{name}.yaml")
        assert paper.startswith(config.method_info.paper)
        for key, value in re.findall(r"(K|alpha|tau) (\d[\d.]*|null)", defaults):
            assert config[key] == (None if value == "null" else float(value)), (name, key)


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert link.startswith("https://") or (ROOT / link).stat().st_size > 0, link


def test_every_command_composes(compose: Callable[..., DictConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    lines = [
        shlex.split(line, comments=True) for line in re.findall(r"^    python train\.py (.*)$", TEXT, re.MULTILINE)
    ]
    assert len(lines) > 10
    for line in lines:
        if "--help" in line or line[0] in ("-m",) or line[0].startswith("resume="):
            continue
        try:
            compose(*line)
        except ConfigError as error:  # this machine lacks the README's folders, nothing else
            assert all(problem.startswith("dataset.root=") for problem in error.problems), error


@pytest.mark.long
def test_the_notebook_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import subprocess
    import sys

    block = TEXT[TEXT.index("    import pytorch_lightning") :].split("\n\nAn exported")[0]
    code = "\n".join(line[4:] for line in block.splitlines())
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
