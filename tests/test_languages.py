"""Languages: accents and pieces against the tokenizer itself, leaks against brute force, and the figures that the lesson quotes."""
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.normalizers import BertNormalizer

from nerteach.align import encode_words
from nerteach.data import InputError, build_corpus, load_corpus, named_labels
from nerteach.languages import (VocabularyReport, cut_words, drop_rows, find_leaks, find_merged_words, interval_table, label_from_memory,
                                plot_vocabulary, score_leaks, strip_accents, vocabulary_report, vocabulary_table)
from nerteach.metrics import f1_interval, score_entities, score_with_intervals

ROOT = Path(__file__).resolve().parent.parent
LATIN = st.text("abcdeOSLN áàâãéêíóôõúüçÁÇÉ'-.,0123ñöłøß", min_size=1, max_size=12).map(str.split).filter(bool)
FEW_WORDS = st.lists(st.sampled_from(["Ana", "ana", "mora", "em", "Recife"]), min_size=1, max_size=3)


def split_of(sentences):
    """A split of these sentences, with a person wherever a word is Ana."""
    rows = [{"tokens": words, "ner_tags": ["B-PER" if word == "Ana" else "O" for word in words]} for words in sentences]
    return build_corpus({"test": rows}, ["PER"])["test"]


# accents

@pytest.mark.parametrize("text, plain", [
    ("avó avô", "avo avo"), ("São João del-Rei", "Sao Joao del-Rei"), ("coração, açaí", "coracao, acai"), ("ÀS ÊXITO Ñandú", "AS EXITO Nandu"),
    ("Łódź Tromsø straße", "Łodz Tromsø straße"), ("", ""), ("3,5% 😀", "3,5% 😀"), ("한국", "한국"),
])
def test_strip_accents_in_both_forms(text, plain):
    for form in ("NFC", "NFD"):
        assert strip_accents(unicodedata.normalize(form, text)) == plain


def is_old(character):
    """Whether Unicode 3.2 knew it as it is today: tokenizers has older tables than Python, and 384 newer marks are none to it."""
    return unicodedata.ucd_3_2_0.category(character) == unicodedata.category(character)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]).filter(is_old), max_size=30))
def test_strip_accents_is_what_bert_does(text):
    bert = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    assert strip_accents(text) == unicodedata.normalize("NFC", bert.normalize_str(text))
    assert strip_accents(strip_accents(text)) == strip_accents(text)


@settings(deadline=None, max_examples=50)
@given(LATIN)
def test_the_uncased_vocabulary_never_sees_an_accent(words):
    from nerteach.align import load_tokenizer
    tokenizer = load_tokenizer("minilm")
    assert cut_words([[strip_accents(word) for word in words]], tokenizer) == cut_words([words], tokenizer)


# pieces

@pytest.mark.parametrize("lang", ["en", "pt"])
def test_pieces_are_those_of_the_encoded_sentence(tokenizer, lang):
    part = load_corpus("nerteach", lang)["test"].select(range(40))
    for pieces, row in zip(cut_words(part["tokens"], tokenizer), encode_words(part, tokenizer)):
        inside = [word for word in row["word_ids"] if word is not None]
        assert [len(tokens) for tokens in pieces] == [inside.count(word) for word in range(len(pieces))]
        assert [token for tokens in pieces for token in tokens] == tokenizer.convert_ids_to_tokens(row["input_ids"])[1:-1]


def test_a_sentence_longer_than_the_model_is_not_cut_off(tokenizer):
    [pieces] = cut_words([["casa"] * 1000], tokenizer)
    assert len(pieces) == 1000 and all(pieces)


def test_words_without_a_token(tokenizer):
    assert cut_words([["\u200e", "ab"], []], tokenizer) == [[[], ["ab"]], []]


def test_slow_tokenizers_are_refused():
    with pytest.raises(InputError, match="fast tokenizer"):
        cut_words([["avó"]], object())


@pytest.mark.parametrize("words, groups", [
    (["avó", "avô"], [["avó", "avô"]]), (["Avó", "avó"], []), (["Pará", "para", "PARA"], [["para", "pará"]]), ([], []),
    (["avó", unicodedata.normalize("NFD", "avó")], []), (["\u200e", "\u200f"], []), (["ᚠ", "ᚢ"], [["ᚠ", "ᚢ"]]), (["mãe", "pai"], []),
    (["Antônio", "António", "Antonio", "é", "e"], [["antonio", "antónio", "antônio"], ["e", "é"]]),
])
def test_merged_words(tokenizer, words, groups):
    assert find_merged_words(words, tokenizer) == groups
    random.Random(0).shuffle(words)
    assert find_merged_words(words * 2, tokenizer) == groups


