import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def wikiann():
    """A function that loads WikiANN in a language, or skips where no Hub and no cache has it."""
    from nerteach.data import InputError, load_corpus
    missing = {}  # a Hub out of reach is asked once, not in every test

    def load(lang):
        if lang not in missing:
            try:
                return load_corpus("wikiann", lang)
            except InputError as error:
                missing[lang] = error
        pytest.skip(f"WikiANN-{lang} is neither in the cache nor on a Hub within reach: {missing[lang]}")

    return load


@pytest.fixture(scope="session")
def tokenizer():
    from nerteach.align import load_tokenizer
    return load_tokenizer("minilm")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist of this tree."""
    folder = tmp_path_factory.mktemp("built")
    done = subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


@pytest.fixture(scope="session")
def learner(built, tmp_path_factory):
    """A folder whose venv has nerteach installed from the wheel, as a lesson's first cell does it; other packages are lent by this environment."""
    folder = tmp_path_factory.mktemp("learner")
    venv.create(folder / "venv")
    python = folder / "venv" / "bin" / "python"
    site = Path(subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True).stdout.strip())
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not re.match(r"_*(editable_+)*nerteach|__editable__|.*\.pth$", entry.name):
            (site / entry.name).symlink_to(entry)
    cells = json.loads((ROOT / "nbs" / "en" / "00_tour.ipynb").read_text(encoding="utf-8"))["cells"]
    first = next("".join(cell["source"]) for cell in cells if cell["id"] == "install")
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-index", "--find-links", built, re.search(r'%pip install -q "(.+)"', first)[1]],
                   check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def run():
    """Run the installed `nerteach` in a folder; returns the finished process with its text output."""
    program = Path(sys.executable).parent / "nerteach"

    def call(*args, cwd, stdin=None):
        return subprocess.run([program, *map(str, args)], cwd=cwd, input=stdin, capture_output=True, text=True, timeout=900,
                              encoding="utf-8", env={**os.environ, "TQDM_DISABLE": "1"})

    return call


@pytest.fixture(scope="session")
def launch():
    """Run a script, or a module after "-m", in two processes on the CPU; returns the finished launcher with its text output."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]

    def call(*args, cwd):
        return subprocess.run([*launcher, *map(str, args)], cwd=cwd, capture_output=True, text=True, encoding="utf-8", timeout=300)

    return call


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window; skips where there is none."""
    from playwright.sync_api import Error, sync_playwright
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-background-networking"])
        except Error as error:
            pytest.skip(f"no Chromium to open pages with, install it with apt-get install chromium: {str(error)[:200]}")
        yield chromium
        chromium.close()
