"""Calibration: against scikit-learn, by hand, and with a tiny untrained model from folder to file and back."""
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nerteach.calibration import (FoundEntities, brier_score, calibrate, calibrate_folder, calibration_error, confidence_of,
                                  evaluate_confidence, fit_temperature, leave_out, reliability)
from nerteach.data import InputError, InputNote, build_corpus, load_corpus
from nerteach.inference import evaluate_tagger, gold_probabilities, label_words, load_tagger, tag_texts
from nerteach.metrics import score_entities
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.metrics import brier_score_loss
from transformers import BertConfig, BertForTokenClassification

NAMES = ["O", "B-PER", "I-PER"]
VERDICTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


@settings(max_examples=200, deadline=None)
@given(VERDICTS, st.integers(1, 20))
def test_reliability_is_scikit_learns_curve(cases, bins):
    scores, right = zip(*cases)
    for equal, strategy in (("width", "uniform"), ("mass", "quantile")):
        rows = reliability(scores, right, bins, equal)
        if len(set(right)) == 2:  # scikit-learn refuses to draw a curve of one class
            shares, means = calibration_curve(right, scores, n_bins=bins, strategy=strategy)
            assert [row["share right"] for row in rows] == pytest.approx(shares) and [row["score"] for row in rows] == pytest.approx(means)
        assert sum(row["entities"] for row in rows) == len(scores)
        assert all(-1e-9 <= row["low"] <= row["share right"] + 1e-9 and row["share right"] - 1e-9 <= row["high"] <= 1 + 1e-9 for row in rows)
        assert all(row["from"] - 1e-9 <= row["score"] <= row["to"] + 1e-9 for row in rows)


@settings(max_examples=100, deadline=None)
@given(VERDICTS)
def test_brier_score_is_scikit_learns(cases):
    scores, right = zip(*cases)
    if len(set(right)) == 2:
        assert brier_score(scores, right) == pytest.approx(brier_score_loss(right, scores))


def test_calibration_error_by_hand():
    scores, right = [0.9, 0.9, 0.6, 0.6], [True, False, True, True]
    assert calibration_error(scores, right, bins=2, equal="mass") == pytest.approx(0.4)  # |0.9 - 0.5| and |0.6 - 1|, two entities each
    assert calibration_error(scores, right, bins=2, equal="width") == pytest.approx(0)   # all in one group: mean 0.75, 3 of 4 right
    assert brier_score(scores, right) == pytest.approx((0.01 + 0.81 + 0.16 + 0.16) / 4)


def test_wilson_interval_of_nine_in_ten():
    row = reliability([0.99] * 10, [True] * 9 + [False])[0]
    assert (row["low"], row["high"]) == pytest.approx((0.5958, 0.9821), abs=1e-4)  # Wilson (1927) with z = 1.96


@pytest.mark.parametrize("scores,right,message", [([], [], "0 scores but 0 verdicts"), ([0.5], [True, False], "1 scores but 2 verdicts"),
                                                  ([1.5], [True], "1.5 is no score"), ([float("nan")], [True], "nan is no score")])
def test_what_is_no_score_is_refused(scores, right, message):
    for function in (reliability, calibration_error, brier_score, lambda scores, right: leave_out(scores, right, 5)):
        with pytest.raises(InputError, match=message):
            function(scores, right)


def test_unknown_groups_and_too_few_gold_are_refused():
    with pytest.raises(InputError, match="choose 'width' or 'mass'"):
        reliability([0.5], [True], equal="size")
    with pytest.raises(InputError, match="2 entities are right, but only 1 are gold"):
        leave_out([0.5, 0.6], [True, True], gold=1)


def test_leaving_out_by_hand():
    whole, half, none = leave_out([0.9, 0.8, 0.5, 0.4], [True, True, False, True], gold=5, thresholds=(0, 0.5, 0.95))
    assert (whole["precision"], whole["recall"], whole["kept"]) == (3 / 4, 3 / 5, 1)
    assert (half["precision"], half["recall"], half["kept"]) == (2 / 3, 2 / 5, 3 / 4) and half["f1"] == pytest.approx(1 / 2)
    assert (none["precision"], none["recall"], none["f1"], none["kept"]) == (0, 0, 0, 0)


def test_an_entity_is_scored_by_all_its_words_and_judged_by_type_and_ends():
    found = FoundEntities(NAMES)
    logits = np.log([[0.1, 0.8, 0.1], [0.3, 0.1, 0.6], [0.9, 0.05, 0.05], [0.2, 0.7, 0.1]])
    assert found.add(logits, ["B-PER", "I-PER", "O", "O"]) == [1, 2, 0, 1]
    assert found.add(logits, ["B-PER", "O", "O", "B-PER"]) == [1, 2, 0, 1]
    assert found.scores() == pytest.approx([0.7, 0.7, 0.7, 0.7]) and found.right().tolist() == [True, False, False, True] and found.gold == 3
    hot = np.array([0.8, 0.6]) ** 0.5 / (np.array([[0.1, 0.8, 0.1], [0.3, 0.1, 0.6]]) ** 0.5).sum(1)
    assert found.scores(2.0)[0] == pytest.approx(hot.mean(), abs=1e-6)


