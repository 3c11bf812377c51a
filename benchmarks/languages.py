"""What leaks from train into test in WikiANN, what it is worth, and what MiniLM's vocabulary does to Portuguese.

    python benchmarks/languages.py

For Portuguese and English: prints what the vocabulary does to the words of the test split, what of it stands in train, and the score
of a look-up table that remembers train. Then, for the languages of `--train`, trains MiniLM twice, on the train split as it is and on
the same without the sentences that stand verbatim in test, and scores both models by words on the whole of test, on test without those
sentences, and on those sentences alone, each with its 95% interval (bootstrap over sentences).
The epoch is kept by the first 1 000 validation sentences. With an offline cache: HF_HOME=... HF_HUB_OFFLINE=1.
"""
import argparse
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path

from datasets import DatasetDict
from machine import describe_machine
from nerteach.align import load_tokenizer
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus, named_labels
from nerteach.inference import label_words, load_tagger
from nerteach.languages import drop_rows, find_leaks, label_from_memory, score_leaks, vocabulary_report
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, fine_tune


def train_and_score(train, corpus, leaked, config):
    """Fine-tune on `train`, then score the test split of `corpus` whole, without the rows in `leaked`, and on these alone."""
    learned = DatasetDict({"train": train, "validation": corpus["validation"].select(range(1000))})
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(learned, "minilm", config, score_entities, Path(folder) / "model")
        answers = label_words(load_tagger(result.folder), corpus["test"]["tokens"])
    scores = score_leaks(named_labels(corpus["test"]), [[label for label, _ in answer] for answer in answers], leaked)
    return {"sentences": len(train), "epochs": result.config.epochs, "train_seconds": round(result.train_seconds, 1), **scores}


def show(what, scores):
    """Print one line for each part of the test split."""
    for part in [part for part in scores if isinstance(scores[part], dict)]:
        low, high = scores[part]["overall"]["low"], scores[part]["overall"]["high"]
        print(f"{what} -> {part} ({scores[part]['sentences']} sentences): "
              f"F1 {scores[part]['overall']['f1']:.3f} [{low:.3f}, {high:.3f}]", flush=True)


def measure_words(lang, corpus):
    """What needs no training: the vocabulary, the leaks, and the score of a model that only remembers."""
    train, test = corpus["train"], corpus["test"]
    report, leaks = vocabulary_report(test, load_tokenizer("minilm")), find_leaks(train, test)
    same = sum(test[row]["ner_tags"] == train[source]["ner_tags"] for row, source in leaks)
    distinct = len({tuple(test[row]["tokens"]) for row, _ in leaks})
    print(f"{lang} {report}\n{lang} {len(leaks)} of {len(test)} test sentences stand in train ({distinct} different ones), "
          f"{same} of them with the same labels")
    memory = score_leaks(named_labels(test), label_from_memory(train, test), [row for row, _ in leaks])
    show(f"{lang} memory of {len(train)} sentences", memory)
    return {"vocabulary": asdict(report), "leaks": len(leaks), "distinct_leaks": distinct, "same_labels": same, "memory": memory}


def measure_training(lang, corpus, config):
    """Both trainings of one language: on train as it is, and on train without the sentences of test."""
    train, test = corpus["train"], corpus["test"]
    leaked = [row for row, _ in find_leaks(train, test)]
    results = {}
    for what, part in (("train", train), ("train_without_test", drop_rows(train, [row for row, _ in find_leaks(test, train)]))):
        results[what] = train_and_score(part, corpus, leaked, config)
        show(f"{lang} {what} ({len(part)} sentences, {results[what]['epochs']} epochs)", results[what])
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", nargs="*", default=["pt"], choices=["pt", "en"], help="languages to train on (default: pt)")
    parser.add_argument("--limit", type=int, help="training sentences, drawn with the seed (default: all 20 000)")
    parser.add_argument("--epochs", type=int, default=1, help="default: 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN, MiniLM, {describe_machine()}", flush=True)
    results = {"data": "unimelb-nlp/wikiann", "model": "minilm", "seed": args.seed, "machine": describe_machine(), "date": str(date.today())}
    corpora = {lang: limit_train(load_corpus("wikiann", lang), args.limit, args.seed) for lang in ("pt", "en")}
    results |= {lang: measure_words(lang, corpus) for lang, corpus in corpora.items()}
    for lang in args.train:
        results[lang] |= measure_training(lang, corpora[lang], TrainConfig(epochs=args.epochs, seed=args.seed))
    write_json(args.json, results)


if __name__ == "__main__":
    main()
