"""Scores against outside references: seqeval, nervaluate, the conlleval package and its rules written out, scipy."""
import json
import random
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import seqeval.scheme
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, kstest, permutation_test
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import IOB2

from nerteach.align import encode_words
from nerteach.data import InputError, Span, labels_to_spans, load_corpus, named_labels, to_iob2
from nerteach.metrics import (METRICS, SCHEMES, compare_predictions, count_matches, describe_comparison, differences_table, f1_interval,
                              keep_label_ids, list_differences, make_compute_metrics, pair_overlaps, plot_metrics, rates, runs_table,
                              scheme_to_spans, score_by_metric, score_entities, score_pieces, score_with_intervals, scores_table,
                              spans_to_scheme, summarize_runs)

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = ROOT / "tests" / "systems"
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


# schemes

SPANS = st.lists(st.tuples(st.sampled_from(["PER", "LOC", "A-B"]), st.integers(1, 3), st.integers(0, 2)), max_size=5)


def place(parts):
    """Spans with these types, lengths and numbers of words before them, and the number of words of the sentence."""
    spans, end = [], 0
    for kind, length, gap in parts:
        spans.append(Span(kind, end + gap, end + gap + length))
        end += gap + length
    return spans, end + 1


@pytest.mark.parametrize("scheme, labels", [
    ("IOB1", "I-PER I-PER B-PER I-LOC O I-LOC"), ("IOB2", "B-PER I-PER B-PER B-LOC O B-LOC"), ("IOE1", "I-PER E-PER I-PER I-LOC O I-LOC"),
    ("IOE2", "I-PER E-PER E-PER E-LOC O E-LOC"), ("IOBES", "B-PER E-PER S-PER S-LOC O S-LOC"), ("BILOU", "B-PER L-PER U-PER U-LOC O U-LOC"),
])
def test_schemes_by_hand(scheme, labels):
    spans = [Span("PER", 0, 2), Span("PER", 2, 3), Span("LOC", 3, 4), Span("LOC", 5, 6)]
    assert spans_to_scheme(spans[::-1], 6, scheme) == labels.split() and scheme_to_spans(labels.split(), scheme) == spans
    longer = [Span("PER", 0, 4)]
    assert [label[0] for label in spans_to_scheme(longer, 4, scheme)] == list({"IOB1": "IIII", "IOB2": "BIII", "IOE1": "IIII", "IOE2": "IIIE",
                                                                               "IOBES": "BIIE", "BILOU": "BIIL"}[scheme])


def seqeval_can_read(labels, scheme):
    """seqeval's reader of IOE1 is unfinished (it says so): it does not begin an entity with E- after O or another type."""
    pairs = zip(["O", *labels], labels)
    return scheme != "IOE1" or not any(label[0] == "E" and not before.endswith(label[1:]) for before, label in pairs)


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(deadline=None, max_examples=60)
@given(SPANS)
def test_round_trip_and_seqeval_s_strict_reader(scheme, parts):
    spans, n = place(parts)
    labels = spans_to_scheme(spans, n, scheme)
    assert scheme_to_spans(labels, scheme) == spans
    if seqeval_can_read(labels, scheme):
        theirs = seqeval.scheme.Entities([labels], getattr(seqeval.scheme, scheme)).entities[0]
        assert [Span(*entity.to_tuple()[1:]) for entity in theirs] == spans


def random_labels(rng, scheme, n):
    return [rng.choice(["O", *(f"{letter}-{kind}" for letter in SCHEMES[scheme][0] for kind in ("PER", "LOC"))]) for _ in range(n)]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_only_what_the_scheme_would_write_is_read(scheme):
    rng, valid = random.Random(3), 0
    for _ in range(1500):
        labels = random_labels(rng, scheme, rng.randint(1, 4))
        try:
            spans = scheme_to_spans(labels, scheme)
        except InputError:
            continue
        valid += 1
        assert spans_to_scheme(spans, len(labels), scheme) == labels
    assert 100 < valid < 1500


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("strict", [False, True])
def test_every_scheme_against_seqeval_on_random_predictions(scheme, strict):
    rng, y_true, y_pred = random.Random(1), [], []
    while len(y_true) < 150:
        spans, n = place([(rng.choice(["PER", "LOC"]), rng.randint(1, 3), rng.randint(0, 2)) for _ in range(rng.randint(0, 4))])
        labels = spans_to_scheme(spans, n, scheme)
        if seqeval_can_read(labels, scheme):
            y_true.append(labels)
            y_pred.append([label if rng.random() < 0.7 else random_labels(rng, scheme, 1)[0] for label in labels])
    scores = score_entities(y_true=y_true, y_pred=y_pred, strict=strict, scheme=scheme)["overall"]
    options = {"mode": "strict", "scheme": getattr(seqeval.scheme, scheme)} if strict else {}
    if scheme == "BILOU" and not strict:  # lenient seqeval knows the letters of IOBES only
        y_true, y_pred = ([[{"L": "E", "U": "S"}.get(label[0], label[0]) + label[1:] for label in row] for row in side] for side in (y_true, y_pred))
    assert scores["precision"] == pytest.approx(precision_score(y_true, y_pred, **options))
    assert scores["recall"] == pytest.approx(recall_score(y_true, y_pred, **options))
    assert scores["precision"] != scores["recall"] and 0.2 < scores["f1"] < 0.9


