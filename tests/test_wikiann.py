"""The facts of the original lesson, on the real WikiANN; skipped where neither the Hub nor a cache has it."""
import json

import pytest

from nerteach.align import IGNORE_INDEX, encode_words, find_lost_words, sentence_labels, sentence_rows
from nerteach.data import count_entities, label_names, named_labels
from nerteach.metrics import score_entities, score_pieces

COUNTS = {"en": {"train": (9164, 9422, 9345), "validation": (4635, 4677, 4834), "test": (4556, 4745, 4657)},
          "pt": {"train": (8687, 7548, 9304), "validation": (4323, 3722, 4838), "test": (4291, 3753, 4779)}}


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_sizes_labels_and_entities(wikiann, lang):
    corpus = wikiann(lang)
    assert {split: len(dataset) for split, dataset in corpus.items()} == {"train": 20_000, "validation": 10_000, "test": 10_000}
    assert label_names(corpus) == ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
    counts = {split: tuple(count_entities(corpus[split])[kind] for kind in ("PER", "ORG", "LOC")) for split in corpus}
    assert counts == COUNTS[lang]


def test_first_rows_as_in_the_original_lesson(wikiann, tokenizer):
    rows = wikiann("en")["train"].select(range(3))
    assert len(rows[0]["tokens"]) == 11
    encoded = encode_words(rows, tokenizer, strategy="repeat")
    assert encoded["input_ids"] == [
        [101, 1054, 1012, 1044, 1012, 15247, 1006, 2358, 1012, 5623, 2314, 1007, 1006, 5986, 2620, 12464, 1007, 102],
        [101, 1025, 1005, 1005, 1005, 15387, 11409, 5104, 13887, 1005, 1005, 1005, 102],
        [101, 6382, 1051, 3726, 14161, 20559, 13444, 1006, 2141, 3380, 1007, 102]]
    skip = IGNORE_INDEX
    assert encoded["labels"] == [[skip, 3, 3, 3, 3, 4, 0, 3, 3, 4, 4, 0, 0, 0, 0, 0, 0, skip], [skip, 0, 0, 0, 0, 1, 2, 2, 2, 0, 0, 0, skip],
                                 [skip, 1, 2, 2, 2, 2, 2, 0, 0, 0, 0, skip]]


@pytest.mark.parametrize("lang, entities, pieces", [("en", 13_958, 22_087), ("pt", 12_823, 23_832)])
def test_entities_and_the_originals_pieces(wikiann, tokenizer, lang, entities, pieces):
    test = wikiann(lang)["test"]
    gold = named_labels(test)
    by_entity = score_entities(y_true=gold, y_pred=gold)
    assert by_entity["overall"]["support"] == entities
    repeated = encode_words(test, tokenizer, strategy="repeat")
    names = label_names(test)
    token_labels = [[names[i] for i in row if i != IGNORE_INDEX] for row in repeated["labels"]]
    by_piece = score_pieces(y_true=token_labels, y_pred=token_labels)
    assert by_piece["overall"]["support"] == pieces
    if lang == "en":
        assert [by_piece[kind]["support"] for kind in ("LOC", "ORG", "PER")] == [8746, 7090, 6251]
        assert [by_entity[kind]["support"] for kind in ("LOC", "ORG", "PER")] == [4657, 4745, 4556]


def test_words_that_truncation_cuts_from_the_training_sentences_and_windows_keep(wikiann, tokenizer):
    train = wikiann("en")["train"]
    encoded = encode_words(train, tokenizer, max_length=512)
    lost = find_lost_words(train, encoded, tokenizer)
    assert not lost.truncated and not lost.vanished and lost.words == sum(map(len, train["tokens"]))
    long = [words for words, rows in zip(train["tokens"], sentence_rows(encoded)) if len(rows) > 1]
    cut = [len(words) - len(set(tokenizer(words, is_split_into_words=True, truncation=True, max_length=512).word_ids()) - {None}) for words in long]
    assert len(cut) == 2 and sum(cut) == 234
    assert sentence_labels(encoded) == named_labels(train)


def test_train_evaluate_predict_on_wikiann(wikiann, run, tmp_path):
    wikiann("en")
    done = run("train", "--corpus", "wikiann", "--limit", 600, "--batch-size", 8, "--epochs", 1, "--output", "model",
               "--json", "train.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "train.json").read_text())
    assert scores["test"]["overall"]["support"] == 13_958 and scores["validation"]["overall"]["support"] == 14_146
    assert scores["test"]["overall"]["f1"] > 0.2
    done = run("evaluate", "model", "--corpus", "wikiann", "--json", "evaluate.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    later = json.loads((tmp_path / "evaluate.json").read_text())["overall"]  # a few long sentences stand in other batches: bf16 may round them otherwise
    assert abs(later["f1"] - scores["test"]["overall"]["f1"]) < 0.001 and later["support"] == 13_958
    done = run("predict", "model", "Albert Einstein was born in Germany.", cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["entities"]
