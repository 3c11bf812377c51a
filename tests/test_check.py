"""The data doctor: a folder with exactly one fault for every kind, the lines that it names, hostile text, and the real WikiANN."""
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from nerteach.check import (KINDS, Place, RawCorpus, check_corpus, check_tokens, check_types, cramers_v, deal_folds, escaped, exceeded,
                            find_label_errors, findings_json, findings_table, parse_tolerate, quote, read_conll_loosely, read_findings,
                            read_json_loosely, read_limit, read_raw)
from nerteach.data import InputError, load_corpus, load_folder, read_conll, say

ROOT = Path(__file__).resolve().parent.parent
NAMES = "Abadia Bagé Caruaru Diadema Exu Floresta Goiana Humaitá Ilhéus Jequié Kaloré Londrina Maceió Natal Olinda Palmas Quixadá Recife Sobral Touros".split()
SENTENCES = {"train": "{}/B-LOC é longe", "validation": "Ela vive em {}/B-LOC", "test": "Volto de {}/B-LOC hoje"}


def split_lines(split):
    """Twenty sentences of a split, each with a place of its own, one line of text each."""
    return [SENTENCES[split].format(name) for name in NAMES]


def write_conll(folder, **splits):
    """Sentences such as "Recife/B-LOC é longe" as CoNLL files."""
    for split, sentences in splits.items():
        blocks = ["\n".join("\t".join((word if "/" in word else word + "/O").split("/")) for word in s.split(" ")) for s in sentences]
        (folder / f"{split}.conll").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return folder


def check(folder, **changed):
    """The findings of a clean folder with some splits changed, by kind."""
    write_conll(folder, **{**{split: split_lines(split) for split in SENTENCES}, **changed})
    return {finding.kind: finding for finding in check_corpus(read_raw(folder))}


def test_a_clean_folder_has_no_finding(tmp_path):
    assert check(tmp_path) == {}
    findings = check_corpus(read_raw(tmp_path))
    assert exceeded(findings) == {} and findings_table(findings) == "nothing found" and findings_table(findings, "pt") == "nada encontrado"
    assert check_corpus(load_folder(tmp_path)) == [] == read_findings(findings_json([]))


