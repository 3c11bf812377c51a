"""Long sentences and offsets over random input, with a model that labels by a rule instead of by training; memory that runs out; cards and uploads."""
import math
import random
import re
import warnings
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from string import Formatter
from threading import Thread
from types import SimpleNamespace
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
from datasets import Dataset
from huggingface_hub import HfApi, ModelCard, RepoUrl, constants
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import filter_repo_objects
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from transformers import BertConfig, BertForTokenClassification

from nerteach.align import cut_windows, encode_words, find_lost_words, restore_words
from nerteach.data import InputError, InputNote, build_corpus, load_corpus, named_labels, split_words
from nerteach.inference import (CAPITALS, CARD, CardFacts, Tagger, compare_words, evaluate_tagger, gold_probabilities,
                                label_words, load_tagger, mark_entities, push_to_hub, tag_texts, word_logits, write_model_card)
from nerteach.metrics import score_entities
from nerteach.train import SplitScorer, TrainConfig, fine_tune


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


def test_batches_and_blocks_change_no_answer(rule_tagger):
    rng = random.Random(0)
    sentences = [["Recife", "and", "Olinda", "are", "old"][:rng.randint(0, 5)] for _ in range(2300)]
    whole = label_words(rule_tagger, iter(sentences))
    assert [len(answer) for answer in whole] == [len(words) for words in sentences]
    for row in (0, 999, 1000, 2299):
        assert label_words(rule_tagger, [sentences[row]], batch_size=1) == [whole[row]]
    assert label_words(rule_tagger, sentences[:1500], batch_size=7) == whole[:1500]


def test_evaluation_counts_the_words_that_encoding_loses(rule_tagger, tokenizer):
    room = rule_tagger.max_length - 2
    rows = [["\u200e", "a"], ["a"] * (room + 3), ["☃"]] + [["a"]] * 1200 + [["\u200e"]]
    dataset = one_split(rows)
    _, lost = evaluate_tagger(rule_tagger, {"test": dataset}, "test", score_entities)
    assert lost == find_lost_words(dataset, encode_words(dataset, tokenizer, max_length=rule_tagger.max_length), tokenizer)
    assert lost.vanished == [(0, 0), (1203, 0)] and not lost.truncated and lost.unknown == [(2, 0)] and lost.rows == 1204
    assert lost.words == 2 + room + 3 + 1 + 1200 + 1


def test_evaluation_hands_its_score_what_reads_like_lists(rule_tagger):
    dataset = one_split([["Recife", "."], ["old"]], [["B-LOC", "O"], ["O"]])
    (y_true, y_pred), _ = evaluate_tagger(rule_tagger, {"test": dataset}, "test", lambda y_true, y_pred: (y_true, y_pred))
    assert list(y_true) == [["B-LOC", "O"], ["O"]] == named_labels(dataset) and len(y_pred) == 2
    assert f1_score(list(y_true), list(y_pred)) == score_entities(y_true=y_true, y_pred=y_pred)["overall"]["f1"]
    with pytest.raises(IndexError):
        y_true[2]


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


def one_split(sentences, labels=None):
    rows = [{"tokens": words, "ner_tags": (labels or [["O"] * len(w) for w in sentences])[i]} for i, words in enumerate(sentences)]
    return build_corpus({"test": rows}, ["LOC"])["test"]


def test_gold_probabilities_are_those_of_the_rule(rule_tagger, tokenizer):
    sentences = [["Recife", "and", "Olinda", "."], ["the", "sea"], ["old"]]
    labels = [["B-LOC", "O", "B-LOC", "I-LOC"], ["B-LOC", "O"], ["O"]]
    high, low = (math.exp(logit) / (math.exp(5) + 2) for logit in (5, 0))
    expected = [[high if label == ("B-LOC" if tokenizer(word, add_special_tokens=False)["input_ids"][0] % 2 == 0 else "O") else low
                 for word, label in zip(words, row)] for words, row in zip(sentences, labels)]
    assert {high, low} == {probability for row in expected for probability in row}, "the example has both kinds"
    for batch_size in (1, 2, 32):
        found = gold_probabilities(rule_tagger, one_split(sentences, labels), batch_size)
        assert found == [pytest.approx(row) for row in expected]


