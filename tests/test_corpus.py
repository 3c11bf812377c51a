"""The packaged corpus: every line is read, and the one at fault is named."""
import json
from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path

import pytest
import regex

from nerteach.data import InputError, labels_to_spans, parse_marked
from nerteach.metrics import score_entities

CORPUS = resources.files("nerteach") / "corpus"
MARKING = Path(__file__).resolve().parent.parent / "benchmarks" / "marking"
HARD = {"ambiguous", "nested", "coordination", "contraction", "initials", "title", "hyphen", "apostrophe", "ordinal", "lowercase",
        "allcaps", "demonym", "product"}
GENRES = {"news", "encyclopedia", "sport", "science", "business", "history", "culture", "public_life", "messages", "headlines"}


@cache
def read(lang):
    source = CORPUS / f"{lang}.txt"
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


@pytest.fixture(scope="module")
def card():
    return (CORPUS / "README.md").read_text(encoding="utf-8")


def types(row):
    return sorted(span.entity_type for span in labels_to_spans(row["ner_tags"]))


def mentions(row):
    return [(" ".join(row["tokens"][s.start:s.end]).lower(), s.entity_type) for s in labels_to_spans(row["ner_tags"])]


def seen_in_train(rows):
    """How many mentions of the test split also stand in train, and how many it has."""
    seen = {mention for row in rows if row["split"] == "train" for mention in mentions(row)}
    tested = [mention for row in rows if row["split"] == "test" for mention in mentions(row)]
    return sum(mention in seen for mention in tested), len(tested)


def skeleton(row):
    """The sentence with each entity replaced by its type."""
    return tuple(word.lower() if label == "O" else label[2:] for word, label in zip(row["tokens"], row["ner_tags"]) if label[0] != "I")


def test_lines_are_numbered_and_tagged_from_the_list(rows):
    assert [row["id"] for row in rows] == [f"{n:04d}" for n in range(1, 1001)]
    for row in rows:
        assert set(row["hard"]) <= HARD and row["genre"] in GENRES, row["id"]
        assert len(row["hard"]) == len(set(row["hard"])), row["id"]


def test_breadth(rows):
    genres, kinds = Counter(row["genre"] for row in rows), Counter(kind for row in rows for kind in types(row))
    assert set(genres) == GENRES and min(genres.values()) >= 80, genres
    assert set(kinds) == {"PER", "ORG", "LOC"} and min(kinds.values()) >= 900, kinds
    assert sum(not types(row) for row in rows) >= 150
    lengths = [len(row["tokens"]) for row in rows]
    assert (min(lengths), max(lengths)) == (3, 45)


def test_what_is_hard_is_in_every_split(rows):
    language = HARD if any("contraction" in row["hard"] for row in rows) else HARD - {"contraction"}
    for split in ("train", "validation", "test"):
        found = {tag for row in rows if row["split"] == split for tag in row["hard"]}
        assert found == language, (split, language - found)


def test_size_fits_a_package():
    assert sum(len(file.read_bytes()) for file in CORPUS.iterdir() if file.is_file()) < 400_000


def test_the_languages_say_the_same():
    for en, pt in zip(read("en"), read("pt"), strict=True):
        assert (en["id"], en["split"], en["genre"], types(en)) == (pt["id"], pt["split"], pt["genre"], types(pt)), en["id"]


def test_no_templates(rows):
    long_skeletons = Counter(skeleton(row) for row in rows if len(skeleton(row)) >= 5)
    assert [s for s, n in long_skeletons.items() if n > 1] == []
    openings = Counter(tuple(word.lower() for word in row["tokens"][:4]) for row in rows)
    assert [o for o, n in openings.items() if n > 3] == []


def test_the_test_split_is_new(rows):
    seen, tested = seen_in_train(rows)
    share = seen / tested
    assert share < 0.35, f"{share:.0%} of the test mentions stand in train"
    whole = Counter(tuple(mentions(row)) for row in rows if len(mentions(row)) > 1)
    assert max(whole.values()) == 1, "two sentences have the same mentions"


