"""How far one metric can mislead: gold entities of WikiANN's test split, damaged in three ways, under every metric.

    python benchmarks/metric_damage.py

One entity in five, drawn at random, loses its last word, or its first, or takes another type; a name of one word keeps its place,
so that fewer than a fifth are damaged there. The prediction is scored by every metric of `score_by_metric`, pieces of the
bert-base-uncased vocabulary included; ten draws, of which mean and standard deviation are written.
With an offline cache: HF_HOME=... HF_HUB_OFFLINE=1.
"""
import argparse
import random
from datetime import date
from pathlib import Path
from statistics import mean, stdev

from machine import describe_machine
from nerteach.align import encode_words, load_tokenizer
from nerteach.cli import check_place, write_json
from nerteach.data import Span, labels_to_spans, load_corpus, named_labels, spans_to_labels
from nerteach.metrics import score_by_metric

OTHER = {"PER": "ORG", "ORG": "LOC", "LOC": "PER"}


def damage(labels, rng, how):
    """Damage one entity in five at its "end", its "start" or in its "type"."""
    spans = []
    for span in labels_to_spans(labels):
        drawn, long = rng.random() < 0.2, span.end - span.start > 1
        kind = OTHER[span.entity_type] if drawn and how == "type" else span.entity_type
        spans.append(Span(kind, span.start + (drawn and long and how == "start"), span.end - (drawn and long and how == "end")))
    return spans_to_labels(spans, len(labels))


def measure(lang, draws):
    """F1 under every metric, mean and deviation over the draws, for each kind of damage."""
    test = load_corpus("wikiann", lang)["test"]
    y_true, word_ids = named_labels(test), encode_words(test, load_tokenizer("minilm"))["word_ids"]
    results = {}
    for how in ("end", "start", "type"):
        runs = []
        for seed in range(draws):
            rng = random.Random(seed)
            runs.append(score_by_metric(y_true=y_true, y_pred=[damage(labels, rng, how) for labels in y_true], word_ids=word_ids))
        results[how] = {metric: {"f1": mean(run[metric]["f1"] for run in runs), "sd": stdev(run[metric]["f1"] for run in runs)} for metric in runs[0]}
        print(lang, how, ", ".join(f"{metric} {row['f1']:.3f} ± {row['sd']:.3f}" for metric, row in results[how].items()), flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10, help="random draws of the entities to damage (default: 10)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN, {describe_machine()}", flush=True)
    results = {lang: measure(lang, args.draws) for lang in ("en", "pt")}
    write_json(args.json, {"data": "unimelb-nlp/wikiann", "draws": args.draws, "machine": describe_machine(), "date": str(date.today())} | results)


if __name__ == "__main__":
    main()