def test_only_a_vanished_word_has_no_gold_probability(rule_tagger):
    room = rule_tagger.max_length - 2
    found = gold_probabilities(rule_tagger, one_split([["\u200e", "a"], ["a"] * (room + 3), ["z" * 200, "a"], ["\u200e"]]))
    assert [[probability is None for probability in row] for row in found] == [[True, False], [False] * (room + 3), [False, False], [True]]


class ContextModel(RuleModel):
    """Answers at each token with its distance from both ends of the row: the farther from an edge, the higher the logit of B-LOC."""

    def __call__(self, input_ids, attention_mask, **_):
        place = torch.arange(input_ids.shape[1])[None]
        context = torch.minimum(place, attention_mask.sum(-1, keepdim=True) - 1 - place).float()
        return SimpleNamespace(logits=torch.stack([torch.zeros_like(context), context, torch.zeros_like(context)], dim=-1))


def test_every_word_is_answered_where_it_has_most_context(rule_tagger):
    tagger = replace(rule_tagger, model=ContextModel(), max_length=22)
    [logits] = word_logits(tagger, [["a"] * 300])
    windows = cut_windows([1] * 300, 20)
    assert logits[:, 1].tolist() == [max(min(word - start, end - 1 - word) + 1 for start, end in windows if start <= word < end) for word in range(300)]
    assert len(windows) > 20 and logits[15:285, 1].min() >= 5


def test_two_thousand_words_are_all_scored(rule_tagger):
    words = ["Recife", "and", "Olinda", "are", "old", ".", "\u200e", "Recife"] * 250
    [[*probe]] = label_words(replace(rule_tagger, max_length=512), [words[:8]])
    labels = [label for label, _ in probe] * 250
    assert {"O", "B-LOC"} == set(labels) and labels[6] == "O"
    scores, lost = evaluate_tagger(rule_tagger, {"test": one_split([words, ["old"]], [labels, ["B-LOC"]])}, "test", score_entities)
    support = labels.count("B-LOC")
    found = int(label_words(rule_tagger, [["old"]])[0][0][0] == "B-LOC")
    assert scores["overall"]["support"] == support + 1 and scores["overall"]["recall"] == pytest.approx((support + found) / (support + 1))
    assert (lost.words, len(lost.vanished), lost.truncated) == (2001, 250, [])


class SmallMemory(RuleModel):
    """The rule, on a machine where more than `room` tokens at once do not fit."""

    def __init__(self, room, error):
        self.room, self.error, self.asked = room, error, []

    def __call__(self, input_ids, **others):
        self.asked.append(input_ids.numel())
        if input_ids.numel() > self.room:
            raise self.error
        return super().__call__(input_ids, **others)


OUT_OF_MEMORY = [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has ..."), MemoryError(),
                 RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes."),
                 RuntimeError("[enforce fail at alloc_cpu.cpp:121] data. DefaultCPUAllocator: not enough memory: you tried to allocate 99 bytes.")]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:20])
def test_batches_are_halved_where_memory_runs_out_and_the_answers_are_the_same(rule_tagger, error):
    rng = random.Random(0)
    sentences = [["Recife", "and", "Olinda", "are", "old"] * rng.randint(0, 12) for _ in range(1100)]
    model = SmallMemory(200, error)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        found = list(word_logits(replace(rule_tagger, model=model), sentences))
    assert all(np.array_equal(one, other) for one, other in zip(found, word_logits(rule_tagger, sentences), strict=True))
    assert [note.category for note in notes] == [InputNote] and "does not fit into memory: going on with smaller ones" in str(notes[0].message)
    assert sum(size > 200 for size in model.asked) <= 3, "what did not fit is not tried again"


def test_a_window_that_does_not_fit_ends_in_one_sentence(rule_tagger):
    tagger = replace(rule_tagger, model=SmallMemory(20, OUT_OF_MEMORY[0]))
    with pytest.raises(InputError, match=r"^a window of \d+ tokens does not fit into memory \(CUDA out of memory. .*\): close other programs, .*max_length$"), \
            pytest.warns(InputNote):
        label_words(tagger, [["a"] * 100])


def test_other_errors_of_the_model_are_not_taken_for_memory(rule_tagger):
    with pytest.raises(RuntimeError, match="size mismatch"):
        label_words(replace(rule_tagger, model=SmallMemory(0, RuntimeError("size mismatch"))), [["a"]])


