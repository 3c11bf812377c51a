"""What each part of the recipe gives: the recipe as it is, and without one part at a time, several seeds each.

    python benchmarks/ablation.py --json benchmarks/ablation.json

Trains on 2 000 sentences for 3 epochs and scores 2 000 validation sentences by words; every run keeps its last epoch's model or the best
by 500 other sentences, as always. Time is that of `Trainer.train`. About ten minutes on 2 cores.
WikiANN comes from the Hub or an offline cache (HF_HOME=... HF_HUB_OFFLINE=1).
"""
import argparse
import tempfile
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from unittest.mock import patch

import numpy as np
from machine import describe_machine
from nerteach.align import decode_labels
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus, named_labels
from nerteach.inference import load_tagger, word_logits
from nerteach.metrics import score_entities
from nerteach.train import LengthBatches, TrainConfig, fine_tune

VARIANTS = {  # what is left out: the settings that do it
    "nothing": {},
    "sentences of like length together": {},
    "16-bit numbers": {"precision": "fp32"},
    "frozen vocabulary": {"frozen": "nothing"},
    "learning rate 3e-4 (5e-5 instead)": {"learning_rate": 5e-5},
    "labels on first tokens only (on all)": {"strategy": "repeat"},
    "warm-up": {"warmup": 0.0},
}


class RandomBatches(LengthBatches):
    """Stands in for `LengthBatches`: as many batches, of sentences of any length."""

    def deal(self, epoch):
        """Put the sentences into batches for an epoch."""
        self.rows = np.array_split(np.random.default_rng((self.seed, epoch)).permutation(len(self.lengths)), len(self.cuts))


def run(left_out, corpus, asked, seed, epochs):
    """One training; F1 with valid sequences, and by each word's own likeliest label."""
    config = TrainConfig(epochs=epochs, seed=seed, **VARIANTS[left_out])
    batches = RandomBatches if left_out.startswith("sentences") else LengthBatches
    with tempfile.TemporaryDirectory() as folder, quiet_loading(), patch("nerteach.train.LengthBatches", batches):
        result = fine_tune(corpus, "minilm", config, score_entities, folder)
        tagger = load_tagger(folder, result.config.precision)
        logits = list(word_logits(tagger, asked["tokens"]))
    gold, names = named_labels(asked), tagger.names
    valid = score_entities(y_true=gold, y_pred=[[names[i] for i in decode_labels(sentence, names)] for sentence in logits])
    alone = score_entities(y_true=gold, y_pred=[[names[i] for i in sentence.argmax(-1)] for sentence in logits])
    return {"f1": valid["overall"]["f1"], "f1_word_by_word": alone["overall"]["f1"], "seconds": round(result.train_seconds, 1)}


def show(left_out, f1, seconds, base):
    """Print one line."""
    spread = stdev(f1) if len(f1) > 1 else 0.0
    print(f"{left_out:38}  {mean(f1):.3f} ± {spread:.3f}  {100 * (mean(f1) - base):+5.1f}  {mean(seconds):5.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=2000, help="training sentences, drawn with the seed")
    parser.add_argument("--validation", type=int, default=2000, help="validation sentences to score, the first ones")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN-en, {args.train} sentences, {args.epochs} epochs, MiniLM, {describe_machine()}\n"
          f"{'without':38}  F1 (± deviation of {len(args.seeds)} seeds), points against the recipe, time", flush=True)
    whole, runs = load_corpus("wikiann", "en"), {}
    asked, held_back = whole["validation"].select(range(args.validation)), whole["validation"].select(range(9500, 10_000))
    for left_out in VARIANTS:
        runs[left_out] = [run(left_out, {"train": limit_train(whole, args.train, seed)["train"], "validation": held_back}, asked, seed, args.epochs)
                          for seed in args.seeds]
        base = mean(r["f1"] for r in runs["nothing"])
        show(left_out, [r["f1"] for r in runs[left_out]], [r["seconds"] for r in runs[left_out]], base)
        if left_out == "nothing":
            show("valid sequences (Viterbi)", [r["f1_word_by_word"] for r in runs[left_out]], [r["seconds"] for r in runs[left_out]], base)
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en", "model": "minilm", "train": args.train, "epochs": args.epochs, "seeds": args.seeds,
                           "validation": args.validation, "runs": runs, "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
