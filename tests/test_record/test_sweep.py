import math
import shutil
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record import load_sweep
from contrastive_lab.record.sweep import order, parsed, read_sweep
from contrastive_lab.report import write_report
from contrastive_lab.report.verdict import verdict
from tests.conftest import ROOT
from tests.sweep_folder import grid_of, seeds, write_run, write_sweep


def test_a_folder_without_a_plan_is_read_by_what_its_runs_were_told(tmp_path: Path) -> None:
    for place, K, alpha in (("a", 4, "null"), ("b", 16, "256.0")):
        write_run(tmp_path / place, {"K": K, "linear_top1": 80.0, "seed": 0})
        hydra = tmp_path / place / ".hydra"
        hydra.mkdir()
        about = "method_info: {id: simo, pool: batch, views: 2, key_encoder: true}\n"
        about += "strategy: {devices: 1}\ntrainer: {num_nodes: 1}"
        (hydra / "config.yaml").write_text(
            f"K: {K}\nalpha: {alpha}\nseed: 0\ntau: 0.2\nbatch_size: 64\n{about}\ndataset: {{images: 5000}}\n"
        )
        (hydra / "overrides.yaml").write_text(f"- K={K}\n" + ("- alpha=256\n" if K == 16 else ""))
        (tmp_path / place / "command.txt").write_text(f"python train.py K={K}\n")
    sweep = read_sweep(tmp_path)
    assert sweep.varied == ["K", "alpha"]  # tau was told to none
    assert sweep.asked[sweep.told].to_dict("records") == [{"K": 4, "alpha": None}, {"K": 16, "alpha": 256.0}]
    assert sweep.commands == ["python train.py K=4", "python train.py K=16"]
    assert list(read_sweep(tmp_path / "a").results.index) == ["."]


def test_the_names_of_the_classes_are_no_column(tmp_path: Path) -> None:
    found = {"linear_top1": 48.1, "classes": ["cat", "dog"], "skipped": 2}
    write_sweep(tmp_path, [({"K": 16, "seed": seed}, found) for seed in (0, 1)])
    sweep = read_sweep(tmp_path)
    assert "classes" not in sweep.asked and "classes" not in sweep.results
    assert sweep.results["skipped"].tolist() == [2, 2]


def test_a_folder_without_runs_is_answered_in_one_line(tmp_path: Path) -> None:
    for folder, reason in ((tmp_path / "none", "no such folder"), (tmp_path, "neither a sweep.json")):
        with pytest.raises(ConfigError, match=reason):
            read_sweep(folder)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(ConfigError, match=r"sweep\.json cannot be read"):
        read_sweep(tmp_path)


