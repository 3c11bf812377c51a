"""Lesson 2 of both languages in JupyterLab, run through its menus: from a clone, and from a folder with the notebook alone and the installed wheel."""
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import nbformat
import pytest

from conftest import ROOT


@contextmanager
def serve_lab(folder, **environment):
    """JupyterLab on a folder, with settings and traces in a home of its own; gives its address."""
    home = Path(mkdtemp())  # a short path, because sockets lie in it
    settings = {"JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_RUNTIME_DIR": home / "runtime", "JUPYTERLAB_SETTINGS_DIR": home / "settings",
                "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces", "TQDM_DISABLE": "1", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0", "--IdentityProvider.token=",
                               "--LabApp.news_url=", "--KernelManager.transport=ipc",  # of two kernels, both may take one port
                               f"--ServerApp.root_dir={folder}"],
                              env={**os.environ, **{name: str(value) for name, value in (settings | environment).items()}},
                              stdout=(home / "log").open("w"), stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 60
        while not (running := list((home / "runtime").glob("jpserver-*.json"))):
            assert time.monotonic() < end, (home / "log").read_text()[-3000:]
            time.sleep(0.5)
        yield json.loads(running[0].read_text())["url"]
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(home)


def run_lesson(browser, address, path):
    """Open a notebook, run all its cells by the menu, save it by the menu; returns what was saved, and how wide its pictures are shown."""
    with browser.new_context(viewport={"width": 1400, "height": 1000}) as context:
        return run_in_page(context.new_page(), address, path)


def run_in_page(page, address, path):
    def choose(menu, item):
        page.get_by_role("menuitem", name=menu, exact=True).first.click()
        page.get_by_role("menuitem", name=re.compile(f"^{item}")).first.click()  # its shortcut follows

    idle = page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.goto(f"{address}lab/tree/{path.name}")
    for _ in range(3):  # a kernel that is just connecting may say that it is idle, and lose what it is told
        idle.wait_for(timeout=60_000)
        page.wait_for_timeout(1_000)
        choose("Run", "Run All Cells")
        page.wait_for_timeout(1_000)
        idle.wait_for(timeout=120_000)
        choose("File", "Save Notebook")
        page.locator(".jp-mod-dirty").first.wait_for(state="detached")
        saved = nbformat.read(path, as_version=4)
        if [cell for cell in saved.cells if cell.cell_type == "code"][-1].execution_count:
            break
    return saved, page.evaluate("[...document.querySelectorAll('.jp-OutputArea img')].map(image => image.naturalWidth)")


@pytest.mark.parametrize("lang", ["en", "pt"])
@pytest.mark.parametrize("place", ["clone", "wheel"])
def test_lesson_2_runs_through_the_menus(place, lang, browser, request, tmp_path):
    lesson = ROOT / "nbs" / lang / "02_align.ipynb"
    environment = {"JUPYTER_PATH": request.getfixturevalue("kernels")} if place == "wheel" else {}
    folder = tmp_path / "folder"
    if place == "clone":
        shutil.copytree(ROOT / "nbs", folder, ignore=shutil.ignore_patterns("nerteach-model"))
        path = folder / lang / lesson.name
    else:
        path = folder / lesson.name
        folder.mkdir()
        shutil.copy(lesson, folder)
    with serve_lab(path.parent, **environment) as address:
        saved, widths = run_lesson(browser, address, path)
    code = [cell for cell in saved.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert [output for cell in code for output in cell.outputs if output.output_type == "error"] == []
    assert widths and min(widths) > 300
