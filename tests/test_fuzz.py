"""A few hundred random inputs for each target of `fuzz_targets.py`, and every input that once ended in a traceback, a hang or a wrong span.

`benchmarks/fuzz.py` gives each target 100 000, and can look for more with atheris.
"""
import json
import math
import time

import numpy as np
import pytest
from fuzz_targets import NAMES, TARGETS, attempt, make_joined, tiny_tagger
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nerteach.align import IGNORE_INDEX, align_labels, decode_labels, inside_ids
from nerteach.annotation import offset_map, read_argilla, read_doccano, read_label_studio, to_sentences, write_doccano
from nerteach.cli import json_line
from nerteach.data import (InputError, Span, build_corpus, char_spans_to_spans, labels_to_spans, load_folder, parse_marked, read_conll, read_json_lines,
                           read_parquet, spans_to_labels, split_words, to_iob2)
from nerteach.inference import Tagger, label_words, mark_entities, tag_texts

FEW = {"load_folder": 40, "read_parquet": 8, "tag_texts": 15}  # Slow ones; tag_texts takes eight texts at a time


@pytest.mark.parametrize("name", TARGETS)
def test_any_input_ends_in_a_result_or_in_an_input_error(name):
    if name == "tag_texts":
        tiny_tagger()

    @settings(max_examples=FEW.get(name, 150), deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(st.randoms(use_true_random=False))
    def check(rng):
        assert attempt(TARGETS[name], make_joined(rng, TARGETS[name])) in ("result", "refused")

    check()


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if not callable(next(iter(target.seeds), None))])
def test_the_valid_inputs_give_results(name):
    for seed in TARGETS[name].seeds:
        data = seed if isinstance(seed, bytes) else (seed if isinstance(seed, str) else json.dumps(seed)).encode()
        assert attempt(TARGETS[name], data) == "result", seed


@pytest.mark.parametrize("check", [lambda data: 1 / 0, lambda data: {}["a"], lambda data: pytest.fail("no"), lambda data: math.log(-1)])
def test_what_is_no_input_error_is_a_finding(check):
    from fuzz_targets import Target
    with pytest.raises((ZeroDivisionError, LookupError, ValueError, pytest.fail.Exception)) as caught:
        attempt(Target(check), b"")
    assert not isinstance(caught.value, InputError)


# What was found

DEEP = "[" * 100_000
SURROGATE = "\ud83c"


def written(folder, text, name="train.jsonl"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("read", [read_json_lines, read_doccano, read_label_studio, read_argilla])
@pytest.mark.parametrize("text", [DEEP, '{"a":' * 100_000, '{"tokens": %s' % DEEP, '{"text": "Ana"}\n' + DEEP, '{"id": %s}' % ("9" * 5000)])
def test_json_in_many_layers_or_with_huge_numbers_is_refused(read, text, tmp_path):
    with pytest.raises(InputError, match="train.jsonl"):
        read(written(tmp_path, text))


@pytest.mark.parametrize("layers", range(900, 1000, 7))
def test_json_of_as_many_layers_as_can_be_read_is_refused_in_words(layers, tmp_path):
    nested = "[" * layers + "]" * layers
    for read, record in ((read_doccano, '{"text": %s}'), (read_doccano, '{"text": "Ana", "label": [%s]}'), (read_doccano, '{"id": %s, "text": "Ana", "label": []}'),
                         (lambda path: load_folder(path.parent), '{"tokens": %s, "ner_tags": []}'), (lambda path: load_folder(path.parent), '{"tokens": ["a"], "ner_tags": %s}'),
                         (read_label_studio, '{"text": "Ana", "label": [{"start": 0, "end": 3, "labels": [%s]}]}'), (read_label_studio, '{"id": 1, "text": "Ana", "annotator": %s}'),
                         (read_argilla, '{"fields": {"text": "Ana"}, "responses": {"a": [{"value": [{"label": "PER", "start": 0, "end": %s}]}]}}')):
        with pytest.raises(InputError, match="train.jsonl"):
            read(written(tmp_path, record % nested))


@pytest.mark.parametrize("row", [{"tokens": [SURROGATE], "ner_tags": ["O"]}, {"tokens": ["Ana"], "ner_tags": ["B-" + SURROGATE]}])
def test_half_of_a_character_in_a_corpus_is_refused_with_its_row(row, tmp_path):
    good = {"tokens": ["Ana"], "ner_tags": ["O"]}
    with pytest.raises(InputError, match="train.jsonl line 2.*half of a character"):
        load_folder(written(tmp_path, json.dumps(good) + "\n" + json.dumps(row)).parent)
    with pytest.raises(InputError, match="the train split line 2.*half of a character"):
        build_corpus({"train": [{**good, "text": "Ana"}, {**good, "text": SURROGATE}]})


def test_half_of_a_character_in_an_export_is_refused(tmp_path):
    for record in ({"text": SURROGATE, "label": []}, {"text": "Ana", "label": [[0, 3, SURROGATE]]}, {"id": SURROGATE, "text": "Ana", "label": []}):
        with pytest.raises(InputError, match="train.jsonl record 1.*half of a character"):
            read_doccano(written(tmp_path, json.dumps(record)))


def test_a_file_that_cannot_be_written_keeps_what_it_held(tmp_path):
    path = written(tmp_path, "whole")
    with pytest.raises(InputError, match="half of a character"):
        write_doccano([{"text": "Ana " + SURROGATE, "entities": []}], path)
    assert path.read_text() == "whole"


@pytest.mark.parametrize("text", [SURROGATE, f"Ana {SURROGATE}", f"{SURROGATE}Ana lives in Recife", "Ana \udcff Rui", f"a{SURROGATE}b " * 40])
def test_half_of_a_character_is_tagged_like_one_that_the_tokenizer_drops(text):
    (tagged,) = tag_texts(tiny_tagger(), [text])
    (other,) = tag_texts(tiny_tagger(), ["".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)])
    assert tagged["text"] == text
    assert [(e["char_start"], e["char_end"]) for e in tagged["entities"]] == [(e["char_start"], e["char_end"]) for e in other["entities"]]
    assert all(text[e["char_start"]:e["char_end"]] == e["text"] for e in tagged["entities"])
    line = json_line(tagged)
    assert json.loads(line.encode("utf-8")) == tagged and line.count("\n") == 1
    mark_entities(tagged).encode("utf-8")


