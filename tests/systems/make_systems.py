"""Train the two systems of each language whose answers lie beside this file, and write these answers.

    python tests/systems/make_systems.py

MiniLM on the packaged corpus, seed 0: `minilm` with the default settings on all 700 training sentences, `weak` on 100 of them.
A line holds a word of the packaged test split, its gold label and the predicted one; a blank line ends a sentence.
Written on 2 cores of an Intel or AMD CPU; another machine may tip a few labels, so the files are kept and not made again by the tests.
"""
import tempfile
from pathlib import Path

from datasets import DatasetDict
from nerteach.cli import limit_train, quiet_loading
from nerteach.data import load_corpus, named_labels
from nerteach.inference import label_words, load_tagger
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, fine_tune

HERE = Path(__file__).resolve().parent


def answer(corpus, limit):
    """Train on `limit` sentences (all for `None`), and return the predicted labels of the test split."""
    learned = limit_train(DatasetDict({split: corpus[split] for split in ("train", "validation")}), limit, 0)
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(learned, "minilm", TrainConfig(seed=0), score_entities, Path(folder) / "model")
        answers = label_words(load_tagger(result.folder), corpus["test"]["tokens"])
    return [[label for label, _ in row] for row in answers]


def main():
    for lang in ("en", "pt"):
        corpus = load_corpus("nerteach", lang)
        for name, limit in (("minilm", None), ("weak", 100)):
            rows = zip(corpus["test"]["tokens"], named_labels(corpus["test"]), answer(corpus, limit))
            sentences = ["".join(f"{word}\t{true}\t{pred}\n" for word, true, pred in zip(*row)) for row in rows]
            (HERE / f"{lang}.{name}.conll").write_text("\n".join(sentences), encoding="utf-8", newline="\n")
            print(f"{lang}.{name}.conll", flush=True)


if __name__ == "__main__":
    main()
