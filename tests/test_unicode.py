"""Hard texts, one by one: whatever stands around a name, the name is found at its place, in Python's characters and in every tool's unit."""
import json
import unicodedata
import warnings
from types import SimpleNamespace

import pytest
import torch

from nerteach.align import load_tokenizer
from nerteach.annotation import (offset_map, read_argilla, read_doccano, read_label_studio, to_marked, to_sentences, write_argilla, write_conll, write_doccano,
                                 write_json_lines, write_label_studio)
from nerteach.cli import json_line
from nerteach.data import InputError, build_corpus, named_labels, read_conll, read_json_lines, split_words
from nerteach.inference import Tagger, mark_entities, tag_texts

HARD = {
    "zero-width space": "a\u200bb \u200b", "zero-width joiner": "क्\u200dष \u200d", "zero-width non-joiner": "می\u200cخواهم", "word joiner": "a\u2060b",
    "soft hyphen": "per\u00adnam\u00adbu\u00adco", "combining marks": "e\u0301 a\u0303\u0323 \u0301", "many combining marks": "Z" + "\u0301\u0316" * 40, "enclosing mark": "a\u20dd",
    "right to left": "مرحبا שלום", "marks of direction": "\u202eabc\u202c \u2066x\u2069 \u200e\u200f\u061c", "direction never closed": "\u202e\u2067 abc",
    "emoji of two code units": "🎉 😀", "family": "👩‍👩‍👧‍👦", "skin tone": "👍🏽", "keycap": "1️⃣ #️⃣", "flags": "🇧🇷🇵🇹", "half a flag": "🇧 🇧🇷🇵", "flag of tags": "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "lone tags": "\U000e0041\U000e007f",
    "heart with selector": "❤️ ❤︎", "ideographic selector": "葛\U000e0100", "mongolian selector": "ᠠ\u180b", "composed": "Conceição São", "decomposed": "Conceic\u0327a\u0303o Sa\u0303o", "compatibility": "ﬁ ſ ① ℌ Ⅳ", "ligatures": "ﬃ ĳ Ǆ ǅ",
    "turkish i": "ı İ i\u0307", "sharp s": "ß ẞ", "final sigma": "ὈΔΥΣΣΕΎΣ", "hangul": "한국어", "jamo": "\u1112\u1161\u11ab\u1100\u116e\u11a8", "jamo alone": "\u1112 \u1161", "thai": "ภาษาไทยง่าย", "chinese": "里约热内卢",
    "japanese": "東京タワー ﾄｳｷｮｳ か\u3099", "tamil": "நிலா", "devanagari": "हिन्दी", "tibetan": "བོད་ཡིག", "khmer": "ភាសាខ្មែរ", "beyond the first plane": "𝐀𝓫 𠮷 𐍈", "private use": "\ue000 \U0010fffd",
    "noncharacters": "\uffff \U0001fffe \ufdd0", "replacement": "\ufffd", "object replacement": "\ufffc", "null": "a\x00b \x00", "control characters": "\x01\x1b[31m\x7f\x9f", "separators of ASCII": "a\x1cb\x1f",
    "byte order mark": "\ufeffa\ufeff", "line separator": "a\u2028b\u2029c", "next line": "a\x85b", "vertical tab and form feed": "a\x0bb\x0cc", "carriage return": "a\rb\r\nc", "tabs": "a\t\tb", "no-break spaces": "a\xa0b\u202fc\u2007d",
    "wide spaces": "a\u3000b\u2003c\u1680d", "filler": "\u3164 \u115f \uffa0", "apostrophes": "d’Ávila ʼn O'Brien's", "hyphens": "a\u2010b\u2011c\u2013d\u2212e", "middle dot": "col·lecció", "prepended": "\u0600123 \U000110bd",
    "digits": "١٢٣ १२३ 𝟏𝟐", "superscripts": "m² H₂O", "brackets": "«»“”‹›【】", "interlinear": "\ufff9a\ufffab\ufffb", "braille blank": "\u2800", "musical": "𝄞\U0001d165",
}
HALVES = {"high half": "\ud83c", "low half": "\udf89", "halves the wrong way round": "\udf89\ud83c", "half in a word": "a\ud800b", "a byte that was no UTF-8": "caf\udce9"}
ALL = HARD | HALVES


class NameModel:
    """Says PER of the tokens "ana" and "jose", O of all others."""
    device = torch.device("cpu")

    def __init__(self, tokenizer):
        self.names = torch.tensor(tokenizer.convert_tokens_to_ids(["ana", "jose"]))

    def __call__(self, input_ids, **_):
        named = torch.isin(input_ids, self.names).float()
        return SimpleNamespace(logits=torch.stack([1 - named, named, torch.zeros_like(named)], dim=-1) * 5)


@pytest.fixture(scope="module")
def tagger():
    tokenizer = load_tokenizer("minilm")
    return Tagger(NameModel(tokenizer), tokenizer, ["O", "B-PER", "I-PER"], 24)


def around(hard):
    """The text, three times with a name between, and long enough for several windows."""
    return f"{hard} Ana {hard} canta em Olinda , perto do mar , com a Ana de Recife e os amigos dela {hard} Ana"


def places(text, name="Ana"):
    """Where the name stands."""
    starts = [start for start in range(len(text)) if text.startswith(name, start)]
    return [{"entity_type": "PER", "text": name, "char_start": start, "char_end": start + len(name)} for start in starts]


@pytest.mark.parametrize("name", ALL)
def test_words_are_what_stands_at_their_places(name):
    for text in (ALL[name], around(ALL[name]), f"{ALL[name]}Ana{ALL[name]}", ALL[name] * 3):
        words, offsets = split_words(text)
        assert [text[start:end] for start, end in offsets] == words and all(words)
        assert all(not text[a:b].strip() for (_, a), (b, _) in zip([(0, 0), *offsets], [*offsets, (len(text), 0)]))
    assert split_words(around(ALL[name]))[0].count("Ana") == 3


