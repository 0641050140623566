"""What pyproject.toml cannot say: a wheel holds inside of the package what commands read beside it in a checkout."""

from setuptools import find_packages, setup

SHIPPED = {"contrastive_lab.conf": "conf", "contrastive_lab.docs.results.negatives.cost": "docs/results/negatives/cost"}

setup(packages=[*find_packages(include=["contrastive_lab*"]), *SHIPPED], package_dir=SHIPPED)