def test_seqeval_reads_bilou_leniently_wrong_and_we_do_not():
    labels = ["B-PER", "L-PER", "U-PER"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(get_entities(labels)) == 1
    assert len(scheme_to_spans(labels, "BILOU")) == 2


@pytest.mark.parametrize("labels, scheme, said", [
    (["O", "I-PER"], "IOB2", "label 1 is 'I-PER' where IOB2 has 'B-PER'"), (["B-PER"], "IOB1", "has 'I-PER'"),
    (["B-PER", "O"], "IOBES", "label 0 is 'B-PER' where IOBES has 'S-PER'"), (["S-PER"], "BILOU", "BILOU has O and B-TYPE, I-TYPE, L-TYPE, U-TYPE"),
    (["PER"], "IOB2", "label 0 is 'PER'"), (["B-"], "IOB2", "label 0"), (["O"], "BIO", "no scheme 'BIO': choose IOB1"),
])
def test_labels_that_are_not_of_the_scheme(labels, scheme, said):
    with pytest.raises(InputError, match=said):
        scheme_to_spans(labels, scheme)


def test_spans_that_no_scheme_can_write():
    with pytest.raises(InputError, match="no scheme"):
        spans_to_scheme([], 1, "BIO")
    with pytest.raises(InputError, match="shares a word"):
        spans_to_scheme([Span("PER", 0, 2), Span("LOC", 1, 2)], 2, "BILOU")
    with pytest.raises(InputError, match="gold row 1 is not IOBES.*name the scheme"):
        score_entities(y_true=[["O"], ["B-PER"]], y_pred=[["O"], ["O"]], scheme="IOBES")
    for strict in (False, True):
        with pytest.raises(InputError, match="predicted row 0 is not IOB2: label 0 is 'E-PER': IOB2 has O and B-TYPE, I-TYPE"):
            score_entities(y_true=[["B-PER"]], y_pred=[["E-PER"]], strict=strict)
    with pytest.raises(InputError, match="write it in another scheme"):  # what seqeval's IOE1 loses is not lost silently
        score_entities(y_true=[["E-PER", "I-PER"]], y_pred=[["O", "O"]], strict=True, scheme="IOE1")


# every metric

def nervaluate_counts(y_true, y_pred):
    """Under each of nervaluate's strategies its credit, and the entities predicted and in gold."""
    from nervaluate import Evaluator
    docs = [[[{"label": s.entity_type, "start": s.start, "end": s.end - 1} for s in labels_to_spans(row)] for row in side] for side in (y_true, y_pred)]
    found = Evaluator(*docs, tags=["PER", "ORG", "LOC"], loader="dict").evaluate()["overall"]
    return {name: (result.correct + result.partial / 2, result.actual, result.possible) for name, result in found.items()}


def crossed(y_true, y_pred):
    """Whether an entity overlaps two of the other side, so that nervaluate's order of pairing has a say."""
    sides = [[labels_to_spans(row) for row in side] for side in (y_true, y_pred)]
    return any(sum(a.start < b.end and b.start < a.end for b in others) > 1 for one, other in zip(*sides)
               for mine, others in ((one, other), (other, one)) for a in mine)


NAMES = {"entities, lenient": "strict", "boundaries only": "exact", "partial overlap": "partial", "types only": "ent_type"}


def test_semeval_s_metrics_against_nervaluate():
    pytest.importorskip("nervaluate")
    rng, plain, ours_better = random.Random(5), 0, 0
    for _ in range(250):
        y_true, y_pred = random_pair(rng)
        ours, theirs = score_by_metric(y_true=y_true, y_pred=y_pred), nervaluate_counts(y_true, y_pred)
        unclear = crossed(y_true, y_pred)
        plain += not unclear
        for metric, name in NAMES.items():
            credit, actual, possible = theirs[name]
            assert ours[metric]["support"] == possible
            if unclear and metric == "types only":  # nervaluate may spend a name on an entity of the wrong type first
                assert ours[metric]["recall"] >= credit / max(possible, 1) - 1e-12
                ours_better += ours[metric]["recall"] > credit / max(possible, 1) + 1e-12
            else:
                assert ours[metric]["precision"] == pytest.approx(credit / max(actual, 1)), metric
                assert ours[metric]["recall"] == pytest.approx(credit / max(possible, 1)), metric
    assert plain > 50 and ours_better > 5


def brute_force(gold, found, fits):
    """The most pairs that fit, each entity used once."""
    if not gold:
        return 0
    return max([brute_force(gold[1:], found, fits)]
               + [1 + brute_force(gold[1:], found[:i] + found[i + 1:], fits) for i, other in enumerate(found) if fits(gold[0], other)])


@pytest.mark.parametrize("seed", range(60))
def test_pairs_are_as_many_as_there_can_be(seed):
    y_true, y_pred = random_pair(random.Random(seed))
    meet = typed = 0
    for true, pred in zip(y_true, y_pred):
        gold, found = labels_to_spans(true), labels_to_spans(pred)
        meet += brute_force(gold, found, lambda a, b: a.start < b.end and b.start < a.end)
        typed += brute_force(gold, found, lambda a, b: a.start < b.end and b.start < a.end and a.entity_type == b.entity_type)
        assert len(pair_overlaps(gold, found)) == brute_force(gold, found, lambda a, b: a.start < b.end and b.start < a.end)
    scores = score_by_metric(y_true=y_true, y_pred=y_pred)
    gold, placed = scores["types only"]["support"], scores["boundaries only"]
    assert scores["types only"]["recall"] == pytest.approx(typed / max(gold, 1))
    assert scores["partial overlap"]["recall"] == pytest.approx((meet + placed["recall"] * gold) / 2 / max(gold, 1))


def test_every_metric_by_hand():
    """Four names: one right, one cut, one of another type, one missed; and one invented name of one word."""
    y_true = [["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O", "B-ORG", "O", "B-LOC", "O", "O"]]
    y_pred = [["B-PER", "I-PER", "O", "B-LOC", "O", "O", "B-PER", "O", "O", "O", "O"]]
    scores = score_by_metric(y_true=y_true, y_pred=y_pred, word_ids=[[None, *range(11), 0, 3, None]])
    assert {metric: (round(row["precision"], 4), round(row["recall"], 4), row["support"]) for metric, row in scores.items()} == {
        "entities, strict": (0.3333, 0.25, 4), "entities, lenient": (0.3333, 0.25, 4), "boundaries only": (0.6667, 0.5, 4),
        "partial overlap": (0.8333, 0.625, 4), "types only": (0.6667, 0.5, 4), "words without O": (0.75, 0.5, 6),
        "words with O": (0.7273, 0.7273, 11), "pieces": scores["pieces"] and (0.6, 0.5, 6)}


@pytest.mark.parametrize("seed", range(30))
def test_the_metrics_that_have_a_function_of_their_own_agree_with_it(seed):
    y_true, y_pred = random_pair(random.Random(seed))
    scores = score_by_metric(y_true=y_true, y_pred=y_pred)
    for metric, strict in (("entities, strict", True), ("entities, lenient", False)):
        assert scores[metric] == score_entities(y_true=y_true, y_pred=y_pred, strict=strict)["overall"]
    words = [(t, p) for true, pred in zip(y_true, y_pred) for t, p in zip(true, pred)]
    assert scores["words with O"]["f1"] == pytest.approx(np.mean([t == p for t, p in words]))


def test_pieces_need_the_word_ids_of_the_sentences():
    y_true, y_pred = [["B-PER", "I-PER"]], [["B-PER", "O"]]
    with pytest.raises(InputError, match="1 sentences but word ids of 0"):
        score_by_metric(y_true=y_true, y_pred=y_pred, word_ids=[])
    with pytest.raises(InputError, match="row 0 has 2 words but a token of word 2"):
        score_by_metric(y_true=y_true, y_pred=y_pred, word_ids=[[0, 1, 2]])
    with pytest.raises(InputError, match="gold row 0"):
        score_by_metric(y_true=[["I-PER"]], y_pred=[["O"]])
    lost = score_by_metric(y_true=y_true, y_pred=y_pred, word_ids=[[None, 1, 1, None]])["pieces"]  # the first word has no token
    assert (lost["support"], lost["recall"]) == (1, 0)


def test_differences_are_those_entities_and_no_others():
    y_true = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"], ["B-ORG", "O", "O"], ["O", "O", "O"]]
    y_pred = [["B-PER", "O", "O"], ["I-LOC", "O", "O"], ["B-ORG", "O", "O"], ["O", "O", "B-PER"]]
    rows = list_differences(y_true=y_true, y_pred=y_pred)
    assert [(row["row"], row["whose"], row["span"]) for row in rows] == [
        (0, "gold", Span("PER", 0, 2)), (0, "predicted", Span("PER", 0, 1)), (1, "gold", Span("LOC", 0, 1)), (1, "predicted", Span("LOC", 0, 1))]
    assert [[rows[0][metric] for metric in METRICS[:-1]], [rows[3][metric] for metric in METRICS[:-1]]] == [[0, 0, 0, 0.5, 1, 0.5], [0, 1, 1, 1, 1, 0]]
    words = [["Ana", "Lima", "."], ["Recife", ",", "."], ["Olinda", "FC", "."], ["a", "b", "c"]]
    for lang, said in (("en", "predicted"), ("pt", "previsto")):
        table = differences_table(rows, words, lang)
        assert said in table and "Ana Lima (PER)" in table and len(table.splitlines()) == 6
        assert table.splitlines()[2].split()[-6:] == ["0", "0", "0", "½", "1", "½"]
    with pytest.raises(InputError, match="does not reach"):
        differences_table(rows, words[:1])


@pytest.mark.parametrize("seed", range(20))
def test_the_credits_of_all_entities_add_up_to_the_score(seed):
    from nerteach.metrics import judge_entities
    y_true, y_pred = random_pair(random.Random(seed))
    scores = score_by_metric(y_true=y_true, y_pred=y_pred)
    for whose, value in (("gold", "recall"), ("predicted", "precision")):
        judged = [entity for true, pred in zip(y_true, y_pred) for entity in judge_entities(true, pred, whose)]
        for metric in METRICS[1:5]:
            assert scores[metric][value] == pytest.approx(sum(entity[metric] for entity in judged) / max(len(judged), 1)), (metric, whose)


def test_the_picture_shows_every_metric():
    y_true, y_pred = random_pair(random.Random(2))
    scores = score_by_metric(y_true=y_true, y_pred=y_pred)
    ax = plot_metrics(scores, "pt")
    assert [round(bar.get_width(), 6) for bar in ax.patches] == [round(row["f1"], 6) for row in scores.values()]
    assert "só limites" in ax.get_yticklabels()[2].get_text()


# real systems

def read_system(name):
    """Words, gold and predicted labels of every sentence in a file of `make_systems.py`."""
    sentences = [[line.split("\t") for line in part.splitlines()] for part in (SYSTEMS / f"{name}.conll").read_text(encoding="utf-8").split("\n\n")]
    return tuple([[line[column] for line in sentence] for sentence in sentences] for column in range(3))


@pytest.mark.parametrize("name", ["en.minilm", "en.weak", "pt.minilm", "pt.weak"])
def test_real_systems_to_two_decimals(name):
    words, y_true, y_pred = read_system(name)
    corpus = load_corpus("nerteach", name[:2])["test"]
    assert words == list(corpus["tokens"]) and y_true == named_labels(corpus), "run tests/systems/make_systems.py again"
    ours = score_entities(y_true=y_true, y_pred=y_pred)
    assert ours["overall"]["precision"] != ours["overall"]["recall"]
    theirs = classification_report(y_true, y_pred, output_dict=True)
    for row, key in {"overall": "micro avg", "macro": "macro avg", "PER": "PER", "ORG": "ORG", "LOC": "LOC"}.items():
        assert [f"{100 * ours[row][value]:.2f}" for value in ("precision", "recall", "f1")] == [
            f"{100 * theirs[key][value]:.2f}" for value in ("precision", "recall", "f1-score")]
    right, predicted, gold = conlleval_counts(y_true, y_pred)
    assert f"{100 * ours['overall']['f1']:.2f}" == f"{200 * right.total() / (predicted.total() + gold.total()):.2f}"


@pytest.mark.parametrize("name", ["en.minilm", "en.weak", "pt.minilm", "pt.weak"])
def test_real_systems_against_the_conlleval_package(name):
    conlleval = pytest.importorskip("conlleval")
    _, y_true, y_pred = read_system(name)
    lines = [line for true, pred in zip(y_true, y_pred) for line in [*(f"word {t} {p}" for t, p in zip(true, pred)), ""]]
    report = conlleval.report(conlleval.evaluate(lines))
    scores, ours = score_entities(y_true=y_true, y_pred=y_pred), {}
    for kind in ("PER", "ORG", "LOC"):
        row = scores[kind]
        ours[kind] = f"precision: {100 * row['precision']:6.2f}%; recall: {100 * row['recall']:6.2f}%; FB1: {100 * row['f1']:6.2f}"
    for line in ours.values():
        assert line.replace(" ", "") in report.replace(" ", "")
    overall, accuracy = scores["overall"], score_by_metric(y_true=y_true, y_pred=y_pred)["words with O"]["f1"]
    assert (f"accuracy: {100 * accuracy:.2f}%; precision: {100 * overall['precision']:.2f}%; recall: {100 * overall['recall']:.2f}%; "
            f"FB1: {100 * overall['f1']:.2f}").replace(" ", "") in report.replace(" ", "")


def test_the_published_example_of_conll_2000():
    """https://www.cnts.ua.ac.be/conll2000/chunking/output.html: 459 phrases, 539 found, 371 of them correct."""
    row = rates(Counter(right=371, predicted=539, gold=459))
    assert [f"{100 * row[key]:.2f}" for key in ("precision", "recall", "f1")] == ["68.83", "80.83", "74.35"] and row["support"] == 459


def test_how_far_one_metric_can_mislead_on_wikiann(wikiann, tokenizer, monkeypatch):
    """The seed's figures, whose draws are not known: ours may differ in the third decimal."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from metric_damage import damage
    test = wikiann("en")["test"]
    y_true, word_ids = named_labels(test), encode_words(test, tokenizer)["word_ids"]
    for how, by_entity, by_piece in (("end", 0.837, 0.896), ("start", 0.837, 0.844), ("type", 0.798, 0.802)):
        rng = random.Random(0)
        scores = score_by_metric(y_true=y_true, y_pred=[damage(labels, rng, how) for labels in y_true], word_ids=word_ids)
        assert scores["entities, strict"]["f1"] == pytest.approx(by_entity, abs=0.006)
        assert scores["pieces"]["f1"] == pytest.approx(by_piece, abs=0.006)


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_lesson_quotes_what_the_damage_did(lang):
    measured = json.loads((ROOT / "benchmarks" / "metric_damage.json").read_text(encoding="utf-8"))["en"]
    cells = json.loads((ROOT / "nbs" / lang / "03_metrics.ipynb").read_text(encoding="utf-8"))["cells"]
    prose = "".join(next(cell["source"] for cell in cells if cell["id"] == "metric-damage-says"))
    for rows in measured.values():
        assert f"{rows['entities, lenient']['f1']:.3f} {'and' if lang == 'en' else 'e'} {rows['pieces']['f1']:.3f}" in prose


# intervals in every row

def test_intervals_of_every_row_against_scipy():
    y_true, y_pred = many_pairs(120)
    ours = score_with_intervals(y_true=y_true, y_pred=y_pred, resamples=4000)
    plain = score_entities(y_true=y_true, y_pred=y_pred)
    assert {name: {key: row[key] for key in plain[name]} for name, row in ours.items()} == plain
    for kind in ("PER", "ORG", "LOC"):
        only = [[[label if label[2:] == kind else "O" for label in row] for row in side] for side in (y_true, y_pred)]
        theirs = bootstrap(tuple(count_matches(*only).T), micro_f1, paired=True, method="percentile", n_resamples=4000,
                           random_state=np.random.default_rng(1)).confidence_interval
        assert (ours[kind]["low"], ours[kind]["high"]) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    macro = bootstrap((np.arange(120),), lambda rows: score_entities(y_true=[y_true[i] for i in rows], y_pred=[y_pred[i] for i in rows])["macro"]["f1"],
                      method="percentile", n_resamples=300, vectorized=False, random_state=np.random.default_rng(1)).confidence_interval
    assert (ours["macro"]["low"], ours["macro"]["high"]) == pytest.approx((macro.low, macro.high), abs=0.02)
    assert (ours["overall"]["low"], ours["overall"]["high"]) == f1_interval(y_true=y_true, y_pred=y_pred, resamples=4000)


class Rows:
    """A sequence that is no list, as inference has one."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, row):
        return self.rows[row]


def test_the_order_of_the_sentences_has_no_say():
    y_true, y_pred = many_pairs(60)
    order = random.Random(0).sample(range(60), 60)
    shuffled = [y_true[i] for i in order], [y_pred[i] for i in order]
    assert f1_interval(y_true=y_true, y_pred=y_pred) == f1_interval(*shuffled)
    assert score_with_intervals(y_true=y_true, y_pred=y_pred) == score_with_intervals(*map(Rows, shuffled))
    other = [to_iob2(row) for row in y_pred]
    assert compare_predictions(y_true, y_pred, other, resamples=200) == compare_predictions(
        shuffled[0], shuffled[1], [other[i] for i in order], resamples=200)


def test_intervals_of_a_rare_type_and_of_nothing():
    y_true = [["B-PER"]] * 9 + [["B-LOC"]]
    rows = score_with_intervals(y_true=y_true, y_pred=y_true)
    assert (rows["LOC"]["low"], rows["LOC"]["high"]) == (0, 1)  # a third of the draws have no place in them
    assert (rows["overall"]["low"], rows["macro"]["low"]) == (1, 1)
    nothing = score_with_intervals(y_true=[["O"]], y_pred=[["O"]])
    assert set(nothing["overall"].values()) == {0} and list(nothing) == ["overall", "macro"]
    with pytest.raises(InputError, match="no sentence to draw"):
        score_with_intervals(y_true=[], y_pred=[])


@pytest.mark.parametrize("lang, title", [("en", "95% interval"), ("pt", "intervalo de 95%")])
def test_the_table_prints_intervals_where_there_are_some(lang, title):
    y_true, y_pred = many_pairs(30)
    table = scores_table(score_with_intervals(y_true=y_true, y_pred=y_pred), lang)
    plain = scores_table(score_entities(y_true=y_true, y_pred=y_pred), lang)
    assert title in table.splitlines()[0] and title not in plain and len({len(line) for line in table.splitlines()}) == 1
    assert all(line.startswith(short) for line, short in zip(table.splitlines(), plain.splitlines()))


# two models

def three_predictions(sentences, seed):
    rng = random.Random(seed)
    gold = [to_iob2(rng.choices(LABELS, k=rng.randint(2, 9))) for _ in range(sentences)]
    return gold, *([[label if rng.random() < keep else rng.choice(LABELS) for label in row] for row in gold] for keep in (0.7, 0.8))


def difference(right_a, found_a, right_b, found_b, gold, axis=-1):
    return micro_f1(right_b, found_b, gold, axis) - micro_f1(right_a, found_a, gold, axis)


@pytest.mark.parametrize("seed", range(3))
def test_comparison_against_scipy(seed):
    gold, a, b = three_predictions(100, seed)
    ours = compare_predictions(gold, a, b)
    (right_a, found_a, support), (right_b, found_b, _) = count_matches(gold, a).T, count_matches(gold, b).T
    assert ours.difference == pytest.approx(difference(right_a, found_a, right_b, found_b, support)) == pytest.approx(ours.f1_b - ours.f1_a)
    assert ours.f1_a == pytest.approx(score_entities(y_true=gold, y_pred=a)["overall"]["f1"])
    theirs = bootstrap((right_a, found_a, right_b, found_b, support), difference, paired=True, method="percentile", n_resamples=4000,
                       random_state=np.random.default_rng(1)).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012) and ours.high - ours.low > 0.05
    assert ours.differing == sum(x != y for x, y in zip(a, b)) and ours.sentences == 100