def test_report_by_hand(tokenizer):
    rows = [{"tokens": ["Pelé", "Pele", "Santos", "\u200e"], "ner_tags": ["B-PER", "O", "B-ORG", "O"]}, {"tokens": ["ᚠ"], "ner_tags": ["O"]}]
    assert vocabulary_report(build_corpus({"test": rows})["test"], tokenizer) == VocabularyReport(
        words=5, tokens_per_word=6 / 5, split=2 / 5, accented=1 / 5, split_accented=1.0, split_names=1 / 2, unknown=1)


def test_report_of_nothing_accented_and_no_name(tokenizer):
    report = vocabulary_report(split_of([["the", "cat"]]), tokenizer)
    assert (report.accented, report.split_accented, report.split_names, report.tokens_per_word) == (0, 0, 0, 1)
    with pytest.raises(InputError, match="no words"):
        vocabulary_report(split_of([["the"]]).select([]), tokenizer)


def test_a_decomposed_accent_is_an_accent(tokenizer):
    composed, apart = (split_of([[unicodedata.normalize(form, "avó"), "e"]]) for form in ("NFC", "NFD"))
    assert vocabulary_report(composed, tokenizer) == vocabulary_report(apart, tokenizer)
    assert vocabulary_report(apart, tokenizer).accented == 1 / 2


@pytest.mark.parametrize("lang, words", [("en", ["English", "Portuguese", "words split"]), ("pt", ["inglês", "português", "palavras cortadas"])])
def test_tables_and_picture_speak_the_reader_s_language(lang, words):
    reports = {code: VocabularyReport(10, 1.5, 0.25 * i, 0.1, 1.0, 0.5, i) for i, code in enumerate(("en", "pt"), start=1)}
    table = vocabulary_table(reports, lang)
    assert all(word in table for word in words) and len({len(line) for line in table.splitlines()}) == 1
    assert "25.0%" in table and "50.0%" in table
    ax = plot_vocabulary(reports, lang)
    assert sorted(round(bar.get_height()) for bar in ax.patches) == [25, 50, 50, 50, 100, 100]
    cell = {"overall": {"f1": 0.5, "low": 0.25, "high": 0.75}}
    grid = interval_table({"en": {"en": cell, "pt": cell}, "both": {"en": cell, "pt": cell}}, lang)
    assert all(word in grid for word in words[:2]) and grid.count("0.500 [0.250, 0.750]") == 4
    assert len({len(line) for line in grid.splitlines()}) == 1


# leaks

@settings(deadline=None, max_examples=50)
@given(st.lists(FEW_WORDS, min_size=1, max_size=6), st.lists(FEW_WORDS, min_size=1, max_size=6))
def test_leaks_against_brute_force(train, test):
    learned, scored = split_of(train), split_of(test)
    leaks = find_leaks(learned, scored)
    assert leaks == [(row, train.index(words)) for row, words in enumerate(test) if words in train]
    clean = drop_rows(scored, [row for row, _ in leaks])
    assert list(clean["tokens"]) == [words for words in test if words not in train] and find_leaks(learned, clean) == []
    y_true, y_pred = named_labels(scored), label_from_memory(learned, scored)
    assert all(pred == (true if words in train else ["O"] * len(words)) for words, true, pred in zip(test, y_true, y_pred))


def test_words_are_compared_not_their_text():
    assert find_leaks(split_of([["New York"], ["a", "b"]]), split_of([["New", "York"], ["a", "b"], ["b", "a"]])) == [(1, 1)]


@pytest.mark.parametrize("rows, kept", [([], [0, 1, 2]), ([1], [0, 2]), ([2, 0, 2], [1]), ([0, 1, 2], [])])
def test_drop_rows(rows, kept):
    sentences = [["a"], ["b"], ["c"]]
    assert list(drop_rows(split_of(sentences), rows)["tokens"]) == [sentences[row] for row in kept]


@pytest.mark.parametrize("row", [-1, 3])
def test_rows_that_are_not_there(row):
    with pytest.raises(InputError, match=f"row {row} is not one of the 3"):
        drop_rows(split_of([["a"], ["b"], ["c"]]), [row])