FAULTS = {  # kind: (split, sentences in place of its own, where the first place must be)
    "broken": ("validation", [*split_lines("validation"), "Ela/B-PER vive em Marte/"], ("validation[20] validation.conll:104", ())),
    "not_iob2": ("test", ["Volto de Abadia/I-LOC hoje", *split_lines("test")[1:]], ("test[0] test.conll:3", ("Abadia",))),
    "leak": ("test", [*split_lines("test"), split_lines("train")[7]], ("test[20] test.conll:101", ())),
    "duplicate": ("validation", [*split_lines("validation"), split_lines("validation")[3]], ("validation[20] validation.conll:101", ())),
    "conflict": ("train", [*split_lines("train"), "Ela só viu/B-LOC isso", "Ela só viu isso/B-LOC"], ("train[21] train.conll:88", ("viu", "isso"))),
    "missing_type": ("train", [f"{n} {line}" for n in range(10) for line in split_lines("train")] + [f"aqui{n}/B-PER" for n in range(20)], ("validation", ())),
    "rare_type": ("validation", split_lines("validation")[1:], ("validation", ())),
    "inconsistent": ("test", [*split_lines("test"), "hoje vi Recife"], ("test[20] test.conll:103", ("Recife",))),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_every_kind_alone_and_at_its_line(tmp_path, kind):
    split, sentences, (where, words) = FAULTS[kind]
    found = check(tmp_path, **{split: sentences})
    assert list(found) == [kind]
    place = found[kind].places[0]
    assert (str(place), place.words) == (where, words)
    lines = (tmp_path / f"{split}.conll").read_text(encoding="utf-8").split("\n")
    if words:
        assert lines[place.line - 1].startswith(words[0] + "\t")
    wrong = kind in ("broken", "not_iob2", "leak", "conflict", "missing_type")
    assert (found[kind].severity == "wrong") == wrong == bool(exceeded(list(found.values())))


def test_shift_is_found_where_shares_differ_beyond_chance(tmp_path):
    people = [f"hoje{n} veio gente{n}/B-PER" for n in range(20)]
    even = {split: split_lines(split) + [f"{split} {line}" for line in people] for split in SENTENCES}
    assert check(tmp_path, **even) == {}
    more = [f"mais {n} veio povo{n}/B-PER" for n in range(80)]
    found = check(tmp_path, **{**even, "test": even["test"] + more})
    assert list(found) == ["shift"] and found["shift"].severity == "worth a look"
    [place] = found["shift"].places
    assert place.split == "test" and place.detail.startswith("V = 0.33, p = 2e-05: LOC 50% → 17%, PER 50% → 83%")  # by hand: √(160 × 1600² / (40² × 120²) / 160) = 1/3


@settings(deadline=None)
@given(st.lists(st.integers(1, 200), min_size=2, max_size=5), st.data())
def test_cramers_v_is_scipys(first, data):
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import association
    second = data.draw(st.lists(st.integers(1, 200), min_size=len(first), max_size=len(first)))
    v, p = cramers_v(*[{str(i): n for i, n in enumerate(counts)} for counts in (first, second)])
    assert v == pytest.approx(association(np.array([first, second]), method="cramer"), abs=1e-9)
    assert p == pytest.approx(chi2_contingency([first, second], correction=False).pvalue, abs=1e-9)


def test_a_split_without_mentions_has_no_mix():
    with pytest.raises(InputError, match="no mention"):
        cramers_v({"PER": 0}, {"PER": 3})


# reading what load_corpus refuses

def test_all_broken_lines_are_named_not_only_the_first(tmp_path):
    (tmp_path / "train.conll").write_text("Ana B-PER\ncanta\n\nem O\nOlinda LOC\n\nfim O\n", encoding="utf-8")
    (tmp_path / "validation.jsonl").write_text('{"tokens": ["a"]}\n\n{"tokens": ["a", "b"], "ner_tags": ["O"]}\nnot json\n{"tokens": [], "ner_tags": []}\n'
                                               '{"tokens": ["a"], "ner_tags": ["O"]}\n{"tokens": ["a"], "ner_tags": [null]}\n[1]\n', encoding="utf-8")
    (tmp_path / "test.txt").write_bytes(b"caf\xe9 O\n")
    raw = read_raw(tmp_path)
    assert [(place.split, place.row, place.line) for place in raw.broken] == [
        ("train", 0, 2), ("train", 1, 5), ("validation", 0, 1), ("validation", 1, 3), ("validation", 2, 4), ("validation", 3, 5),
        ("validation", 5, 7), ("validation", 6, 8), ("test", None, None)]
    assert "UTF-8" in raw.broken[-1].detail and str(tmp_path) not in raw.broken[-1].detail
    assert {split: [s.row for s in sentences] for split, sentences in raw.sentences.items()} == {"train": [2], "validation": [4], "test": []}
    assert exceeded(check_corpus(raw))["broken"] == 9


@pytest.mark.parametrize("text", ["", "\n\n", "-DOCSTART- O\n"])
def test_an_empty_split_is_broken(tmp_path, text):
    (tmp_path / "train.conll").write_text(text, encoding="utf-8")
    assert [str(place) for place in read_raw(tmp_path).broken] == ["train train.conll"]


def test_a_folder_without_a_split_is_refused(tmp_path):
    with pytest.raises(InputError, match="no train, validation or test file"):
        read_raw(tmp_path)


WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\t /\ufeff", exclude_categories=["Cc", "Z"]), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.tuples(WORD, st.sampled_from(["O", "B-LOC", "I-LOC", "B-A-B"])), min_size=1, max_size=4), min_size=1, max_size=4))
def test_good_files_are_read_as_the_strict_readers_read_them(tmp_path_factory, sentences):
    folder = tmp_path_factory.mktemp("good")
    (folder / "train.conll").write_text("\n\n".join("\n".join("\t".join(pair) for pair in sentence) for sentence in sentences), encoding="utf-8")
    strict = read_conll(folder / "train.conll", convert=False)
    loose = read_conll_loosely(folder / "train.conll")
    assert [{**sentence, "broken": {}} for sentence in strict] == loose
    raw = read_raw(folder).sentences["train"]
    assert [(s.words, s.labels, s.line) for s in raw] == [(s["tokens"], s["ner_tags"], s["line"]) for s in strict]


def test_json_and_parquet_rows_have_their_line(tmp_path):
    rows = [{"tokens": ["Ana", "canta"], "ner_tags": ["B-PER", "O"]}, {"tokens": ["em", "Olinda"], "ner_tags": ["O", "I-LOC"]}]
    (tmp_path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    Dataset.from_list(rows).to_parquet(tmp_path / "test.parquet")
    found = {finding.kind: finding for finding in check_corpus(read_raw(tmp_path))}
    assert [str(place) for place in found["not_iob2"].places] == ["train[1] train.jsonl:2", "test[1] test.parquet:2"]
    assert found["leak"].count == 2 and read_json_loosely(tmp_path / "train.jsonl")[1]["line"] == 2


def hub_corpus(**splits):
    """A corpus as it comes from the Hub, of rows (words, label ids)."""
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})
    return DatasetDict({split: Dataset.from_dict({"tokens": [w for w, _ in rows], "ner_tags": [i for _, i in rows]}, features=features)
                        for split, rows in splits.items()})


