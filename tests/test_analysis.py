"""Errors, confusions, groups and losses: every name is accounted for, and scores are those of lesson 3, scikit-learn and torch."""
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as confusion_of_labels

from nerteach.analysis import (ERROR_KINDS, EntityError, bucket, by_column, by_entity_length, by_seen, by_tokens_per_word, confusion_matrix,
                               count_errors, find_errors, list_errors, pair_entities, plot_confusion, plot_errors, plot_group_scores,
                               plot_word_losses, score_groups, sentence_losses, text_table, worst_sentences)
from nerteach.data import InputError, Span, labels_to_spans, named_labels, say, spans_to_labels, to_iob2
from nerteach.metrics import count_matches, f1_interval, score_entities

LABELS = ["O", "O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]


@st.composite
def two_labellings(draw):
    """Gold (IOB2) and predicted labels of some sentences; half of the predicted words agree with gold."""
    rng = random.Random(draw(st.integers(0, 10**6)))
    gold = [to_iob2(rng.choices(LABELS, k=rng.randint(1, 10))) for _ in range(rng.randint(1, 5))]
    return gold, [[label if rng.random() < 0.5 else rng.choice(LABELS) for label in labels] for labels in gold]


def overlap(a, b):
    return min(a.end, b.end) > max(a.start, b.start)


def spans_of(labelled):
    return [(row, span) for row, labels in enumerate(labelled) for span in labels_to_spans(labels)]


PLACE = Span("LOC", 0, 4)


@pytest.mark.parametrize("gold, predicted, pairs", [
    ([], [], []),
    ([PLACE], [], [(PLACE, None)]),
    ([], [PLACE], [(None, PLACE)]),
    ([PLACE], [PLACE], [(PLACE, PLACE)]),
    ([PLACE], [Span("LOC", 4, 5)], [(PLACE, None), (None, Span("LOC", 4, 5))]),  # side by side is not together
    ([PLACE], [Span("ORG", 0, 3), Span("LOC", 3, 4)], [(PLACE, Span("ORG", 0, 3)), (None, Span("LOC", 3, 4))]),  # words before type
    ([PLACE], [Span("ORG", 0, 2), Span("LOC", 2, 4)], [(PLACE, Span("LOC", 2, 4)), (None, Span("ORG", 0, 2))]),  # type before place
    ([PLACE], [Span("LOC", 0, 2), Span("LOC", 2, 4)], [(PLACE, Span("LOC", 0, 2)), (None, Span("LOC", 2, 4))]),  # then the leftmost
    ([Span("PER", 0, 1), Span("PER", 1, 3)], [Span("PER", 0, 3)], [(Span("PER", 0, 1), None), (Span("PER", 1, 3), Span("PER", 0, 3))]),
    # a chain: the middle pair shares most and leaves both ends alone
    ([Span("PER", 0, 3), Span("PER", 5, 6)], [Span("PER", 1, 6)], [(Span("PER", 0, 3), Span("PER", 1, 6)), (Span("PER", 5, 6), None)]),
])
def test_pairs(gold, predicted, pairs):
    assert sorted(pair_entities(gold, predicted), key=str) == sorted(pairs, key=str)


@settings(max_examples=200, deadline=None)
@given(two_labellings())
def test_each_entity_is_paired_once_and_only_with_what_it_overlaps(pair):
    for true, pred in zip(*pair):
        gold, predicted = labels_to_spans(true), labels_to_spans(pred)
        pairs = pair_entities(gold, predicted)
        assert [g for g, _ in pairs if g] == gold and sorted(p for _, p in pairs if p) == sorted(predicted)
        assert all(overlap(g, p) for g, p in pairs if g and p)
        alone, invented = [g for g, p in pairs if p is None], [p for g, p in pairs if g is None]
        assert not [(g, p) for g in alone for p in invented if overlap(g, p)], "two that overlap were both left alone"
        assert {(span, span) for span in set(gold) & set(predicted)} <= set(pairs)
        assert {(p, g) for g, p in pairs} == set(pair_entities(predicted, gold)), "the rule favours one side"


@settings(max_examples=200, deadline=None)
@given(two_labellings())
def test_right_and_errors_account_for_everything(pair):
    y_true, y_pred = pair
    errors = find_errors(y_true=y_true, y_pred=y_pred)
    right = set(spans_of(y_true)) & set(spans_of(y_pred))
    assert sorted([(e.row, e.gold) for e in errors if e.gold] + list(right)) == sorted(spans_of(y_true))
    assert sorted([(e.row, e.predicted) for e in errors if e.predicted] + list(right)) == sorted(spans_of(y_pred))
    for error in errors:
        gold, predicted = error.gold, error.predicted
        assert {"missed": predicted is None, "invented": gold is None}.get(error.kind, bool(gold and predicted))
        if gold and predicted:
            assert ("type" in error.kind) == (gold.entity_type != predicted.entity_type)
            assert ("boundary" in error.kind) == (spans_to_labels([gold], 10) != spans_to_labels([Span(gold.entity_type, predicted.start, predicted.end)], 10))


@settings(max_examples=100, deadline=None)
@given(two_labellings())
def test_counts_lead_back_to_the_scores(pair):
    y_true, y_pred = pair
    scores, counts = score_entities(y_true=y_true, y_pred=y_pred), count_errors(y_true=y_true, y_pred=y_pred)
    right, predicted, gold = count_matches(y_true, y_pred).sum(axis=0)
    row = counts["overall"]
    assert (row["right"], row["support"], row["support"] - row["missed"] + row["invented"]) == (right, gold, predicted)
    for name, row in counts.items():
        assert sum(row[kind] for kind in ("right", *ERROR_KINDS)) == row["support"] + row["invented"]
        if row["support"]:
            assert row["right"] / row["support"] == pytest.approx(scores[name]["recall"]) and row["support"] == scores[name]["support"]


@settings(max_examples=100, deadline=None)
@given(two_labellings())
def test_gold_and_predicted_change_places(pair):
    """Missed and invented trade places, the other kinds stay: swapped arguments are seen at once."""
    y_true, y_pred = pair
    one, other = (count_errors(y_true=a, y_pred=b)["overall"] for a, b in ((y_true, y_pred), (y_pred, y_true)))
    assert (one["missed"], one["invented"]) == (other["invented"], other["missed"])
    assert [one[kind] for kind in ("right", *ERROR_KINDS[:3])] == [other[kind] for kind in ("right", *ERROR_KINDS[:3])]
    rows, columns = confusion_matrix(y_true=y_true, y_pred=y_pred), confusion_matrix(y_true=y_pred, y_pred=y_true)
    assert all(rows[a][b] == columns[b][a] for a in rows for b in rows)


def test_missed_is_not_invented():
    assert find_errors(y_true=[["B-PER", "O"]], y_pred=[["O", "O"]]) == [EntityError("missed", 0, Span("PER", 0, 1), None)]
    assert find_errors(y_true=[["O", "O"]], y_pred=[["O", "B-PER"]]) == [EntityError("invented", 0, None, Span("PER", 1, 2))]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["O", "B-LOC", "B-ORG", "B-PER"]), st.sampled_from(["O", "B-LOC", "B-ORG", "B-PER"])), min_size=1, max_size=30))
