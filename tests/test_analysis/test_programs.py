"""What every program of `conf/theory` has."""

from tests.conftest import ROOT

PAPERS = {
    "bounds": "Arora et al. 2019",
    "coupon": "Nozawa & Sato 2021",
    "gaussian_mi": "Zhu et al. 2020",
    "gradient_norm": "Zhu et al. 2020",
    "spiked_covariance": "Ji et al. 2021",
}


def test_every_yaml_names_its_command_and_paper_and_has_a_module_and_a_test() -> None:
    paths = list((ROOT / "conf" / "theory").glob("*.yaml"))
    assert {path.stem for path in paths} >= {"bounds", "coupon", "gaussian_mi", "gradient_norm", "spiked_covariance"}
    for path in paths:
        comment = path.read_text().split("_target_")[0]
        assert f"python scripts/theory.py theory={path.stem}" in comment
        assert PAPERS[path.stem] in comment
        assert (ROOT / "contrastive_lab" / "theory" / "experiment" / f"{path.stem}.py").is_file()
        assert (ROOT / "tests" / f"test_theory_{path.stem}.py").is_file()