def test_raw_rows_of_the_hub(monkeypatch):
    corpus = hub_corpus(test=[(["Ana"], [2]), (["Ana", "lê"], [1]), (["Eva"], [-1]), (["Rui"], [None])], train=[(["Ana"], [1]), (["Bia"], [1])])
    monkeypatch.setattr("nerteach.check.fetch_hub", lambda name, lang: corpus)
    raw = read_raw("someone/corpus", "pt")
    assert list(raw.sentences) == ["train", "test"] and raw.entity_types == ("PER",)
    assert [str(place) for place in raw.broken] == ["test[1]", "test[2]", "test[3]"]
    found = {finding.kind: finding for finding in check_corpus(raw)}
    assert [str(place) for place in found["not_iob2"].places] == ["test[0]"]
    assert found["leak"].splits == ("train", "test") and str(found["leak"].places[0].other) == "train[0]"
    assert "conflict" not in found, "IOB1 and IOB2 of the same entity are no conflict"


@pytest.mark.parametrize("dataset", [Dataset.from_dict({"text": ["Ana"]}), Dataset.from_dict({"tokens": [["Ana"]], "ner_tags": [["B-PER"]]}),
                                     Dataset.from_dict({"tokens": [["Ana"]], "ner_tags": [[1]]})])
def test_a_corpus_without_words_and_named_labels_is_refused(monkeypatch, dataset):
    monkeypatch.setattr("nerteach.check.fetch_hub", lambda name, lang: DatasetDict({"train": dataset}))
    with pytest.raises(InputError, match="someone/corpus has not the columns"):
        read_raw("someone/corpus")


# what is compared with what

def test_every_pair_of_splits_is_searched_for_leaks(tmp_path):
    write_conll(tmp_path, train=["a b", "c d"], validation=["e f", "c d"], test=["c d", "g h", "e f"])
    leaks = [finding for finding in check_corpus(read_raw(tmp_path)) if finding.kind == "leak"]
    assert [(finding.splits, [(p.row, p.other.row) for p in finding.places]) for finding in leaks] == [
        (("train", "validation"), [(1, 1)]), (("train", "test"), [(0, 1)]), (("validation", "test"), [(0, 1), (2, 0)])]


