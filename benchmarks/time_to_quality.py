"""How soon nerteach's recipe is as good as the original lesson's settings are at their end.

    python benchmarks/time_to_quality.py --sizes 5000 20000 --json time_to_quality.json

First the original's settings train their 2 epochs (batch 16, learning rate 5e-5, random order, 32-bit numbers), and their F1 on the
validation sentences is the mark. Then the recipe trains for 40 steps, for 50, for 62 and so on (a quarter more each time), always from the
beginning with a schedule of that length, until its F1 reaches the mark. Time is that of `Trainer.train`: for the recipe with its five
evaluations on 500 other sentences, for the original without any. WikiANN comes from the Hub or an offline cache (HF_HOME=... HF_HUB_OFFLINE=1).
"""
import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path

from compare_training import measure
from machine import describe_machine, write_sentences
from nerteach.cli import check_place, limit_train, write_json
from nerteach.data import load_corpus, named_labels


def climb(size, model, seed, validation):
    """The original, then the recipe with a quarter more steps each time, until it reaches the mark."""
    whole = load_corpus("wikiann", "en")
    gold = named_labels(whole["validation"].select(range(validation)))
    with tempfile.TemporaryDirectory() as name:
        folder, steps = Path(name), 40
        write_sentences(folder, limit_train(whole, size, seed), validation)
        mark = measure("original", sys.executable, model, seed, folder, gold, epochs=2)
        print(f"{size:6} original  {mark['seconds']:7.1f} s  F1 {mark['f1']:.3f}", flush=True)
        while True:
            tried = measure("nerteach", sys.executable, model, seed, folder, gold, steps=steps)
            print(f"{size:6} nerteach  {tried['seconds']:7.1f} s  F1 {tried['f1']:.3f}  ({steps} steps)", flush=True)
            if tried["f1"] >= mark["f1"] or tried["seconds"] > mark["seconds"]:
                break
            steps += steps // 4
    times = mark["seconds"] / tried["seconds"] if tried["f1"] >= mark["f1"] else None
    print(f"{size:6} " + (f"{times:.1f} times sooner" if times else "the mark was not reached in the original's time"), flush=True)
    return {"sentences": size, "original": mark, "nerteach": tried | {"steps": steps}, "times_sooner": times and round(times, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5000], help="training sentences, drawn with the seed")
    parser.add_argument("--model", default="minilm", help="the encoder: minilm, or a folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--validation", type=int, default=3000, help="validation sentences to score, the first ones")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN-en, {args.model}, {describe_machine()}", flush=True)
    rows = [climb(size, args.model, args.seed, args.validation) for size in args.sizes]
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en", "model": args.model, "validation": args.validation, "rows": rows,
                           "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