def test_confusion_against_scikit_learn(words):
    """Where every name is one word, the matrix of entities is that of the words."""
    y_true, y_pred = [["B-PER", *(true for true, _ in words)]], [["B-PER", *(pred for _, pred in words)]]
    matrix = confusion_matrix(y_true=y_true, y_pred=y_pred)
    labels = ["O" if name == "nothing" else f"B-{name}" for name in matrix]
    theirs = confusion_of_labels(y_true[0], y_pred[0], labels=labels)
    theirs[-1, -1] = 0  # words outside every name are no entities
    assert [list(row.values()) for row in matrix.values()] == theirs.tolist()


@settings(max_examples=100, deadline=None)
@given(two_labellings())
def test_confusion_adds_up(pair):
    y_true, y_pred = pair
    matrix, counts = confusion_matrix(y_true=y_true, y_pred=y_pred), count_errors(y_true=y_true, y_pred=y_pred)
    for name in matrix:
        if name != "nothing":
            assert sum(matrix[name].values()) == sum(span.entity_type == name for _, span in spans_of(y_true)) == counts[name]["support"]
            assert sum(row[name] for row in matrix.values()) == sum(span.entity_type == name for _, span in spans_of(y_pred))
            assert matrix[name][name] == counts[name]["right"] + counts[name]["boundary"]
    assert matrix["nothing"]["nothing"] == 0 and sum(matrix["nothing"].values()) == counts["overall"]["invented"]