def test_json_lines_hold_readable_letters():
    assert json_line({"text": "São 🎉\u2028\n"}) == '{"text": "São 🎉\u2028\\n"}\n'


def test_a_row_of_flags_takes_no_hours():
    flags = "🇧🇷" * 50_000
    began = time.perf_counter()
    words, offsets = split_words(flags)
    assert words == ["🇧🇷"] * 50_000 and list(offset_map(flags, "graphemes")) == [start for start, _ in offsets] + [len(flags)]
    with pytest.raises(InputError):
        parse_marked(f"0001 train news | {flags}[")
    assert time.perf_counter() - began < 10, "it took 30 s for these, and four times as long for twice as many"


@pytest.mark.parametrize("text, words", [("🇧🇷🇵🇹", ["🇧🇷", "🇵🇹"]), ("🇧🇷🇵", ["🇧🇷", "🇵"]), ("🇧\u0301🇷", ["🇧\u0301", "🇷"]), ("🇧🇷\u200d🇵🇹", ["🇧🇷\u200d", "🇵🇹"]), ("🇧🇷\ufe0f!", ["🇧🇷\ufe0f", "!"])])
def test_flags_are_cut_as_before(text, words):
    import regex
    assert split_words(text)[0] == words == regex.findall(r"\X", text)


@pytest.mark.parametrize("piece", ["a'", "A.", "A. ", "a-", "1.", "1,", "\u0301", "A\u0301", "👩\u200d", "\U000e0067", "\u0600", "\u1100", "\u0915\u094d", "[", "[a](", " ", "\r\n", "'s", "\ud800", "_"])
def test_long_texts_take_no_longer_than_their_length(piece):
    def seconds(text):
        began = time.perf_counter()
        split_words(text), offset_map(text, "graphemes")
        try:
            parse_marked(f"0001 train news | {text}")
        except InputError:
            pass
        return time.perf_counter() - began

    assert seconds(piece * 40_000) < 5


def test_a_mark_from_behind_is_refused():
    with pytest.raises(InputError, match="characters 4-3"):
        char_spans_to_spans([("PER", 4, 3)], split_words("Ana canta")[1])


def test_a_span_without_a_type_is_refused():
    with pytest.raises(InputError, match="has no type: name one"):
        spans_to_labels([Span("", 0, 1)], 2)


@pytest.mark.parametrize("labels", [[0, 1], ["O", None], [["O"]], [1.5]])
def test_labels_that_are_no_names_are_refused(labels):
    for convert in (labels_to_spans, to_iob2):
        with pytest.raises(InputError, match="write O, B-TYPE or I-TYPE"):
            convert(labels)


