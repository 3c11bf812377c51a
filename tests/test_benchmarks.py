"""The benchmarks start, the page shows what they measured, and memory does not grow with the corpus."""
import ast
import json
import subprocess
import sys
from pathlib import Path
from statistics import mean

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(ROOT / "tools"))
from make_benchmarks import TABLES, ablation_table, render_page  # noqa: E402

MEASURE = """
import resource, sys
from types import SimpleNamespace
import torch
from datasets import load_from_disk
from nerteach.align import load_tokenizer
from nerteach.inference import Tagger, evaluate_tagger, tag_texts
from nerteach.metrics import score_entities

class RuleModel:
    device = torch.device("cpu")
    def __call__(self, input_ids, **_):
        return SimpleNamespace(logits=torch.nn.functional.one_hot(input_ids % 3, 3).float())

tagger = Tagger(RuleModel(), load_tokenizer("minilm"), ["O", "B-LOC", "I-LOC"], 512)
dataset = load_from_disk(sys.argv[2])
if sys.argv[1] == "evaluate":
    scores, lost = evaluate_tagger(tagger, {"test": dataset}, "test", score_entities)
    assert lost.rows == len(dataset) and scores["overall"]["support"] == len(dataset)
else:
    assert sum(1 for _ in tag_texts(tagger, (" ".join(words) for words in dataset["tokens"]))) == len(dataset)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_page_shows_what_was_measured(lang):
    page = (ROOT / "nbs" / lang / "benchmarks.md").read_text(encoding="utf-8")
    assert page == render_page(lang), "run python tools/make_benchmarks.py"
    assert not any(f"{{{name}}}" in page for name in TABLES)


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_lesson_4_shows_the_ablation(lang):
    lesson = nbformat.read(ROOT / "nbs" / lang / "04_train.ipynb", as_version=4)
    assert any(ablation_table(lang) in cell.source for cell in lesson.cells), "copy the table of tools/make_benchmarks.py into lesson 4"


@pytest.mark.parametrize("who", ["original", "nerteach"])
def test_the_readme_quotes_the_means(who):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = json.loads((BENCHMARKS / "compare_training.json").read_text(encoding="utf-8"))["rows"]
    runs = [row for row in rows if row["contestant"] == who and row["sentences"] == 5000]
    assert len(runs) == 3
    f1, seconds = (mean(run[key] for run in runs) for key in ("f1", "seconds"))
    assert f"{f1:.3f} in {seconds:.0f} s" in readme and f"{f1:.3f} em {seconds:.0f} s" in readme


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_lesson_13_quotes_what_threads_change(lang):
    prose = "\n".join(cell.source for cell in nbformat.read(ROOT / "nbs" / lang / "13_checkpoint.ipynb", as_version=4).cells)
    runs = json.loads((BENCHMARKS / "threads.json").read_text(encoding="utf-8"))["runs"]
    scores = {precision: {run["threads"]: run["test"] for run in runs if run["precision"] == precision} for precision in ("fp32", "bf16")}
    assert all(f"{score:.4f}" in prose for by_threads in scores.values() for score in by_threads.values())
    assert abs(scores["fp32"][1] - scores["fp32"][2]) < 0.005 < abs(scores["bf16"][1] - scores["bf16"][2])


def test_every_result_says_where_it_was_measured():
    for path in BENCHMARKS.glob("*.json"):
        assert {"machine", "date"} <= json.loads(path.read_text(encoding="utf-8")).keys(), path


def test_every_benchmark_says_what_it_does():
    scripts = [path for path in sorted(BENCHMARKS.glob("*.py")) if "description=__doc__" in path.read_text(encoding="utf-8")]
    code = "import runpy, sys\nfor path in sys.argv[1:]:\n    sys.argv = [path, '--help']\n    try:\n        runpy.run_path(path, run_name='__main__')\n" \
           "    except SystemExit as end:\n        assert end.code == 0, path\n"
    done = subprocess.run([sys.executable, "-c", code, *map(str, scripts)], cwd=BENCHMARKS, capture_output=True, text=True, encoding="utf-8",
                          env={"PYTHONPATH": str(BENCHMARKS), "COLUMNS": "500", "PATH": ""})
    assert done.returncode == 0, done.stderr
    for path in scripts:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).splitlines()[0] in done.stdout, path


def test_contestants_are_scored_side_by_side(wikiann, run, tmp_path):
    wikiann("en")
    done = subprocess.run([sys.executable, BENCHMARKS / "compare_training.py", "--sizes", "48", "--validation", "30", "--json", "found.json",
                           "--contestants", "original", "nerteach", "flair"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert "flair              not measured" in done.stdout
    rows = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["rows"]
    assert [row["contestant"] for row in rows] == ["original", "nerteach"]
    assert all(0 <= row["f1"] <= 1 and row["seconds"] > 0 and row["peak_mb"] > 300 and row["support"] == rows[0]["support"] for row in rows)


@pytest.mark.parametrize("work", ["evaluate", "predict"])
def test_memory_does_not_grow_with_the_corpus(work, tmp_path):
    from nerteach.data import build_corpus
    few = build_corpus({"test": [{"tokens": ["Recife", "is", "old", f"{number}"], "ner_tags": ["B-LOC", "O", "O", "O"]} for number in range(500)]})["test"]
    from datasets import concatenate_datasets
    peaks = []
    for times in (8, 160):
        concatenate_datasets([few] * times).save_to_disk(tmp_path / str(times))
        done = subprocess.run([sys.executable, "-c", MEASURE, work, tmp_path / str(times)], capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] - peaks[0] < 40, f"{peaks} MB for 4 000 and 80 000 sentences"
