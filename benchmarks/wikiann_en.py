"""Entity F1 on real data: MiniLM on WikiANN-en, from the Hub or an offline cache.

    python benchmarks/wikiann_en.py

trains on 5 000 sentences for 2 epochs (seed 0) and scores the first 3 000 validation sentences by words.
About a minute on 2 cores. With an offline cache: HF_HOME=... HF_HUB_OFFLINE=1.
"""
import argparse
import tempfile
from datetime import date
from pathlib import Path

from machine import describe_machine
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus
from nerteach.metrics import score_entities, scores_table
from nerteach.train import TrainConfig, fine_tune


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lang", default="en")
    parser.add_argument("--train", type=int, default=5000, help="training sentences, drawn with the seed")
    parser.add_argument("--validation", type=int, default=3000, help="validation sentences, the first ones")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)

    corpus = limit_train(load_corpus("wikiann", args.lang), args.train, args.seed)
    del corpus["test"]
    corpus["validation"] = corpus["validation"].select(range(args.validation))
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(corpus, "minilm", TrainConfig(epochs=args.epochs, seed=args.seed), score_entities, Path(folder) / "model")
    print(f"WikiANN-{args.lang}, {args.train} training sentences, first {args.validation} of validation; "
          f"{result.lost['validation']}")
    print(f"MiniLM, {result.config}")
    print(f"{date.today()}, {describe_machine()}")
    print(scores_table(result.metrics["validation"]))
    print(f"trained (with the evaluation after each epoch) in {result.train_seconds:.0f} s")
    write_json(args.json, {**result.metrics, "train_seconds": round(result.train_seconds, 1),
                           "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
