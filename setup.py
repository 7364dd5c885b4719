"""What pyproject.toml cannot say: the configs, which lie beside the package, are installed inside it."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["clsunbias*"]), "clsunbias.configs"],
    package_dir={"clsunbias.configs": "configs"},
)
