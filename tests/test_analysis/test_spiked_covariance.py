"""The program `theory=spiked_covariance` against another implementation."""

import math
from typing import Any

import pytest

from contrastive_lab.errors import ConfigError
from tests.theory_programs import with_settings

run = with_settings("spiked_covariance", steps=0, seeds=2)
# Measured once with another implementation, 5 models: d = 40, r = 5, noise -> {n: (AE, CL)}.
BY_N = {
    "homo": {200: (1.268, 1.295), 1000: (0.572, 0.612), 5000: (0.272, 0.319), 20000: (0.134, 0.207)},
    "linear": {200: (1.197, 0.714), 1000: (0.758, 0.326), 5000: (0.711, 0.214), 20000: (0.701, 0.173)},
    "two": {200: (2.011, 1.381), 1000: (1.971, 0.636), 5000: (1.900, 0.330), 20000: (1.860, 0.211)},
}
BY_D = {20: (1.862, 0.283), 40: (1.860, 0.211), 80: (1.879, 0.226), 160: (1.953, 0.310), 320: (2.053, 0.462)}
BY_D_TIED = {20: (1.863, 0.498), 40: (1.933, 0.443), 80: (1.971, 0.489), 160: (2.042, 0.515), 320: (2.072, 0.511)}
BY_R = {2: (1.255, 0.203), 5: (1.953, 0.310), 10: (2.723, 0.417), 20: (3.775, 0.592)}  # d = 160, n = 20000
DOWNSTREAM = {  # 8 models: (features, method) -> source MSE, source accuracy, transfer MSE, transfer accuracy
    (5, "AE"): (0.932, 57.8, 0.958, 55.7),
    (5, "CL"): (0.540, 70.9, 0.463, 73.0),
    (5, "SupCL"): (0.580, 70.0, 1.010, 50.1),
    (5, "CL+SupCL"): (0.536, 71.3, 0.461, 73.3),
    (5, "U*"): (0.541, 71.1, 0.446, 73.6),
    (2, "AE"): (0.955, 56.2, 0.977, 53.4),
    (2, "CL"): (0.866, 60.1, 0.808, 62.2),
    (2, "SupCL"): (0.575, 70.3, 1.006, 50.3),
    (2, "CL+SupCL"): (0.561, 70.6, 0.867, 59.7),
    (2, "U*"): (0.849, 61.4, 0.803, 63.2),
    (1, "CL"): (0.937, 56.1, 0.905, 57.2),
    (1, "SupCL"): (0.574, 70.3, 1.005, 50.0),
}


def sines(rows: list[dict[str, Any]], x: str, **where: Any) -> dict[Any, tuple[float, float]]:
    mine = [row for row in rows if all(row[name] == value for name, value in where.items())]
    return {
        row[x]: (row["sine"], next(o["sine"] for o in mine if o["method"] == "CL" and o[x] == row[x]))
        for row in mine
        if row["method"] == "AE"
    }


def by_n(noise: str, n_values: list[int], seeds: int) -> None:
    part, kind = ("control", "two") if noise == "homo" else ("n", noise)
    rows = list(run(part=part, noise=kind, n_values=n_values, seeds=seeds).table)
    assert {row["noise"] for row in rows} == {noise}
    for row in rows:  # four standard deviations of the difference of a mean over 5 models and ours
        expected = BY_N[noise][row["n"]][row["method"] == "CL"]
        assert row["sine"] == pytest.approx(expected, abs=4 * row["sine_std"] * math.sqrt(1 / 5 + 1 / seeds)), row
    for n, (ae, cl) in sines(rows, "n").items():
        assert (ae < cl) == (noise == "homo"), n  # the control: under equal noise PCA wins
        if noise == "two":
            assert ae > 0.8 * math.sqrt(5), n


@pytest.mark.parametrize("noise", BY_N)
def test_sine_distances_against_n_are_those_of_another_implementation(noise: str) -> None:
    by_n(noise, [200, 1000, 5000], seeds=12)


@pytest.mark.long
@pytest.mark.parametrize("noise", BY_N)
def test_sine_distances_against_n_at_every_value_of_the_table(noise: str) -> None:
    by_n(noise, [200, 1000, 5000, 20000], seeds=20)


def test_without_its_bias_the_contrastive_distance_falls_as_the_root_of_n() -> None:
    first, last = (row for row in run(part="n", n_values=[500, 20000], seeds=4).table if row["method"] == "CL")
    falls = [row["sine"] ** 2 - row["sine_limit"] ** 2 for row in (first, last)]
    assert math.sqrt(falls[0] / falls[1]) == pytest.approx(math.sqrt(40), rel=0.15)


