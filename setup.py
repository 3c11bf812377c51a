"""The metadata that pyproject.toml leaves dynamic: settings.ini says it once."""
import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_namespace_packages, setup

here = Path(__file__).parent
ini = ConfigParser(delimiters=["="])
ini.read(here / "settings.ini", encoding="utf-8")
cfg = ini["DEFAULT"]
version = re.search(r'__version__ = "(.+)"', (here / "nerteach" / "__init__.py").read_text(encoding="utf-8"))[1]
repository = re.search(r'Repository = "(.+)"', (here / "pyproject.toml").read_text(encoding="utf-8"))[1]
readme = re.sub(r"(\[[^\]]*\]\()(?!https?:|#)", rf"\1{repository}/blob/main/", (here / "README.md").read_text(encoding="utf-8"))
readme = re.sub(r"(!\[[^\]]*\]\(\S+)/blob/", r"\1/raw/", readme)  # on PyPI links start nowhere, and a picture is a file

setup(
    version=version,
    description=cfg["description"],
    license_expression=cfg["license"],
    author=cfg["author"],
    author_email=cfg["author_email"],
    keywords=cfg["keywords"].split(),
    python_requires=">=" + cfg["min_python"],
    long_description=readme,
    long_description_content_type="text/markdown",
    packages=find_namespace_packages(include=["nerteach", "nerteach.*"]),
    package_data={"nerteach.corpus": ["*"]},
    install_requires=cfg["requirements"].split(),
    extras_require={"offline": cfg["offline_requirements"].split(),
                    "dev": (cfg["offline_requirements"] + " " + cfg["dev_requirements"]).split()},
    entry_points={"console_scripts": cfg["console_scripts"].split(), "nbdev": ["nerteach=nerteach._modidx:d"]},
)
