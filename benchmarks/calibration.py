"""What the score of an entity should be: mean, minimum or product of its words' probabilities, and at which temperature.

    python benchmarks/calibration.py

Trains MiniLM on the packaged corpus (default settings) and on 3 000 WikiANN sentences (2 epochs), in English and Portuguese. Then each
way to score an entity is tried with no temperature, with the one that makes the gold labels of all validation words likeliest, and with
the one that makes right and wrong of the entities found in validation likeliest (log loss in both cases). What is printed was measured on
the test split (of WikiANN the first 3 000 sentences), from which nothing was fitted: expected calibration error in 15 groups of equal
mass and of equal width, Brier score, log loss, and the area under the risk-coverage curve (the mean share wrong among the surest 1, 2,
3, ... entities); lower is better in all of them. Then what becomes of precision and recall where the unsure are left out.
Six minutes on 2 cores. With an offline cache: HF_HOME=... HF_HUB_OFFLINE=1.
"""
import argparse
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
from datasets import DatasetDict
from machine import describe_machine
from nerteach.analysis import text_table
from nerteach.calibration import FoundEntities, brier_score, calibration_error, leave_out
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus, named_labels
from nerteach.inference import load_tagger, word_logits
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, fine_tune
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

SCORED = {  # from the probabilities of the words of all entities, and the first word of each entity, to one score per entity
    "mean": lambda p, starts: np.add.reduceat(p, starts) / np.diff([*starts, len(p)]),
    "minimum": np.minimum.reduceat,
    "product": np.multiply.reduceat,
}


def least(loss):
    """The temperature from 0.1 to 10 with the least loss."""
    return float(np.exp(minimize_scalar(lambda x: loss(np.exp(x)), bounds=(np.log(0.1), np.log(10)), method="bounded").x))


def log_loss(scores, right):
    """Mean surprise at right and wrong, in nats."""
    scores = np.clip(scores, 1e-9, 1 - 1e-9)
    return float(-np.log(np.where(right, scores, 1 - scores)).mean())


def area_under_risk(scores, right):
    """Area under the risk-coverage curve."""
    wrong = ~right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())


def find(tagger, dataset):
    """The entities found in a split, and the logits and gold label ids of all its words that the model saw."""
    found, rows = FoundEntities(tagger.names), []
    for logits, labels in zip(word_logits(tagger, dataset["tokens"]), named_labels(dataset)):
        found.add(logits, labels)
        rows.append((logits, [tagger.names.index(label) for label in labels]))
    logits, label_ids = np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])
    seen = ~np.isnan(logits).any(axis=1)
    return found, logits[seen], label_ids[seen]


def measure(tagger, validation, test):
    """All ways to score the entities of one model: fitted on validation, measured on test."""
    (found, logits, label_ids), tested = find(tagger, validation), find(tagger, test)[0]
    of_words = least(lambda t: -log_softmax(logits / t, axis=1)[np.arange(len(label_ids)), label_ids].mean())
    rows = []
    for name, combine in SCORED.items():
        def score(entities, temperature):
            return combine(entities.probabilities(temperature), np.array(entities.starts, dtype=int))
        of_entities = least(lambda t: log_loss(score(found, t), found.right()))
        for fitted, temperature in (("nothing", 1.0), ("words", of_words), ("entities", of_entities)):
            scores, right = score(tested, temperature), tested.right()
            rows.append({"score": name, "fitted on": fitted, "temperature": temperature, "mean score": float(scores.mean()),
                         "share right": float(right.mean()), "ece mass": calibration_error(scores, right),
                         "ece width": calibration_error(scores, right, equal="width"), "brier": brier_score(scores, right),
                         "log loss": log_loss(scores, right), "risk": area_under_risk(scores, right)})
    best = next(row["temperature"] for row in rows if (row["score"], row["fitted on"]) == ("mean", "entities"))
    return {"validation entities": len(found.verdicts), "test entities": len(tested.verdicts), "rows": rows,
            "thresholds": leave_out(tested.scores(best), tested.right(), tested.gold)}


def train_and_measure(name, lang, seed):
    """Train on one corpus and measure."""
    corpus, config = load_corpus(name, lang), TrainConfig(seed=seed)
    if name == "wikiann":
        corpus, config = limit_train(corpus, 3000, seed), TrainConfig(seed=seed, epochs=2)
        corpus["validation"], corpus["test"] = corpus["validation"].select(range(2000)), corpus["test"].select(range(3000))
    learned = DatasetDict({"train": corpus["train"], "validation": corpus["validation"].select(range(min(300, len(corpus["validation"]))))})
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(learned, "minilm", config, score_entities, Path(folder) / "model")
        tagger = load_tagger(result.folder)
    return measure(tagger, corpus["validation"], corpus["test"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpora", nargs="+", default=["nerteach", "wikiann"], choices=["nerteach", "wikiann"])
    parser.add_argument("--lang", nargs="+", default=["en", "pt"], choices=["en", "pt"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, MiniLM, {describe_machine()}", flush=True)
    results = {"model": "minilm", "seed": args.seed, "machine": describe_machine(), "date": str(date.today())}
    for name in args.corpora:
        for lang in args.lang:
            results[f"{name} {lang}"] = measured = train_and_measure(name, lang, args.seed)
            print(f"\n{name} {lang}: {measured['validation entities']} entities found in validation, {measured['test entities']} in test\n"
                  f"{text_table(measured['rows'])}\n\n{text_table(measured['thresholds'])}", flush=True)
    write_json(args.json, results)


if __name__ == "__main__":
    main()
