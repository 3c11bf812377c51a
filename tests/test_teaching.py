"""The teacher's page and the cheat sheet: equal in both languages, their code runs, and what they name is there."""
import inspect
import pkgutil
import re
import shlex
import sys
from importlib import import_module
from urllib.parse import urlsplit

import pytest

import nerteach
from conftest import ROOT
from nerteach.cli import build_parser
from nerteach.exercises import LESSONS, ExerciseSet

sys.path.insert(0, str(ROOT / "tools"))
import make_stick  # noqa: E402
from sync_twins import skeleton  # noqa: E402

NAMES = ("teaching", "cheat_sheet")
OTHERS = {"id2label", "word_ids", "aggregation_strategy", "return", "end", "micro", "macro", "mistake", "tried", "solutions", "check", "Span"}  # of libraries, of tables


def read(lang, name):
    return (ROOT / "nbs" / lang / f"{name}.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def spans(text):
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)))


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_the_same(name):
    ours, theirs = skeleton(read("en", name)), skeleton(read("pt", name))
    assert ours == theirs
    assert len(ours["headings"]) > 5 and ours["code blocks"] and ours["links"]
    rows = [[row.count("|") for row in read(lang, name).splitlines() if row.startswith("|")] for lang in ("en", "pt")]
    assert rows[0] == rows[1] and rows[0]
    prose = [set(re.findall(r"^[^|`#\n-].{40,}$", read(lang, name), flags=re.MULTILINE)) for lang in ("en", "pt")]
    same = {line for line in prose[0] & prose[1] if line not in "".join(ours["code blocks"])}
    assert not same, "not translated"


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_sheet_s_code_runs(lang):
    code = blocks(read(lang, "cheat_sheet"), "python")
    assert code
    for block in code:
        exec(block, {})


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_one(name):
    """The flags of `nerteach` and of the stick's builder are parsed; another program must be a file or a module of this repository."""
    lines = "".join(blocks(read("en", name), "sh")).splitlines()
    assert lines
    for line in lines:
        program, *arguments = shlex.split(line)
        if program == "nerteach":
            build_parser(arguments[0]).parse_args(arguments)
        elif arguments[0] == "-m":
            assert "if __name__" in inspect.getsource(import_module(arguments[1]))
        else:
            assert program == "python" and ((ROOT / arguments[0]).is_file() or (ROOT / "tools" / "stick" / arguments[0]).is_file()), line
            if arguments[0].endswith("make_stick.py"):
                make_stick.build_parser().parse_args(arguments[1:])


def known_names():
    """What the package has: names of its modules, exercises, and the methods of a lesson's exercises."""
    names = set(dir(ExerciseSet)) | set(OTHERS)
    for module in pkgutil.iter_modules(nerteach.__path__):
        if module.name not in ("__main__", "answers", "corpus"):
            names |= set(vars(import_module(f"nerteach.{module.name}")))
    return names


def exercise_names():
    """Every exercise, by the headings of the answer keys."""
    keys = [ROOT / "nbs" / "answers" / f"{lesson}.ipynb" for lesson in LESSONS]
    return {name for path in keys for name in re.findall(r'"## `?(\w+)', path.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("lang", ["en", "pt"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_on_a_page_is_there(name, lang):
    exercises = exercise_names()
    words = {span for span in spans(read(lang, name)) if re.fullmatch(r"[A-Za-z]\w{3,}", span)} - {"LABEL_0"}
    missing = words - known_names() - exercises
    assert words and not missing
    assert "check_corpsu" not in known_names() | exercises


BUGS = {"align_words", "label_pieces", "score_model", "score_file", "strict_f1", "plan_rates", "score_long", "group_tokens", "score_ids", "evaluate_memory",
        "evaluate_new", "look_up_ids"}


@pytest.mark.parametrize("lang", ["en", "pt"])
@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name, lang):
    """To a file; that its anchor exists is asked of the built site, in test_site."""
    links = re.findall(r"\]\(([^)\s]+)\)", read(lang, name))
    here = [link for link in links if not urlsplit(link).scheme]
    assert [link for link in here if not (ROOT / "nbs" / lang / link.partition("#")[0]).is_file()] == [] and here


def test_the_course_asks_for_every_bug_once_and_for_lessons_in_order():
    text = read("en", "teaching").partition("## A course of four weeks")[2].partition("## Reading")[0]
    asked = [name for line in text.splitlines() if line.startswith("- [Bugs]") for name in re.findall(r"`(\w+)`", line)]
    assert sorted(asked) == sorted(BUGS) and len(asked) == 12
    lessons = re.findall(r"\((\d\d)_\w+\.ipynb\)", "\n".join(line for line in text.splitlines() if line.startswith("- Lessons")))
    assert {f"{number:02}" for number in range(10)} <= set(lessons)


def test_the_class_s_table_has_the_columns_that_the_page_explains(tmp_path, capsys):
    from nerteach.exercises import open_exercises, print_class
    check = open_exercises("data")
    check.count_names(lambda labels, entity_type: labels.count("B-" + entity_type))
    check.save_results(tmp_path / "ana.json")
    capsys.readouterr()
    print_class(tmp_path)
    head = capsys.readouterr().out.splitlines()[0].split()
    assert {"mistake", "tried", "solutions"} <= set(head)


@pytest.mark.parametrize("lang, said", [("en", "interval is {} to {} points wide"), ("pt", "de 95% tem de {} a {} pontos de largura")])
def test_the_width_of_the_interval_is_that_of_the_corpus_s_table(lang, said):
    rows = [line for line in (ROOT / "nerteach" / "corpus" / "README.md").read_text(encoding="utf-8").splitlines() if "| own test |" in line]
    widths = [round(100 * (float(high) - float(low))) for row in rows for low, high in re.findall(r"\[([\d.]+), ([\d.]+)\]", row)]
    assert len(widths) == 10 and said.format(min(widths), max(widths)) in read(lang, "cheat_sheet")