def test_a_word_without_a_token_is_in_no_entity():
    found = FoundEntities(NAMES)
    assert found.add(np.array([[np.nan] * 3, [0.0, 2.0, 1.0]]), ["B-PER", "I-PER"]) == [0, 1]
    assert found.scores().shape == (1,) and not found.right()[0] and found.gold == 1


def entities(temperature, n, seed=0):
    """One-word entities of which each is right with the probability that its logits say at a temperature."""
    rng, found = np.random.default_rng(seed), FoundEntities(NAMES)
    for _ in range(n):
        logits = np.array([[0.0, rng.uniform(1, 6), -9.0]])
        right = rng.random() < np.exp(logits[0, 1] / temperature) / np.exp(logits[0] / temperature).sum()
        found.add(logits, ["B-PER" if right else "O"])
    return found


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature):
    assert fit_temperature(entities(temperature, 6000)) == pytest.approx(temperature, rel=0.1)


def test_the_temperature_is_scikit_learns():
    """For one-word entities that are right or wrong it is temperature scaling of a binary classifier."""
    found = FoundEntities(["O", "B-PER"])
    rng = np.random.default_rng(1)
    for logit in rng.uniform(0.5, 5, 800):
        found.add(np.array([[0.0, logit]]), ["B-PER" if rng.random() < 0.8 else "O"])
    logits = np.array(found.logits).reshape(-1, 2)[:, 1]

    class Classifier:
        classes_ = np.array([0, 1])
        _estimator_type = "classifier"

        def fit(self, X, y):
            return self

        def decision_function(self, X):
            return X[:, 0]

        def predict(self, X):
            return (X[:, 0] > 0).astype(int)

        def __sklearn_tags__(self):
            from sklearn.linear_model import LogisticRegression
            return LogisticRegression().__sklearn_tags__()

        def __sklearn_is_fitted__(self):
            return True

    try:
        from sklearn.frozen import FrozenEstimator  # since scikit-learn 1.6
        reference = CalibratedClassifierCV(FrozenEstimator(Classifier()), method="temperature")
        reference.fit(logits[:, None], found.right().astype(int))
    except ValueError:
        pytest.skip("this scikit-learn has no temperature scaling")
    assert found.scores(fit_temperature(found)) == pytest.approx(reference.predict_proba(logits[:, None])[:, 1], abs=2e-3)


@pytest.mark.parametrize("labels", [["B-PER"], ["O"]])
def test_nothing_to_fit_is_said(labels):
    found = FoundEntities(NAMES)
    for _ in range(5):
        found.add(np.array([[0.0, 3.0, 0.0]]), labels)
    with pytest.warns(InputNote, match="of 5 entities found are right"):
        assert fit_temperature(found) == 1.0


def test_no_entity_at_all():
    with pytest.warns(InputNote, match="0 of 0"):
        assert fit_temperature(FoundEntities(NAMES)) == 1.0
    report = confidence_of(FoundEntities(NAMES))
    assert report["entities"] == 0 and report["calibration error"] is None and report["thresholds"] == []


@pytest.fixture(scope="module")
def corpus():
    """The packaged test split with persons only, which the tiny model knows."""
    rows = load_corpus("nerteach", "en")["test"].select(range(40))
    names = rows.features["ner_tags"].feature.names
    return build_corpus({"test": [{"tokens": words, "ner_tags": [names[i] if names[i].endswith("PER") else "O" for i in label_ids]}
                                  for words, label_ids in zip(rows["tokens"], rows["ner_tags"])]})


@pytest.fixture
def folder(tmp_path, tokenizer):
    """A tiny untrained model with its tokenizer."""
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        id2label=dict(enumerate(NAMES)), label2id={name: i for i, name in enumerate(NAMES)})
    model = BertForTokenClassification(config)
    model.classifier.weight.data *= 20
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_calibrated_folder_is_loaded_with_its_temperature(folder, corpus):
    raw = load_tagger(folder)
    calibration = calibrate_folder(folder, corpus["test"], "test")
    again, text = load_tagger(folder), "Ana Prado visited Recife with Rui."
    assert again.temperature == calibration.temperature == calibrate(raw, corpus["test"]).temperature != raw.temperature == 1.0
    assert (calibration.split, calibration.sentences) == ("test", 40) and 0 < calibration.right < calibration.entities
    assert json.loads((folder / "calibration.json").read_text())["temperature"] == calibration.temperature
    before, after = next(tag_texts(raw, [text]))["entities"], next(tag_texts(again, [text]))["entities"]
    assert [e["text"] for e in before] == [e["text"] for e in after] and [e["score"] for e in before] != [e["score"] for e in after]
    assert not list(folder.glob("*.part"))