def test_gold_probabilities_refuse_an_unknown_label(rule_tagger):
    dataset = build_corpus({"test": [{"tokens": ["Zeus"], "ner_tags": ["B-GOD"]}]})["test"]
    with pytest.raises(InputError, match="label 'B-GOD', but this model knows only O, B-LOC, I-LOC"):
        gold_probabilities(rule_tagger, dataset)


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_packaged_words_are_those_of_split_words(lang):
    for dataset in load_corpus("nerteach", lang).values():
        assert all(split_words(text)[0] == words for text, words in zip(dataset["text"], dataset["tokens"]))
        assert compare_words(dataset) == compare_words(dataset.remove_columns("text")) == (1.0, [])


@pytest.mark.parametrize("lang,differing", [("en", 3323), ("pt", 3552)])
def test_wikiann_was_split_by_another_rule(wikiann, lang, differing):
    share, pairs = compare_words(wikiann(lang)["test"])
    assert len(pairs) == differing and share == pytest.approx(1 - differing / 10_000)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), st.booleans()), min_size=1, max_size=6))
def test_compare_words_counts_the_spoilt_sentences(cases):
    rows = [{"text": text, "tokens": split_words(text)[0] + ["x"] * spoilt} for text, spoilt in cases]
    share, differing = compare_words(Dataset.from_list(rows))
    assert [row for row, _, _ in differing] == [row for row, (_, spoilt) in enumerate(cases) if spoilt]
    assert share == pytest.approx(1 - sum(spoilt for _, spoilt in cases) / len(cases))
    assert all(words == own + ["x"] for _, words, own in differing)


def test_compare_words_of_nothing():
    with pytest.raises(InputError, match="no sentence"):
        compare_words(Dataset.from_dict({"tokens": []}))


def save_tiny(folder, tokenizer, names=("O", "B-PER", "I-PER")):
    """A tiny untrained model with its tokenizer."""
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)})
    BertForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture
def folder(tmp_path, tokenizer):
    """A tiny untrained model with its tokenizer and settings."""
    save_tiny(tmp_path / "model", tokenizer)
    (tmp_path / "model" / "train_config.json").write_text('{"epochs": 3, "max_length": null}')
    return tmp_path / "model"


def long_sentence(dataset, n_words):
    """The sentences of a split in one row, as often as it takes, up to `n_words` words."""
    row = {"tokens": [], "ner_tags": []}
    while len(row["tokens"]) < n_words:
        for words, labels in zip(dataset["tokens"], named_labels(dataset)):
            row["tokens"] += words
            row["ner_tags"] += labels
    return {column: values[:n_words] for column, values in row.items()}


@pytest.fixture(scope="module")
def long_corpus():
    """In every split one sentence of 2 000 words and some short ones."""
    whole = load_corpus("nerteach", "en")
    short = {split: [{"tokens": words, "ner_tags": labels} for words, labels in zip(d["tokens"], named_labels(d))][:20] for split, d in whole.items()}
    return build_corpus({split: [*rows[:10], long_sentence(whole[split], 2000), *rows[10:]] for split, rows in short.items()}, ["PER", "ORG", "LOC"])


@pytest.fixture(scope="module")
def trained(long_corpus, tokenizer, tmp_path_factory):
    """What `fine_tune` makes of it, from a tiny random encoder."""
    folder = tmp_path_factory.mktemp("long")
    save_tiny(folder / "encoder", tokenizer)
    config = TrainConfig(epochs=4, batch_size=2, learning_rate=2e-2, frozen="nothing", precision="fp32")
    return fine_tune(long_corpus, folder / "encoder", config, score_entities, folder / "model")


def test_a_long_sentence_is_trained_scored_and_evaluated_on_all_its_words(trained, long_corpus):
    tagger = load_tagger(trained.folder, "fp32")
    for split in ("validation", "test"):
        gold = sum(label.startswith("B-") for labels in named_labels(long_corpus[split]) for label in labels)
        assert trained.metrics[split]["overall"]["support"] == gold and trained.metrics[split]["overall"]["f1"] > 0
        assert trained.metrics[split]["overall"]["precision"] != trained.metrics[split]["overall"]["recall"]
        scores, lost = evaluate_tagger(tagger, long_corpus, split, score_entities)
        assert scores == trained.metrics[split] and lost == trained.lost[split]
        assert lost.words == sum(map(len, long_corpus[split]["tokens"])) > 2000 and not lost.truncated


