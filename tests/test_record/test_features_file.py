"""The three forms of features on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.features_file import check_format, write_features

FEATURES = np.array([[1.5, -2.25], [0.0, 3e-8], [7.0, 0.1]], np.float32)
TOLD = {"file": ["a.png", "=cmd()", "b,c.png"], "label": [0, 1, 0], "class": ["cat", "@dog", "cat"]}
HARMLESS = ["a.png", "'=cmd()", "b,c.png"]


def test_npy_has_a_csv_beside_it_without_formulas(tmp_path: Path) -> None:
    assert write_features(tmp_path, "npy", FEATURES, TOLD) == ["features.npy", "index.csv"]
    np.testing.assert_array_equal(np.load(tmp_path / "features.npy"), FEATURES)
    table = pd.read_csv(tmp_path / "index.csv")
    assert table["file"].tolist() == HARMLESS and table["class"].tolist() == ["cat", "'@dog", "cat"]


def test_a_csv_holds_all_to_the_last_digit(tmp_path: Path) -> None:
    assert write_features(tmp_path, "csv", FEATURES, TOLD) == ["features.csv"]
    table = pd.read_csv(tmp_path / "features.csv")
    assert [*table] == ["file", "label", "class", "f0", "f1"] and table["file"].tolist() == HARMLESS
    np.testing.assert_array_equal(table[["f0", "f1"]].to_numpy().astype(np.float32), FEATURES)


def test_parquet_holds_texts_as_they_are(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    assert write_features(tmp_path, "parquet", FEATURES, TOLD) == ["features.parquet"]
    table = pd.read_parquet(tmp_path / "features.parquet")
    assert table["file"].tolist() == TOLD["file"] and table["f1"].dtype == np.float32
    np.testing.assert_array_equal(table[["f0", "f1"]].to_numpy(), FEATURES)


def test_what_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^format=xls: choose one of npy, parquet, csv$"):
        check_format("xls")
    monkeypatch.setattr("contrastive_lab.record.features_file.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r'^format=parquet: pyarrow .* pip install "contrastive-lab\[parquet\]"$'):
        check_format("parquet")
    check_format("csv")
