"""The Portuguese notebooks are the English ones in Portuguese; the check that says so can fail."""
import re
import sys

import nbformat
import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
from sync_twins import compare, digest, main, make_twin, mark_translated, read  # noqa: E402

ENGLISH = sorted((ROOT / "nbs" / "en").glob("*.ipynb"))


def test_the_lessons_and_their_twins_are_there():
    names = [path.stem for path in ENGLISH]
    assert names == ["00_tour", "01_data", "02_align", "03_metrics", "04_train", "05_analysis", "06_inference", "07_languages",
                     "08_your_data", "09_scale", "10_cli", "11_check", "12_calibration", "13_checkpoint", "14_alarms",
                     "15_exercises", "16_pictures", "17_bugs"]
    assert [path.stem for path in sorted((ROOT / "nbs" / "pt").glob("*.ipynb"))] == names


@pytest.mark.parametrize("path", ENGLISH, ids=lambda path: path.stem)
def test_twins_are_in_step(path):
    wrong = compare(read(path), read(ROOT / "nbs" / "pt" / path.name))
    assert not wrong, "\n".join(wrong)


@pytest.fixture
def pair():
    cells = [nbformat.v4.new_markdown_cell("# Data\n\nThe `label` of $x$, in [lesson 2](02_align.ipynb).", id="title"),
             nbformat.v4.new_code_cell("#| default_exp data", id="default-exp"),
             nbformat.v4.new_code_cell('lang = "en"', id="lang"),
             nbformat.v4.new_code_cell("#| exports\ndef f():\n    return 1", id="def-f"),
             nbformat.v4.new_code_cell("#| export\nsecret = 1", id="secret"),
             nbformat.v4.new_code_cell('#| fig-cap: "A picture"\n#| fig-alt: "Bars"\nplot()', id="show", metadata={"tags": ["trained"]})]
    english = nbformat.v4.new_notebook(cells=cells)
    twin = make_twin(english, None)
    twin.cells[0].source = "# Dados\n\nO `label` de $x$, na [lição 2](02_align.ipynb)."
    twin.cells[5].source = '#| fig-cap: "Uma figura"\n#| fig-alt: "Barras"\nplot()'
    mark_translated(english, twin, "")
    return english, twin


def test_a_twin_shows_and_runs_but_does_not_export(pair):
    english, twin = pair
    assert compare(english, twin) == []
    assert [cell.source for cell in twin.cells[1:5]] == ["#| hide", 'lang = "pt"', "#| exec_doc\ndef f():\n    return 1", "#| exec_doc\n#| echo: false\nsecret = 1"]
    assert twin.cells[5].metadata["tags"] == ["trained"]


@pytest.mark.parametrize("cell, old, new, said", [
    (0, "# Dados", "## Dados", "headings"),
    (0, "`label`", "`rótulo`", "code"),
    (0, "$x$", "$y$", "maths"),
    (0, "02_align", "03_metrics", "links"),
    (0, "\n\nO `label` de $x$, na [lição 2](02_align.ipynb).", "\n\nThe `label` of $x$, in [lesson 2](02_align.ipynb).", "its"),
    (3, "return 1", "return 2", "code is not that"),
    (2, '"pt"', '"en"', "code is not that"),
    (5, "plot()", "plot(1)", "code is not that"),
    (5, '"Uma figura"\n#| fig-alt: "Barras"', '"A picture"\n#| fig-alt: "Bars"', "not translated"),
])
def test_every_kind_of_drift_is_said(pair, cell, old, new, said):
    english, twin = pair
    assert old in twin.cells[cell].source
    twin.cells[cell].source = twin.cells[cell].source.replace(old, new)
    if said == "its":
        twin.cells[cell].source = english.cells[cell].source
        said = "not translated"
    assert any(said in text for text in compare(english, twin))


def test_a_changed_original_asks_for_its_translation(pair):
    english, twin = pair
    english.cells[0].source = english.cells[0].source.replace("The", "Every")
    english.cells[5].source = english.cells[5].source.replace("Bars", "Grouped bars")
    assert [text.split(":")[0] for text in compare(english, twin) if "changed after" in text] == ["title", "show"]
    assert any(text.endswith("--translated LESSON#show") for text in compare(english, twin))
    mark_translated(english, twin, "title")
    assert twin.cells[0].metadata["translates"] == digest(english.cells[0])
    assert [text.split(":")[0] for text in compare(english, twin)] == ["show"]


def test_a_lost_moved_or_retagged_cell_is_said(pair):
    english, twin = pair
    twin.cells[5].metadata["tags"] = []
    assert "tags" in compare(english, twin)[0]
    twin.cells[3], twin.cells[4] = twin.cells[4], twin.cells[3]
    assert "order" in compare(english, twin)[0]
    del twin.cells[0]
    assert "title" in compare(english, twin)[0]


def test_making_a_twin_again_keeps_prose_and_outputs_and_renews_code(pair):
    english, twin = pair
    twin.cells[3].outputs = [nbformat.v4.new_output("stream", text="1\n")]
    english.cells[4].source = "#| export\nsecret = 2"
    again = make_twin(english, twin)
    assert again.cells[0].source == twin.cells[0].source and again.cells[3].outputs == twin.cells[3].outputs
    assert again.cells[4].source == "#| exec_doc\n#| echo: false\nsecret = 2" and compare(english, again) == []


def test_the_command_says_that_all_is_well(capsys):
    assert main(["--check"]) == 0 and capsys.readouterr().out == "every twin is in step\n"


@pytest.mark.parametrize("name", ["02_align#no-such-cell", "02_alignment"])
def test_the_command_refuses_names_that_lead_nowhere(name, capsys):
    with pytest.raises(SystemExit):
        main(["--check", "--translated", name])
    assert f"{name}: there is no such lesson or cell" in capsys.readouterr().err


def test_glossary_terms_stand_once_and_are_linked_in_both_languages():
    glossary = (ROOT / "nbs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r'<a id="([\w-]+)"></a>', glossary)
    assert len(terms) == len(set(terms)) > 50
    for lang in ("en", "pt"):
        prose = "\n".join(cell.source for path in (ROOT / "nbs" / lang).glob("*.ipynb") for cell in read(path).cells if cell.cell_type == "markdown")
        linked = set(re.findall(r"\.\./glossary\.md#([\w-]+)", prose))
        assert linked == set(terms), f"{lang}: {sorted(linked ^ set(terms))}"