def by_d(d_values: list[int], seeds: int) -> None:
    rows = list(run(part="d", d_values=d_values, seeds=seeds).table)
    fixed, tied = sines(rows, "d", n=20000), sines([r for r in rows if r["n"] == 50 * r["d"]], "d")
    for d in d_values:
        assert fixed[d] == (pytest.approx(BY_D[d][0], rel=0.1), pytest.approx(BY_D[d][1], rel=0.3)), d
        assert tied[d] == (pytest.approx(BY_D_TIED[d][0], rel=0.1), pytest.approx(BY_D_TIED[d][1], rel=0.3)), d
    assert fixed[40][1] < min(fixed[d_values[0]][1], fixed[d_values[-1]][1])  # bias falls with d, variance rises
    assert max(cl for _, cl in tied.values()) < 1.35 * min(cl for _, cl in tied.values())


def test_against_d_the_distance_has_a_minimum_and_is_flat_where_n_grows_with_it() -> None:
    by_d([20, 40, 160], seeds=1)


@pytest.mark.long
def test_against_d_at_every_value_of_the_table() -> None:
    by_d(list(BY_D), seeds=5)


def test_against_r_pca_stays_near_the_largest_distance() -> None:
    found = sines(list(run(part="r", r_values=[2, 20], seeds=1).table), "r")
    for r in (2, 20):
        ae, cl = BY_R[r]
        assert found[r] == (pytest.approx(ae, rel=0.08), pytest.approx(cl, rel=0.25)), r
        assert found[r][0] > 0.8 * math.sqrt(r)
        assert found[r][1] < 0.2 * math.sqrt(r)


@pytest.mark.long
def test_against_r_at_every_value_of_the_table() -> None:
    found = sines(list(run(part="r", seeds=4).table), "r")
    for r, (ae, cl) in BY_R.items():
        assert found[r] == (pytest.approx(ae, rel=0.05), pytest.approx(cl, rel=0.15)), r


def test_labels_help_the_source_task_and_harm_transfer() -> None:
    result = run(part="downstream", features=[1, 2, 5], seeds=12)
    found = {
        (row["features"], row["method"]): tuple(
            row[name] for name in ("source_mse", "source_accuracy", "transfer_mse", "transfer_accuracy")
        )
        for row in result.table
    }
    # A model's error has standard deviation 0.05 to 0.13, so the reference's mean of 8 has up to 0.045: 3 of both.
    for key, expected in DOWNSTREAM.items():
        for i, (got, value) in enumerate(zip(found[key], expected, strict=True)):
            assert got == pytest.approx(value, abs=(0.16, 6)[i % 2]), (key, i)
    for k in (1, 2):  # fewer features than the signal has dimensions
        assert found[k, "SupCL"][0] < found[k, "CL"][0] - 0.2
        assert found[k, "SupCL"][1] > found[k, "CL"][1] + 5
    for k in (1, 2, 5):
        assert found[k, "SupCL"][2] == pytest.approx(1, abs=0.03)  # predicting 0, and a coin
        assert found[k, "SupCL"][3] == pytest.approx(50, abs=2)
    assert found[5, "CL+SupCL"][0] <= found[5, "CL"][0]
    assert found[5, "CL+SupCL"][2] == pytest.approx(found[5, "CL"][2], abs=0.03)
    assert found[5, "AE"][0] > found[5, "CL"][0] + 0.3


def test_all_parts_fill_one_table_and_six_panels() -> None:
    small = {"n_values": [50, 100], "d_values": [8, 12], "r_values": [1, 2], "features": [1, 2], "labels": 20}
    result = run(part="all", n=100, d=12, r=2, steps=300, **small)
    assert len(result.figure.axes) == 6
    assert len(result.table) == 2 * 2 * 2 + 2 * 2 * 2 + 2 * 2 + 2 * 5
    assert len({tuple(row) for row in result.table}) == 1
    assert all(abs(gap) < 1e-6 for gap in result.summary.values())
    alone = run(part="n", n_values=[50], d=12, r=2, seeds=1)
    assert list(alone.table[0]) == ["part", "noise", "n", "d", "r", "method", "sine", "sine_std", "sine_limit"]
    assert len(alone.figure.axes) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": "m"}, r"theory.part=m: choose one of n, control"),
        ({"noise": "loud"}, r"theory.noise=loud: choose one of homo"),
        ({"n": "many"}, r"theory.n=many: must be a whole number or null"),
        ({"d": 0}, r"theory.d=0: must be 2 or more"),
        ({"seeds": 0}, r"theory.seeds=0: must be 1 or more"),
        ({"steps": -1}, r"theory.steps=-1"),
        ({"nu": 0.0}, r"theory.nu=0.0: must be more than 0"),
        ({"mix": -1.0}, r"theory.mix=-1.0: must be 0 or more"),
        ({"part": "n", "r": 40}, r"theory.part=n: n=200, d=40, r=40: must have r < d"),
        ({"part": "d", "d_values": [20, 0.5]}, r"theory.d_values=\[20,0.5\]: must be a list of whole numbers"),
        ({"part": "control", "n_values": []}, r"theory.n_values=\[\]: one value or more"),
        ({"part": "downstream", "features": [6]}, r"theory.features=\[6\]: must be from 1 to r=5"),
        ({"part": "downstream", "labels": 3}, r"at most labels=3"),
        ({"part": "downstream", "r": 1}, r"theory.r=1: must be 2 or more"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(**settings)
