"""What lesson 01 is no place for: tables of odd files, round trips over random input."""
import json
import warnings

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value
from hypothesis import given
from hypothesis import strategies as st

from nerteach.data import (InputError, InputNote, Span, build_corpus, char_spans_to_spans, check_hub, label_names, labels_to_spans,
                           load_corpus, load_folder, named_labels, pair_sentences, parse_marked, read_conll, spans_to_labels,
                           split_words, to_iob2)

LABELS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B"]), max_size=12)


@given(LABELS)
def test_spans_come_back_from_labels(labels):
    spans = labels_to_spans(labels)
    assert labels_to_spans(spans_to_labels(spans, len(labels))) == spans
    assert all(0 <= a.start < a.end <= b.start for a, b in zip(spans, spans[1:]))


@given(LABELS)
def test_iob2_is_a_fixed_point(labels):
    converted = to_iob2(labels)
    assert to_iob2(converted) == converted
    assert [label == "O" for label in converted] == [label == "O" for label in labels]


@pytest.mark.parametrize("bad", ["PER", "S-PER", "B-", "b-PER", "", "I"])
def test_other_schemes_are_refused(bad):
    with pytest.raises(InputError, match="label 1"):
        labels_to_spans(["O", bad])


@pytest.mark.parametrize("spans", [[Span("A", 0, 0)], [Span("A", -1, 1)], [Span("A", 1, 4)], [Span("A", 0, 2), Span("A", 1, 3)]])
def test_spans_that_do_not_fit_are_refused(spans):
    with pytest.raises(InputError):
        spans_to_labels(spans, 3)


@given(st.text())
def test_words_hold_every_character_but_white_space(text):
    words, offsets = split_words(text)
    assert all(text[start:end] == word and word for word, (start, end) in zip(words, offsets))
    assert all(a[1] <= b[0] for a, b in zip(offsets, offsets[1:]))
    covered = {i for start, end in offsets for i in range(start, end)}
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)


@pytest.mark.parametrize("text, words", [
    ("Brazil's", ["Brazil", "'s"]), ("D'Ávila", ["D'Ávila"]), ("pão-de-ló", ["pão-de-ló"]), ("R.H. Reis", ["R.H.", "Reis"]), ("J. R. Reis", ["J.", "R.", "Reis"]), ("S.Paulo", ["S.Paulo"]), ("Malcolm X.", ["Malcolm", "X", "."]),
    ("1.200,50", ["1.200,50"]), ("fim.", ["fim", "."]), ("(STF)", ["(", "STF", ")"]), ("l'Hôpital’s", ["l'Hôpital", "’s"]),
    ("e\u0301", ["e\u0301"]), ("AT&T", ["AT&T"]), ("2nd", ["2nd"]), ("José's", ["José", "'s"]), ("a\u00a0b", ["a", "b"]),
])
def test_words_are_split_as_the_corpus_needs(text, words):
    assert split_words(text)[0] == words


def test_marks_inside_words_are_refused():
    with pytest.raises(InputError, match="cuts a word"):
        char_spans_to_spans([("LOC", 0, 3)], split_words("Recife")[1])


def write(folder, name, text):
    path = folder / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


TWO = [(["Ana", "canta"], ["B-PER", "O"]), (["Olinda"], ["B-LOC"])]


@pytest.mark.parametrize("text", [
    "Ana B-PER\ncanta O\n\nOlinda B-LOC\n",
    "Ana\tB-PER\ncanta\tO\n\nOlinda\tB-LOC",
    "Ana\tB-PER\r\ncanta\tO\r\n\r\nOlinda\tB-LOC\r\n",
    "-DOCSTART- -X- O O\n\nAna NP x B-PER\ncanta V x O\n-DOCSTART- O\nOlinda NP x B-LOC\n",
    "\n\n\nAna B-PER\ncanta O\n \t\nOlinda B-LOC\n\n\n",
    "\ufeffAna  B-PER \ncanta\tO\n\nOlinda B-LOC\n",
])
def test_conll_dialects(tmp_path, text):
    sentences = read_conll(write(tmp_path, "train.conll", text))
    assert [(s["tokens"], s["ner_tags"]) for s in sentences] == TWO


def test_conll_keeps_words_with_odd_spaces(tmp_path):
    path = write(tmp_path, "a.conll", "New\u00a0York\tB-LOC\n\u2028\tO\nSan Luis\tB-LOC\n")
    assert read_conll(path)[0]["tokens"] == ["New\u00a0York", "\u2028", "San Luis"]


