from contrastive_lab.config import CONF
from contrastive_lab.report.facts import CLASSES, TEST_SIZE


def test_known_data_sets_are_those_of_conf() -> None:
    names = {path.stem for path in (CONF / "dataset").glob("*.yaml")} - {"image_folder"}
    assert set(CLASSES) == set(TEST_SIZE) == names