def test_a_damaged_result_is_a_failure_of_that_run_alone(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", [*seeds([80], K=4), *seeds([81], K=8)])
    for text, reason in (
        ('{"status": "do', "JSONDecodeError: Unterminated string"),
        ("[1]", "ValueError: not an object"),
    ):
        (folder / "K=8,seed=0" / "result.json").write_text(text)
        results = read_sweep(folder).results
        assert list(results["status"]) == ["done", "failed"]
        assert results["error"].iloc[1].startswith(f"result.json is damaged ({reason}")


def test_a_sweep_is_a_table_of_its_runs_in_which_null_is_a_value(tmp_path: Path) -> None:
    jobs = [*seeds([80, 82], K=4, alpha=None), *seeds([85], K=4, alpha=256), ({"K": 8, "alpha": None, "seed": 0}, None)]
    runs = load_sweep(write_sweep(tmp_path / "s", jobs))
    assert list(runs.columns[:8]) == ["folder", "name", "status", "K", "alpha", "seed", "K_used", "alpha_used"]
    assert list(runs["status"]) == ["done", "done", "done", "missing"]
    assert list(runs["alpha"].fillna(0)) == [0, 0, 256, 0]
    done = runs[runs["status"] == "done"]
    assert list(done.groupby("alpha", dropna=False)["linear_top1"].mean()) == [85.0, 81.0]  # NaN comes last
    assert list(load_sweep(str(tmp_path / "s"))["folder"]) == list(runs["folder"])


def test_what_was_used_for_null_is_told_beside_it(tmp_path: Path) -> None:
    jobs = [*seeds([80, 82], K=4, alpha=None), *seeds([85, 87], K=4, alpha=256), *seeds([90], K=8, alpha=math.inf)]
    folder = write_sweep(
        tmp_path / "s", [(told, {"alpha": "inf"} | out if told["K"] == 8 else out) for told, out in jobs]
    )
    table, expected = write_report(folder).parent / "runs.csv", {(4, 4): 81.0, (4, 256): 86.0, (8, math.inf): 90.0}
    for runs in (load_sweep(folder), pd.read_csv(table)):
        assert runs.groupby(["K_used", "alpha_used"])["linear_top1"].mean().to_dict() == expected
    shutil.copy(table, folder)
    for path in folder.glob("*/result.json"):
        path.unlink()
    assert load_sweep(folder).groupby(["K_used", "alpha_used"])["linear_top1"].mean().to_dict() == expected


def test_the_columns_of_the_table_have_types(tmp_path: Path) -> None:
    told = [("inf", True, 4, 8), (256, None, "sync", 16), (None, False, None, 32)]
    jobs = [({"K": K, "alpha": alpha, "evaluation.log": log, "batchnorm": norm}, {}) for alpha, log, norm, K in told]
    runs = load_sweep(write_sweep(tmp_path / "s", [*jobs, ({"K": 64, "alpha": 1}, None)]))
    assert runs["K"].dtype == "int64" and list(runs["K"]) == [8, 16, 32, 64]
    assert runs["alpha"].dtype == "float64" and list(runs["alpha"].fillna(-1)) == [math.inf, 256, -1, 1]
    assert runs["evaluation.log"].dtype == "boolean" and list(runs["evaluation.log"].dropna()) == [True, False]
    assert runs["batchnorm"].dtype == runs["status"].dtype == "str"
    assert list(runs["batchnorm"].dropna()) == ["4", "sync"]
    assert runs["seed"].isna().all() and "object" not in {str(dtype) for dtype in runs.dtypes}


def test_the_value_of_the_loss_is_no_setting_of_runs_that_were_not_told_one(tmp_path: Path) -> None:
    jobs = [({"K": K, "loss": name, "seed": seed}, {"linear_top1": 80.0, "loss": K + seed / 7})
            for K in (4, 8) for name in ("spectral", None) for seed in (0, 1)]  # fmt: skip
    told = [({key: value for key, value in asked.items() if value is not None}, result) for asked, result in jobs]
    runs = load_sweep(write_sweep(tmp_path / "s", told))
    assert list(runs["loss.name"].fillna("none")) == ["spectral", "spectral", "none", "none"] * 2
    assert list(runs["loss"]) == [K + seed / 7 for K in (4, 8) for _ in range(2) for seed in (0, 1)]
    assert grid_of(tmp_path / "s").setting.nunique() == 4


def test_the_lines_of_the_documentation_print_the_mean_over_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [*seeds([80, 82, 84], K=4, alpha=None), *seeds([85], K=4, alpha=256), ({"K": 8, "alpha": 1}, None)]
    write_sweep(tmp_path / "outputs/sweeps/eqco_fig4-laptop", jobs)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "sweeps.md").read_text()
    example = text[text.index("    from contrastive_lab.record") :].partition("\n\nWith seaborn")[0]
    exec(textwrap.dedent(example), {})
    *_, one, other = (line.split() for line in capsys.readouterr().out.splitlines())
    assert (one, other) == (["4.0", "4.0", "82.0", "2.0", "3"], ["256.0", "85.0", "NaN", "1"])
    plotted = list[pd.DataFrame]()
    axes = SimpleNamespace(set_xscale=lambda *_, **__: None)
    drawing = SimpleNamespace(lineplot=lambda runs, **_: plotted.append(runs) or axes)
    monkeypatch.setitem(sys.modules, "seaborn", drawing)
    more = text[text.index("    import scipy, seaborn") :].partition("\n\nWhich test")[0]
    exec(textwrap.dedent(example + "\n" + more), {})
    assert set(plotted[0]["alpha"]) == {"K", "256.0"}


def test_values_of_any_type_have_an_order_and_equal_ones_are_one() -> None:
    values = ["sync", 4, None, 0.5, "null", 4.0, True]
    assert sorted(values, key=order) == [None, 0.5, 4, 4.0, True, "null", "sync"]
    assert len({order(value) for value in values}) == 6


@pytest.mark.parametrize(
    ("override", "found"),
    [
        ("K=4", ("K", 4)),
        ("+tau=1e-1", ("tau", 0.1)),
        ("alpha=null", ("alpha", None)),
        ("backbone.widths=[8,16]", ("backbone.widths", "[8,16]")),
        ("name=a=b", ("name", "a=b")),
    ],
)
def test_an_override_has_the_type_that_hydra_gives_it(override: str, found: tuple[str, object]) -> None:
    assert parsed(override) == found
    assert type(parsed(override)[1]) is type(found[1])


def test_a_runs_csv_beside_the_plan_stands_for_runs_whose_folders_are_gone(tmp_path: Path) -> None:
    jobs = [({"K": K, "alpha": alpha, "seed": s}, {"linear_top1": 70.0 + K + s, "seconds": 3.5})
            for K in (4, 16) for alpha in (None, 256) for s in (0, 1)]  # fmt: skip
    folder = write_sweep(tmp_path / "s", [*jobs, ({"K": 64, "alpha": 256, "seed": 0}, None)])
    whole, sentences = read_sweep(folder).runs, verdict(grid_of(folder))
    write_report(folder)
    shutil.copy(folder / "report" / "runs.csv", folder)
    for run in [path.parent for path in folder.glob("*/result.json")][:6]:
        shutil.rmtree(run)
    pd.testing.assert_frame_equal(read_sweep(folder).runs[list(whole)], whole, check_dtype=False)
    assert [line for line in verdict(grid_of(folder)) if "images" not in line] == [
        line for line in sentences if "images" not in line
    ]