def test_the_commoner_marking_is_the_measure_across_splits(tmp_path):
    write_conll(tmp_path, train=["Rio/B-PER grande"], test=["Rio/B-LOC grande", "Rio/B-LOC grande"])
    found = {finding.kind: finding for finding in check_corpus(read_raw(tmp_path))}
    [place] = found["conflict"].places
    assert (str(place), place.detail, str(place.other)) == ("train[0] train.conll:1", "B-PER ≠ B-LOC", "test[0] test.conll:1")
    assert found["leak"].count == 2 and found["duplicate"].count == 1


@pytest.mark.parametrize("sentence, reported", [
    ("vi Exu ontem", True), ("Exu ontem", True), ("vi exu ontem", False), ("vi Exu Velho ontem", False), ("vi Velho Exu ontem", False),
    ("vi Exu/B-LOC Velho/I-LOC ontem", False), ("vi Exu/B-PER ontem", True), ("Hoje é longe", False), ("Longe disso", False),
])
def test_which_mentions_are_compared(tmp_path, sentence, reported):
    train = ["hoje vi Exu/B-LOC", "ontem vi Exu/B-LOC", "lá em Longe/B-LOC", "de Longe/B-LOC", "é longe daqui"]
    write_conll(tmp_path, train=train, test=[sentence])
    found = {finding.kind: finding for finding in check_corpus(read_raw(tmp_path))}
    assert ("inconsistent" in found) == reported


def test_the_longest_name_is_looked_for_first(tmp_path):
    train = ["o Banco/B-ORG do/I-ORG Acre/I-ORG veio", "no Acre/B-LOC", "do Acre/B-LOC", "pelo Banco/B-ORG do/I-ORG Acre/I-ORG", "ao Banco do Acre"]
    [finding] = [f for f in check_corpus(read_raw(write_conll(tmp_path, train=train))) if f.kind == "inconsistent"]
    assert [(p.words, p.detail, p.row) for p in finding.places] == [(("Banco", "do", "Acre"), "O ≠ ORG ×2", 4)]


def test_a_declared_type_without_mention_is_missing_and_few_is_a_limit():
    corpus = hub_corpus(train=[(["Ana"], [0])])
    assert [(f.kind, [p.detail for p in f.places]) for f in check_types(RawCorpus({"train": []}))] == []
    assert [(f.kind, [p.detail for p in f.places]) for f in check_corpus(corpus)] == [("missing_type", ["PER"])]
    three = check_corpus(hub_corpus(train=[([name], [1]) for name in ("Ana", "Bia", "Eva")]))
    assert [(f.kind, [p.detail for p in f.places]) for f in three] == [("rare_type", ["PER: 3"])]


# a tokenizer

def test_lost_words_and_long_sentences_at_their_lines(tmp_path, tokenizer):
    write_conll(tmp_path, train=["Ana/B-PER \u200e viu 🦜 e 𓀀", "a b c d e f g h"], test=["a b c d e f"])
    vanished, unknown, cut = check_tokens(read_raw(tmp_path), tokenizer, max_length=8)
    assert [(f.kind, [(p.split, p.line, p.words) for p in f.places]) for f in (vanished, unknown, cut)] == [
        ("vanished", [("train", 2, ("\u200e",))]), ("unknown", [("train", 4, ("🦜",)), ("train", 6, ("𓀀",))]), ("cut", [("train", 14, ("g",))])]
    assert cut.places[0].detail == "8 > 6"
    assert {f.kind for f in check_corpus(read_raw(tmp_path), tokenizer)} > {"vanished", "unknown"}
    with pytest.raises(InputError, match="word_ids"):
        check_corpus(read_raw(tmp_path), object())


def test_the_limit_is_asked_without_weights(tokenizer):
    from nerteach.align import length_limit
    from nerteach.train import build_model
    assert read_limit("minilm", tokenizer) == length_limit(tokenizer, build_model("minilm", ["O"]))


