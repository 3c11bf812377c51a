"""Every lesson and the front page in a plain Jupyter kernel, outside the repository, with nothing but the built wheel and their own first cell.

What a lesson shows is compared with what is stored in it. Cells tagged `trained` depend on a training, whose last digits differ
between machines: there only the kinds of output are compared. Pictures are compared by their being there.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

import nbformat
import pytest

from conftest import ROOT

LESSONS = [*sorted((ROOT / "nbs").glob("[ep][nt]/*.ipynb")), ROOT / "nbs" / "index.ipynb"]
RUN = """
import sys, nbformat
from nbclient import NotebookClient
from traitlets.config import Config
notebook = nbformat.read(sys.argv[1], as_version=4)
sockets = Config(KernelManager={"transport": "tcp" if sys.platform == "win32" else "ipc"})  # ports could be taken twice, files in a folder of one's own not
NotebookClient(notebook, timeout=900, kernel_name="wheel", config=sockets).execute()
nbformat.write(notebook, sys.argv[1])
"""


def name(path):
    return f"{path.parent.name}/{path.stem}"


@pytest.fixture(scope="session")
def executed(built, learner):
    """Run all lessons, two at a time with one thread each, in a folder of their own; returns what each printed and the folder."""
    kernel = learner / "kernels" / "wheel"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": [str(learner / "venv" / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                                                    "display_name": "wheel", "language": "python"}))
    environment = {**os.environ, "JUPYTER_PATH": str(learner), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(built), "OMP_NUM_THREADS": "1",
                   "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(path):
        copy = learner / name(path) / path.name
        copy.parent.mkdir(parents=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        with TemporaryDirectory(dir=copy.parent) as scratch:  # models are large: gone when the lesson is over
            done = subprocess.run([sys.executable, "-c", RUN, copy], cwd=copy.parent, env={**environment, "TMPDIR": scratch},
                                  capture_output=True, text=True)
        return done.returncode and done.stderr[-3000:]

    with ThreadPoolExecutor(2) as pool:
        return learner, dict(zip(LESSONS, pool.map(run, LESSONS)))


def shown(cell, exact):
    """What a cell shows, progress bars apart: text as it is or only that it is there, pictures by their kind."""
    printed, shows = "", []
    for output in cell.outputs:
        assert output.get("name") != "stderr", f"{cell.id} writes to stderr: {output.text[:300]}"
        if output.output_type == "stream":
            printed += output.text  # a kernel may send in several parts what was printed at once
        elif "application/vnd.jupyter.widget-view+json" not in output.data:
            shows += sorted((kind, "".join(text)) for kind, text in output.data.items())
    shows += [("printed", printed)] * bool(printed)
    return [(kind, text if exact and not kind.startswith("image") else None) for kind, text in shows]


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_lesson_runs_from_the_wheel_and_shows_what_is_stored(path, executed):
    folder, errors = executed
    assert not errors[path], errors[path]
    stored, fresh = nbformat.read(path, as_version=4), nbformat.read(folder / name(path) / path.name, as_version=4)
    for before, after in zip(stored.cells, fresh.cells, strict=True):
        if before.cell_type == "code" and before.id != "install":
            exact = "trained" not in before.metadata.get("tags", [])
            assert shown(after, exact) == shown(before, exact), before.id