@pytest.mark.parametrize("y_true, y_pred, said", [
    ([["O"]], [], "1 gold sentences but 0"), ([["O"], ["O", "O"]], [["O"], ["O"]], "row 1 has 2 gold labels but 1"),
    ([["O"], ["PER"]], [["O"], ["O"]], "row 1: label 0 is 'PER'"), ([["O"], ["O"]], [["O"], ["X-"]], "row 1: label 0 is 'X-'"),
])
def test_bad_labels_are_refused(y_true, y_pred, said):
    for look in (find_errors, count_errors, confusion_matrix, lambda y_true, y_pred: score_groups(y_true, y_pred, by_entity_length())):
        with pytest.raises(InputError, match=said):
            look(y_true=y_true, y_pred=y_pred)


def test_types_called_like_a_row_are_refused():
    with pytest.raises(InputError, match="'overall', like a row of the table: rename it"):
        count_errors(y_true=[["B-overall"]], y_pred=[["O"]])
    with pytest.raises(InputError, match="'nothing', like a row of the table: rename it"):
        confusion_matrix(y_true=[["O"]], y_pred=[["B-nothing"]])


@settings(max_examples=40, deadline=None)
@given(two_labellings())
def test_groups_against_the_scores_of_lesson_3(pair):
    y_true, y_pred = pair
    scores = score_entities(y_true=y_true, y_pred=y_pred)
    together = score_groups(y_true=y_true, y_pred=y_pred, group_of=lambda row, span: ("all",))
    if spans_of(y_true) or spans_of(y_pred):
        assert {name: together["all"][name] for name in scores["overall"]} == pytest.approx(scores["overall"])
        assert (together["all"]["low"], together["all"]["high"]) == f1_interval(y_true=y_true, y_pred=y_pred)
    by_type = score_groups(y_true=y_true, y_pred=y_pred, group_of=lambda row, span: (span.entity_type,))
    for name, row in by_type.items():
        if row["support"]:
            assert {value: row[value] for value in scores[name]} == pytest.approx(scores[name])


@settings(max_examples=40, deadline=None)
@given(two_labellings(), st.lists(st.sampled_from(["news", "sport"]), min_size=5, max_size=5))
def test_groups_of_sentences_are_the_sentences_alone(pair, genres):
    """Scored as a group or as a corpus of its own, and in sum: the same."""
    y_true, y_pred = pair
    grouped = score_groups(y_true=y_true, y_pred=y_pred, group_of=by_column(genres))
    for name, row in grouped.items():
        chosen = [i for i in range(len(y_true)) if genres[i] == name]
        alone = score_entities(y_true=[y_true[i] for i in chosen], y_pred=[y_pred[i] for i in chosen])["overall"]
        assert {value: row[value] for value in alone} == pytest.approx(alone)
        assert row["sentences"] == sum(bool(labels_to_spans(y_true[i]) or labels_to_spans(y_pred[i])) for i in chosen)
    for group_of in (by_column(genres), by_entity_length((1, 2))):
        grouped = score_groups(y_true=y_true, y_pred=y_pred, group_of=group_of)
        assert sum(row["support"] for row in grouped.values()) == len(spans_of(y_true))
        assert sum(row["predicted"] for row in grouped.values()) == len(spans_of(y_pred))


def test_a_prediction_may_lie_in_another_group_than_its_name():
    y_true = [["B-PER", "I-PER", "O"], ["B-LOC", "I-LOC", "O"], ["B-ORG", "O", "O"]]
    y_pred = [["B-PER", "I-PER", "O"], ["B-LOC", "O", "O"], ["B-ORG", "O", "O"]]
    groups = score_groups(y_true=y_true, y_pred=y_pred, group_of=by_entity_length())
    assert (groups["2"]["precision"], groups["2"]["recall"], groups["2"]["support"], groups["2"]["predicted"]) == (1, 0.5, 2, 1)
    assert (groups["1"]["precision"], groups["1"]["recall"], groups["1"]["support"], groups["1"]["predicted"]) == (0.5, 1, 1, 2)


def test_groups_may_share_entities_and_may_leave_some_out():
    groups = score_groups(y_true=[["B-PER"], ["B-PER"]], y_pred=[["B-PER"], ["O"]], group_of=lambda row, span: (("a", "b"), ())[row])
    assert set(groups) == {"a", "b"} and groups["a"] == groups["b"] and groups["a"]["recall"] == 1
    assert score_groups(y_true=[], y_pred=[], group_of=by_entity_length()) == {}


@pytest.mark.parametrize("given", ["all", ["all"], None, (2026,)])
def test_groups_must_be_tuples_of_names(given):
    with pytest.raises(InputError, match="row 1: group_of gave .* give a tuple of names"):
        score_groups(y_true=[["O"], ["O"]], y_pred=[["O"], ["B-PER"]], group_of=lambda row, span: given)


