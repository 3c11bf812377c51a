"""Whether the number of threads changes what is learned: one training with one thread, one with two, seeds and precisions apart.

    python benchmarks/threads.py --json benchmarks/threads.json

MiniLM, the packaged corpus, default settings. Each training is a process of its own with OMP_NUM_THREADS set, because torch takes its
number of threads at its start. The table shows test F1, the difference between the threads in points of F1, and whether the weights are
the same bit for bit; each run with one thread is made twice. A quarter of an hour on 2 cores.
"""
import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from machine import describe_machine
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, fine_tune


def train_here(lang, seed, precision, sentences, epochs):
    """Train in this process; F1 on both splits and a digest of the weights, as JSON on the last line."""
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        corpus = limit_train(load_corpus("nerteach", lang), sentences or None, 0)
        config = TrainConfig(seed=seed, precision=precision, epochs=epochs or None)
        result = fine_tune(corpus, "minilm", config, score_entities, Path(folder) / "model")
        weights = hashlib.sha256((result.folder / "model.safetensors").read_bytes()).hexdigest()
    print(json.dumps({"sentences": len(corpus["train"]), "epochs": result.config.epochs, **{split: result.metrics[split]["overall"]["f1"] for split in result.metrics}, "weights": weights,
                      "seconds": round(result.train_seconds)}))


def train_with(threads, lang, seed, precision, sentences, epochs):
    """The same in a process with so many threads."""
    done = subprocess.run([sys.executable, __file__, "--here", lang, str(seed), precision, str(sentences), str(epochs)], capture_output=True, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"})
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return {"threads": threads, "lang": lang, "seed": seed, "precision": precision, **json.loads(done.stdout.splitlines()[-1])}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lang", default="en", choices=["en", "pt"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 1, 2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--precisions", nargs="+", default=["bf16", "fp32"])
    parser.add_argument("--sentences", type=int, default=0, help="training sentences (default: all)")
    parser.add_argument("--epochs", type=int, default=0, help="epochs (default: chosen to fit)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--here", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        lang, seed, precision, sentences, epochs = args.here
        train_here(lang, int(seed), precision, int(sentences), int(epochs))
        return
    check_place(args.json)
    print(f"{date.today()}, MiniLM, {describe_machine()}", flush=True)
    runs = []
    for precision in args.precisions:
        for seed in args.seeds:
            some = [train_with(threads, args.lang, seed, precision, args.sentences, args.epochs) for threads in args.threads]
            for run in some:
                same = "the same weights" if run["weights"] == some[0]["weights"] else "other weights"
                print(f"{precision} seed {seed}, {run['threads']} threads: test F1 {run['test']:.4f} ({100 * (run['test'] - some[0]['test']):+.2f} points), "
                      f"{same}, {run['seconds']} s", flush=True)
            runs += some
    write_json(args.json, {"runs": runs, "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
