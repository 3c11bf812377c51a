"""Scores against outside references: seqeval itself, and conlleval's rules written out."""
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from nerteach.data import InputError, to_iob2
from nerteach.metrics import count_matches, f1_interval, keep_label_ids, make_compute_metrics, score_entities, score_pieces, scores_table

LABELS = ["O", "O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


def random_pair(rng):
    gold = [to_iob2(rng.choices(LABELS, k=rng.randint(1, 9))) for _ in range(rng.randint(1, 6))]
    pred = [[label if rng.random() < 0.7 else rng.choice(LABELS) for label in labels] for labels in gold]
    return gold, pred


def conlleval_counts(y_true, y_pred):
    """Right, predicted and gold entities by conlleval's published rules (Tjong Kim Sang, 2000-2004)."""
    def chunks(labels):
        found, start = set(), None
        before, kind_before = "O", ""
        for i, label in enumerate(labels + ["O"]):
            tag, _, kind = label.partition("-")
            ends = before in "BI" and before != "" and (tag in ("B", "O") or kind != kind_before) and before != "O"
            begins = tag == "B" or (tag == "I" and (before == "O" or kind != kind_before))
            if ends:
                found.add((kind_before, start, i))
            if begins:
                start = i
            before, kind_before = tag, kind
        return found
    right, predicted, gold = Counter(), Counter(), Counter()
    for true, pred in zip(y_true, y_pred):
        true, pred = chunks(true), chunks(pred)
        right.update(kind for kind, *_ in true & pred)
        predicted.update(kind for kind, *_ in pred)
        gold.update(kind for kind, *_ in true)
    return right, predicted, gold


@pytest.mark.parametrize("seed", range(100))
def test_against_seqeval_and_conlleval(seed):
    y_true, y_pred = random_pair(random.Random(seed))
    scores = score_entities(y_true=y_true, y_pred=y_pred)
    right, predicted, gold = conlleval_counts(y_true, y_pred)
    if gold:
        assert scores["overall"]["precision"] == pytest.approx(precision_score(y_true, y_pred, zero_division=0))
        assert scores["overall"]["recall"] == pytest.approx(recall_score(y_true, y_pred, zero_division=0))
        assert scores["overall"]["f1"] == pytest.approx(f1_score(y_true, y_pred, zero_division=0))
    assert scores["overall"]["support"] == sum(gold.values())
    for kind in gold:
        assert scores[kind]["support"] == gold[kind]
        assert scores[kind]["recall"] == pytest.approx(right[kind] / gold[kind])
        assert scores[kind]["precision"] == pytest.approx(right[kind] / predicted[kind] if predicted[kind] else 0)


@pytest.mark.parametrize("seed", range(100))
def test_strict_against_seqeval(seed):
    y_true, y_pred = random_pair(random.Random(seed))
    scores = score_entities(y_true=y_true, y_pred=y_pred, strict=True)
    if scores["overall"]["support"]:
        options = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
        assert scores["overall"]["precision"] == pytest.approx(precision_score(y_true, y_pred, **options))
        assert scores["overall"]["recall"] == pytest.approx(recall_score(y_true, y_pred, **options))


def test_strict_is_not_silently_lenient():
    y_true, y_pred = [["B-PER", "O", "B-LOC"]], [["I-PER", "O", "B-LOC"]]
    assert score_entities(y_true=y_true, y_pred=y_pred)["overall"]["f1"] == 1
    strict = score_entities(y_true=y_true, y_pred=y_pred, strict=True)["overall"]
    assert (strict["precision"], strict["recall"]) == (1, 0.5)


def test_precision_and_recall_are_not_swapped():
    y_true = [["B-PER", "B-PER", "B-LOC", "O"]]
    y_pred = [["B-PER", "O", "O", "O"]]
    overall = score_entities(y_true=y_true, y_pred=y_pred)["overall"]
    assert (overall["precision"], overall["recall"], overall["support"]) == (1, 1 / 3, 3)


def test_macro_is_the_mean_of_the_types():
    y_true = [["B-PER"] * 4 + ["B-LOC"]]
    y_pred = [["B-PER"] * 4 + ["O"]]
    scores = score_entities(y_true=y_true, y_pred=y_pred)
    assert scores["macro"]["f1"] == 0.5 and scores["overall"]["f1"] == pytest.approx(8 / 9)


@pytest.mark.parametrize("y_true, y_pred", [([["O"]], [["O"]]), ([["O"]], [["B-PER"]]), ([["O"]], [["I-PER"]]), ([], [])])
def test_nothing_to_find_scores_nothing(y_true, y_pred):
    for strict in (False, True):
        assert set(score_entities(y_true=y_true, y_pred=y_pred, strict=strict)["overall"].values()) == {0}


@pytest.mark.parametrize("y_true, y_pred, said", [
    ([["O"]], [], "1 gold sentences but 0"), ([["O"], ["O", "O"]], [["O"], ["O"]], "row 1 has 2 gold labels but 1"),
    ([["O"], ["I-PER"]], [["O"], ["O"]], "gold row 1 .* to_iob2"), ([["B-macro"]], [["O"]], "rename it"),
])
def test_bad_pairs_are_refused(y_true, y_pred, said):
    with pytest.raises(InputError, match=said):
        score_entities(y_true=y_true, y_pred=y_pred)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=8))