@pytest.mark.parametrize("value, groups", [("sport", ("sport",)), (2026, ("2026",)), (["a", "b"], ("a", "b")), ([], ("plain",))])
def test_groups_by_column(value, groups):
    assert by_column(["", value])(1, Span("PER", 0, 1)) == groups
    with pytest.raises(InputError, match="row 2 has no value, there are only 2"):
        by_column(["", value])(2, Span("PER", 0, 1))


def test_groups_come_in_the_order_of_their_numbers():
    y_true = [spans_to_labels([Span("PER", 0, n)], 25) for n in (1, 2, 5, 11, 25)]
    assert list(score_groups(y_true, y_true, by_entity_length((1, 4, 10, 20)))) == ["1", "2-4", "5-10", "11-20", "21+"]


@settings(max_examples=200)
@given(st.integers(0, 200), st.lists(st.integers(1, 100), max_size=5, unique=True).map(sorted).map(tuple))
def test_bucket_holds_its_number(value, ends):
    name = bucket(value, ends)
    low, _, high = name.partition("-")
    if name.endswith("+"):
        assert value >= int(name[:-1]) == max(ends, default=0) + 1
    else:
        assert int(low) <= value <= int(high or low) and (value == 0 or int(high or low) in ends)


@pytest.mark.parametrize("ends", [(3, 2), (2, 2), (0, 1), (-1,)])
def test_ends_must_rise(ends):
    with pytest.raises(InputError, match="do not rise"):
        bucket(1, ends)


def test_tokens_per_word_of_a_real_tokenizer(tokenizer):
    words = ["Ana", "Conceição", "\u200e", "Recife"]
    word_ids = tokenizer(words, is_split_into_words=True).word_ids()
    assert word_ids.count(1) == 4 and 2 not in word_ids
    group_of = by_tokens_per_word([word_ids])
    assert [group_of(0, Span("PER", start, end)) for start, end in ((0, 1), (0, 2), (1, 3), (2, 3))] == [("1",), ("4+",), ("0",), ("0",)]
    with pytest.raises(InputError, match="row 1 has no value, there are only 1"):
        group_of(1, Span("PER", 0, 1))


def test_seen_by_words_and_type():
    group_of = by_seen([["Rio", "Branco", "Ana"]], [["B-LOC", "I-LOC", "B-PER"]], [["Rio", "Branco", "rio", "Ana"]])
    assert [group_of(0, span)[0] for span in (Span("LOC", 0, 2), Span("PER", 0, 2), Span("LOC", 0, 1), Span("LOC", 2, 3), Span("PER", 3, 4))] == [
        "seen, same type", "seen, other type", "unseen", "unseen", "seen, same type"]
    with pytest.raises(InputError, match="row 1 has no value"):
        group_of(1, Span("PER", 0, 1))


@pytest.mark.parametrize("lang, same, either", [("en", 0.178, 0.184), ("pt", 0.365, 0.368)])
def test_seen_mentions_of_wikiann(wikiann, lang, same, either):
    corpus = wikiann(lang)
    group_of = by_seen(corpus["train"]["tokens"], named_labels(corpus["train"]), corpus["test"]["tokens"])
    groups = [group_of(row, span)[0] for row, span in spans_of(named_labels(corpus["test"]))]
    assert groups.count("seen, same type") / len(groups) == pytest.approx(same, abs=0.0005)
    assert 1 - groups.count("unseen") / len(groups) == pytest.approx(either, abs=0.0005)


@pytest.mark.parametrize("probabilities, loss", [([1.0], 0), ([0.5, 0.25], 1.5 * math.log(2)), ([None, 0.5], math.log(2)), ([None], None), ([], None),
                                                 ([0.0], -math.log(1e-12))])
def test_loss_by_hand(probabilities, loss):
    assert sentence_losses([probabilities]) == [pytest.approx(loss)]