# tables and JSON

HOSTILE = ["<script>alert(1)</script>", "😀👩‍👩‍👧", "\x1b[2J", "a\nb", "\u202eabc", "a|b", "{x}", "%s", "\ud800", "名" * 200]


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("lang", ["en", "pt"])
def test_hostile_words_break_neither_table_nor_json(tmp_path, word, lang):
    rows = [{"tokens": ["Ana", word], "ner_tags": ["I-PER", "B-LOC"]}] * 2
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    findings = check_corpus(read_raw(tmp_path))
    table = findings_table(findings, lang)
    assert all(line.isprintable() for line in table.split("\n"))
    assert len(table.split("\n")) == len(findings_table(check_corpus(read_raw(tmp_path)), "en").split("\n"))
    text = json.dumps(findings_json(findings), ensure_ascii=False)
    text.encode("utf-8")
    assert findings_json(read_findings(json.loads(text))) == json.loads(text)
    assert read_findings(json.loads(text)) == findings
    assert (exceeded(findings).get("broken") == 2) == (word == "\ud800"), "half of a surrogate pair is no text"


def test_a_hostile_file_name_stays_on_its_line():
    assert str(Place("train", 1, 2, "a\n\x1b.conll")) == "train[1] a\\n\\x1b.conll:2"


def test_the_table_says_how_many_it_left_out(tmp_path):
    found = check(tmp_path, test=[*split_lines("test"), *split_lines("train")[:5]])
    for lang, words in (("en", ("leak (train → test)", "wrong", "… 3 more")), ("pt", ("vazamento (treino → teste)", "errado", "… 3 outros"))):
        table = findings_table(list(found.values()), lang, places=2)
        assert all(word in table for word in words) and KINDS["leak"].en in findings_table(list(found.values()))
        assert table.count("↔") == 2


def test_every_kind_is_explained_in_both_languages():
    for name, kind in KINDS.items():
        assert kind.severity in ("wrong", "worth a look") and kind.en != kind.pt and say(name, "pt") != name


@settings(deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=30), st.data())
def test_a_quote_is_short_and_holds_the_words(words, data):
    start = data.draw(st.integers(0, len(words) - 1))
    text = quote(words, start, start + 1)
    assert words[start] in text and len(text) <= 71
    assert all(c.isprintable() for c in escaped(text))


# what is tolerated

@pytest.mark.parametrize("values, left", [
    ([], {"leak": 3, "conflict": 1}), (["3"], {}), (["2"], {"leak": 3}), (["leak=3"], {"conflict": 1}), (["leak=2", "1"], {"leak": 3}),
    (["9", "conflict=0"], {"conflict": 1}), (["9", "duplicate=1"], {"duplicate": 2}), (["9", "duplicate=2"], {}),
])
def test_exceeded(values, left):
    from nerteach.check import Finding
    findings = [Finding("leak", (Place("test"),), ("train", "test")), Finding("leak", (Place("test"),) * 2, ("validation", "test")),
                Finding("conflict", (Place("test"),)), Finding("duplicate", (Place("test"),) * 2)]
    assert exceeded(findings, parse_tolerate(values)) == left


@pytest.mark.parametrize("value", ["", "leaks=1", "leak", "leak=", "leak=-1", "leak=x", "=3", "1.5", "²", "leak=1=2"])
def test_what_cannot_be_tolerated_is_refused(value):
    with pytest.raises(InputError):
        parse_tolerate([value])


# label errors

