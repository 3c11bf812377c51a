"""The wheel and the sdist, and the wheel at work in an empty environment outside the repository."""
import json
import re
import subprocess
import tarfile
import zipfile

CONTENT = {"nerteach/data.py", "nerteach/cli.py", "nerteach/corpus/en.txt", "nerteach/corpus/pt.txt"}


def test_both_hold_package_and_corpus(built):
    wheel, sdist = next(built.glob("*.whl")), next(built.glob("*.tar.gz"))
    assert CONTENT <= set(zipfile.ZipFile(wheel).namelist())
    assert not [entry for entry in zipfile.ZipFile(wheel).namelist() if entry.startswith(("tests", "nbs"))]
    names = {entry.split("/", 1)[-1] for entry in tarfile.open(sdist).getnames()}
    assert CONTENT | {"settings.ini", "setup.py", "pyproject.toml", "README.md", "LICENSE"} <= names


def test_the_metadata_says_what_settings_say(built):
    wheel = zipfile.ZipFile(next(built.glob("*.whl")))
    metadata = wheel.read(next(entry for entry in wheel.namelist() if entry.endswith("METADATA"))).decode()
    assert "Requires-Python: >=3.10" in metadata and "Provides-Extra: offline" in metadata and "Provides-Extra: dev" in metadata
    assert "Requires-Dist: transformers>=5.2" in metadata and "License-Expression: Apache-2.0" in metadata
    assert "Project-URL: Documentation, https://" in metadata
    links = re.findall(r"\]\(([^)]+)\)", metadata)
    assert any("/raw/main/nbs/images/" in link for link in links) and all(link.startswith(("https://", "#")) for link in links)


def test_the_wheel_works_on_its_own(learner, tmp_path):
    python = learner / "venv" / "bin" / "python"
    where = subprocess.run([python, "-c", "import nerteach; print(nerteach.__file__)"], capture_output=True, text=True, cwd=tmp_path).stdout
    assert str(learner) in where
    done = subprocess.run([python.with_name("nerteach"), "train", "--epochs", "1", "--limit", "16", "--lang", "pt", "--json", "out.json"],
                          cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["test"]["overall"]["support"] > 100