def test_a_calibration_that_fails_leaves_the_older_one(folder, corpus):
    calibrate_folder(folder, corpus["test"], "test")
    before = (folder / "calibration.json").read_bytes()
    with pytest.raises(InputError, match="knows only"):
        calibrate_folder(folder, load_corpus("nerteach", "en")["test"], "test")
    assert (folder / "calibration.json").read_bytes() == before


def test_a_logit_without_bounds_is_a_score_all_the_same():
    found = FoundEntities(NAMES)
    found.add(np.array([[0, np.inf, 1], [9, 0, 0]]), ["B-PER", "O"])
    assert found.scores().tolist() == [1.0] and confidence_of(found)["share right"] == 1


@pytest.mark.parametrize("temperature", [0.1, 0.7, 3.0, 10.0])
def test_labels_do_not_depend_on_the_temperature(folder, corpus, temperature):
    raw = load_tagger(folder)
    other, words = replace(raw, temperature=temperature), corpus["test"]["tokens"]
    labels = [[label for label, _ in answer] for answer in label_words(raw, words)]
    assert labels == [[label for label, _ in answer] for answer in label_words(other, words)] and len({x for row in labels for x in row}) > 1
    assert label_words(other, words) != label_words(raw, words) and gold_probabilities(other, corpus["test"]) != gold_probabilities(raw, corpus["test"])


def test_another_models_temperature_is_left_aside(folder, corpus):
    calibrate_folder(folder, corpus["test"])
    model = load_tagger(folder).model
    model.classifier.bias.data += 1
    model.save_pretrained(folder)
    with pytest.warns(InputNote, match="belongs to other weights"):
        assert load_tagger(folder).temperature == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputNote)
        calibrate_folder(folder, corpus["test"])  # no note: the old file is about to go
        assert load_tagger(folder).temperature != 1.0


@pytest.mark.parametrize("content", ["", "[]", '{"temperature": 2}', '{"temperature": "hot", "weights": ""}', '{"temperature": NaN, "weights": ""}',
                                     '{"temperature": -1, "weights": ""}', '{"temperature": null, "weights": ""}'])
def test_a_broken_calibration_file_is_named(folder, content):
    (folder / "calibration.json").write_text(content)
    with pytest.raises(InputError, match=r"calibration.json (cannot be read|has the temperature).*delete it, and calibrate the model again"):
        load_tagger(folder)


def test_one_pass_gives_what_two_gave(folder, corpus):
    tagger = replace(load_tagger(folder), temperature=1.7)
    scores, lost, confidence = evaluate_confidence(tagger, corpus, "test", score_entities)
    assert (scores, lost) == evaluate_tagger(tagger, corpus, "test", score_entities)
    precision, recall = scores["overall"]["precision"], scores["overall"]["recall"]
    assert precision != recall and confidence["thresholds"][0]["precision"] == precision and confidence["thresholds"][0]["recall"] == recall
    assert confidence["share right"] == precision and confidence["temperature"] == 1.7
    json.dumps(confidence)
    with pytest.raises(InputError, match="no dev split, only test"):
        evaluate_confidence(tagger, corpus, "dev", score_entities)


def test_the_score_is_that_of_tag_texts(folder):
    tagger, corpus = replace(load_tagger(folder), temperature=1.7), load_corpus("nerteach", "en")["test"].select(range(10))
    found = FoundEntities(NAMES)
    from nerteach.inference import word_logits
    for logits in word_logits(tagger, corpus["tokens"]):
        found.add(logits, ["O"] * len(logits))
    tagged = [entity["score"] for result in tag_texts(tagger, corpus["text"]) for entity in result["entities"]]
    assert tagged and tagged == pytest.approx(found.scores(1.7), abs=1e-4)


def test_many_sentences_are_drawn_the_same_way_twice(folder, corpus, monkeypatch):
    monkeypatch.setattr("nerteach.calibration.MOST_SENTENCES", 12)
    first, second = (calibrate_folder(folder, corpus["test"]) for _ in range(2))
    assert first == second and first.sentences == 12


def test_an_unknown_type_is_refused(folder):
    strange = build_corpus({"test": [{"tokens": ["Zeus"], "ner_tags": ["B-GOD"]}]})
    with pytest.raises(InputError, match="label 'B-GOD'"):
        calibrate_folder(folder, strange["test"])