@pytest.mark.parametrize("seed", range(5))
def test_p_value_against_scipy_s_exact_permutation(seed):
    gold, a, b = three_predictions(9, seed)
    rows = np.arange(9)
    counts = np.stack([count_matches(gold, a), count_matches(gold, b)])

    def swapped(first, second):  # scipy permutes which of the two each sentence takes: index 0-8 is a, 9-17 is b
        one, two = (counts[np.asarray(side) // 9, np.asarray(side) % 9].sum(axis=0) for side in (first, second))
        return micro_f1(*two[..., None]) - micro_f1(*one[..., None])
    exact = permutation_test((rows, rows + 9), swapped, permutation_type="samples", vectorized=False, n_resamples=np.inf).pvalue
    assert compare_predictions(gold, a, b, resamples=20_000).p_value == pytest.approx(exact, abs=0.02)


def test_p_values_are_uniform_where_there_is_no_difference():
    values = []
    for seed in range(120):
        rng = random.Random(seed)
        gold = [to_iob2(rng.choices(LABELS, k=6)) for _ in range(40)]
        a, b = ([[label if rng.random() < 0.75 else rng.choice(LABELS) for label in row] for row in gold] for _ in range(2))
        values.append(compare_predictions(gold, a, b, resamples=300).p_value)
    assert kstest(values, "uniform").pvalue > 0.01 and sum(p < 0.05 for p in values) < 14


def test_a_difference_is_found_and_no_difference_is_none():
    gold, a, b = three_predictions(300, 0)
    better = compare_predictions(gold, a, b)
    assert better.difference > 0 and better.low > 0 and better.p_value < 0.001
    back = compare_predictions(gold, b, a)
    assert back.difference == -better.difference and back.high < 0
    same = compare_predictions(gold, a, a)
    assert (same.difference, same.low, same.high, same.p_value, same.differing) == (0, 0, 0, 1, 0)
    for lang, said in (("en", "do not tell the two apart"), ("pt", "não bastam")):
        assert said in describe_comparison(same, lang=lang) and said not in describe_comparison(better, ("weak", "strong"), lang)
    assert describe_comparison(better, ("weak", "strong")).splitlines()[1] == f"strong  F1 {better.f1_b:.4f}"


@pytest.mark.parametrize("bad, said", [([["O"]], "2 gold sentences but 1"), ([["O"], ["O", "O"]], "row 1 has 1 gold labels but 2")])
def test_comparisons_that_cannot_be_made(bad, said):
    gold = [["B-PER"], ["O"]]
    for pair in ((gold, bad), (bad, gold)):
        with pytest.raises(InputError, match=said):
            compare_predictions(gold, *pair)
    with pytest.raises(InputError, match="compare at least one"):
        compare_predictions([], [], [])
    with pytest.raises(InputError, match="gold row 0"):
        compare_predictions([["I-PER"]], [["O"]], [["O"]])


# several runs

def test_runs_by_hand():
    runs = [{"overall": {"precision": p, "recall": 0.5, "f1": f, "support": 4}, "macro": {"precision": p, "recall": 0.5, "f1": f, "support": 4}}
            for p, f in ((0.6, 0.5), (0.8, 0.6), (1.0, 0.7))]
    runs[1]["ORG"] = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}  # invented in one run only
    summary = summarize_runs(runs)
    assert summary["overall"] == pytest.approx({"precision": 0.8, "recall": 0.5, "f1": 0.6, "precision_sd": 0.2, "recall_sd": 0.0, "f1_sd": 0.1,
                                                "support": 4, "runs": 3})
    assert (summary["ORG"]["runs"], summary["ORG"]["f1_sd"]) == (1, None)
    for lang, said in (("en", "runs"), ("pt", "execuções")):
        table = runs_table(summary, lang)
        assert said in table and "0.8000 ± 0.2000" in table and len({len(line) for line in table.splitlines()}) == 1
    assert [line.split()[0] for line in runs_table(summary).splitlines()[1:]] == ["ORG", "overall", "macro"]


def test_runs_that_cannot_be_summarized():
    one = score_entities(y_true=[["B-PER", "O"]], y_pred=[["B-PER", "B-PER"]])
    with pytest.raises(InputError, match="at least two"):
        summarize_runs([one])
    other = score_entities(y_true=[["B-PER", "B-PER"]], y_pred=[["B-PER", "O"]])
    with pytest.raises(InputError, match="same split"):
        summarize_runs([one, other])


def test_runs_on_other_splits_are_not_averaged():
    one = {"overall": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 5}, "PER": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 5}}
    with pytest.raises(InputError, match="PER has the supports .0, 5."):
        summarize_runs([one, {"overall": one["overall"]}])


def test_at_least_one_draw():
    with pytest.raises(InputError, match="resamples is 0"):
        score_with_intervals([["B-PER"]], [["B-PER"]], resamples=0)