def test_planted_label_errors_are_found_and_words_without_a_token_left_out():
    rng, names = np.random.default_rng(0), ["O", "B-PER", "B-LOC"]
    gold = [[names[i] for i in rng.choice(3, size=8, p=[0.6, 0.2, 0.2])] for _ in range(60)]
    tables = [np.array([np.where(np.array(names) == label, 0.9, 0.05) for label in row]) for row in gold]
    tables[3][2] = tables[7][:] = np.nan
    labels = [list(row) for row in gold]
    planted = {(5, 1), (20, 0), (41, 6)}
    for row, word in planted:
        labels[row][word] = names[(names.index(gold[row][word]) + 1) % 3]
    labels[3][2] = labels[7][0] = "B-LOC"
    found = find_label_errors(labels, tables, names)
    assert {(error.row, error.word) for error in found} == planted
    assert all(error.suggested == gold[error.row][error.word] and error.given == labels[error.row][error.word] for error in found)
    assert all(error.probability == pytest.approx(0.05) for error in found)


def test_no_word_that_a_model_saw_gives_no_error():
    assert find_label_errors([["O"]], [np.array([[np.nan, np.nan]])], ["O", "B-PER"]) == [] == find_label_errors([], [], ["O"])


@pytest.mark.parametrize("tables", [[], [np.zeros((2, 2))], [np.zeros((1, 3))]])
def test_shapes_that_differ_are_refused(tables):
    with pytest.raises(InputError, match="shape"):
        find_label_errors([["O"]], tables, ["O", "B-PER"])


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), min_size=5, max_size=40), st.integers(2, 4), st.integers(0, 9))
def test_folds_keep_the_same_words_together_and_are_even(sentences, folds, seed):
    distinct = len(set(map(tuple, sentences)))
    if distinct < folds:
        with pytest.raises(InputError, match="folds"):
            deal_folds(sentences, folds, seed)
        return
    dealt = deal_folds(sentences, folds, seed)
    assert len(set(zip(map(tuple, sentences), dealt))) == distinct
    sizes = [len({tuple(words) for words, place in zip(sentences, dealt) if place == fold}) for fold in range(folds)]
    assert max(sizes) - min(sizes) <= 1 and dealt == deal_folds(sentences, folds, seed)


def test_every_sentence_is_predicted_by_a_model_that_has_not_read_it(monkeypatch):
    """Trainings that only remember: what a fold was trained on, and what it was asked."""
    from nerteach import check as module
    learned, asked = [], []

    def remember(corpus, model, config, folder):
        learned.append({tuple(words) for split in ("train", "validation") for words in corpus[split]["tokens"]})

    def answer(tagger, sentences):
        asked.append([tuple(words) for words in sentences])
        return (np.array([[3.0, 1.0, 0.0]] * len(words)) for words in sentences)

    monkeypatch.setattr("nerteach.train.fine_tune", remember)
    monkeypatch.setattr("nerteach.inference.load_tagger", lambda folder: None)
    monkeypatch.setattr("nerteach.inference.word_logits", answer)
    corpus = hub_corpus(all=[([word] * n, [0] * n) for word in ("a", "b", "c", "d", "e", "f") for n in (1, 2, 3)] + [(["a"], [0])] * 3)
    tables = module.cross_validated_probabilities(corpus["all"], folds=3)
    assert [table.shape for table in tables] == [(len(words), 3) for words in corpus["all"]["tokens"]]
    assert all(np.allclose(table.sum(-1), 1) and (table.argmax(-1) == 0).all() for table in tables)
    assert sorted(words for part in asked for words in part) == sorted(map(tuple, corpus["all"]["tokens"]))
    assert all(seen and not seen & set(part) for seen, part in zip(learned, asked))


def test_likely_errors_come_with_their_lines(tmp_path, monkeypatch):
    from nerteach.check import check_label_errors
    write_conll(tmp_path, train=split_lines("train") + ["Recife é tarde"], test=["sem nome"])

    def probabilities(dataset, model, config, folds, seed):
        assert dataset.features["ner_tags"].feature.names == ["O", "B-LOC", "I-LOC"]
        return [np.array([[0.02, 0.97, 0.01] if word[0].isupper() else [0.97, 0.02, 0.01] for word in words]) for words in dataset["tokens"]]

    monkeypatch.setattr("nerteach.check.cross_validated_probabilities", probabilities)
    [finding] = check_label_errors(read_raw(tmp_path))
    assert [(str(p), p.words, p.detail) for p in finding.places] == [("train[20] train.conll:81", ("Recife",), "O ≠ B-LOC (0.020)")]
    assert check_label_errors(read_raw(write_conll(tmp_path, train=["sem nome"], test=["nem este"]))) == []