def test_iob1_is_converted_and_said(tmp_path):
    path = write(tmp_path, "a.conll", "Ana I-PER\nRui B-PER\n\nx O\nRio I-LOC\n")
    with pytest.warns(InputNote, match="2 entities begin with I- .*at line 1.*converted to IOB2"):
        assert [s["ner_tags"] for s in read_conll(path)] == [["B-PER", "B-PER"], ["O", "B-LOC"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_conll(path, convert=False)[0]["ner_tags"] == ["I-PER", "B-PER"]


@pytest.mark.parametrize("text, said", [
    ("Ana B-PER\ncanta\n", "line 2"), ("Ana B-PER\n\ncanta V S-PER\n", "line 3.*S-PER"), ("\tO\n", "line 1.*no word"),
    ("", "holds no sentence"), ("\n-DOCSTART- O\n\n", "holds no sentence"), (b"\xff\xfe", "not UTF-8"),
])
def test_broken_conll_names_the_line(tmp_path, text, said):
    with pytest.raises(InputError, match=f"(?s)a.conll.*{said}|{said}"):
        read_conll(write(tmp_path, "a.conll", text))


def test_missing_conll_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere.conll cannot be read"):
        read_conll(tmp_path / "nowhere.conll")


def test_folder_of_three_formats(tmp_path):
    write(tmp_path, "train.conll", "Ana B-PER\nvence O\n\nVale B-ORG\n")
    write(tmp_path, "dev.jsonl", json.dumps({"tokens": ["Olinda"], "ner_tags": ["B-LOC"]}) + "\n\n")
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["B-EVENT", "O"]))})
    Dataset.from_list([{"tokens": ["o", "Enem"], "ner_tags": [1, 0]}], features=features).to_parquet(tmp_path / "test.parquet")
    write(tmp_path, "notes.txt", "not a split")
    corpus = load_corpus(str(tmp_path))
    assert list(corpus) == ["validation", "test", "train"] or set(corpus) == {"train", "validation", "test"}
    assert label_names(corpus) == ["O", "B-EVENT", "I-EVENT", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-PER", "I-PER"]
    assert named_labels(corpus["train"]) == [["B-PER", "O"], ["B-ORG"]]
    assert named_labels(corpus["test"]) == [["O", "B-EVENT"]]


def test_parquet_with_names_instead_of_ids(tmp_path):
    Dataset.from_list([{"tokens": ["Rui"], "ner_tags": ["B-PER"]}]).to_parquet(tmp_path / "train.parquet")
    assert named_labels(load_folder(tmp_path)["train"]) == [["B-PER"]]


@pytest.mark.parametrize("name, text, said", [
    ("train.jsonl", '{"tokens": ["a"], "ner_tags": ["O"]}\n{"tokens": ["a", "b"], "ner_tags": ["O"]}', "line 2 has 2 words but 1 labels"),
    ("train.jsonl", '{"tokens": ["a"]}', "line 1 is not"), ("train.jsonl", "nonsense", "line 1 is not"), ("train.jsonl", "[1]", "line 1 is not"),
    ("train.jsonl", '{"tokens": ["a"], "ner_tags": [0]}', "label names such as B-PER"),
    ("train.jsonl", '{"tokens": "a", "ner_tags": ["O"]}', "list of words"), ("train.jsonl", '{"tokens": [null], "ner_tags": ["O"]}', "list of words"),
    ("train.jsonl", '{"tokens": [], "ner_tags": []}', "has no words"), ("train.jsonl", '{"tokens": ["a"], "ner_tags": ["X"]}', "label 0 is 'X'"),
    ("train.jsonl", "", "is empty"), ("train.jsonl", '{"tokens": ["a"], "ner_tags": "O"}', "label names such as B-PER"), ("train.parquet", "nonsense", "cannot be read as Parquet"), ("readme.md", "x", "holds no train"),
])
def test_broken_folders_name_file_and_row(tmp_path, name, text, said):
    write(tmp_path, name, text)
    with pytest.raises(InputError, match=said):
        load_corpus(str(tmp_path))


def test_two_files_for_one_split(tmp_path):
    write(tmp_path, "dev.conll", "a O\n")
    write(tmp_path, "valid.conll", "a O\n")
    with pytest.raises(InputError, match="both the validation split"):
        load_folder(tmp_path)


@pytest.mark.parametrize("ids", [[-1], [None], None])
def test_parquet_with_words_that_are_not_labelled(tmp_path, ids):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER"]))})
    Dataset.from_list([{"tokens": ["Rui"], "ner_tags": ids}], features=features).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(InputError, match="train.parquet line 1: ner_tags must be label names"):
        load_folder(tmp_path)


def test_parquet_without_the_columns(tmp_path):
    Dataset.from_list([{"words": ["Rui"], "ner_tags": ["B-PER"]}]).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(InputError, match="no column 'tokens'"):
        load_folder(tmp_path)


def test_label_outside_the_set():
    with pytest.raises(InputError, match="'LOC' is outside the set"):
        build_corpus({"train": [{"tokens": ["Rio"], "ner_tags": ["B-LOC"]}]}, ["PER"])


@pytest.mark.parametrize("row, said", [
    ({"tokens": ["a", "b"], "ner_tags": [0]}, "train row 0 has 2 words but 1 labels"),
    ({"tokens": ["a"], "ner_tags": [-1]}, "train row 0 has a word without a label"),
    ({"words": ["a"], "ner_tags": [0]}, "no column 'tokens'"),
])
def test_hub_corpora_are_checked(row, said):
    first = next(iter(set(row) - {"ner_tags"}))
    features = Features({first: List(Value("string")), "ner_tags": List(ClassLabel(names=["O"]))})
    with pytest.raises(InputError, match=said):
        check_hub({"train": Dataset.from_list([row], features=features)}, "some/corpus")


def test_hub_corpus_without_label_names():
    dataset = Dataset.from_list([{"tokens": ["a"], "ner_tags": [0]}])
    with pytest.raises(InputError, match="does not name its labels"):
        check_hub({"train": dataset}, "some/corpus")


def hub_corpus(names, label_ids):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=names))})
    return DatasetDict({"train": Dataset.from_list([{"tokens": ["a"] * len(label_ids), "ner_tags": label_ids}], features=features)})