def test_loss_against_torch():
    torch = pytest.importorskip("torch")
    logits, gold = torch.randn(12, 7, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 7
    probabilities = logits.softmax(-1)[range(12), gold].tolist()
    theirs = torch.nn.functional.cross_entropy(logits, gold).item()
    assert theirs > 1 and sentence_losses([probabilities + [None]])[0] == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("probability", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(probability):
    with pytest.raises(InputError, match="row 1 has the probability .* from 0 to 1"):
        sentence_losses([[0.5], [None, probability]])


def test_worst_sentences_come_first_and_blind_ones_not_at_all():
    sentences = [["a", "b"], ["c", "d", "e"], ["f"], ["g"]]
    rows = worst_sentences([[0.9, 0.8], [0.5, None, 0.02], [None], [0.2]], sentences, n=2, margin=1)
    assert rows == [{"row": 1, "loss": pytest.approx((math.log(2) + math.log(50)) / 2), "not seen": 1, "worst word": "e", "sentence": "… d e"},
                    {"row": 3, "loss": pytest.approx(math.log(5)), "not seen": 0, "worst word": "g", "sentence": "g"}]


def test_errors_are_listed_in_their_place():
    errors = find_errors(y_true=[["O", "O", "B-PER", "I-PER", "O", "O"]], y_pred=[["B-LOC", "O", "B-PER", "O", "O", "O"]])
    assert list_errors(errors, [list("abcdef")], "pt", margin=1) == [
        {"row": 0, "kind": "inventadas", "gold": None, "predicted": "a (LOC)", "sentence": "a b …"},
        {"row": 0, "kind": "limites", "gold": "c d (PER)", "predicted": "c (PER)", "sentence": "… b c d e …"}]


def test_sentences_of_another_split_are_refused():
    errors = find_errors(y_true=[["O", "B-PER"]], y_pred=[["O", "O"]])
    with pytest.raises(InputError, match="row 0 has 1 words and no room for .* the same split"):
        list_errors(errors, [["a"]])
    with pytest.raises(InputError, match="row 0 has no value, there are only 0"):
        list_errors(errors, [])
    with pytest.raises(InputError, match="row 0 has 1 words and no room"):
        by_seen([], [], [["a"]])(0, Span("PER", 1, 2))
    with pytest.raises(InputError, match="row 1 has 2 words but 1 probabilities"):
        worst_sentences([[0.9], [0.5]], [["a"], ["b", "c"]])
    with pytest.raises(InputError, match="2 words, 2 labels and 1 probabilities"):
        plot_word_losses(["a", "b"], ["O", "O"], [0.5])


def test_tables_are_aligned_and_in_the_reader_s_language():
    table = text_table({"PER": {"right": 7, "f1": 0.25}, "overall": {"right": 12, "f1": None}}, "pt")
    assert table == "       certas     F1\nPER         7  0.250\ngeral      12      -"
    assert text_table([{"sentence": "a b", "row": 1}, {"sentence": None, "row": 20}]) == "sentence  row\na b         1\n-          20"
    assert text_table([]) == text_table({}) == ""


def test_headings_are_translated():
    pair = {"y_true": [["B-PER"]], "y_pred": [["B-LOC"]]}
    columns = {*count_errors(**pair)["overall"], "overall", "nothing", *score_groups(**pair, group_of=by_entity_length())["1"],
               *list_errors(find_errors(**pair), [["a"]])[0], *worst_sentences([[0.5]], [["a"]])[0], *ERROR_KINDS, "errors",
               "seen, same type", "seen, other type", "unseen", "plain"}
    assert [column for column in columns if say(column, "pt") == column] == []


@pytest.fixture
def ax():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots()
    yield ax
    pyplot.close(figure)


def test_plots_draw_on_the_axes_they_are_given(ax):
    pair = {"y_true": [["B-PER", "B-LOC", "O"]], "y_pred": [["B-PER", "O", "B-PER"]]}
    groups = score_groups(**pair, group_of=by_column(["sport"]))
    for plot, value in ((plot_errors, count_errors(**pair)), (plot_confusion, confusion_matrix(**pair)), (plot_group_scores, groups)):
        ax.clear()
        assert plot(value, "pt", ax) is ax
    assert [label.get_text() for label in ax.get_yticklabels()] == ["sport (2)"]
    ax.clear()
    assert plot_word_losses(["a", "b"], ["B-PER", "O"], [0.5, None], "pt", ax) is ax and ax.get_ylabel() == "perda"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a B-PER", "b"] and [text.get_text() for text in ax.texts] == ["?"]


def test_numbers_can_be_read_on_dark_and_light_cells(ax):
    plot_confusion({"PER": {"PER": 90, "nothing": 1}, "nothing": {"PER": 40, "nothing": 0}}, ax=ax)
    assert [(text.get_text(), text.get_color()) for text in ax.texts] == [("90", "white"), ("1", "black"), ("40", "black")]
