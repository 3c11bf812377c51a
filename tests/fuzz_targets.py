"""What must hold for any input: one function for each part of nerteach that reads what it did not write.

A target takes bytes, makes its input of them and checks what comes out; `InputError` is an answer too, and `attempt` counts it as one.
Anything else that is raised is a finding. Three drivers use the targets: `test_fuzz.py` (hypothesis, in the suite), `benchmarks/fuzz.py`
(100 000 inputs for each, seeded) and its `--atheris` (guided by coverage). `make_input` is the generator of the first two.
"""
import json
import math
import os
import random
import tempfile
import warnings
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Callable

import numpy as np
import regex

from nerteach.align import (IGNORE_INDEX, STRATEGIES, align_labels, cut_windows, decode_labels, first_tokens, inside_ids, own_words, word_predictions)
from nerteach.annotation import (offset_map, read_argilla, read_doccano, read_label_studio, to_marked, to_sentences, write_argilla, write_conll,
                                 write_doccano, write_json_lines, write_label_studio)
from nerteach.data import (InputError, InputNote, Span, build_corpus, char_spans_to_spans, iob2_names, labels_to_spans, load_folder, named_labels,
                           parse_marked, read_conll, read_json_lines, read_parquet, spans_to_labels, split_words, to_iob2)

# Pieces of which hard inputs are made
AWKWARD = ["\u200b", "\u200d", "\u200e", "\u202e", "\u2066", "\u2069", "\ufeff", "\u00ad", "\u0301", "\u0303", "\u20dd", "\ufe0f", "\u3164", "\u0600", "\u0915\u094d\u200d\u0937",
           "\U0001f469\u200d\U0001f680", "\U0001f1e7\U0001f1f7", "\U0001f1e7", "\U0001f44d\U0001f3fd", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\ud83c", "\udf89",
           "\udcff", "\x00", "\x1c", "\x85", "\u2028", "\u2029", "\xa0", "\u3000", "\r", "\n", "\r\n", "\t", " ", "  ", "é", "e\u0301", "ﬁ", "ı", "İ", "ß", "ǅ",
           "\u1112\u1161\u11ab", "한", "ไทย", "中文", "العربية", "עברית", "\U0001d400", "\U0010ffff", "\uffff", "\ufffd", "a", "A", "R.", "'s", "’", "-", "·", "1,2", "_", "." * 5]
CONLL = ["O", "B-PER", "I-PER", "I-LOC", "B-", "B-\x00", "S-PER", "-DOCSTART-", "B-A-B", "\tO\n", " B-LOC\n", "\n\n", "x\tO"]
JSON = ['"', "\\", "\\ud800", "\\u0000", "{", "}", "[", "]", ",", ":", "null", "true", "NaN", "Infinity", "-1", "1e999", "9" * 5000, "[" * 2000, '{"a":' * 1200,
        "1.0", '"label"', '"start"']
VALUES = [None, True, False, 0, -1, 1, 3, 2 ** 70, 1.5, math.nan, math.inf, "", " ", "PER", "\ud800", "\x00", "x" * 3000, [], {}, [[]], [None], [0, 3, "PER"], ["PER"],
          {"start": 0, "end": 3, "label": "PER", "text": "Ana"}]

ANA = "Ana 🎉 canta em São Luís."
NAMES = iob2_names(["PER", "LOC"])


class Draw:
    "Numbers and texts from bytes, as a fuzzer gives them; after the last byte everything is 0."

    def __init__(self, data: bytes):
        self.data, self.place = data, 0

    def number(self, low: int, high: int) -> int:
        "A whole number, both ends included."
        byte = self.data[self.place] if self.place < len(self.data) else 0
        self.place += 1
        return low + byte % (high - low + 1)

    def numbers(self, low: int, high: int, most: int) -> list[int]:
        "At most so many of them."
        return [self.number(low, high) for _ in range(self.number(0, most))]

    def rest(self) -> bytes:
        "The bytes that are left."
        return self.data[self.place:]


def as_text(data: bytes) -> str:
    "Any bytes as text; halves of characters stay what they are, other bytes that are not UTF-8 become halves."
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    "Text as bytes, halves of characters too."
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


