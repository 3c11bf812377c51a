"""What the data doctor finds in WikiANN without a model, and how long it takes beside loading the corpus.

    python benchmarks/check.py

For Portuguese and English: loads the corpus with `load_corpus`, then reads it as written and checks it with `check_corpus`; prints the
number of places of every kind, the seconds of both, and their ratio. Best of three. With an offline cache: HF_HOME=... HF_HUB_OFFLINE=1.
"""
import argparse
import time
from datetime import date
from pathlib import Path

from machine import describe_machine
from nerteach.check import check_corpus, read_raw
from nerteach.cli import check_place, write_json
from nerteach.data import load_corpus


def best_time(action, runs):
    """What an action returned, and the seconds of its fastest run."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        result = action()
        seconds.append(time.perf_counter() - started)
    return result, min(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="wikiann", help="default: wikiann")
    parser.add_argument("--runs", type=int, default=3, help="default: 3")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    results = {"data": args.corpus, "runs": args.runs, "machine": describe_machine(), "date": str(date.today())}
    print(f"{results['date']}, {args.corpus}, {results['machine']}")
    for lang in ("pt", "en"):
        loaded, load_seconds = best_time(lambda lang=lang: load_corpus(args.corpus, lang), args.runs)
        findings, check_seconds = best_time(lambda lang=lang: check_corpus(read_raw(args.corpus, lang)), args.runs)
        counts = {" ".join((finding.kind, *finding.splits)): finding.count for finding in findings}
        results[lang] = {"sentences": sum(map(len, loaded.values())), "findings": counts, "load_seconds": round(load_seconds, 2),
                         "check_seconds": round(check_seconds, 2), "ratio": round(check_seconds / load_seconds, 1)}
        print(f"{lang}: {results[lang]['sentences']} sentences loaded in {load_seconds:.2f} s, checked in {check_seconds:.2f} s: "
              f"{check_seconds / load_seconds:.1f} times as long")
        for kind, count in counts.items():
            print(f"  {count:6}  {kind}")
    write_json(args.json, results)


if __name__ == "__main__":
    main()
