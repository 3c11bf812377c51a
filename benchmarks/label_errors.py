"""How many of the annotation errors that we plant ourselves does confident learning find?

    python benchmarks/label_errors.py

Takes the training sentences of the packaged corpus, plants one error in 5% of them (a mark dropped, a mark with another type, a mark one
word too short or too long, a word marked that is no name), trains on the other folds to get a probability for every label
(`cross_validated_probabilities`), and asks `find_label_errors`. A sentence counts as found if a word of the planted error is named.
Prints precision and recall of the words named, from the first to all of them, and for comparison of every word for which the model's
likeliest label is another one. What was wrong in the corpus before counts as a false alarm.
"""
import argparse
import time
from collections import Counter
from datetime import date
from pathlib import Path

import numpy as np
from machine import describe_machine
from nerteach.check import cross_validated_probabilities, find_label_errors
from nerteach.cli import check_place, quiet_loading, write_json
from nerteach.data import Span, build_corpus, label_names, labels_to_spans, load_corpus, named_labels, spans_to_labels
from nerteach.train import TrainConfig

KINDS = ("dropped", "type", "boundary", "invented")


def plant_error(kind, spans, n_words, types, rng):
    """The spans of a sentence with one error of a kind, and the words concerned; `None` where this kind does not fit."""
    free = sorted(set(range(n_words)) - {word for span in spans for word in range(span.start, span.end)})
    if kind == "invented":
        word = int(rng.choice(free)) if free else None
        return None if word is None else ([*spans, Span(str(rng.choice(types)), word, word + 1)], {word})
    if not spans:
        return None
    span = spans[int(rng.integers(len(spans)))]
    others = [other for other in spans if other != span]
    if kind == "dropped":
        return others, set(range(span.start, span.end))
    if kind == "type":
        other = str(rng.choice([entity_type for entity_type in types if entity_type != span.entity_type]))
        return [*others, Span(other, span.start, span.end)], set(range(span.start, span.end))
    if span.end - span.start > 1:
        return [*others, Span(span.entity_type, span.start, span.end - 1)], {span.end - 1}
    return ([*others, Span(span.entity_type, span.start, span.end + 1)], {span.end}) if span.end in free else None


def plant_errors(dataset, share, seed):
    """The same sentences with an error in some of them, and for each of these its kind and the words concerned."""
    rng, labels, planted = np.random.default_rng(seed), named_labels(dataset), {}
    types = sorted({name[2:] for name in label_names(dataset) if name != "O"})
    for row in rng.permutation(len(dataset)).tolist():
        if len(planted) == round(share * len(dataset)):
            break
        kind = KINDS[len(planted) % len(KINDS)]
        if found := plant_error(kind, labels_to_spans(labels[row]), len(labels[row]), types, rng):
            labels[row] = spans_to_labels(found[0], len(labels[row]))
            planted[row] = (kind, found[1])
    rows = [{"tokens": words, "ner_tags": row} for words, row in zip(dataset["tokens"], labels)]
    return build_corpus({"train": rows}, types)["train"], planted


def score_words(words, planted):
    """Precision and recall of some named words (row, word): how many are planted, and how many planted errors they find."""
    right = [(row, word) for row, word in words if row in planted and word in planted[row][1]]
    found = {row for row, _ in right}
    kinds = Counter(kind for kind, _ in planted.values())
    return {"words": len(words), "precision": len(right) / len(words) if words else 0.0, "recall": len(found) / len(planted),
            "recall_by_kind": {kind: sum(planted[row][0] == kind for row in found) / kinds[kind] for kind in KINDS if kinds[kind]}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lang", default="en", help="default: en")
    parser.add_argument("--model", default="minilm", help="default: minilm")
    parser.add_argument("--share", type=float, default=0.05, help="share of the sentences that get an error, in [0, 1] (default: 0.05)")
    parser.add_argument("--folds", type=int, default=2, help="default: 2")
    parser.add_argument("--epochs", type=int, help="default: chosen to fit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    spoiled, planted = plant_errors(load_corpus("nerteach", args.lang)["train"], args.share, args.seed)
    started = time.perf_counter()
    with quiet_loading():
        tables = cross_validated_probabilities(spoiled, args.model, TrainConfig(epochs=args.epochs, seed=args.seed), args.folds, args.seed)
    seconds, labels, names = time.perf_counter() - started, named_labels(spoiled), label_names(spoiled)
    named = [(error.row, error.word) for error in find_label_errors(labels, tables, names)]
    differing = [(row, word) for row, table in enumerate(tables) for word, scores in enumerate(table)
                 if not np.isnan(scores).any() and names[scores.argmax()] != labels[row][word]]
    results = {"data": f"nerteach {args.lang} train", "sentences": len(spoiled), "words": sum(map(len, labels)), "planted": len(planted),
               "model": args.model, "folds": args.folds, "seed": args.seed, "seconds": round(seconds), "machine": describe_machine(),
               "date": str(date.today()), "first_20": score_words(named[:20], planted), "first_50": score_words(named[:50], planted),
               "first_100": score_words(named[:100], planted), "all": score_words(named, planted), "model_disagrees": score_words(differing, planted)}
    print(f"{results['date']}, {results['data']}: {len(planted)} errors in {len(spoiled)} sentences ({results['words']} words), {args.model}, "
          f"{args.folds} folds in {seconds:.0f} s, {results['machine']}")
    for part in ("first_20", "first_50", "first_100", "all", "model_disagrees"):
        scores = results[part]
        kinds = ", ".join(f"{kind} {value:.2f}" for kind, value in scores["recall_by_kind"].items())
        print(f"{part.replace('_', ' '):>16}: {scores['words']:4} words, precision {scores['precision']:.2f}, recall {scores['recall']:.2f} ({kinds})")
    write_json(args.json, results)


if __name__ == "__main__":
    main()
