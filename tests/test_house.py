"""The rules of the house that a machine can check."""
import ast
import json
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(path for path in (ROOT / "nerteach").rglob("*.py") if not path.name.startswith("_"))
NOTEBOOKS = sorted(path for path in (ROOT / "nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
LESSONS = [path for path in NOTEBOOKS if path.parent.name in ("en", "pt")]
ARROWS = {"data": set(), "checkpoint": {"data"}, "alarms": {"data"}, "align": {"data", "checkpoint"}, "metrics": {"data"},
          "train": {"data", "align", "checkpoint", "alarms"}, "analysis": {"data", "metrics"}, "inference": {"data", "align", "checkpoint"},
          "languages": {"data", "align", "metrics"}, "annotation": {"data", "metrics", "checkpoint"}, "scale": {"data", "checkpoint"},
          "check": {"data", "align", "languages", "train", "inference"}, "calibration": {"data", "align", "metrics", "inference", "checkpoint"},
          "exercises": {"data", "checkpoint"}, "pictures": {"data", "align", "metrics", "analysis", "annotation", "calibration"},
          "answers": {"exercises", "data", "align", "metrics", "train", "analysis", "inference", "languages", "annotation", "scale", "check", "alarms"},
          "cli": {"data", "align", "metrics", "train", "analysis", "inference", "languages", "scale", "check", "calibration", "checkpoint"}}


def cells(path, kind):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


def name(path):
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the tree in which the tools may write."""
    folder = tmp_path_factory.mktemp("copy") / "nerteach"
    shutil.copytree(ROOT, folder, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "*.egg-info", "__pycache__", "nerteach-model",
                                                                               "build", "dist", "_docs", "_proc"))
    return folder


@pytest.mark.parametrize("command", ["nbdev-export", "nbdev-clean"])
def test_notebooks_and_package_are_in_step(copy, command):
    files = [path for part in ("nbs", "nerteach") for path in (copy / part).rglob("*") if path.suffix in (".py", ".ipynb") and path.is_file()]
    before = {path: path.read_bytes() for path in files}
    subprocess.run([Path(sys.executable).parent / command], cwd=copy, check=True, capture_output=True)
    assert [str(path.relative_to(copy)) for path in files if path.read_bytes() != before[path]] == [], f"run {command}"
    names = [{path.relative_to(tree / "nerteach") for path in (tree / "nerteach").rglob("*.py")} for tree in (copy, ROOT)]
    assert names[0] == names[1]


def test_cleaning_keeps_what_colab_needs(copy):
    lesson = copy / "nbs" / "en" / "04_train.ipynb"
    notebook = json.loads(lesson.read_text(encoding="utf-8"))
    for_colab = {"accelerator": "GPU", "colab": {"gpuType": "T4"}}
    lesson.write_text(json.dumps({**notebook, "metadata": {**notebook["metadata"], **for_colab, "celltoolbar": "Tags"}}), encoding="utf-8")
    subprocess.run([Path(sys.executable).parent / "nbdev-clean", "--fname", lesson], cwd=copy, check=True, capture_output=True)
    metadata = json.loads(lesson.read_text(encoding="utf-8"))["metadata"]
    assert metadata == {**notebook["metadata"], **for_colab} and metadata["kernelspec"]["language"] == "python"
    lesson.write_bytes((ROOT / "nbs" / "en" / "04_train.ipynb").read_bytes())


def test_readme_is_made_from_the_front_notebook():
    for file, render in (("README.md", "render_readme"), ("nbs/images/marked_sentence.svg", "render_picture")):
        done = subprocess.run([sys.executable, "-c", f"import make_readme; print(make_readme.{render}(), end='')"],
                              cwd=ROOT / "tools", capture_output=True, text=True, encoding="utf-8", check=True)
        assert done.stdout == (ROOT / file).read_text(encoding="utf-8"), "run python tools/make_readme.py"


def test_ci_runs_the_readme_s_test_command():
    commands = re.findall(r"^pip install .*$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    tests = [command for command in commands if "pytest" in command]
    assert len(tests) == 1 and tests[0] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_front_files():
    assert (ROOT / "nbs" / "_quarto.yml").is_symlink() and (ROOT / "nbs" / "_quarto.yml").resolve() == ROOT / "_quarto.yml"
    ini = ConfigParser(delimiters=["="])
    ini.read(ROOT / "settings.ini", encoding="utf-8")
    assert "version" not in ini["DEFAULT"] and f'name = "{ini["DEFAULT"]["lib_name"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.search(r"==|~=|<(?!4)", ini["DEFAULT"]["requirements"]), "lower bounds only, so that Colab keeps its torch"


@pytest.mark.parametrize("module", ["data", "align", "metrics", "analysis", "languages", "annotation", "scale", "cli", "check", "calibration", "checkpoint",
                                    "alarms", "exercises", "pictures"])
def test_modules_without_torch(module):
    code = f"import sys, nerteach.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_arrows_point_one_way(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = {node.module.removeprefix("nerteach.") for node in imports if node.module and (node.level or node.module.startswith("nerteach."))}
    assert own <= ARROWS["answers" if path.parent.name == "answers" else path.stem]
    assert own or path.stem == "data", "every module but data builds on another: these imports were not found"
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"], "no star imports"


def functions(path):
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_short_and_documented(path):
    for function in functions(path):
        body = function.body[1:] if ast.get_docstring(function) else function.body
        lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
        assert lines <= 25, f"{function.name} has {lines} lines"
        assert function.args.kwarg is None or function.name == "show", f"{function.name} passes **{function.args.kwarg.arg} on"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ExceptHandler) and (node.type is None or getattr(node.type, "id", "") == "Exception")), "no except Exception"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_public_functions_say_what_they_take(path):
    for cell in cells(path, "code"):
        if not source(cell).startswith("#| exports\n"):
            continue
        for node in ast.parse(source(cell)).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                assert ast.get_docstring(node), f"{node.name} has no docstring"
            if isinstance(node, ast.FunctionDef):
                for argument in node.args.args:
                    assert re.search(rf"^    {argument.arg}\b.*  ?# \S", source(cell), flags=re.MULTILINE), f"{node.name}: say what {argument.arg} is"


@pytest.mark.parametrize("path", LESSONS, ids=name)
def test_lessons_have_the_anatomy(path):
    prose = "\n\n".join(source(cell) for cell in cells(path, "markdown"))
    assert re.match(r"# .+\n\n> .+", prose)
    parts = {"en": ("What you will be able to do", "What it takes", "colab.research.google.com", "## Common mistakes", "## Sources"),
             "pt": ("O que você vai saber fazer", "Do que você precisa", "colab.research.google.com", "## Erros comuns", "## Fontes")}
    for part in parts[path.parent.name]:
        assert part in prose, part
    code = cells(path, "code")
    assert 15 <= len(code) <= 80
    assert len({cell["id"] for cell in code}) == len(code) and not [cell["id"] for cell in code if re.fullmatch(r"[0-9a-f]{8}", cell["id"])]
    for cell in code:
        lines = source(cell).splitlines()
        imports = [line for line in lines if re.match(r"(from \S+ )?import ", line)]
        rest = [line for line in lines if line.strip() and line not in imports and not line.startswith(("#|", " "))]
        assert not imports or not rest, f"{cell['id']}: imports stand alone"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_stored_outputs_are_clean(path):
    assert path.stat().st_size < 190_000
    assert json.loads(path.read_text(encoding="utf-8"))["metadata"].keys() <= {"kernelspec", "accelerator", "colab"}, "a program left its traces"
    for cell in cells(path, "code"):
        assert not (cell["outputs"] and "#| eval: false" in source(cell)), f"{cell['id']}: clear its output"
        for output in cell["outputs"]:
            assert output.get("name") != "stderr" and output["output_type"] != "error", cell["id"]
            data = output.get("data", {})
            shown = "".join(output.get("text", [])) + "".join("".join(value) for key, value in data.items() if key.startswith("text"))
            assert not re.search(r"/(root|work|tmp|home|Users)/|\d+%\|", shown), f"{cell['id']}: {shown[:200]}"
            if "image/png" in data:
                assert len(data["image/png"]) < 55_000, f"{cell['id']}: more than 40 kB"
                assert "#| fig-alt:" in source(cell), f"{cell['id']}: the picture has no alt text"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_stored_outputs_are_there(path):
    with_output = [cell for cell in cells(path, "code") if cell["outputs"]]
    assert with_output, "run nbdev-test --save"


def test_notebooks_export_to_modules_of_their_own():
    exports = [match[1] for path in NOTEBOOKS for cell in cells(path, "code") if (match := re.match(r"#\| default_exp ([\w.]+)", source(cell)))]
    modules = [".".join(path.relative_to(ROOT / "nerteach").with_suffix("").parts) for path in MODULES]
    assert sorted(exports) == sorted(set(exports)) == sorted(modules)


def test_links_between_notebooks_lead_somewhere():
    for path in NOTEBOOKS:
        prose = re.sub(r"`[^`\n]+`", "", "\n".join(source(cell) for cell in cells(path, "markdown")))
        for link in re.findall(r"\]\((?!https?://|#)([^)\s#]+)", prose):
            assert (path.parent / link).exists(), f"{name(path)}: {link}"