def test_pieces_count_what_entities_do_not(pieces):
    words = [["B-PER" if i % 2 == 0 else "O" for i in range(len(pieces))]]
    tokens = [[label for label, n in zip(words[0], pieces) for _ in range(n)]]
    assert score_entities(y_true=words, y_pred=words)["PER"]["support"] == (len(pieces) + 1) // 2
    assert score_pieces(y_true=tokens, y_pred=tokens)["PER"]["support"] == sum(pieces[::2])


def test_compute_metrics_is_flat_and_whole():
    compute = make_compute_metrics([["B-PER"], ["B-LOC"]], lambda prediction: [["B-PER"], ["O"]])
    numbers = compute(None)
    assert numbers["support"] == 2 and numbers["recall"] == 0.5 and numbers["precision"] == 1 and numbers["LOC_f1"] == 0
    assert all(isinstance(value, (int, float)) for value in numbers.values())


def test_label_ids_instead_of_logits():
    torch = pytest.importorskip("torch")
    logits = torch.tensor([[[0.1, 0.9, 0.0], [0.8, 0.1, 0.1]]])
    assert keep_label_ids(logits, None).tolist() == [[1, 0]] == keep_label_ids((logits, "hidden states"), None).tolist()


def test_table_lists_every_row():
    table = scores_table(score_entities(y_true=[["B-PER", "B-LOC"]], y_pred=[["B-PER", "O"]]))
    assert [line.split()[0] for line in table.splitlines()[1:]] == ["LOC", "PER", "overall", "macro"]


def many_pairs(sentences):
    rng = random.Random(7)
    pairs = [random_pair(rng) for _ in range(sentences)]
    return [labels for gold, _ in pairs for labels in gold][:sentences], [labels for _, pred in pairs for labels in pred][:sentences]


def micro_f1(right, predicted, gold, axis=-1):
    return 2 * right.sum(axis) / (predicted.sum(axis) + gold.sum(axis))


def test_interval_against_scipy():
    gold, pred = many_pairs(120)
    right, predicted, support = count_matches(gold, pred).T
    assert micro_f1(right, predicted, support) == pytest.approx(score_entities(y_true=gold, y_pred=pred)["overall"]["f1"])
    theirs = bootstrap((right, predicted, support), micro_f1, paired=True, method="percentile", n_resamples=4000,
                       random_state=np.random.default_rng(1)).confidence_interval
    ours = f1_interval(y_true=gold, y_pred=pred, resamples=4000)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert ours[1] - ours[0] > 0.05  # so that a tolerance of 0.01 can fail


def test_interval_follows_the_seed():
    gold, pred = many_pairs(40)
    assert f1_interval(y_true=gold, y_pred=pred) == f1_interval(y_true=gold, y_pred=pred)
    assert f1_interval(y_true=gold, y_pred=pred) != f1_interval(y_true=gold, y_pred=pred, seed=1)


def test_interval_of_nothing_is_nothing():
    assert f1_interval(y_true=[["O"], ["O", "O"]], y_pred=[["O"], ["O", "O"]]) == (0, 0)
