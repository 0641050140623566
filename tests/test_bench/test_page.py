from pathlib import Path

import pytest

from contrastive_lab.bench.page import BEGIN, END, FIGURE, check_page, markdown, write_page
from contrastive_lab.commands.bench import BENCHMARKS
from contrastive_lab.errors import ConfigError
from contrastive_lab.record.speed import Outcome, Row, Speed, write_speed
from tests.conftest import ROOT

RATIO = {"ratio": 1.25, "least": 1.0, "most": 1.5}


def speed(machine: str, *cases: str, tiny: bool = False) -> Speed:
    outcome = Outcome(rows=[Row(case=case, values=RATIO) for case in cases], told=["ratio"])
    return Speed(machine=machine, tiny=tiny, environment={"torch": "2.15"}, benchmarks={"step": outcome})


def test_a_machine_is_a_column_and_a_case_a_row() -> None:
    assert markdown([speed("A", "SiMo", "MoCo"), speed("B", "MoCo", "NPID")]) == [
        "| benchmark | case | value | A | B |",
        "| --- | --- | --- | --- | --- |",
        "| `step` | SiMo | ratio | 1.25 |  |",
        "| `step` | MoCo | ratio | 1.25 | 1.25 |",
        "| `step` | NPID | ratio |  | 1.25 |",
    ]


def test_the_page_keeps_its_words_and_gets_table_and_figure(tmp_path: Path) -> None:
    page, folder = tmp_path / "speed.md", tmp_path / "results"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_speed(folder, speed("A", "SiMo"))
    write_speed(folder, speed("B", "SiMo", tiny=True))
    for _ in range(2):  # the second time over the first
        write_page(page, folder)
    text = page.read_text()
    assert (
        text.startswith("before\n")
        and text.endswith(f"{END}\nafter\n")
        and text.count("| `step` | SiMo |") == 1
        and "old" not in text
    )
    assert "- A: torch 2.15" in text and "- B: **A tiny run, which shows that it runs and measures nothing.**" in text
    assert f"(results/{FIGURE})" in text and (folder / FIGURE).stat().st_size > 1000


@pytest.mark.parametrize("text", [None, "words alone\n", f"{END}\n{BEGIN}\n"])
def test_a_page_without_a_place_for_the_table_is_one_line(text: str | None, tmp_path: Path) -> None:
    page = tmp_path / "speed.md"
    if text is not None:
        page.write_text(text)
    with pytest.raises(ConfigError, match=r"^--page .*: must be a file with the lines "):
        check_page(page)


def test_the_page_of_the_project_has_a_place_and_names_each_benchmark() -> None:
    page = ROOT / "docs" / "speed.md"
    check_page(page)
    assert [name for name in BENCHMARKS if f"| `bench {name}` |" not in page.read_text()] == []