def test_a_model_is_scored_with_the_windows_of_its_training(trained, long_corpus, tokenizer, tmp_path):
    save_tiny(tmp_path / "encoder", tokenizer)
    config = TrainConfig(epochs=2, batch_size=2, learning_rate=2e-2, frozen="nothing", precision="fp32", max_length=16)
    result = fine_tune(long_corpus, tmp_path / "encoder", config, score_entities, tmp_path / "model")
    tagger = load_tagger(result.folder, "fp32")
    assert tagger.max_length == 16 and load_tagger(trained.folder).max_length != 16
    assert evaluate_tagger(tagger, long_corpus, "test", score_entities)[0] == result.metrics["test"]
    (result.folder / "train_config.json").write_text('{"max_length": "16"}')
    with pytest.raises(InputError, match="train_config.json has the max_length '16'"):
        load_tagger(result.folder)


@pytest.mark.parametrize("names, said", [(("B-PER", "I-PER"), "'O' is not in list"), (("O", "LABEL_1"), "label 1 is 'LABEL_1'")])
def test_a_model_needs_labels_in_iob2(tokenizer, tmp_path, names, said):
    save_tiny(tmp_path / "model", tokenizer, names)
    with pytest.raises(InputError, match=f"does not name its labels in IOB2 .*{said}"):
        load_tagger(tmp_path / "model")


@pytest.mark.parametrize("rows_in_batch", [5, 1000])
def test_windows_of_a_sentence_may_come_in_several_batches(long_corpus, tokenizer, rows_in_batch):
    encoded = encode_words(long_corpus["test"], tokenizer, max_length=32)
    assert len(encoded) > 100
    wrong = [[1 if label == 0 and place % 9 == 0 else label for place, label in enumerate(labels)] for labels in encoded["labels"]]
    scorer = SplitScorer(encoded, score_entities)
    for _ in range(2):  # once for each epoch
        for start in range(0, len(encoded), rows_in_batch):
            rows = [torch.tensor(column[start:start + rows_in_batch]) for column in ([padded(row) for row in wrong], [padded(row) for row in encoded["labels"]])]
            logits = torch.nn.functional.one_hot(rows[0].clamp(min=0), 7).float() * 9
            found = scorer(SimpleNamespace(predictions=logits, label_ids=rows[1]), start + rows_in_batch >= len(encoded))
        whole = restore_words(SimpleNamespace(predictions=[np.eye(7)[np.maximum(row, 0)] for row in wrong], label_ids=encoded["labels"]), encoded)
        assert found == score_entities(y_true=named_labels(long_corpus["test"]), y_pred=whole)["overall"]
        assert found["recall"] > found["precision"] > 0.5 and [len(row) for row in whole] == [len(words) for words in long_corpus["test"]["tokens"]]


def padded(row, length=32):
    return row + [-100] * (length - len(row))