@pytest.mark.parametrize("name", ALL)
def test_names_are_found_at_their_places(tagger, name):
    text = around(ALL[name])
    (tagged,) = tag_texts(tagger, [text])
    assert tagged["text"] == text
    assert [{key: entity[key] for key in ("entity_type", "text", "char_start", "char_end")} for entity in tagged["entities"]] == places(text)
    assert json.loads(json_line(tagged).encode("utf-8"))["entities"] == tagged["entities"]
    mark_entities(tagged).encode("utf-8")


@pytest.mark.parametrize("name", ALL)
def test_names_among_hard_characters_stay_whole_words(tagger, name):
    for text in (f"{ALL[name]}Ana", f"Ana{ALL[name]}", f"Ana{ALL[name]}Ana", f"({ALL[name]}Ana)"):
        ends = {place for word in split_words(text)[1] for place in word}
        (tagged,) = tag_texts(tagger, [text])
        assert tagged["text"] == text
        for entity in tagged["entities"]:
            assert text[entity["char_start"]:entity["char_end"]] == entity["text"] and "ana" in entity["text"].casefold()
            assert {entity["char_start"], entity["char_end"]} <= ends


def test_composed_and_decomposed_are_found_each_at_its_own_length(tagger):
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, "São José e Ana")
        (tagged,) = tag_texts(tagger, [text])
        assert [entity["text"] for entity in tagged["entities"]] == [unicodedata.normalize(form, "José"), "Ana"]
        assert [entity["char_end"] for entity in tagged["entities"]] == ([8, 14] if form == "NFC" else [10, 16])


def test_company_changes_nothing(tagger):
    texts = [around(hard) for hard in ALL.values()]
    assert list(tag_texts(tagger, texts)) == [next(tag_texts(tagger, [text], batch_size=1)) for text in texts]


@pytest.mark.parametrize("name", HARD)
def test_every_tool_gives_the_places_back(tmp_path, name):
    text, path = around(HARD[name]), tmp_path / "export.json"
    marked = [{"text": text, "entities": places(text)}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for back in (read_doccano(write_doccano(marked, path)), read_doccano(write_doccano(marked, path, "graphemes"), "graphemes"),
                     read_label_studio(write_label_studio(marked, path), part="predictions"), read_argilla(write_argilla(marked, path), part="suggestions")):
            assert [(one["text"], one["entities"]) for one in back] == [(text, places(text))]
        (by_browser,) = read_argilla(written(path, argilla_response(text)))
    assert by_browser["entities"] == places(text)


def utf16(text, place):
    return len(text[:place].encode("utf-16-le")) // 2


def argilla_response(text):
    """What Argilla's page writes, where a browser counts."""
    spans = [{"start": utf16(text, one["char_start"]), "end": utf16(text, one["char_end"]), "label": "PER"} for one in places(text)]
    return json.dumps([{"fields": {"text": text}, "responses": {"a": [{"user_id": "u", "status": "submitted", "value": spans}]}}])


def written(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", HARD)
def test_places_are_counted_in_all_three_units(name):
    text = around(HARD[name])
    assert all(offset_map(text, "utf-16")[place] == utf16(text, place) for place in range(len(text) + 1))
    seen = offset_map(text, "graphemes")
    assert all(one["char_start"] in seen and one["char_end"] in seen and seen[one["char_end"]] - seen[one["char_start"]] == 3 for one in places(text))


@pytest.mark.parametrize("name", HARD)
def test_words_and_labels_come_back_from_corpora_and_files(tmp_path, name):
    text = around(HARD[name])
    rows = to_sentences([{"text": text, "entities": places(text)}])
    assert to_marked(rows)[0]["entities"] == places(text)
    corpus = build_corpus({"train": rows})["train"]
    assert (corpus["tokens"][0], named_labels(corpus)[0], corpus["text"][0]) == (rows[0]["tokens"], rows[0]["ner_tags"], text)
    back = read_json_lines(write_json_lines(rows, tmp_path / "a.jsonl"))
    assert [(row["tokens"], row["ner_tags"]) for row in back] == [(row["tokens"], row["ner_tags"]) for row in rows]
    try:
        back = read_conll(write_conll(rows, tmp_path / "a.conll"))
    except InputError as error:
        assert "cannot stand in CoNLL" in str(error) and any(char.isspace() or char == "\ufeff" for word in rows[0]["tokens"] for char in word)
    else:
        assert [(row["tokens"], row["ner_tags"]) for row in back] == [(row["tokens"], row["ner_tags"]) for row in rows]


@pytest.mark.parametrize("name", HALVES)
def test_half_of_a_character_is_refused_where_it_cannot_be_kept(tmp_path, name):
    text, path = around(HALVES[name]), tmp_path / "export.json"
    marked = [{"text": text, "entities": places(text)}]
    for write in (write_doccano, write_label_studio, write_argilla):
        with pytest.raises(InputError, match="half of a character"):
            write(marked, path)
    for read, record in ((read_doccano, {"text": text, "label": []}), (read_label_studio, {"text": text, "label": []}), (read_argilla, {"text": text, "a.responses": [[]]})):
        with pytest.raises(InputError, match="half of a character"):
            read(written(path, json.dumps(record)))
    rows = to_sentences(marked)
    with pytest.raises(InputError, match="row 1.*half of a character"):
        to_marked(rows)
    with pytest.raises(InputError, match="the train split line 1.*half of a character"):
        build_corpus({"train": rows})
