from pathlib import Path

import pytest

from contrastive_lab.errors import ConfigError
from contrastive_lab.record.speed import Outcome, Row, Speed, file_of, machine, read_speed, write_speed


def test_what_was_measured_is_read_as_it_was_written(tmp_path: Path) -> None:
    step = Outcome(rows=[Row(case="SiMo", values={"ratio": 1.05, "least": None})], told=["ratio"], settings={"K": [1]})
    speed = Speed(machine="A (R) B", environment={"cpus": 2}, benchmarks={"step": step})
    path = write_speed(tmp_path / "speed", speed)
    assert path.name == "a-b.json" and read_speed(path) == speed


@pytest.mark.parametrize(
    ("gpus", "name", "file"),
    [
        ([], "Intel(R) Xeon(R) Processor, 2 cores", "intel-xeon-processor-2-cores.json"),
        (["NVIDIA H200"], "NVIDIA H200", "nvidia-h200.json"),
        (["NVIDIA H200"] * 8, "8 x NVIDIA H200", "8-x-nvidia-h200.json"),
    ],
)
def test_a_machine_is_named_by_its_gpus_or_its_processor(gpus: list[str], name: str, file: str) -> None:
    found = machine({"gpus": gpus, "cpu": "Intel(R) Xeon(R) Processor", "cpus": 2})
    assert (found, file_of(Path(), found).name) == (name, file)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{}", "machine: Field required"), ("[]", "not an object but list"), ('{"machine": 1}', "machine: ")],
)
def test_a_file_of_something_else_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_speed(path)
    (line,) = error.value.problems
    assert line.startswith(f"{path}: not what `bench all` writes ({message}") and "\n" not in line