def test_a_long_text_is_tagged_to_its_end(trained, long_corpus):
    tagger, words = load_tagger(trained.folder, "fp32"), long_corpus["train"][10]["tokens"]
    assert len(words) == 2000
    text = " ".join(words)
    found = next(tag_texts(tagger, [text]))["entities"]
    assert all(text[e["char_start"]:e["char_end"]] == e["text"] for e in found)
    quarters = {4 * e["char_start"] // len(text) for e in found}
    assert quarters == {0, 1, 2, 3}
    assert [p is None for p in gold_probabilities(tagger, long_corpus["train"].select([10]))[0]] == [False] * 2000


def test_a_stream_of_long_sentences_is_trained_whole(trained, long_corpus, tokenizer, tmp_path):
    save_tiny(tmp_path / "encoder", tokenizer)
    stream = {**long_corpus, "train": long_corpus["train"].to_iterable_dataset()}
    streamed = fine_tune(stream, tmp_path / "encoder", TrainConfig(steps=10, batch_size=4, precision="fp32"), score_entities, tmp_path / "model")
    assert streamed.lost == trained.lost and streamed.lost["train"].words == sum(map(len, long_corpus["train"]["tokens"]))


PER = {"precision": 0.75, "recall": 0.6, "f1": 2 / 3, "support": 5}
FACTS = CardFacts("ana/ner-pt", "pt", "unimelb-nlp/wikiann", {"train": 300, "test": 150}, {"overall": PER, "macro": PER, "PER": PER})


def test_a_saved_model_answers_as_before(folder):
    tagger, words = load_tagger(folder), [["Ana", "Prado", "visited", "Recife", "."], ["\u200e"]]
    answers = label_words(tagger, words)
    assert len({label for label, _ in answers[0]}) > 1, "an untrained model that always says the same proves nothing"
    tagger.model.save_pretrained(folder.parent / "copy")
    tagger.tokenizer.save_pretrained(folder.parent / "copy")
    assert label_words(load_tagger(folder.parent / "copy"), words) == answers


def test_card_forms_have_the_same_blanks_and_headings():
    blanks = {lang: [blank for _, blank, _, _ in Formatter().parse(form) if blank] for lang, form in CARD.items()}
    assert sorted(blanks["en"]) == sorted(blanks["pt"]) and len(set(blanks["en"])) > 20
    marks = {lang: re.findall(r"(?m)^(#+|- |\||```)", form) for lang, form in CARD.items()}
    assert marks["en"] == marks["pt"] and CAPITALS.keys() == CARD.keys()


@pytest.mark.parametrize("lang,blank,overall_row", [("en", "not stated", "| overall | 0.750 | 0.600 | 0.667 | not stated | 5 |"),
                                                ("pt", "não informado", "| geral | 0.750 | 0.600 | 0.667 | não informado | 5 |")])
def test_card_says_what_is_known_and_nothing_else(folder, lang, blank, overall_row):
    card = ModelCard.load(write_model_card(folder, FACTS, lang))
    usage = re.search(r"```python\n(.+?)```", card.text, flags=re.DOTALL)[1]
    assert 'tagger = load_tagger("ana/ner-pt")\n' in usage and compile(usage, "usage", "exec")
    assert overall_row in card.text and "| epochs | 3 |\n| max_length | null |" in card.text
    assert card.text.count(blank) == 3 + 1 + 2 + 5, "intervals, words, texts and names, encoder twice, and three licences"
    metrics = {entry.metric_name: (entry.metric_type, entry.metric_value) for entry in card.data.eval_results}
    assert metrics == {"entity precision": ("precision", 0.75), "entity recall": ("recall", 0.6), "entity f1": ("f1", 0.6667),
                       "macro f1": ("f1", 0.6667), "PER f1": ("f1", 0.6667)}
    entry = card.data.eval_results[0]
    assert (entry.dataset_type, entry.dataset_config, entry.dataset_split) == ("unimelb-nlp/wikiann", "pt", "test")
    assert card.data.license is None and card.data.base_model is None
    assert (card.data.language, card.data.datasets, card.data.model_name) == ("pt", "unimelb-nlp/wikiann", "ana/ner-pt")


def test_card_with_everything_stated(folder):
    facts = CardFacts("ana/ner", "no", "my words", {"train": 1, "validation": 2}, {"overall": PER, "PER": PER}, {"overall": (0.5, 0.75), "PER": (0.4, 0.8)},
                      "validation", 0.6677, "{name}: letters", "rare ones", ("No poems.", "No laws."), "./bert", "apache-2.0", "mit", "cc0-1.0")
    card = ModelCard.load(write_model_card(folder, facts))
    assert "not stated" not in card.text and "{name}: letters" in card.text and "66.8%" in card.text
    assert "| PER | 0.750 | 0.600 | 0.667 | 0.400–0.800 | 5 |\n| overall | 0.750 | 0.600 | 0.667 | 0.500–0.750 | 5 |" in card.text
    assert "- No poems.\n- No laws.\n" in card.text and "Trained on 1 sentences and scored on 2" in card.text
    assert CAPITALS["en"][False] in card.text and "at most 512 tokens" in card.text
    assert (card.data.language, card.data.license, card.data.datasets, card.data.base_model) == ("no", "apache-2.0", None, None)


def test_card_refuses(folder, tmp_path):
    with pytest.raises(InputError, match="entity type 'GOD', but this model knows only PER: give the scores of this model"):
        write_model_card(folder, CardFacts("a/b", "en", "c", {}, {"overall": PER, "GOD": PER}))
    with pytest.raises(InputError, match="language 'de': choose one of en, pt"):
        write_model_card(folder, FACTS, "de")
    with pytest.raises(InputError, match="no trained model in the folder"):
        write_model_card(tmp_path / "nowhere", FACTS)
    assert not (folder / "README.md").exists()


@pytest.fixture
def hub():
    """The real `HfApi`'s methods and signatures, with nothing behind them; new repositories are private."""
    api = create_autospec(HfApi, instance=True)
    api.create_repo.return_value = RepoUrl("https://huggingface.co/ana/ner-pt")
    api.model_info.return_value = SimpleNamespace(private=True)
    return api


def test_push_sends_the_model_and_nothing_else(folder, hub):
    write_model_card(folder, FACTS)
    (folder / "notes.txt").write_text("private")
    (folder / "train.jsonl").write_text("private")
    (folder / "checkpoint-1").mkdir()
    (folder / "checkpoint-1" / "config.json").write_text("{}")
    assert push_to_hub(folder, "ana/ner-pt", api=hub) == "https://huggingface.co/ana/ner-pt"
    hub.create_repo.assert_called_once_with("ana/ner-pt", private=True, exist_ok=False)
    sent = hub.upload_folder.call_args.kwargs
    everything = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    chosen = sorted(filter_repo_objects(everything, allow_patterns=sent["allow_patterns"]))
    assert chosen == ["README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "train_config.json"]
    assert sent["repo_id"] == "ana/ner-pt" and sent["folder_path"] == str(folder)


def test_push_refuses_before_it_asks_the_hub(folder, hub, tmp_path):
    with pytest.raises(InputError, match="no trained model in the folder"):
        push_to_hub(tmp_path, "ana/ner-pt", api=hub)
    with pytest.raises(InputError, match="has no card: write one with write_model_card"):
        push_to_hub(folder, "ana/ner-pt", api=hub)
    write_model_card(folder, FACTS)
    with pytest.raises(InputError, match="does not tell its readers to load 'ana/ner'"):
        push_to_hub(folder, "ana/ner", api=hub)
    model = BertForTokenClassification.from_pretrained(folder)
    model.classifier.weight.data.mul_(2)
    model.save_pretrained(folder)
    with pytest.raises(InputError, match="written for other weights"):
        push_to_hub(folder, "ana/ner-pt", api=hub)
    assert hub.method_calls == []


@pytest.mark.parametrize("private,public", [(True, True), (False, True), (False, False)])
def test_push_keeps_private_what_is_private(folder, hub, private, public):
    write_model_card(folder, FACTS)
    hub.model_info.return_value = SimpleNamespace(private=not public)
    if private and public:
        with pytest.raises(InputError, match="is public on the Hub"):
            push_to_hub(folder, "ana/ner-pt", private=private, replace=True, api=hub)
        hub.upload_folder.assert_not_called()
    else:
        push_to_hub(folder, "ana/ner-pt", private=private, replace=True, api=hub)
        hub.create_repo.assert_called_once_with("ana/ner-pt", private=private, exist_ok=True)
        hub.upload_folder.assert_called_once()


@pytest.mark.parametrize("error", [OfflineModeIsEnabled("offline"), LocalTokenNotFoundError("no token"), ValueError("Invalid metadata"),
                                   HfHubHTTPError("403 Forbidden", response=SimpleNamespace(headers={}, request=None))], ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("step", ["create_repo", "model_info", "upload_folder"])
def test_errors_of_the_hub_become_one_sentence(folder, hub, error, step):
    write_model_card(folder, FACTS)
    getattr(hub, step).side_effect = error
    with pytest.raises(InputError, match=r"^ana/ner-pt was not uploaded \(.+\): .+replace=True$") as caught:
        push_to_hub(folder, "ana/ner-pt", api=hub)
    assert str(error) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 409, 500])
def test_what_a_server_refuses_becomes_one_sentence(folder, monkeypatch, status):
    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(status)

        def log_message(self, *_):
            pass

    write_model_card(folder, FACTS)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    server = HTTPServer(("127.0.0.1", 0), Refuse)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(InputError, match=rf"^ana/ner-pt was not uploaded \(.*{status}.*\): check the connection"):
            push_to_hub(folder, "ana/ner-pt", api=HfApi(endpoint=f"http://127.0.0.1:{server.server_port}", token=False))
    finally:
        server.shutdown()
        server.server_close()
