"""The pictures: no two texts overlap, none leaves the figure or its box, all are large enough and told from their ground, in grey and on dark pages too.

Each check is shown to fail on a picture that breaks its rule.
"""
import json
import re
from itertools import combinations

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from conftest import ROOT
from nerteach.align import plot_alignment
from nerteach.analysis import ERROR_KINDS, plot_confusion, plot_errors, plot_group_scores, plot_word_losses
from nerteach.annotation import plot_learning_curve
from nerteach.calibration import leave_out, plot_reliability, plot_thresholds
from nerteach.data import InputError, plot_groups, say
from nerteach.metrics import METRICS, plot_metrics, plot_scores
from nerteach.pictures import (BESIDE, PATH, measured_sizes, middles, plot_boundary_error, plot_mask, plot_one_entity, plot_path, plot_round_trip,
                               plot_sentence_loss, plot_size, plot_threshold, size_slider, small_picture, threshold_slider)

matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")
WORDS = {"en": "Mia Couto met Pepetela in Luanda .".split(), "pt": "Mia Couto viu Pepetela em Luanda .".split()}
LABELS = ["B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "O"]
TOKENS = {"en": "[CLS] mia co ##uto met pep ##ete ##la in lu ##anda . [SEP]".split(),
          "pt": "[CLS] mia co ##uto vi ##u pep ##ete ##la em lu ##anda . [SEP]".split()}
WORD_IDS = {"en": [None, 0, 1, 1, 2, 3, 3, 3, 4, 5, 5, 6, None], "pt": [None, 0, 1, 1, 2, 2, 3, 3, 3, 4, 5, 5, 6, None]}
LIGHT_STEP, CONTRAST, SMALLEST, WIDEST = 15, 4.5, 9, 700  # L* between greys; WCAG AA; points; pixels that a page of the site has
SCORES, RIGHT = [step / 40 for step in range(1, 41)], [step % 3 > 0 for step in range(40)]


def round_trip(lang):
    return plot_round_trip(WORDS[lang], TOKENS[lang], WORD_IDS[lang], ["O" if word is None else LABELS[word] for word in WORD_IDS[lang]], lang)


def mask(lang):
    other, own = "[CLS] pep ##ete ##la is from ben ##gue ##la . [SEP]".split(), [None, 0, 0, 0, 1, 2, 3, 3, 3, 4, None]
    rows = [(WORD_IDS[lang], LABELS), (own, ["B-PER", "O", "O", "B-LOC", "O"])]
    labels = [["" if word is None or ids.index(word) < place else names[word] for place, word in enumerate(ids)] for ids, names in rows]
    return plot_mask([TOKENS[lang], other], [WORD_IDS[lang], own], labels, lang)


def one_entity(lang):
    words = {"en": "Cervejaria Azul closed in May .", "pt": "A Cervejaria Azul fechou em maio ."}[lang].split()
    at = words.index("Cervejaria")
    true = ["O"] * at + ["B-ORG", "I-ORG"] + ["O"] * (len(words) - at - 2)
    pred = ["O" if word == "Azul" else label for word, label in zip(words, true)]
    return plot_one_entity(words, true, pred, sorted([*range(len(words)), *[at] * 4]), lang)


def boundary_error(lang):
    words = {"en": "Ana left Nova Olinda for Recife .", "pt": "Ana trocou Nova Olinda por Recife ."}[lang].split()
    return plot_boundary_error(words, ["B-PER", "O", "B-LOC", "I-LOC", "O", "B-LOC", "O"], ["B-PER", "O", "B-LOC", "O", "O", "B-LOC", "O"], lang)


def sentence_loss(lang):
    return plot_sentence_loss(WORDS[lang], LABELS, [0.49, 0.51, 0.9, 0.13, 0.99, 0.97, 1.0], lang)


PICTURES = {"round_trip": round_trip, "mask": mask, "one_entity": one_entity, "boundary_error": boundary_error, "sentence_loss": sentence_loss,
            "path": plot_path, "threshold": lambda lang: plot_threshold(SCORES, RIGHT, 30, 0.5, lang),
            "size": lambda lang: plot_size(measured_sizes(lang), 400, lang)}


def drawn_texts(figure):
    """The texts that really are drawn, each with its box in pixels; a figure is drawn once."""
    if hasattr(figure, "drawn"):
        return figure.drawn
    found, draw = [], Text.draw

    def note(text, renderer):
        draw(text, renderer)
        if text.get_visible() and text.get_text().strip():
            found.append(text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", note)
        figure.canvas.draw()
    figure.drawn = [(text, text.get_window_extent()) for text in found]
    return figure.drawn


def find_overlaps(figure):
    return [(one.get_text(), other.get_text()) for (one, a), (other, b) in combinations(drawn_texts(figure), 2)
            if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1]


def find_outside(figure):
    """Texts that leave the figure, or a box in which their middle lies."""
    texts, faults = drawn_texts(figure), []
    boxes = [patch.get_window_extent() for ax in figure.axes for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    for text, own in texts:
        around = [figure.bbox] + [box for box in boxes if box.contains((own.x0 + own.x1) / 2, (own.y0 + own.y1) / 2)]
        faults += [text.get_text() for box in around if own.x0 < box.x0 - 1 or own.y0 < box.y0 - 1 or own.x1 > box.x1 + 1 or own.y1 > box.y1 + 1]
    return faults


def find_small(figure):
    """Texts under 9 points where a pixel of the picture is one of the screen's 96 per inch, and a picture too wide to be shown so."""
    wide = ["the figure"] if figure.get_figwidth() * figure.dpi > WIDEST else []
    return wide + [text.get_text() for text, _ in drawn_texts(figure) if text.get_fontsize() * figure.dpi / 96 < SMALLEST - 0.01]


def luminance(color):
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(color)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def find_faint(figure):
    """Texts that do not stand out from each colour that fills a fifth of their box, read from the pixels."""
    faults, texts = [], drawn_texts(figure)
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    for text, box in texts:
        part = pixels[int(len(pixels) - box.y1):int(np.ceil(len(pixels) - box.y0)), max(int(box.x0), 0):int(np.ceil(box.x1))].reshape(-1, 3)
        colors, counts = np.unique(part, axis=0, return_counts=True)
        ink = np.round(np.array(to_rgb(text.get_color())) * 255)
        grounds = [color / 255 for color, count in zip(colors, counts) if count >= len(part) / 5 and np.abs(color - ink).max() > 2]
        if not grounds or min(contrast(text.get_color(), ground) for ground in grounds) < CONTRAST:
            faults.append(text.get_text())
    return faults


def lightness(color):
    y = luminance(color)
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def find_twins(figure):
    """Pairs of colours that mean something, are alike in grey, and differ neither in line, hatch nor marker."""
    texts, styles = drawn_texts(figure), set()
    patches = [patch for ax in figure.axes for patch in ax.patches] + [text.get_bbox_patch() for text, _ in texts if text.get_bbox_patch()]
    lines = [line for ax in figure.axes for line in ax.lines]
    for patch in patches:
        face = to_rgba(patch.get_facecolor())
        styles.add(("patch", face[:3] if face[3] else to_rgb(figure.get_facecolor()), patch.get_linestyle(), patch.get_hatch(), bool(face[3])))
    for line in lines:
        styles.add(("line", to_rgb(line.get_color()), line.get_linestyle(), line.get_marker(), True))
    return [(one, other) for one, other in combinations(sorted(styles, key=str), 2)
            if one[1] != other[1] and one[0] == other[0] and one[2:] == other[2:] and abs(lightness(one[1]) - lightness(other[1])) < LIGHT_STEP]


CHECKS = [find_overlaps, find_outside, find_small, find_faint, find_twins]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("lang", ["en", "pt"])
@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_a_picture_can_be_read(style, lang, name):
    with plt.style.context(style):
        figure = PICTURES[name](lang).figure
        assert len(drawn_texts(figure)) > 6
        assert {check.__name__: faults for check in CHECKS if (faults := check(figure))} == {}


def broken(fault):
    """A picture that breaks one rule."""
    figure, ax = plt.subplots(figsize=(5, 3), dpi=96)
    ax.set_axis_off()
    if fault == "overlap":
        ax.text(0.5, 0.5, "Pepetela")
        ax.text(0.52, 0.52, "Luanda")
    if fault == "figure left":
        ax.text(0.9, 0.5, "a long text that runs out of the figure")
    if fault == "box left":
        ax.add_patch(FancyBboxPatch((0.4, 0.4), 0.1, 0.1, boxstyle="square,pad=0", facecolor="white", edgecolor="black"))
        ax.text(0.45, 0.45, "a text wider than its box", ha="center")
    if fault == "small letters":
        ax.text(0.5, 0.5, "small", fontsize=8)
    if fault == "wide figure":
        figure.set_size_inches(8, 3)
    if fault == "grey on white":
        ax.text(0.5, 0.5, "faint", color="0.6")
    if fault == "white on white":
        ax.text(0.5, 0.5, "gone", color="white")
    if fault == "black on blue":
        ax.bar(0.5, 1, color="navy")
        ax.text(0.5, 0.5, "dark", ha="center")
    if fault == "red and green bars":
        ax.bar([0, 1], [1, 1], color=["#d62728", "#2c8c2c"])
    if fault == "red and green lines":
        ax.plot([0, 1], color="#d62728")
        ax.plot([1, 0], color="#2c8c2c")
    if fault == "red and green labels":
        ax.text(0.2, 0.5, "one", bbox={"facecolor": "#ff9999"})
        ax.text(0.7, 0.5, "two", bbox={"facecolor": "#77cc77"})
    return figure


@pytest.mark.parametrize("fault, check", [
    ("overlap", find_overlaps), ("figure left", find_outside), ("box left", find_outside), ("small letters", find_small), ("wide figure", find_small),
    ("grey on white", find_faint), ("white on white", find_faint), ("black on blue", find_faint), ("red and green bars", find_twins),
    ("red and green lines", find_twins), ("red and green labels", find_twins)])
def test_each_check_finds_what_it_is_for(fault, check):
    figure = broken(fault)
    assert [one for one in CHECKS if one(figure)] == [check]
    assert [one for one in CHECKS if one(broken("none"))] == []


def test_a_line_or_a_hatch_tells_two_colours_apart():
    figure, ax = plt.subplots()
    ax.bar([0, 1], [1, 1], color=["#d62728", "#2c8c2c"], hatch=["", "//"])
    ax.plot([0, 1], color="#d62728")
    ax.plot([1, 0], "--", color="#2c8c2c")
    assert find_twins(figure) == []


def old_plots(lang):
    """What the package's other plots draw in the lessons, by name."""
    types, f1 = ("LOC", "ORG", "PER"), {"precision": 0.5, "recall": 0.25, "f1": 0.33}
    scores = {name: {**f1, "support": 1234} for name in (*types, "overall")}
    counts = {name: {"right": 50, **dict.fromkeys(ERROR_KINDS, 12), "support": 90} for name in types}
    matrix = {row: {column: 100 for column in (*types, "nothing")} for row in (*types, "nothing")}
    groups = {name: {"low": 0.2, "high": 0.5, "f1": 0.3, "support": 12} for name in ("seen, same type", "seen, other type", "unseen")}
    words = {"en": "Mia Couto , from Beira , met Pepetela in Luanda .", "pt": "Mia Couto , da Beira , com Pepetela em Luanda ."}[lang].split()
    tokens = "[CLS] mia co ##uto , from bei ##ra , met pep ##ete ##la in lu ##anda . [SEP]".split()
    word_ids = [None, 0, 1, 1, 2, 3, 4, 4, 5, 6, 7, 7, 7, 8, 9, 9, 10, None]
    under = ["", "B-PER", "I-PER", "", "O", "O", "B-LOC", "", "O", "O", "B-PER", "", "", "O", "B-LOC", "", "O", ""]
    rows = [{"score": 0.5, "share right": 0.4, "low": 0.3, "high": 0.5}]
    return {
        "alignment": lambda: plot_alignment(words, tokens, word_ids, under),
        "groups": lambda: plot_groups({say(split, lang): dict(zip(types, (787, 720, 774))) for split in ("train", "validation", "test")}, types,
                                      say("entities", lang)),
        "scores": lambda: plot_scores({"entities": scores, "pieces": scores}, "support", lang),
        "metrics": lambda: plot_metrics({name: {**f1, "support": 12345} for name in (*METRICS, "pieces")}, lang),
        "errors": lambda: plot_errors(counts, lang), "confusion": lambda: plot_confusion(matrix, lang),
        "group scores": lambda: plot_group_scores(groups, lang),
        "word losses": lambda: plot_word_losses(words * 2, ["B-PER", "I-PER", *["O"] * 8, "B-LOC"] * 2, [0.5] * 22, lang),
        "learning curve": lambda: plot_learning_curve({"short training": measured_sizes(lang), "full training": measured_sizes(lang)}, lang),
        "reliability": lambda: plot_reliability({say(name, lang): rows for name in ("before", "after")}, lang),
        "thresholds": lambda: plot_thresholds(leave_out(SCORES, RIGHT, 30), lang)}


@pytest.mark.parametrize("name", old_plots("en"))
@pytest.mark.parametrize("lang", ["en", "pt"])
def test_no_texts_overlap_in_the_other_plots(lang, name):
    figure = old_plots(lang)[name]().figure
    assert len(drawn_texts(figure)) > 3
    assert find_overlaps(figure) == [] and find_outside(figure) == []


def test_columns_are_as_wide_as_their_longest_text():
    assert middles([["a"], ["bc", "defg"]], gap=2, start=1) == [1.5, 6]


def test_the_way_back_takes_the_first_token():
    answers = ["O", "B-PER", "I-PER", "B-LOC", "O", "B-PER", "O", "O", "O", "B-LOC", "O", "O", "B-ORG"]
    ax = plot_round_trip(WORDS["en"], TOKENS["en"], WORD_IDS["en"], answers)
    assert [text.get_text() for text in ax.texts if text.get_position()[1] == 5.2][1:] == LABELS
    assert len([text for text in ax.texts if text.get_text() == "" and hasattr(text, "arrow_patch")]) == len(LABELS)
    ax = plot_round_trip(["a", "\u200e", "c"], ["a", "c"], [0, 2], ["O", "B-LOC"])
    assert [text.get_text() for text in ax.texts if text.get_position()[1] == 5.2][1:] == ["O", "B-LOC"]


def test_the_mask_says_why_a_token_is_skipped():
    said = [text.get_text() for text in mask("en").get_legend().get_texts()]
    assert said == ["counts in the loss (12)", "later piece (8)", "special token (4)", "padding (2)"]
    only = plot_mask([["a", "##b"]], [[0, 0]], [["O", "O"]])
    assert [text.get_text() for text in only.get_legend().get_texts()] == ["counts in the loss (2)"]


def test_the_numbers_are_those_of_the_functions():
    bars = [round(bar.get_width() / 24, 4) for bar in one_entity("pt").patches[1::2]]
    assert bars == [0, 0.5, 1, 0.6667, 0.8]
    said = "\n".join(text.get_text() for text in boundary_error("en").texts)
    assert "missed: 1\nrecall 2/3 = 0.67" in said and "invented: 1\nprecision 2/3 = 0.67" in said
    words, true, pred = ["Ana", "met", "Rui"], ["B-PER", "O", "B-PER"], ["B-PER", "B-LOC", "O"]
    said = "\n".join(text.get_text() for text in plot_boundary_error(words, true, [*pred[:2], "B-LOC"]).texts)
    assert "missed: 1\nrecall 1/2 = 0.50" in said and "invented: 2\nprecision 1/3 = 0.33" in said
    heights = [bar.get_height() for bar in sentence_loss("en").patches]
    assert np.allclose(heights, -np.log([0.49, 0.51, 0.9, 0.13, 0.99, 0.97, 1.0]))
    assert sentence_loss("pt").get_legend().get_texts()[0].get_text() == f"média {np.mean(heights):.2f}"


@pytest.mark.parametrize("draw, message", [
    (lambda: plot_round_trip(["a"], ["a"], [0], []), "1 tokens, 1 word ids and 0 answers"),
    (lambda: plot_mask([["a"]], [[0]], [[]]), "row 0 has 1 tokens, 1 word ids and 0 labels"),
    (lambda: plot_one_entity(["a"], ["O"], [], [0]), "1 words but 0 labels"),
    (lambda: plot_boundary_error(["a"], ["O", "O"], ["O", "O"]), "1 words but 2 labels"),
    (lambda: plot_sentence_loss(["a"], ["O"], []), "1 words but 0 labels"),
    (lambda: plot_size(measured_sizes("en"), 300), "300 sentences were not measured: choose one of 100, 200, 400, 700"),
    (lambda: plot_threshold([], [], 3, 0.5), "0 scores but 0 verdicts")])
def test_bad_input_is_refused_before_anything_is_drawn(draw, message):
    with pytest.raises(InputError, match=message):
        draw()


def test_a_small_picture_is_small_and_of_the_width_to_be_shown():
    ax = plot_path("en")
    number, (png, shown) = ax.figure.number, (picture := small_picture(ax))._repr_png_()
    assert png.startswith(b"\x89PNG") and len(png) < 40_000 and shown == {"width": 691} and repr(picture) == "<Picture>"
    assert not plt.fignum_exists(number)


def test_the_threshold_slider_redraws_the_still_picture():
    pytest.importorskip("ipywidgets")
    slider, picture = threshold_slider(SCORES, RIGHT, 30, lang="pt").children
    first, slider.value = picture.value, 0.8
    [row] = leave_out(SCORES, RIGHT, 30, [0.8])
    said = re.search('alt="([^"]+)"', picture.value)[1]
    assert said == f"limiar 0.80: precisão {row['precision']:.2f}, revocação {row['recall']:.2f}, F1 {row['f1']:.2f}"
    assert picture.value.partition("base64,")[2] != first.partition("base64,")[2] and slider.description == "limiar"
    assert said == plot_threshold(SCORES, RIGHT, 30, 0.8, "pt").get_xlabel()


def test_the_size_slider_stops_at_what_was_measured():
    pytest.importorskip("ipywidgets")
    rows = measured_sizes("en")
    slider, picture = size_slider(rows, "en").children
    assert slider.options == (100, 200, 400, 700)
    said = set()
    for size in slider.options:
        slider.value = size
        said.add(re.search('alt="([^"]+)"', picture.value)[1])
    assert len(said) == 4 and any(f"{rows[3]['f1']:.2f}" in text for text in said)


def test_where_ipywidgets_is_missing_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ipywidgets", None)
    with pytest.raises(InputError, match=r"nerteach\[offline\]"):
        size_slider(measured_sizes("en"))


def test_the_sizes_are_those_that_were_measured():
    written = json.loads((ROOT / "benchmarks" / "packaged_corpus.json").read_text(encoding="utf-8"))
    for lang in ("en", "pt"):
        runs = [run for run in written[lang]["curve"] if run["seed"] == 0]
        assert [row["sentences"] for row in measured_sizes(lang)] == [run["sentences"] for run in runs]
        for row, run in zip(measured_sizes(lang), runs):
            assert [row[key] for key in ("f1", "low", "high")] == [round(run["test"]["overall"][key], 3) for key in ("f1", "low", "high")]


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_every_page_stands_on_the_map_under_its_title(lang):
    titles = {**{page: both[lang][0] for page, both in PATH.items()}, **{page: both[lang] for page, both in BESIDE.items()}}
    pages = [path for path in (ROOT / "nbs" / lang).iterdir() if path.suffix in (".ipynb", ".md") and path.stem not in ("_metadata", "benchmarks")]
    assert {path.stem for path in pages} <= set(titles)
    for path in pages:
        text = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"]) if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
        assert re.search(r"^(?:# |title: )\"?([^\"\n]+)", text, flags=re.MULTILINE)[1] == titles[path.stem]
    shown = [text.get_text().replace("\n", " ") for text in plot_path(lang).texts]
    assert all(any(title in text for text in shown) for title in titles.values())


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_every_stored_picture_is_described(lang):
    described = {}
    for name in ("00_tour", "16_pictures"):
        for cell in json.loads((ROOT / "nbs" / lang / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]:
            code = "".join(cell["source"])
            if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                described[name, cell["id"]] = dict(re.findall('^#\\| fig-(cap|alt): "(.+)"$', code, flags=re.MULTILINE))
    assert len(described) >= 9 and ("00_tour", "show-path") in described
    for texts in described.values():
        assert len(texts["alt"]) > 60 and texts["alt"] != texts["cap"]