# real corpora

@pytest.mark.parametrize("lang", ["en", "pt"])
def test_nothing_is_wrong_with_the_packaged_corpus(lang):
    raw = read_raw("nerteach", lang)
    findings = check_corpus(raw)
    assert exceeded(findings) == {} and [finding.kind for finding in findings] == ["inconsistent"]
    loaded = load_corpus("nerteach", lang)
    hard = {split: dataset["hard"] for split, dataset in loaded.items()}
    tagged = sum("ambiguous" in hard[p.split][p.row] or "product" in hard[p.split][p.row] for p in findings[0].places)
    assert tagged >= 0.8 * findings[0].count, "names with two meanings were put there on purpose, and are tagged so"


@pytest.mark.parametrize("lang, leaks, conflicts", [("pt", {"validation": 1541, "test": 1577}, 2), ("en", {"validation": 325, "test": 283}, 9)])
def test_the_leaks_of_wikiann(wikiann, lang, leaks, conflicts):
    wikiann(lang)
    findings = check_corpus(read_raw("wikiann", lang))
    assert {f.splits[1]: f.count for f in findings if f.kind == "leak" and f.splits[0] == "train"} == leaks
    assert [f.count for f in findings if f.kind == "conflict"] == [conflicts] and exceeded(findings)["leak"] > leaks["test"]


# what the lesson quotes

def prose(lang, cell):
    cells = json.loads((ROOT / "nbs" / lang / "11_check.ipynb").read_text(encoding="utf-8"))["cells"]
    return "".join(next(c["source"] for c in cells if c["id"] == cell))


def measured(name):
    return json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_lesson_quotes_what_was_measured(lang):
    errors, corpora, text = measured("label_errors"), measured("check"), prose(lang, "measured")
    for part in ("first_20", "first_50", "first_100", "all", "model_disagrees"):
        row = errors[part]
        assert any(str(row["words"]) in line and line.endswith(f"| {row['precision']:.2f} | {row['recall']:.2f} |") for line in text.split("\n")), part
    assert errors["date"] in text and f"{errors['planted']} " in text and f"{errors['words']:,}".replace(",", " ") in text
    assert errors["first_100"]["recall_by_kind"]["invented"] == 1 and round(errors["first_100"]["recall_by_kind"]["dropped"] * 9) == 1
    rows = [line.split(" | ")[1:] for line in prose(lang, "packaged-says").split("\n") if line.startswith("| ") and not line.startswith("| found")]
    counts = [[int(cell.strip(" |")) for cell in row] for row in rows if row[0].isdigit()]
    assert counts == [[corpora["pt"]["findings"][kind], corpora["en"]["findings"][kind]] for kind in corpora["pt"]["findings"]]


def test_planting_makes_as_many_errors_as_it_says():
    done = subprocess.run([sys.executable, "-c", "from label_errors import *; d = load_corpus('nerteach', 'pt')['test']; s, p = plant_errors(d, 0.2, 1); "
                           "changed = {r: {i for i, (a, b) in enumerate(zip(*pair)) if a[2:] != b[2:]} for r, pair in enumerate(zip(named_labels(d), named_labels(s)))}; "
                           "assert {r for r, words in changed.items() if words} == set(p) and len(p) == 30, 'rows'; "
                           "assert all(changed[r] == words for r, (_, words) in p.items()), 'words'"],
                          cwd=ROOT / "benchmarks", capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'benchmarks'}"})
    assert done.returncode == 0, done.stderr[-2000:]
