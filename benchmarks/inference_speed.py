"""From raw text to entities: nerteach against transformers' `pipeline`, the same model and texts, and what the speed costs in F1.

    python benchmarks/inference_speed.py MODEL_DIR --json benchmarks/inference_speed.json

MODEL_DIR is a model trained with `nerteach train --corpus wikiann`. The texts are WikiANN's 10 000 English test sentences, words joined by
spaces. `pipeline("token-classification", aggregation_strategy="simple")` first tries batches of 1, 8 and 32 on 500 texts, then tags all of
them with the best. Then F1 on the test split: 32-bit numbers with and without batches by length, equal to the last digit, and 16-bit ones.
"""
import argparse
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from machine import describe_machine
from nerteach.align import decode_labels
from nerteach.cli import check_place, write_json
from nerteach.data import load_corpus, named_labels
from nerteach.inference import load_tagger, tag_texts, word_logits
from nerteach.metrics import score_entities
from transformers import pipeline


def per_second(tag, texts):
    """Texts tagged per second."""
    started = time.perf_counter()
    found = sum(1 for _ in tag(texts))
    assert found == len(texts)
    return round(found / (time.perf_counter() - started), 1)


def f1(tagger, test, batch_size):
    """Entity F1 on the test split."""
    predicted = [[tagger.names[i] for i in decode_labels(logits, tagger.names)] for logits in word_logits(tagger, test["tokens"], batch_size)]
    return score_entities(y_true=named_labels(test), y_pred=predicted)["overall"]["f1"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", help="folder of a model trained on WikiANN")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, {args.texts} sentences of WikiANN-en test, {describe_machine()}", flush=True)
    test = load_corpus("wikiann", "en")["test"].select(range(args.texts))
    texts, tagger = [" ".join(words) for words in test["tokens"]], load_tagger(args.model_dir)
    other = pipeline("token-classification", model=tagger.model, tokenizer=tagger.tokenizer, aggregation_strategy="simple")
    rates = {size: per_second(lambda some, size=size: other(some, batch_size=size), texts[:500]) for size in (1, 8, 32)}
    best = max(rates, key=rates.get)
    peer = per_second(lambda some: other(some, batch_size=best), texts)
    exact = replace(tagger, precision="fp32")
    ours, ours_exact = (per_second(lambda some, one=one: tag_texts(one, some), texts) for one in (tagger, exact))
    print(f"pipeline, batches of 1, 8, 32 (500 texts)     {', '.join(f'{rate:.0f}' for rate in rates.values())} texts a second\n"
          f"pipeline, batches of {best}, all texts             {peer:7.1f}\nnerteach, {tagger.precision}, all texts                   {ours:7.1f}"
          f"   {ours / peer:.1f} times\nnerteach, fp32, all texts                   {ours_exact:7.1f}   {ours_exact / peer:.1f} times", flush=True)
    scores = {"fp32, one by one": f1(exact, test, 1), "fp32, batches by length": f1(exact, test, 32), tagger.precision: f1(tagger, test, 32)}
    for name, score in scores.items():
        print(f"F1 {name:24} {score:.6f}")
    assert scores["fp32, one by one"] == scores["fp32, batches by length"], "batches must not change a score"
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en, test", "model": "minilm, fine-tuned", "texts": args.texts, "pipeline_rates": rates, "pipeline": peer,
                           "nerteach": ours, "precision": tagger.precision, "nerteach_fp32": ours_exact, "f1": scores,
                           "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