@cache
def scratch() -> tempfile.TemporaryDirectory:
    "A folder for this process's files, in memory where there is such a place."
    return tempfile.TemporaryDirectory(prefix="fuzz", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def written(data: bytes, name: str) -> Path:
    "A file with these bytes."
    path = Path(scratch().name) / name
    path.write_bytes(data)
    return path


def check_labels(words: list[str], labels: list[str]) -> None:
    "One valid IOB2 label for each word."
    assert len(words) == len(labels) > 0
    assert to_iob2(labels) == labels


def check_places(one: dict) -> None:
    "Every entity is what stands at its place."
    assert all(type(e["char_start"]) is int and 0 <= e["char_start"] < e["char_end"] <= len(one["text"]) for e in one["entities"])
    assert all(one["text"][e["char_start"]:e["char_end"]] == e["text"] for e in one["entities"])


# data

def conll(data: bytes) -> None:
    "`read_conll`: no line is lost, labels are IOB2, and what was read can be written and read again."
    path = written(data, "any.conll")
    raw = read_conll(path, convert=False)
    sentences = read_conll(path)
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    kept = [line for line in lines if line.strip(" \t") and line.split(maxsplit=1)[:1] != ["-DOCSTART-"]]
    assert sum(len(sentence["tokens"]) for sentence in sentences) == len(kept)
    assert [s["tokens"] for s in raw] == [s["tokens"] for s in sentences]
    for sentence in sentences:
        check_labels(sentence["tokens"], sentence["ner_tags"])
        assert all(word and word in lines[sentence["line"] - 1 + i] for i, word in enumerate(sentence["tokens"]))
    again = read_conll(write_conll(sentences, path))
    assert [(s["tokens"], s["ner_tags"]) for s in again] == [(s["tokens"], s["ner_tags"]) for s in sentences]


def json_lines(data: bytes) -> None:
    "`read_json_lines`, and `write_json_lines` of what can be written."
    path = written(data, "any.jsonl")
    sentences = read_json_lines(path)
    assert len(sentences) <= data.count(b"\n") + data.count(b"\r") + 1
    again = read_json_lines(write_json_lines(sentences, path))
    assert [(s["tokens"], s["ner_tags"]) for s in again] == [(s["tokens"], s["ner_tags"]) for s in sentences]


def folder(data: bytes) -> None:
    "`load_folder`: what stands in the file stands in the corpus, in its order."
    path = written(data, "train.jsonl")
    train = load_folder(path.parent)["train"]
    sentences = read_json_lines(path)
    assert train["tokens"] == [s["tokens"] for s in sentences]
    assert named_labels(train) == [to_iob2(s["ner_tags"]) for s in sentences]


def parquet(data: bytes) -> None:
    "`read_parquet`, with its rows checked by `build_corpus`."
    path = written(data, "any.parquet")
    build_corpus({"train": read_parquet(path)}, files={"train": path})


def marked_line(data: bytes) -> None:
    "`parse_marked`: the words are those of the text."
    row = parse_marked(as_text(data))
    check_labels(row["tokens"], row["ner_tags"])
    assert row["tokens"] == split_words(row["text"])[0]


def words(data: bytes) -> None:
    "`split_words`: nothing but white space outside the words, and each is what stands at its place."
    text = as_text(data)
    found, offsets = split_words(text)
    ends = [0, *(end for _, end in offsets)]
    assert all(regex.fullmatch(r"\s*", text[end:start]) for end, (start, _) in zip(ends, [*offsets, (len(text), 0)]))
    assert all(text[start:end] == word and not regex.fullmatch(r"\s*", word) for word, (start, end) in zip(found, offsets))
    assert all(end <= start for end, (start, _) in zip(ends, offsets))
    assert all(split_words(word)[0] for word in found)


def places(data: bytes) -> None:
    "`offset_map`: all three units begin at 0, grow with the text, and agree where they must."
    text = as_text(data)
    points, halves, seen = (offset_map(text, unit) for unit in ("code points", "utf-16", "graphemes"))
    assert points == {i: i for i in range(len(text) + 1)} and list(halves) == list(points) and seen.items() >= {0: 0}.items()
    assert all(len(text[:i].encode("utf-16-le", "surrogatepass")) == 2 * place for i, place in halves.items()) if len(text) < 300 else True
    assert list(seen.values()) == list(range(len(seen))) and list(seen) == sorted(seen) and len(text) in seen


def labels(data: bytes) -> None:
    "The span converters on any labels: there and back, and every change to IOB2 stays."
    draw = Draw(data)
    known = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-A-B", "I-A-B", "B- ", "B-\ud800"]
    given = [known[i] for i in draw.numbers(0, len(known) - 1, 20)]
    given += as_text(draw.rest()).split("\n") if draw.number(0, 3) == 0 else []
    spans = labels_to_spans(given)
    assert all(0 <= a.start < a.end <= b.start for a, b in zip(spans, [*spans[1:], Span("", len(given), 0)]))
    converted = spans_to_labels(reversed(spans), len(given))
    assert converted == to_iob2(given) == to_iob2(converted) and labels_to_spans(converted) == spans
    assert [label == "O" for label in converted] == [label == "O" for label in given]


def spans(data: bytes) -> None:
    "The span converters on any spans, by word and by character."
    draw = Draw(data)
    n_words = draw.number(0, 12)
    given = [Span(("PER", "LOC", " ", "")[draw.number(0, 8) // 3 if draw.number(0, 19) else 3], start := draw.number(0, 12), start + draw.number(1, 3))
             for _ in range(draw.number(0, 3))]
    given += [Span("PER", draw.number(-1, 13), draw.number(-1, 13)) for _ in range(draw.number(0, 4) // 4)]
    ends = [(kind, draw.number(-1, 25), draw.number(-1, 25)) for kind in ("PER", "LOC")[:draw.number(0, 2)]]
    by_word, text = draw.number(0, 1), as_text(draw.rest())
    offsets = split_words(text)[1]
    marks = [(kind, offsets[min(start, end) % len(offsets)][0], offsets[max(start, end) % len(offsets)][1]) if by_word and offsets else (kind, start, end) for kind, start, end in ends]
    for span, (_, start, end) in zip(char_spans_to_spans(marks, offsets), marks):
        assert 0 <= span.start < span.end <= len(offsets) and (offsets[span.start][0], offsets[span.end - 1][1]) == (start, end)
    assert labels_to_spans(spans_to_labels(given, n_words)) == sorted(given, key=lambda span: span.start)


# align

def alignment(data: bytes) -> None:
    "`align_labels` and the ways back: the label of each word that has a token comes back, and the loss skips what it must."
    draw = Draw(data)
    given = draw.numbers(-1 if draw.number(0, 9) == 0 else 0, len(NAMES) - 1, 12)
    strategy = STRATEGIES[draw.number(0, 2)]
    word_ids = [None if i < 0 else i for i in draw.numbers(-2, 14, 40)]
    word_ids = sorted((i for i in word_ids if i is not None), key=int) if draw.number(0, 1) else word_ids
    aligned = align_labels(given, word_ids, strategy=strategy, inside=inside_ids(NAMES))
    assert len(aligned) == len(word_ids) and all(label == IGNORE_INDEX for label, word in zip(aligned, word_ids) if word is None)
    back = word_predictions(aligned, word_ids, len(given), NAMES.index("O"))
    present = {word for word in word_ids if word is not None}
    assert back == [label if word in present else NAMES.index("O") for word, label in enumerate(given)]
    assert all(token is None or word_ids[token] == word and word not in word_ids[:token] for word, token in enumerate(first_tokens(word_ids, len(given))))


def decoding(data: bytes) -> None:
    "`decode_labels`: always valid IOB2, and the best of all valid ones where they can be counted."
    draw = Draw(data)
    n_words, odd = draw.number(0, 6), draw.number(0, 4) == 0
    special = [math.nan, math.inf, -math.inf, 3e38, -3e38]
    scores = np.array([[special[draw.number(0, 4)] if odd and draw.number(0, 3) == 0 else draw.number(-8, 8) / 2 for _ in NAMES] for _ in range(n_words)],
                      dtype=("float32", "float64")[draw.number(0, 1)]).reshape(n_words, len(NAMES))
    if n_words and draw.number(0, 2) == 0:
        scores[draw.number(0, n_words - 1)] = math.nan
    found = [NAMES[i] for i in decode_labels(scores, NAMES)]
    assert len(found) == n_words and to_iob2(found) == found
    assert all(label == "O" for label, row in zip(found, scores) if np.isnan(row).all())
    if not odd and n_words <= 4:
        known = np.where(np.isnan(scores), np.where(np.arange(len(NAMES)) == 0, 0, -1e6), scores)
        total = {path: sum(known[word, i] for word, i in enumerate(path)) for path in product(range(len(NAMES)), repeat=n_words)
                 if to_iob2([NAMES[i] for i in path]) == [NAMES[i] for i in path]}
        assert math.isclose(total[tuple(map(NAMES.index, found))], max(total.values()))


def windows(data: bytes) -> None:
    "`cut_windows` and `own_words`: windows that fit, and every word belongs to one of them, in order."
    draw = Draw(data)
    room, overlap = draw.number(1, 20), draw.number(0, 30)
    n_tokens = draw.numbers(0, 25 if draw.number(0, 5) == 0 else 4, 80)
    cuts = cut_windows(n_tokens, room, overlap)
    assert all(a[0] < b[0] <= a[1] < b[1] for a, b in zip(cuts, cuts[1:]))
    assert all(sum(n_tokens[start:end]) <= room or end - start == 1 for start, end in cuts)
    own = own_words(cuts)
    assert [word for first, last in own for word in range(first, last)] == list(range(len(n_tokens)))
    assert all(start <= first and last <= end for (start, end), (first, last) in zip(cuts, own))


# inference

@cache
def tiny_tagger():
    "A random BERT of one small layer that reads 24 tokens at a time, with the tokenizer of minilm."
    import torch
    from nerteach.align import load_tokenizer
    from nerteach.inference import Tagger
    from transformers import BertConfig, BertForTokenClassification
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = load_tokenizer("minilm")
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, initializer_range=1.0,
                        max_position_embeddings=24, num_labels=len(NAMES))
    return Tagger(BertForTokenClassification(config).eval(), tokenizer, NAMES, 24)


def tagging(data: bytes) -> None:
    "`tag_texts`: every text comes back whole, entities are what stands at their places, in order; company and batch size change nothing."
    from nerteach.inference import mark_entities, tag_texts
    texts = [as_text(part) for part in data.split(b"\x1f")]
    tagged = list(tag_texts(tiny_tagger(), texts))
    assert [one["text"] for one in tagged] == texts
    for one in tagged:
        check_places(one)
        ends = [0, *(entity["char_end"] for entity in one["entities"])]
        assert all(end <= entity["char_start"] and 0 <= entity["score"] <= 1 for end, entity in zip(ends, one["entities"]))
        words = {place for places in split_words(one["text"])[1] for place in places}
        assert all({entity["char_start"], entity["char_end"]} <= words for entity in one["entities"])
        mark_entities(one).encode("utf-8")
    if len(data) % 4 == 0:
        found = [[(e["entity_type"], e["char_start"], e["char_end"]) for e in one["entities"]] for one in tagged]
        alone = list(tag_texts(tiny_tagger(), reversed(texts), batch_size=1))
        assert [[(e["entity_type"], e["char_start"], e["char_end"]) for e in one["entities"]] for one in reversed(alone)] == found


# annotation

def exports(marked: list[dict], path: Path) -> None:
    "What a reader gave: places hold, words and labels come of it, and every tool's file gives the same back."
    for one in marked:
        assert one["entities"] == sorted(one["entities"], key=lambda e: (e["char_start"], e["char_end"]))
    shown = [(one["text"], one["entities"]) for one in marked]
    if marked:
        assert [(m["text"], m["entities"]) for m in read_doccano(write_doccano(marked, path))] == shown
        assert [(m["text"], m["entities"]) for m in read_label_studio(write_label_studio(marked, path), part="predictions")] == shown
        assert [(m["text"], m["entities"]) for m in read_argilla(write_argilla(marked, path), part="suggestions")] == shown
    for one in marked:
        check_places(one)
    rows = to_sentences(marked, widen=len(shown) % 2 == 0)
    for row in rows:
        check_labels(row["tokens"], row["ner_tags"])
    for row, one in zip(rows, to_marked(rows)):
        check_places(one)
        assert one["text"] == row["text"]


def doccano(data: bytes) -> None:
    "`read_doccano`, counted in both units, and back."
    path = written(data, "any.json")
    exports(read_doccano(path, "graphemes" if len(data) % 3 == 0 else "utf-16"), path)


def label_studio(data: bytes) -> None:
    "`read_label_studio`, both parts, and back."
    path = written(data, "any.json")
    exports(read_label_studio(path, part="predictions" if len(data) % 3 == 0 else "annotations"), path)


def argilla(data: bytes) -> None:
    "`read_argilla`, both parts, and back."
    path = written(data, "any.json")
    exports(read_argilla(path, part="suggestions" if len(data) % 3 == 0 else "responses"), path)


def marks(data: bytes) -> None:
    "Any marks on any text, through the files of all three tools and all three units, into words and back."
    draw = Draw(data)
    places, outside = [(draw.number(0, 255), draw.number(1, 12)) for _ in range(draw.number(0, 3))], draw.number(0, 9) == 9
    text = as_text(draw.rest()) if outside else draw.rest().decode("utf-8", "ignore")
    places = sorted((start % (len(text) + outside or 1), size) for start, size in places)
    entities = [{"entity_type": "PER", "text": text[start:start + size], "char_start": start, "char_end": start + size if outside else min(start + size, len(text))}
                for start, size in places]
    path = written(b"", "any.json")
    exports([{"text": text, "entities": entities}], path)
    (again,) = read_doccano(write_doccano([{"text": text, "entities": entities}], path, "graphemes"), "graphemes")
    assert (again["text"], again["entities"]) == (text, entities)


# Generator and table

@dataclass(frozen=True)
class Target:
    "One target, and of what its inputs are made."
    check: Callable[[bytes], None]
    seeds: list = field(default_factory=list)        # Valid inputs: bytes, text, or values that become JSON
    pieces: list[str] = field(default_factory=list)  # What is put into them
    share: float = 1                                 # How many inputs it gets, against the others
    joined: int = 1                                  # How many inputs it takes at once, with U+001F between them


LABELLED = [{"tokens": ["Ana", "canta", "em", "São", "Luís", "."], "ner_tags": ["B-PER", "O", "O", "B-LOC", "I-LOC", "O"]}, {"tokens": ["Olinda"], "ner_tags": ["I-LOC"]}]
DOCCANO = [{"id": 1, "text": ANA, "label": [[0, 3, "PER"], [16, 24, "LOC"]]}, {"id": 2, "text": "São Luís", "entities": [{"id": 1, "label": "LOC", "start_offset": 0, "end_offset": 8}]}]
REGION = {"value": {"start": 0, "end": 3, "text": "Ana", "labels": ["PER"]}, "id": "x", "from_name": "label", "to_name": "text", "type": "labels"}
STUDIO = [[{"id": 1, "data": {"text": ANA}, "annotations": [{"result": [REGION], "was_cancelled": False, "completed_by": {"id": 3, "email": "a@b.c"}}],
            "predictions": [{"model_version": "m", "result": [REGION]}]}],
          [{"id": 2, "text": ANA, "label": [{"start": 0, "end": 3, "text": "Ana", "labels": ["PER"]}], "annotator": 4}]]
SPAN = {"start": 0, "end": 3, "label": "PER", "text": "Ana"}
ARGILLA = [[{"id": "1", "fields": {"text": ANA}, "suggestions": {"spans": {"value": [SPAN], "score": 0.5, "agent": "m"}},
             "responses": {"spans": [{"user_id": "u", "status": "submitted", "value": [SPAN]}]}}],
           [{"id": "1", "text": ANA, "spans.responses": [[SPAN]], "spans.responses.users": ["u"], "spans.responses.status": ["submitted"],
             "spans.suggestion": [SPAN], "spans.suggestion.agent": "m"}]]
SENTENCES = [ANA, "R.H. Reis, da S.A. l'Hôpital’s, pagou 1.200,50 em pão-de-ló.", "J. R. Reis saw Malcolm X. in São-Luís\x1fRecife\x1f", "🇧🇷🇵🇹 👩‍👩‍👧‍👦 José Jose\u0301 ไทย 中文 \u202eabc\u202c"]
FILE = "Ana\tB-PER\ncanta\tO\nem O\nSão NP x B-LOC\nLuís I-LOC\n\n-DOCSTART- O\n\nOlinda I-LOC\r\n. O\n"


@cache
def parquet_seed() -> bytes:
    "A small Parquet file."
    from datasets import Dataset
    path = Path(scratch().name) / "seed.parquet"
    Dataset.from_list(LABELLED).to_parquet(path)
    return path.read_bytes()


TARGETS = {
    "read_conll": Target(conll, [FILE], CONLL),
    "read_json_lines": Target(json_lines, LABELLED, JSON),
    "load_folder": Target(folder, LABELLED, JSON, 0.1),
    "read_parquet": Target(parquet, [parquet_seed], [], 0.02),
    "parse_marked": Target(marked_line, ["0001 train news #split | [Ana](PER) canta em [São Luís](LOC)."], ["[", "](PER)", "[Rui](PER)", "|", "#a"]),
    "split_words": Target(words, SENTENCES),
    "offset_map": Target(places, SENTENCES),
    "labels": Target(labels, [b"\x05\x01\x02\x00\x03\x04\x01"], CONLL),
    "spans": Target(spans, [b"\x06\x02\x01\x00\x00\x01\x01\x03\x03\x00\x00\x01\x01\x01\x01" + ANA.encode()]),
    "align_labels": Target(alignment, [b"\x01\x06\x01\x02\x00\x03\x04\x00\x00\x0a\x00\x02\x03\x03\x04\x05\x05\x06\x07\x00\x01"]),
    "decode_labels": Target(decoding, [bytes(range(40))]),
    "windows": Target(windows, [bytes(range(7, 60))]),
    "tag_texts": Target(tagging, SENTENCES, joined=8),
    "read_doccano": Target(doccano, DOCCANO, JSON),
    "read_label_studio": Target(label_studio, STUDIO, JSON),
    "read_argilla": Target(argilla, ARGILLA, JSON),
    "marks": Target(marks, [b"\x01\x00\x02\x00" + ANA.encode(), b"\x02\x00\x02\x0f\x07\x00" + ANA.encode()]),
}


def change_value(rng: random.Random, value):
    "JSON with one value replaced, left out or doubled, somewhere."
    if isinstance(value, (dict, list)) and value and rng.random() < 0.8:
        key = rng.choice(list(value)) if isinstance(value, dict) else rng.randrange(len(value))
        copy = value.copy()
        chance = rng.random()
        if chance < 0.08:
            del copy[key]
        elif chance < 0.14 and isinstance(copy, list):
            copy.insert(key, copy[key])
        else:
            copy[key] = change_value(rng, value[key])
        return copy
    if isinstance(value, str) and rng.random() < 0.7:
        return edit(rng, value, [])
    if type(value) is int and rng.random() < 0.6:
        return value + rng.choice([-2, -1, 1, 2, 5])
    return rng.choice(VALUES)


def edit(rng: random.Random, text: str, pieces: list[str]) -> str:
    "Text with some pieces put in, cut out or said twice."
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice([0, 0, 1, 3, 10]))
        middle = rng.choice(pieces) if pieces and rng.random() < 0.6 else rng.choice(["", text[start:end] * 2, *AWKWARD])
        text = text[:start] + middle + text[end:]
    return text


def edit_bytes(rng: random.Random, data: bytes) -> bytes:
    "Bytes with some of them changed, put in or cut out."
    for _ in range(rng.choice([1, 2, 4, 16])):
        start = rng.randrange(len(data) + 1)
        data = data[:start] + bytes(rng.randrange(256) for _ in range(rng.choice([0, 1, 1, 4]))) + data[start + rng.choice([0, 1, 1, 4]):]
    return data


def make_input(rng: random.Random, target: Target) -> bytes:
    "An input: a valid one with changes, a row of awkward pieces, or bytes by chance."
    chance = rng.random()
    if chance < 0.05:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
    if chance < 0.15 or not target.seeds:
        return as_bytes("".join(rng.choice([*AWKWARD, *target.pieces]) for _ in range(rng.randrange(20))))
    seed = rng.choice(target.seeds)
    seed = seed() if callable(seed) else seed
    if isinstance(seed, bytes):
        return edit_bytes(rng, seed)
    text = isinstance(seed, str)
    if not text:
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            seed = change_value(rng, seed)
        seed = json.dumps(seed, ensure_ascii=rng.random() < 0.7)
        seed = "\n".join([seed] * rng.choice([1, 1, 1, 2]))
    return edit_bytes(rng, as_bytes(seed)) if chance > 0.9 else as_bytes(edit(rng, seed, target.pieces) if text or chance < 0.3 else seed)


def make_joined(rng: random.Random, target: Target) -> bytes:
    "As many inputs as the target takes at once."
    return b"\x1f".join(make_input(rng, target) for _ in range(target.joined))


def attempt(target: Target, data: bytes) -> str:
    "\"result\" or \"refused\"; anything else is raised. Of the warnings only the package's own are let pass."
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", InputNote)
        try:
            target.check(data)
        except InputError as error:
            assert str(error)
            return "refused"
    return "result"
