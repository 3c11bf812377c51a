"""What the packaged corpus is worth: entity F1, learning curve, and the way to WikiANN and back.

    python benchmarks/packaged_corpus.py

For English and Portuguese, with MiniLM and the default settings: trains on 100, 200, 400 and all training sentences, several
seeds each, and scores the test split by words, with the 95% interval of the first seed (bootstrap over sentences). Then the model
trained on all of it is scored on WikiANN's test split, and a model trained on 5 000 WikiANN sentences on ours, where WikiANN is
within reach (HF_HOME=... HF_HUB_OFFLINE=1 for an offline cache). A quarter of an hour on 2 cores.
"""
import argparse
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import mean

from datasets import DatasetDict
from machine import describe_machine
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import InputError, load_corpus
from nerteach.inference import evaluate_tagger, load_tagger
from nerteach.metrics import score_entities, score_with_intervals
from nerteach.train import TrainConfig, fine_tune


def train_and_score(corpus, seed, tested):
    """Fine-tune with the defaults on train and validation, then score the test split of every corpus in `tested`, by name."""
    learned = DatasetDict({split: corpus[split] for split in ("train", "validation")})
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(learned, "minilm", TrainConfig(seed=seed), score_entities, Path(folder) / "model")
        tagger = load_tagger(result.folder)
        scores = {name: evaluate_tagger(tagger, other, "test", score_with_intervals)[0] for name, other in tested.items()}
    return {"sentences": len(corpus["train"]), "seed": seed, "epochs": result.config.epochs, **scores}


def show(lang, what, runs, test):
    """Print one line: F1 of the first seed with its interval, and the mean over the seeds."""
    first = runs[0][test]
    low, high = first["overall"]["low"], first["overall"]["high"]
    per_type = ", ".join(f"{name} {first[name]['f1']:.3f}" for name in ("PER", "ORG", "LOC"))
    print(f"{lang} {what}: F1 {first['overall']['f1']:.3f} [{low:.3f}, {high:.3f}] ({per_type}); "
          f"mean of seeds {', '.join(str(run['seed']) for run in runs)}: {mean(run[test]['overall']['f1'] for run in runs):.3f}", flush=True)


def measure(lang, sizes, seeds, wikiann_train):
    """All runs of one language, printed as they come."""
    ours, results = load_corpus("nerteach", lang), {"curve": []}
    try:
        wikiann = load_corpus("wikiann", lang)
    except InputError as error:
        print(f"{lang}: without WikiANN ({error})", file=sys.stderr)
        wikiann = None
    for size in [size for size in sizes if size < len(ours["train"])] + [None]:
        away = {"wikiann_test": wikiann} if wikiann is not None and size is None else {}
        runs = [train_and_score(limit_train(ours, size, seed), seed, {"test": ours, **(away if seed == seeds[0] else {})}) for seed in seeds]
        show(lang, f"{runs[0]['sentences']} sentences -> own test", runs, "test")
        results["curve"] += runs
    if wikiann is not None:
        show(lang, f"{runs[0]['sentences']} sentences -> WikiANN test", runs[:1], "wikiann_test")
        wikiann["validation"] = wikiann["validation"].select(range(1000))
        back = [train_and_score(limit_train(wikiann, wikiann_train, seeds[0]), seeds[0], {"test": ours})]
        show(lang, f"{wikiann_train} WikiANN sentences -> own test", back, "test")
        results["from_wikiann"] = back
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lang", nargs="+", default=["en", "pt"], choices=["en", "pt"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 200, 400], help="training sentences, besides all of them")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--wikiann-train", type=int, default=5000, help="WikiANN sentences for the way back")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, MiniLM, {describe_machine()}", flush=True)
    results = {lang: measure(lang, args.sizes, args.seeds, args.wikiann_train) for lang in args.lang}
    write_json(args.json, {"machine": describe_machine(), "date": str(date.today()), **results})


if __name__ == "__main__":
    main()
