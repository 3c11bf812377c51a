"""Windows and offsets over random input, with a model that labels by a rule instead of by training."""
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nerteach.data import InputError, build_corpus
from nerteach.inference import Tagger, cut_windows, evaluate_tagger, join_windows, label_words, mark_entities, tag_texts
from nerteach.metrics import score_entities


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(3, 12), st.integers(0, 20))
def test_windows_cover_every_word_within_the_room(n_tokens, room, overlap):
    windows = cut_windows(n_tokens, room, overlap)
    assert {word for start, end in windows for word in range(start, end)} == set(range(len(n_tokens)))
    assert all(sum(n_tokens[start:end]) <= room or end - start == 1 for start, end in windows)
    assert all(a[0] < b[0] and a[1] < b[1] and b[0] <= a[1] for a, b in zip(windows, windows[1:]))


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(3, 12), st.integers(0, 20))
def test_joined_windows_answer_for_every_word_once(n_tokens, room, overlap):
    windows = cut_windows(n_tokens, room, overlap)
    assert join_windows(windows, [list(range(start, end)) for start, end in windows]) == list(range(len(n_tokens)))


class RuleModel:
    """Labels a token B-LOC if its id is even, so that results can be foretold; counts nothing else."""
    device = torch.device("cpu")

    def __call__(self, input_ids, **_):
        even = (input_ids % 2 == 0).float()
        return SimpleNamespace(logits=torch.stack([1 - even, even, torch.zeros_like(even)], dim=-1) * 5)


@pytest.fixture(scope="module")
def rule_tagger(tokenizer):
    return Tagger(RuleModel(), tokenizer, ["O", "B-LOC", "I-LOC"], 32)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=5))
def test_offsets_hold_for_any_text(rule_tagger, texts):
    tagged = list(tag_texts(rule_tagger, texts))
    assert [t["text"] for t in tagged] == texts
    for result in tagged:
        for entity in result["entities"]:
            assert result["text"][entity["char_start"]:entity["char_end"]] == entity["text"] != ""
            assert 0 <= entity["score"] <= 1


def test_long_and_short_texts_agree_word_by_word(rule_tagger):
    sentence = "Recife and Olinda are old cities in Pernambuco , near the sea ."
    alone = [entity["text"] for entity in next(tag_texts(rule_tagger, [sentence]))["entities"]]
    together = next(tag_texts(rule_tagger, [" ".join([sentence] * 30)]))["entities"]
    assert [entity["text"] for entity in together] == alone * 30


def test_answers_keep_the_order_of_the_questions(rule_tagger):
    sentences = [["a"] * n for n in (9, 1, 5)] + [[]]
    assert [len(answer) for answer in label_words(rule_tagger, sentences, batch_size=2)] == [9, 1, 5, 0]


def test_many_texts_come_one_by_one(rule_tagger):
    drawn = []

    def texts():
        for number in range(2500):
            drawn.append(number)
            yield f"text {number}"

    results = tag_texts(rule_tagger, texts())
    assert next(results)["text"] == "text 0" and len(drawn) == 1000
    assert sum(1 for _ in results) == 2499


def test_evaluate_refuses_unknown_types_and_splits(rule_tagger):
    corpus = build_corpus({"test": [{"tokens": ["Ana"], "ner_tags": ["B-PER"]}]})
    with pytest.raises(InputError, match="label 'B-PER', but this model knows only O, B-LOC, I-LOC"):
        evaluate_tagger(rule_tagger, corpus, "test", score_entities)
    with pytest.raises(InputError, match="no dev split, only test"):
        evaluate_tagger(rule_tagger, corpus, "dev", score_entities)


def test_html_is_escaped():
    text = '<img src=x onerror="alert(1)"> & Ana'
    marked = mark_entities({"text": text, "entities": [{"entity_type": '"><b>', "text": "Ana", "char_start": 33, "char_end": 36}]})
    assert "<img" not in marked and "<b>" not in marked and "&amp; " in marked
