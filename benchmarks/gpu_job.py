"""The original lesson's whole job on a GPU: 2 epochs over WikiANN-en's 20 000 sentences, then the time until nerteach is as good.

    python benchmarks/gpu_job.py --json benchmarks/gpu_job.json

With MiniLM: the original's settings and the recipe as in compare_training.py, and the time to the original's F1 as in time_to_quality.py.
With DistilBERT's architecture (random weights, because only its speed is asked for): the seconds of both. Where there is no GPU, it says so.
WikiANN comes from the Hub or an offline cache (HF_HOME=... HF_HUB_OFFLINE=1).
"""
import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch
from compare_training import measure, show
from machine import describe_machine, write_sentences
from nerteach.align import load_tokenizer
from nerteach.cli import check_place, write_json
from nerteach.data import load_corpus, named_labels
from time_to_quality import climb
from transformers import DistilBertConfig, DistilBertForMaskedLM


def make_distilbert(folder):
    """DistilBERT's architecture with random weights and MiniLM's vocabulary, which is DistilBERT's own."""
    load_tokenizer("minilm").save_pretrained(folder)
    DistilBertForMaskedLM(DistilBertConfig()).save_pretrained(folder)
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--validation", type=int, default=10_000, help="validation sentences to score, the first ones")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    if not torch.cuda.is_available():
        raise SystemExit("not measured: there is no GPU here")
    print(f"{date.today()}, WikiANN-en, {describe_machine()}", flush=True)
    whole, rows = load_corpus("wikiann", "en"), []
    gold = named_labels(whole["validation"].select(range(args.validation)))
    with tempfile.TemporaryDirectory() as scratch:
        write_sentences(Path(scratch), whole, args.validation)
        for model in ("minilm", make_distilbert(Path(scratch) / "distilbert")):
            for contestant, epochs in (("original", 2), ("nerteach", 2)):
                row = measure(contestant, sys.executable, model, 0, Path(scratch), gold, epochs)
                rows.append(row | {"model": Path(model).name})
                show(row)
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en", "model": "minilm; DistilBERT's architecture", "rows": rows,
                           "time_to_quality": climb(20_000, "minilm", 0, args.validation), "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
