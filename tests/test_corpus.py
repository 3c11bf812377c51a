"""The packaged corpus: every line is read, and the one at fault is named."""
from collections import Counter
from importlib import resources

import pytest

from nerteach.data import InputError, labels_to_spans, parse_marked

HARD = {"ambiguous", "nested", "coordination", "contraction", "initials", "title", "hyphen", "apostrophe", "ordinal", "lowercase",
        "allcaps", "demonym", "product"}
GENRES = {"news", "encyclopedia", "sport", "science", "business", "history", "culture", "public_life", "messages", "headlines"}


def read(lang):
    source = resources.files("nerteach") / "corpus" / f"{lang}.txt"
    rows, wrong = [], []
    for number, line in enumerate(source.read_text(encoding="utf-8").split("\n"), start=1):
        if not line or line.startswith("#"):
            continue
        try:
            rows.append(parse_marked(line))
        except InputError as error:
            wrong.append(f"{lang}.txt line {number}: {error}")
    assert not wrong, "\n".join(wrong)
    return rows


@pytest.fixture(scope="module", params=["en", "pt"])
def rows(request):
    return read(request.param)


def types(row):
    return sorted(span.entity_type for span in labels_to_spans(row["ner_tags"]))


def mentions(row):
    return [(" ".join(row["tokens"][s.start:s.end]).lower(), s.entity_type) for s in labels_to_spans(row["ner_tags"])]


def skeleton(row):
    """The sentence with each entity replaced by its type."""
    words, labels = [], [label if label[0] != "I" else None for label in row["ner_tags"]]
    for word, label in zip(row["tokens"], labels):
        if label is not None:
            words.append(word.lower() if label == "O" else label[2:])
    return tuple(words)


def test_lines_are_numbered_and_tagged_from_the_list(rows):
    assert [row["id"] for row in rows] == [f"{n:04d}" for n in range(1, len(rows) + 1)]
    assert len(rows) >= 200
    for row in rows:
        assert set(row["hard"]) <= HARD and row["genre"] in GENRES, row["id"]
        assert len(row["hard"]) == len(set(row["hard"])), row["id"]


def test_the_languages_say_the_same():
    for en, pt in zip(read("en"), read("pt"), strict=True):
        assert (en["id"], en["split"], en["genre"], types(en)) == (pt["id"], pt["split"], pt["genre"], types(pt)), en["id"]


def test_no_templates(rows):
    long_skeletons = Counter(skeleton(row) for row in rows if len(skeleton(row)) >= 5)
    assert [s for s, n in long_skeletons.items() if n > 1] == []
    openings = Counter(tuple(word.lower() for word in row["tokens"][:4]) for row in rows)
    assert [o for o, n in openings.items() if n > 3] == []


def test_the_test_split_is_new(rows):
    seen = {mention for row in rows if row["split"] == "train" for mention in mentions(row)}
    tested = [mention for row in rows if row["split"] == "test" for mention in mentions(row)]
    share = sum(mention in seen for mention in tested) / len(tested)
    assert share < 0.35, f"{share:.0%} of the test mentions stand in train"
    whole = Counter(tuple(mentions(row)) for row in rows if len(mentions(row)) > 1)
    assert max(whole.values()) == 1, "two sentences have the same mentions"


def test_every_split_has_every_type_and_sentences_without(rows):
    for split, share in (("train", 0.7), ("validation", 0.15), ("test", 0.15)):
        part = [row for row in rows if row["split"] == split]
        assert abs(len(part) / len(rows) - share) < 0.01
        assert {t for row in part for t in types(row)} == {"PER", "ORG", "LOC"}
    assert sum(not types(row) for row in rows) / len(rows) >= 0.15


def test_lengths_are_those_of_real_sentences(rows):
    lengths = [len(row["tokens"]) for row in rows]
    assert min(lengths) <= 6 and 30 <= max(lengths) <= 60
