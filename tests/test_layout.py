"""The layout holds: imports go down the layers, files and functions stay short, tests mirror the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

# From the bottom up; the members of a line do not import each other, but for what lies in a package of that name.
LAYERS = (
    ("errors", "randomness", "distributed", "compat", "imports", "output", "program", "waiting"),
    ("losses",),
    ("encoder", "assignment", "own_class"),
    ("pairs", "momentum", "batchnorm", "optim"),
    ("negatives", "blocks", "competition"),
    ("diagnostics",),
    ("objective",),
    ("augment",),
    ("dataset",),
    ("backbone",),
    ("method",),
    ("detect",),
    ("theory",),
    ("evaluation",),
    ("config",),
    ("record",),
    ("report",),
    ("run",),
    ("analysis",),
    ("launch",),
    ("bench",),
    ("commands",),
    ("__main__",),
)
FILES = sorted((ROOT / "contrastive_lab").rglob("*.py"))
SCRIPTS = (*sorted(ROOT.glob("*.py")), *sorted((ROOT / "scripts").glob("*.py")))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def part(module: str) -> str:
    """The first part of a dotted name below contrastive_lab, e.g. "report" of contrastive_lab.report.page."""
    return module.split(".")[1]


def imports(path: Path) -> Iterator[str]:
    """Modules of the project that a file imports, wherever it does so."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("contrastive_lab"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module == "contrastive_lab" else [str(node.module)]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("contrastive_lab."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_from_lower_layers_alone(path: Path) -> None:
    depth = {name: number for number, names in enumerate(LAYERS) for name in names}
    own = path.relative_to(ROOT).with_suffix("").parts[1]
    if own == "__init__":
        return
    for module in imports(path):
        if module.endswith("__version__") or part(module) == own:
            continue
        assert depth[part(module)] < depth[own], f"{own} imports {module}"


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS, *TESTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 250


@pytest.mark.parametrize("path", [*FILES, *SCRIPTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short_with_their_docstrings(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno + 1 < 40, node.name


def test_losses_fit_on_a_screen() -> None:
    for path in (ROOT / "contrastive_lab" / "losses").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or node.lineno) - node.lineno < 25, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_a_test_file_of_its_own(path: Path) -> None:
    module = path.relative_to(ROOT / "contrastive_lab")
    if module.name == "__init__.py":
        return
    mirrored = ROOT.joinpath("tests", *(f"test_{folder}" for folder in module.parent.parts), f"test_{module.name}")
    tests = [node for node in ast.walk(ast.parse(mirrored.read_text())) if isinstance(node, ast.FunctionDef)]
    assert any(node.name.startswith("test_") for node in tests)


def test_private_parts_of_other_packages_stand_in_one_file() -> None:
    for path in (*FILES, *SCRIPTS):
        if path.name != "compat.py":
            assert not re.search(r"\._internal|\._to_model|\bOmegaConf\._|\btorch\._(?!_)", path.read_text()), path


# The files of runs and sweeps are record's; these read or write something else.
ELSEWHERE = {
    "analysis/coupon.py": {"csv.reader"},  # the number of images of each class, a file of the user's
    "config/help.py": {"OmegaConf.load"},  # conf/
    "config/identity.py": {"json.dumps"},  # text to be hashed, no file
    "config/names.py": {"OmegaConf.load"},  # conf/
    "config/schema.py": {"OmegaConf.load"},  # conf/
    "config/search.py": {"OmegaConf.load"},  # conf/
    "config/trust.py": {"OmegaConf.load"},  # conf/
    "dataset/cache.py": {"json.dumps"},  # text to be hashed, no file
    "detect/coco.py": {"json.loads"},  # boxes, a file of the user's
    "dataset/look.py": {"json.dumps", "json.loads"},  # a cache of files that were looked through
    "dataset/text.py": {"csv.reader"},  # the texts of a data set
    "launch/experiment.py": {"OmegaConf.load"},  # conf/experiment
    "report/serve.py": {"json.dumps"},  # an answer to a browser, no file
}
READS_OR_WRITES = re.compile(r"(json|yaml)\.\w*(load|dump)\w*|csv\.\w+|OmegaConf\.(load|save)|.*\.(to|read)_(csv|json)")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_record_alone_reads_and_writes_the_files_of_runs(path: Path) -> None:
    module = str(path.relative_to(ROOT / "contrastive_lab"))
    names = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    if not module.startswith("record/"):
        assert {name for name in names if READS_OR_WRITES.fullmatch(name)} == ELSEWHERE.get(module, set())
