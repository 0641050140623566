"""What `from contrastive_lab import ...` gives."""

import ast
from pathlib import Path

import pytest

import contrastive_lab


def test_type_checkers_and_python_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse(Path(contrastive_lab.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    typed = {
        (name.name, str(node.module)) for node in block.body if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert typed == {(name, f"contrastive_lab.{module}") for name, module in contrastive_lab._HOME.items()}


@pytest.mark.parametrize("name", contrastive_lab.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(contrastive_lab, name).__name__ == name and name in dir(contrastive_lab)


def test_another_name_is_told() -> None:
    with pytest.raises(AttributeError, match=r"^module 'contrastive_lab' has no attribute 'from_keys'$"):
        contrastive_lab.from_keys  # noqa: B018