def test_hub_corpus_in_iob1_is_converted_and_said():
    with pytest.warns(InputNote, match="some/corpus train: 1 sentences .*row 0.*converted to IOB2"):
        corpus = check_hub(hub_corpus(["O", "B-PER", "I-PER"], [2, 2, 0, 2]), "some/corpus")
    assert named_labels(corpus["train"]) == [["B-PER", "I-PER", "O", "B-PER"]]


@pytest.mark.parametrize("names, said", [(["O", "PER"], "label 1 is 'PER'"), (["O", "I-PER"], "no label 'B-PER'")])
def test_hub_labels_that_are_not_iob2(names, said):
    with pytest.raises(InputError, match=said):
        check_hub(hub_corpus(names, [0, 1]), "some/corpus")


def test_rows_in_iob1_are_converted_in_every_format(tmp_path):
    write(tmp_path, "train.jsonl", json.dumps({"tokens": ["x", "Rio"], "ner_tags": ["O", "I-LOC"]}))
    with pytest.warns(InputNote, match="train.jsonl: 1 entities begin with I- .*line 1"):
        assert named_labels(load_folder(tmp_path)["train"]) == [["O", "B-LOC"]]


def test_no_such_corpus(monkeypatch):
    def unreachable(*args):
        raise ConnectionError("Couldn't reach it")
    monkeypatch.setattr("nerteach.data.load_dataset_builder", unreachable)
    with pytest.raises(InputError, match="no corpus 'nobody/nothing'.*does not answer.*nerteach"):
        load_corpus("nobody/nothing")


@pytest.mark.parametrize("line", [
    "1 train news | A.", "0001 dev news | A.", "0001 train news #Bad | A.", "0001 train news |A.", "0001 train news | A [b](PER",
    "0001 train news | A [b](MISC).", "0001 train news | A [b] c.", "0001 train news | An[a](PER) b.", "0001 train news | A  b.",
])
def test_lines_of_the_wrong_form(line):
    with pytest.raises(InputError):
        parse_marked(line)


def test_files_that_part_name_both_lines():
    gold = [{"tokens": ["a", "b"], "ner_tags": ["O", "O"], "line": 1}]
    with pytest.raises(InputError, match="g line 2 has 'b' where p line 6 has 'c'"):
        pair_sentences(gold, [{"tokens": ["a", "c"], "ner_tags": ["O", "O"], "line": 5}], "g", "p")
    with pytest.raises(InputError, match="1 sentences but p has 0"):
        pair_sentences(gold, [], "g", "p")
    with pytest.raises(InputError, match="2 and 1 words"):
        pair_sentences(gold, [{"tokens": ["a"], "ner_tags": ["O"], "line": 5}], "g", "p")
