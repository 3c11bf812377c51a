"""Peak memory of evaluation and of prediction, on 10 000 and on 200 000 sentences.

    python benchmarks/flat_memory.py MODEL_DIR --json benchmarks/flat_memory.json

MODEL_DIR is a model trained with `nerteach train --corpus wikiann`. The sentences are WikiANN's English test split, over and over: as a
data set on disk for `evaluate_tagger`, as a file of lines for `nerteach predict`. Every measurement is a process of its own; its peak is
what the system counted for it (`ru_maxrss`). That includes the pages of the data set's file that were read: its size is told beside.
Some ten minutes on 2 cores.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from datasets import concatenate_datasets
from machine import describe_machine
from nerteach.cli import check_place, write_json
from nerteach.data import load_corpus

EVALUATE = """
import sys
from datasets import load_from_disk
from nerteach.inference import evaluate_tagger, load_tagger
from nerteach.metrics import score_entities
scores, lost = evaluate_tagger(load_tagger(sys.argv[1]), {"test": load_from_disk(sys.argv[2])}, "test", score_entities)
print(scores["overall"], lost)
"""


def peak(*command):
    """Peak memory in MB of a process."""
    process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert not status, command
    return round(usage.ru_maxrss / 1024)


def repeat(rows, size):
    """As many sentences, these over and over."""
    return concatenate_datasets([rows] * -(-size // len(rows))).select(range(size)).flatten_indices()


def megabytes(rows):
    """Size of words and labels in the file of a data set."""
    return round(rows.select_columns(["tokens", "ner_tags"]).data.nbytes / 2**20, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", help="folder of a model trained on WikiANN")
    parser.add_argument("--sizes", type=int, nargs=2, default=[10_000, 200_000])
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN-en test, repeated, {describe_machine()}", flush=True)
    test, peaks, corpus_mb = load_corpus("wikiann", "en")["test"], {"evaluate": [], "predict": []}, []
    with tempfile.TemporaryDirectory() as folder:
        for size in args.sizes:
            rows = repeat(test, size)
            corpus_mb.append(megabytes(rows))
            rows.save_to_disk(f"{folder}/{size}")
            Path(f"{folder}/{size}.txt").write_text("".join(" ".join(words) + "\n" for words in rows["tokens"]), encoding="utf-8")
            peaks["evaluate"].append(peak("-c", EVALUATE, args.model_dir, f"{folder}/{size}"))
            peaks["predict"].append(peak("-m", "nerteach.cli", "predict", args.model_dir, "--input", f"{folder}/{size}.txt", "--output", f"{folder}/found"))
    for name, (small, large) in peaks.items():
        print(f"{name:9} {args.sizes[0]:7} sentences {small:5} MB, {args.sizes[1]:7} sentences {large:5} MB: {large - small:+} MB")
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en, test, repeated", "model": "minilm, fine-tuned", "sizes": args.sizes, "peak_mb": peaks,
                           "corpus_mb": corpus_mb,
                           "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