def test_a_label_id_without_a_name_is_refused():
    with pytest.raises(InputError, match="7 is no label id"):
        align_labels([0, 7], [0, 1, 1], strategy="continue", inside=inside_ids(NAMES))
    assert align_labels([IGNORE_INDEX, 1], [0, 0, 1, 1], strategy="continue", inside=inside_ids(NAMES)) == [IGNORE_INDEX, IGNORE_INDEX, 1, 2]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinite_logits_leave_valid_labels(dtype):
    scores = np.full((4, len(NAMES)), 0.0, dtype)
    scores[0] = math.nan                                     # a word without a token
    scores[1, NAMES.index("I-PER")] = math.inf               # fp16 is full at 65 504
    scores[2] = [math.nan, 1, 2, 3, math.inf]                # a model that is broken: nothing is believed
    scores[3] = -math.inf
    labels = [NAMES[i] for i in decode_labels(scores, NAMES)]
    assert to_iob2(labels) == labels and labels[0] == labels[2] == "O"


def test_infinite_logits_have_probabilities():
    class Full:
        device = tiny_tagger().model.device

        def __call__(self, input_ids, **_):
            import torch
            from types import SimpleNamespace
            logits = torch.zeros((*input_ids.shape, len(NAMES)))
            logits[..., NAMES.index("B-PER")] = math.inf
            return SimpleNamespace(logits=logits)

    tagger = Tagger(Full(), tiny_tagger().tokenizer, NAMES, 24)
    assert label_words(tagger, [["Ana", "canta"]]) == [[("B-PER", 1.0), ("B-PER", 1.0)]]
    assert [entity["score"] for entity in next(tag_texts(tagger, ["Ana canta"]))["entities"]] == [1.0, 1.0]


def argilla(**changes):
    columns = {"text": "Ana canta", "a.responses": [[{"start": 0, "end": 3, "label": "PER", "text": "Ana"}]], "a.responses.users": ["u"], "a.responses.status": ["submitted"]}
    return json.dumps([columns | changes])


@pytest.mark.parametrize("changes, said", [({"a.responses.status": True}, "'status' should be of type list"), ({"a.responses.users": "u"}, "'users' should be of type list"),
                                           ({"a.responses": [[{"start": 0, "end": 3, "label": "PER", "text": 3}]]}, "quotes 3, no text")])
def test_argilla_columns_of_another_kind_are_refused(changes, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read_argilla(written(tmp_path, argilla(**changes)))


def test_a_place_that_is_true_is_refused():
    with pytest.raises(InputError, match="'char_start' should be of type int, not True"):
        to_sentences([{"text": "Ana", "entities": [{"entity_type": "PER", "char_start": True, "char_end": 3}]}])


def test_a_parquet_file_with_a_broken_page_is_refused(tmp_path):
    from datasets import Dataset
    path = tmp_path / "train.parquet"
    Dataset.from_list([{"tokens": ["Ana", "canta"], "ner_tags": ["B-PER", "O"]}]).to_parquet(path)
    whole, refused = path.read_bytes(), 0
    for place in range(4, 100, 5):
        path.write_bytes(whole[:place] + b"\xff\xff" + whole[place + 2:])
        try:
            build_corpus({"train": read_parquet(path)}, files={"train": path})
        except InputError:
            refused += 1
    assert refused > 5


@pytest.mark.parametrize("labels", [[[["O"]]], [{"a": 1}], ["O"], [1.5]])
def test_parquet_labels_of_another_shape_are_refused(labels, tmp_path):
    from datasets import Dataset
    Dataset.from_list([{"tokens": ["Ana"], "ner_tags": one} for one in labels]).to_parquet(tmp_path / "train.parquet")
    with pytest.raises(InputError, match="ner_tags"):
        load_folder(tmp_path)


def test_a_line_of_a_megabyte(tmp_path):
    began = time.perf_counter()
    with pytest.raises(InputError) as caught:
        read_conll(written(tmp_path, "x" * 1_000_000, "a.conll"))
    assert len(str(caught.value)) < 400
    assert read_conll(written(tmp_path, "x" * 1_000_000 + " B-" + "Y" * 1_000_000, "a.conll"))[0]["tokens"] == ["x" * 1_000_000]
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfAna O\n", b"Ana O\rRui O\r", b"Ana\x00 O\n", "Ana\u2028 O\n".encode(), "Ana\u00a0Rui\tO\n".encode(), b"Ana O\n\x00"])
def test_odd_bytes_in_conll(data):
    assert attempt(TARGETS["read_conll"], data) in ("result", "refused")