def test_splits_are_of_their_size_and_hold_every_type(rows):
    for split, size in (("train", 700), ("validation", 150), ("test", 150)):
        part = [row for row in rows if row["split"] == split]
        assert len(part) == size
        assert {t for row in part for t in types(row)} == {"PER", "ORG", "LOC"}
        assert {row["genre"] for row in part} == GENRES


CONTRACTIONS = set("da do das dos na no nas nos num numa pela pelo pelas pelos à às ao aos pra pro pras pros".split())


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_tags_that_a_rule_can_check(lang):
    wrong = []
    for row in read(lang):
        spans, words = labels_to_spans(row["ner_tags"]), row["tokens"]
        names = " | ".join(" ".join(words[span.start:span.end]) for span in spans)
        before = {words[span.start - 1].lower() for span in spans if span.start}
        expected = {"contraction": lang == "pt" and bool(before & CONTRACTIONS), "hyphen": bool(regex.search(r"\w[-–]\w", names)),
                    "apostrophe": bool(regex.search(r"['’]", names)), "allcaps": row["text"].isupper()}
        wrong += [f"{row['id']} {tag}" for tag, there in expected.items() if there != (tag in row["hard"])]
        if "lowercase" in row["hard"] and names != names.lower():
            wrong.append(f"{row['id']} lowercase")
    assert not wrong


def test_the_card_counts_right(card):
    en, pt = read("en"), read("pt")
    for split in ("train", "validation", "test"):
        halves = [[row for row in rows if row["split"] == split] for rows in (en, pt)]
        words = [f"{sum(len(row['tokens']) for row in half):,}".replace(",", " ") for half in halves]
        kinds = Counter(kind for row in halves[0] for kind in types(row))
        empty = sum(not types(row) for row in halves[0])
        assert f"| {split} | {len(halves[0])} | {words[0]} | {words[1]} | {kinds['PER']} | {kinds['ORG']} | {kinds['LOC']} | {empty} |" in card
    for genre, count in Counter(row["genre"] for row in en).items():
        assert f"`{genre}` {count}" in card
    tags = [Counter(tag for row in rows for tag in row["hard"]) for rows in (en, pt)]
    for tag in HARD:
        assert f"`{tag}` {tags[0][tag]} / {tags[1][tag]}" in card
    for rows in (en, pt):
        seen, tested = seen_in_train(rows)
        assert f"Of the test split's {tested} entities {seen} " in card


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_card_quotes_what_was_measured(lang, card):
    """Every score of seed 0 in `benchmarks/packaged_corpus.json` stands in the card, with its interval."""
    measured = json.loads((MARKING.parent / "packaged_corpus.json").read_text())[lang]
    scores = [run[name] for run in measured["curve"] + measured["from_wikiann"] if run["seed"] == 0 for name in run
              if name in ("test", "wikiann_test")]
    assert len(scores) == 6
    for score in scores:
        overall = score["overall"]
        assert f"{overall['f1']:.3f} [{overall['low']:.3f}, {overall['high']:.3f}]" in card


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_both_passes_marked_the_same_sentences(lang, card):
    """What `benchmarks/agreement.py` compares: the test pairs, marked twice."""
    passes = [[parse_marked(line) for line in (MARKING / f"{name}.{lang}.txt").read_text(encoding="utf-8").splitlines()]
              for name in ("first", "second")]
    assert [(row["id"], row["text"]) for row in passes[0]] == [(row["id"], row["text"]) for row in passes[1]]
    assert [row["id"] for row in passes[0]] == [row["id"] for row in read(lang) if row["split"] == "test"]
    f1 = score_entities(y_true=[row["ner_tags"] for row in passes[0]], y_pred=[row["ner_tags"] for row in passes[1]])["overall"]["f1"]
    assert f"{f1:.3f} in {'English' if lang == 'en' else 'Portuguese'}" in card