def test_scores_with_and_without_leaks():
    y_true = [["B-PER", "B-PER"], ["B-PER", "O"], ["O"], ["B-LOC"]]
    y_pred = [["B-PER", "B-PER"], ["O", "B-PER"], ["B-LOC"], ["B-LOC"]]
    scores = score_leaks(y_true=y_true, y_pred=y_pred, leaked=[0])
    assert {part: row["sentences"] for part, row in scores.items()} == {"test": 4, "test_without_leaks": 3, "leaked_only": 1}
    assert {part: (row["overall"]["precision"], row["overall"]["recall"], row["overall"]["support"]) for part, row in scores.items()} == {
        "test": (3 / 5, 3 / 4, 4), "test_without_leaks": (1 / 3, 1 / 2, 2), "leaked_only": (1, 1, 2)}
    assert scores["test"] == {"sentences": 4, **score_with_intervals(y_true=y_true, y_pred=y_pred)}
    rest = f1_interval(y_true=y_true[1:], y_pred=y_pred[1:])
    assert (scores["test_without_leaks"]["overall"]["low"], scores["test_without_leaks"]["overall"]["high"]) == rest


def test_parts_without_a_sentence_are_left_out():
    y_true = [["B-PER"], ["O"]]
    assert list(score_leaks(y_true, y_true, [])) == ["test", "test_without_leaks"]
    assert list(score_leaks(y_true, y_true, [1, 0])) == ["test", "leaked_only"]
    with pytest.raises(InputError, match="2 gold sentences but 1"):
        score_leaks(y_true, y_true[:1], [])


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_packaged_corpus_does_not_leak(lang):
    corpus = load_corpus("nerteach", lang)
    for known, new in (("train", "validation"), ("train", "test"), ("validation", "test")):
        assert find_leaks(corpus[known], corpus[new]) == []
    assert len(find_leaks(corpus["train"], corpus["train"])) == 700  # the function is not blind


# what the lesson quotes

@pytest.fixture(scope="module")
def measured():
    return json.loads((ROOT / "benchmarks" / "languages.json").read_text(encoding="utf-8"))


@pytest.fixture(params=["en", "pt"])
def lesson(request):
    """The prose of one of the twins."""
    path = ROOT / "nbs" / request.param / "07_languages.ipynb"
    if not path.exists():
        pytest.skip(f"{path} is not there yet")
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("lang, leaks, distinct, split", [("pt", 1577, 1062, "43.8%"), ("en", 283, 226, "21.2%")])
def test_wikiann_as_it_was_measured(wikiann, tokenizer, measured, lang, leaks, distinct, split):
    train, test = wikiann(lang)["train"], wikiann(lang)["test"]
    found = find_leaks(train, test)
    assert len(found) == leaks == measured[lang]["leaks"]
    assert len({tuple(test[row]["tokens"]) for row, _ in found}) == distinct == measured[lang]["distinct_leaks"]
    assert f"{vocabulary_report(test, tokenizer).split:.1%}" == split == f"{measured[lang]['vocabulary']['split']:.1%}"
    scores = score_entities(y_true=named_labels(test), y_pred=label_from_memory(train, test))
    assert scores["overall"]["f1"] == pytest.approx(measured[lang]["memory"]["test"]["overall"]["f1"])


def test_wikiann_s_most_repeated_leak(wikiann, lesson):
    words = "Está ameaçada por perda de habitat .".split()
    count = list(wikiann("pt")["test"]["tokens"]).count(words)
    assert f"*{' '.join(words)}* " in lesson and f" {count} " in lesson


@pytest.mark.parametrize("lang", ["pt", "en"])
def test_the_lesson_quotes_what_was_measured(lesson, measured, lang):
    numbers = measured[lang]
    words = numbers["vocabulary"]
    for figure in (f"{words['split']:.1%}", f"{words['tokens_per_word']:.2f}", f"{numbers['leaks']:,}".replace(",", " "),
                   f"{numbers['distinct_leaks']:,}".replace(",", " "), measured["machine"].split(",")[0], measured["date"]):
        assert figure in lesson, figure
    assert "train_without_test" in measured["pt"]
    for model in {"memory", "train", "train_without_test"} & set(numbers):
        for part in ("test", "test_without_leaks", "leaked_only"):
            score = numbers[model][part]["overall"]
            assert f"{score['f1']:.3f} [{score['low']:.3f}, {score['high']:.3f}]" in lesson, (model, part)


def test_the_lesson_quotes_the_card_s_scores(lesson):
    measured = json.loads((ROOT / "benchmarks" / "packaged_corpus.json").read_text(encoding="utf-8"))
    for lang in ("en", "pt"):
        runs = [run["test"]["overall"]["f1"] for run in measured[lang]["curve"] if run["sentences"] == 700]
        assert len(runs) == 2 and f" {sum(runs) / 2:.3f} " in lesson


def test_without_torch():
    assert subprocess.run([sys.executable, "-c", "import sys, nerteach.languages; sys.exit('torch' in sys.modules)"], cwd=ROOT).returncode == 0
