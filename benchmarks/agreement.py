"""How far two passes of marking agree: the test pairs of the packaged corpus, marked twice.

    python benchmarks/agreement.py

The first pass is how the sentences were written, the second how a reader marked the bare sentences by the guidelines alone
(marking/first.*.txt and marking/second.*.txt, in the form of the corpus). Prints the entity F1 between the passes, then every
sentence on which they differ, with the marks it has now that the difference is settled.
"""
from pathlib import Path

from nerteach.data import labels_to_spans, load_corpus, named_labels, parse_marked
from nerteach.metrics import f1_interval, score_entities, scores_table

MARKING = Path(__file__).parent / "marking"


def read_pass(name, lang):
    """The sentences of one pass by their number."""
    lines = (MARKING / f"{name}.{lang}.txt").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(parse_marked, lines)}


def name_entities(words, labels):
    """The entities of a sentence, as text and type."""
    return [f"{' '.join(words[span.start:span.end])}/{span.entity_type}" for span in labels_to_spans(labels)]


def compare(lang):
    """Print the agreement of both passes in one language, and where they differ."""
    first, second, final = read_pass("first", lang), read_pass("second", lang), load_corpus("nerteach", lang)["test"]
    pairs = [(number, first[number]["ner_tags"], second[number]["ner_tags"]) for number in final["id"]]
    y_true, y_pred = [true for _, true, _ in pairs], [pred for _, _, pred in pairs]
    low, high = f1_interval(y_true=y_true, y_pred=y_pred)
    print(f"\n{lang}: {len(pairs)} sentences; entity F1 of the second pass against the first, 95% interval [{low:.4f}, {high:.4f}]")
    print(scores_table(score_entities(y_true=y_true, y_pred=y_pred)))
    settled = dict(zip(final["id"], zip(final["tokens"], named_labels(final))))
    for number, true, pred in pairs:
        if true != pred:
            before, after = name_entities(first[number]["tokens"], true), name_entities(second[number]["tokens"], pred)
            print(f"{number}: first {sorted(set(before) - set(after))}, second {sorted(set(after) - set(before))}; "
                  f"now {[e for e in name_entities(*settled[number]) if e not in before or e not in after]}")


if __name__ == "__main__":
    for language in ("en", "pt"):
        compare(language)
