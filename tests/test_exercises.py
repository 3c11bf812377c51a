"""Exercises: the checks themselves, and every exercise of every lesson against right, wrong and blank answers."""
import _thread
import ast
import io
import json
import re
import subprocess
import sys
import threading
import time
from contextlib import redirect_stdout
from importlib import import_module

import pytest

from conftest import ROOT
from nerteach.data import InputError, Span
from nerteach.exercises import (LESSONS, TEXTS, Check, ExerciseSet, draw_labels, exercise, find_faults, judge, open_exercises, run_cases,
                                same_result, show_mistakes, summarize_class)

PATH = {"data": "01", "align": "02", "metrics": "03", "train": "04", "analysis": "05", "inference": "06", "languages": "07", "your_data": "08", "scale": "09"}
HINTS = {"en": ("first", "second"), "pt": ("primeira", "segunda")}


def read_cells(folder, stem):
    return json.loads((ROOT / "nbs" / folder / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]


def cell_text(lang, lesson, cell_id):
    return "".join(next(cell for cell in read_cells(lang, f"{PATH[lesson]}_{lesson}") if cell["id"] == cell_id)["source"])


def opened():
    return [(lesson, name) for lesson in LESSONS for name in open_exercises(lesson).checks]


def make_total():
    @exercise(cases=lambda rng: [([1],), ([],)] + [([rng.randint(2, 9) for _ in range(3)],) for _ in range(5)], hints=HINTS)
    def total(numbers):
        return sum(numbers)
    total.mistake(en="how many", pt="quantos")(len)
    total.mistake(en="the first", pt="o primeiro")(lambda numbers: numbers[0])
    total.mistake(en="the largest", pt="o maior")(lambda numbers: max(numbers, default=0))
    return total


def said(answer, lang="en", capsys=None, item=None):
    Check(item or make_total(), lang)(answer, seed=0)
    return capsys.readouterr().out


def test_there_are_thirty_six_exercises_and_twelve_bugs():
    counts = {lesson: len(open_exercises(lesson).checks) for lesson in LESSONS}
    assert counts == {**dict.fromkeys(PATH, 4), "bugs": 12}


@pytest.mark.parametrize("lesson, name", opened())
def test_exercise_tells_right_from_wrong(lesson, name):
    item = open_exercises(lesson).checks[name].exercise
    for seed in (None, 1, 2):
        assert find_faults(item, seed) == []


@pytest.mark.parametrize("lesson, name", opened())
def test_exercise_stands_in_its_lesson(lesson, name):
    for lang in ("en", "pt"):
        cells = read_cells(lang, f"{PATH.get(lesson, '17')}_{lesson}")
        cell = next(cell for cell in cells if cell["id"] == f"exercise-{name.replace('_', '-')}")
        assert f"check.{name}(" in "".join(cell["source"]) and any("open_exercises(" in "".join(other["source"]) for other in cells)
        shown = "".join(text for output in cell["outputs"] for text in output.get("text", []))
        first = [TEXTS[lang][state] for state in ("blank", "wrong", "error")]
        assert shown.startswith(tuple(first)), "a cell that nobody filled in must say so, in the lesson's language"
        assert any(f"## {name}\n" in "".join(cell["source"]) for cell in read_cells("answers", lesson))


@pytest.mark.parametrize("lesson", LESSONS)
def test_answer_key_shows_what_the_checks_say(lesson):
    shows = [cell for cell in read_cells("answers", lesson) if "show_mistakes(" in "".join(cell["source"])]
    assert len(shows) == len(open_exercises(lesson).checks)
    for cell in shows:
        with redirect_stdout(io.StringIO()) as printed:
            exec("".join(cell["source"]), {**vars(import_module(f"nerteach.answers.{lesson}")), "show_mistakes": show_mistakes})
        assert "".join(text for output in cell["outputs"] for text in output["text"]) == printed.getvalue(), f"{cell['id']}: run nbdev-test --save"


def test_names_in_answers_are_no_names_of_the_package():
    def names(paths):
        return {node.name for path in paths for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    twice = names((ROOT / "nerteach").glob("*.py")) & names((ROOT / "nerteach" / "answers").glob("*.py"))
    assert not twice, "the docs site would lead from one to the other"


@pytest.mark.parametrize("lesson", PATH)
@pytest.mark.parametrize("lang, answer", [("en", "Answer"), ("pt", "Resposta")])
def test_five_questions_with_every_option_explained(lesson, lang, answer):
    text = cell_text(lang, lesson, "questions")
    questions = re.split(r"^\*\*\d\.\*\* ", text, flags=re.MULTILINE)[1:]
    assert len(questions) == 5
    letters = []
    for question in questions:
        asked, _, folded = question.partition(f"<details><summary>{answer}</summary>")
        options = re.findall(r"^- \*\*([a-d])\)\*\* ", asked, flags=re.MULTILINE)
        right = re.match(r"\s*\*\*([a-d])\.\*\*", folded)[1]
        assert len(options) >= 3 and set(re.findall(r"\*\*([a-d])\)\*\*", folded)) == set(options) - {right}
        letters.append(right)
    assert len(set(letters)) >= 3, "the right answer is not always the same letter"


@pytest.mark.parametrize("lesson", PATH)
def test_what_you_can_do_now_is_what_the_exercises_test(lesson):
    for lang in ("en", "pt"):
        assert set(re.findall(r"\(`(\w+)`\)", cell_text(lang, lesson, "can-do"))) == set(open_exercises(lesson).checks)


@pytest.mark.parametrize("one, other, same", [
    (1, 1.0, True), (0.3, 0.1 + 0.2, True), (1, True, False), (True, True, True), ("1", 1, False), ([1, (2,)], ((1, [2])), True), ([1], [1, 2], False),
    ({"a": (1,)}, {"a": [1]}, True), ({"a": 1}, {"b": 1}, False), (float("nan"), float("nan"), True), (10**400, 0.5, False), (10**400, 10**400, True),
    (Span("PER", 0, 1), Span("PER", 0, 1), True), (Span("PER", 0, 1), ("PER", 0, 1), False), (None, 0, False), ({1, 2}, frozenset({2, 1}), True)])
def test_same_result(one, other, same):
    assert same_result(one, other) == same


class Anything:
    def __eq__(self, other):
        return True


class Unprintable:
    def __repr__(self):
        raise ValueError("no text")


@pytest.mark.parametrize("answer, state", [
    (sum, "right"), (len, "wrong"), (None, "blank"), (..., "blank"), (lambda numbers: None, "blank"), (lambda numbers: print(sum(numbers)), "printed"),
    (lambda numbers: 1 / 0, "error"), (lambda: 1, "error"), (lambda numbers: (_ for _ in ()).throw(SystemExit), "error"), (3, "function"),
    (lambda numbers: Anything(), "wrong"), (lambda numbers: Unprintable(), "error"), (lambda numbers: numbers.clear(), "blank"),
    (lambda numbers: [numbers.append(numbers.pop())] and sum(numbers) if numbers else 0, "right"), (lambda numbers: str(sum(numbers)), "wrong")])
def test_what_is_said_to_an_answer(answer, state, capsys):
    assert judge(make_total(), answer).state == state
    assert said(answer, capsys=capsys)


@pytest.mark.parametrize("mistake, hint", [(len, "quantos"), (lambda numbers: numbers[0], "o primeiro"), (max, "o maior"), (lambda numbers: -1, "primeira")])
def test_each_mistake_gets_its_own_hint(mistake, hint, capsys):
    text = said(mistake, "pt", capsys)
    assert f"dica      {hint}\n" in text and "esperado" in text


def test_an_error_names_the_line(capsys):
    def third(numbers):
        here = numbers
        return here[2]
    assert "IndexError: list index out of range (third:3)" in said(third, capsys=capsys)


def test_what_an_answer_prints_is_shown_for_the_case_that_failed(capsys):
    text = said(lambda numbers: print("so far", numbers) or 0, capsys=capsys)
    assert text.count("so far") == 1 and "so far [1]" in text


def stubborn(numbers):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


def catching(numbers):
    while True:
        try:
            sum(range(100))
        except BaseException:
            pass


def busy(seconds):
    start = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - start) / seconds


@pytest.mark.parametrize("answer", [stubborn, catching, lambda numbers: time.sleep(2), lambda numbers: [number for number in iter(int, 1)]])
def test_a_loop_without_end_is_stopped(answer, capsys):
    start, screen = time.monotonic(), sys.stdout
    assert run_cases(lambda answer, case: answer(case), answer, [(1,)], seconds=0.2) == []
    assert time.monotonic() - start < 1.8 and sys.stdout is screen
    time.sleep(0.7)
    assert busy(0.3) < 0.5, "the loop goes on"
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_the_stop_button_gives_the_screen_back(capsys):
    threading.Timer(0.3, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run_cases(lambda answer, case: answer(case), lambda numbers: [number for number in iter(int, 1)], [(1,)], seconds=3)
    print("still here")
    assert capsys.readouterr().out == "still here\n" and busy(0.2) < 0.5


class Speechless(Exception):
    def __str__(self):
        raise ValueError


def close_screen(numbers):
    sys.stdout.close()
    return sum(numbers)


def speechless(numbers):
    raise Speechless


@pytest.mark.parametrize("answer, state", [(speechless, "error"), (close_screen, "right")])
def test_an_answer_that_breaks_what_it_is_watched_with(answer, state, capsys):
    assert judge(make_total(), answer).state == state and said(answer, capsys=capsys)


def test_five_seconds_are_five_seconds(capsys):
    start = time.monotonic()
    assert "had not ended after 5 seconds" in said(lambda numbers: [number for number in iter(int, 1)], capsys=capsys)
    assert 5 <= time.monotonic() - start < 8


def test_hints_come_one_by_one_and_the_solution_on_asking(capsys):
    check = Check(make_total(), "en")
    check.hint(), check.hint(), check.hint(), check.solution()
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line in ("first", "second")] == ["first", "second", "second"]
    assert lines[-2:] == ["def total(numbers):", "    return sum(numbers)"] and (check.hints, check.solution_seen, check.tries) == (3, True, 0)


def test_a_value_is_judged_by_what_it_does(capsys):
    @exercise(hints=HINTS, value=True, observe=lambda answer: (answer.count("O"), len(answer)))
    def two_words():
        return ["B-PER", "O"]
    two_words.mistake(en="a", pt="b")(lambda: ["B-PER"])
    two_words.mistake(en="c", pt="d")(lambda: ["O", "O"])
    two_words.mistake(en="e", pt="f")(lambda: [])
    assert find_faults(two_words) == [] and two_words.source() == '["B-PER", "O"]'
    assert judge(two_words, ["O", "B-LOC"]).state == "right" and judge(two_words, len).state == "value" and judge(two_words, 7).state == "error"
    text = said(["O", "O"], capsys=capsys, item=two_words)
    assert "came out  (2, 2)" in text and "expected  (1, 2)" in text and "tried" not in text


def test_faults_are_found():
    total = make_total()
    few = exercise(cases=total.cases, hints=HINTS)(total.function)
    assert "it knows fewer than three mistakes" in find_faults(few)
    few.mistakes.extend(total.mistakes + total.mistakes[:1])
    assert "a hint is missing, or stands twice" in find_faults(few)
    fixed = exercise(cases=lambda rng: [([1],)], hints=HINTS)(total.function)
    fixed.mistakes.extend(total.mistakes)
    assert {"wrong is not what it says"} < set(find_faults(fixed))


def test_a_misspelt_exercise_is_guessed():
    check = ExerciseSet("data", "en", {"total": Check(make_total(), "en")})
    with pytest.raises(AttributeError, match="do you mean 'total'"):
        check.totl
    assert "total" in dir(check) and repr(check) == "0 of 1 exercises right\n  total  not tried"


@pytest.mark.parametrize("lesson, lang", [("dat", "en"), ("data", "fr")])
def test_a_lesson_or_language_that_is_not_there(lesson, lang):
    with pytest.raises(InputError, match="choose from data"):
        open_exercises(lesson, lang)


def test_results_add_up_and_make_a_table(tmp_path, capsys):
    for learner, answers in {"ana": (len, sum), "rui": (len, len, max), "eva": (None,)}.items():
        for lesson in ("data", "align"):
            check = ExerciseSet(lesson, "en", {"total": Check(make_total(), "en")})
            for answer in answers:
                check.total(answer)
            check.save_results(tmp_path / f"{learner}.json")
    rows = summarize_class(tmp_path)
    assert [(row["lesson"], row["tried"], row["right"], row["median_tries"], row["mistake"]) for row in rows] == [
        ("data", 2, 1, 2, "len (2)"), ("align", 2, 1, 2, "len (2)")]
    done = subprocess.run([sys.executable, "-m", "nerteach.exercises", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and done.stderr == "" and "len (2)" in done.stdout.splitlines()[1]


def test_a_new_kernel_loses_no_results(tmp_path, capsys):
    def fresh():
        return ExerciseSet("data", "en", {"total": Check(make_total(), "en"), "other": Check(make_total(), "en")})
    first, second, third = fresh(), fresh(), fresh()
    first.total(len), first.total(sum), first.save_results(tmp_path / "ana.json")
    second.total(max), second.other(sum), second.save_results(tmp_path / "ana.json")
    third.save_results(tmp_path / "ana.json")
    rows = json.loads((tmp_path / "ana.json").read_text(encoding="utf-8"))["data"]
    assert (rows["total"]["right_at"], rows["total"]["mistakes"], rows["other"]["right_at"]) == (2, {"len": 1}, 1)


def test_a_call_without_an_answer_is_blank(capsys):
    check = Check(make_total(), "en")
    check()
    assert capsys.readouterr().out.startswith("○") and check.tries == 0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"data": {}}', '{"data": {"total": {"tries": 1, "right_at": 0, "hints": 0, "solution_seen": false, "mistakes": []}}}', '{"data": 1}', '{"data": {"total": {"tries": 1}}}'])
def test_files_that_hold_no_results(tmp_path, text):
    (tmp_path / "ana.json").write_text(text)
    with pytest.raises(InputError, match="check.save_results"):
        summarize_class(tmp_path)
    done = subprocess.run([sys.executable, "-m", "nerteach.exercises", tmp_path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "check.save_results" in done.stderr and "Traceback" not in done.stderr


def test_an_empty_folder_of_results(tmp_path):
    with pytest.raises(InputError, match="collect there"):
        summarize_class(tmp_path)


@pytest.mark.parametrize("seed", range(20))
def test_drawn_labels_are_valid(seed):
    import random
    labels = draw_labels(random.Random(seed), 30)
    assert len(labels) == 30 and all(now[0] != "I" or before[2:] == now[2:] for before, now in zip(["O", *labels], labels))


def test_answers_import_without_torch():
    names = [lesson for lesson in LESSONS if lesson not in ("train", "bugs")]
    code = "import sys\n" + "\n".join(f"import nerteach.answers.{name}" for name in names) + "\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    assert all(import_module(f"nerteach.answers.{lesson}").__doc__ for lesson in LESSONS)
