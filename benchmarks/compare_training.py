"""Training side by side: time, entity F1 and peak memory of nerteach and of its peers, on the same sentences with the same encoder.

    python benchmarks/compare_training.py --sizes 2000 5000 20000 --json compare.json

Every contestant (`benchmarks/contestants/`) runs alone, in a process of its own, one after the other, and answers for the same
validation sentences, which are scored here by words, with the 95% interval (bootstrap over sentences). The original lesson's settings
train 2 epochs; the peers' numbers of epochs are set by `--epochs`; nerteach chooses for itself. A peer that needs an environment of its
own is given its Python: `--python flair=/path/to/python`; one without it is left out, and the table says so. A `--json` file that is there
already keeps its other rows, so that the long comparison can be measured piece by piece on one machine.
WikiANN comes from the Hub or an offline cache (HF_HOME=... HF_HUB_OFFLINE=1).
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import mean

from machine import describe_machine, write_sentences
from nerteach.align import find_encoder
from nerteach.cli import check_place, limit_train, write_json
from nerteach.data import load_corpus, named_labels
from nerteach.metrics import f1_interval, score_entities

PLACE = Path(__file__).parent / "contestants"
CONTESTANTS = {  # name: script, its further arguments, must it have a Python of its own?
    "original": ("trainer.py", ["--settings", "original"], False),
    "run_ner": ("trainer.py", ["--settings", "run_ner"], False),
    "nerteach": ("recipe.py", [], False),
    "flair": ("flair_tagger.py", [], True),
    "simpletransformers": ("simple_transformers.py", [], True),
    "spacy": ("spacy_transformer.py", [], True),
}


def run_contestant(command, log):
    """Run to the end; returns the peak memory in MB."""
    with open(log, "w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env={**os.environ, "TQDM_DISABLE": "1"})
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{Path(log).read_text(encoding='utf-8')[-3000:]}")
    return usage.ru_maxrss / 1024


def measure(name, python, model, seed, folder, gold, epochs=None, steps=None):
    """One training of one contestant."""
    script, arguments, _ = CONTESTANTS[name]
    answers = folder / f"{name}.json"
    command = [python, PLACE / script, folder, answers, "--model", find_encoder(model), "--seed", str(seed), *arguments]
    for flag, value in (("--epochs", epochs), ("--steps", steps)):
        command += [flag, str(value)] if value else []
    peak = run_contestant(command, folder / f"{name}.log")
    found = json.loads(answers.read_text(encoding="utf-8"))
    sentences, epochs = sum(1 for _ in open(folder / "train.jsonl", encoding="utf-8")), epochs or found["epochs"]
    return {"contestant": name, "sentences": sentences, "seed": seed, "epochs": epochs, "seconds": round(found["seconds"], 1),
            "sentences_per_second": round(sentences * (epochs or 0) / found["seconds"], 1), "peak_mb": round(peak),
            **score_entities(y_true=gold, y_pred=found["labels"])["overall"], "interval": f1_interval(y_true=gold, y_pred=found["labels"])}


def merge_rows(path, rows):
    """The rows of an earlier run that this one did not measure again, then these."""
    def what(row):
        return row["contestant"], row["sentences"], row["epochs"], row["seed"]
    earlier = json.loads(path.read_text(encoding="utf-8")) if path is not None and path.is_file() else {"rows": [], "machine": describe_machine()}
    if earlier["machine"] != describe_machine():
        raise SystemExit(f"{path} was measured on another machine ({earlier['machine']}): name another file")
    return [row for row in earlier["rows"] if what(row) not in set(map(what, rows))] + rows


def show(row):
    """Print one line."""
    low, high = row["interval"]
    print(f"{row['sentences']:6} {row['contestant']:18} seed {row['seed']}  {row['epochs']:2} epochs  {row['seconds']:7.1f} s  "
          f"{row['sentences_per_second']:6.1f}/s  {row['peak_mb']:5} MB  F1 {row['f1']:.3f} [{low:.3f}, {high:.3f}]", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000], help="training sentences, drawn with the seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--model", default="minilm", help="the encoder: minilm, or a folder")
    parser.add_argument("--validation", type=int, default=3000, help="validation sentences to score, the first ones")
    parser.add_argument("--contestants", nargs="+", default=["original", "run_ner", "nerteach"], choices=list(CONTESTANTS))
    parser.add_argument("--epochs", nargs="*", default=[], metavar="NAME=N", help="epochs of a contestant (default: 2; nerteach chooses)")
    parser.add_argument("--python", nargs="*", default=[], metavar="NAME=PATH", help="the Python of a contestant's environment")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    pythons, epochs = ({key: value for key, value in (pair.split("=", 1) for pair in pairs)} for pairs in (args.python, args.epochs))
    print(f"{date.today()}, WikiANN-en, {args.model}, {describe_machine()}", flush=True)
    whole, rows = load_corpus("wikiann", "en"), []
    gold = named_labels(whole["validation"].select(range(args.validation)))
    for size in args.sizes:
        for seed in args.seeds:
            with tempfile.TemporaryDirectory() as folder:
                write_sentences(Path(folder), limit_train(whole, size, seed), args.validation)
                for name in args.contestants:
                    if CONTESTANTS[name][2] and name not in pythons:
                        print(f"{size:6} {name:18} not measured: give its Python with --python {name}=PATH", flush=True)
                        continue
                    number = int(epochs.get(name, 0 if name == "nerteach" else 2))
                    rows.append(measure(name, pythons.get(name, sys.executable), args.model, seed, Path(folder), gold, number))
                    show(rows[-1])
        for name in {row["contestant"]: None for row in rows}:
            runs = [row for row in rows if row["contestant"] == name and row["sentences"] == size]
            if len(runs) > 1:
                print(f"{size:6} {name:18} mean of {len(runs)} seeds: {mean(r['seconds'] for r in runs):.1f} s, F1 {mean(r['f1'] for r in runs):.3f}", flush=True)
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en", "model": args.model, "validation": args.validation, "rows": merge_rows(args.json, rows),
                           "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
