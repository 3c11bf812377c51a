"""nerteach, as `nerteach train` does it: every setting left to be chosen, the best epoch kept by 500 sentences held back for it.

The time is that of `Trainer.train`, with the evaluations and the copies of the model that keeping the best epoch takes.
"""
from common import parse_arguments, read_split, write_answers


def main():
    args = parse_arguments(__doc__)
    from tempfile import TemporaryDirectory

    from nerteach.cli import quiet_loading
    from nerteach.data import iob2_names, make_dataset
    from nerteach.inference import label_words, load_tagger
    from nerteach.metrics import score_entities
    from nerteach.train import TrainConfig, fine_tune

    names = iob2_names(["PER", "ORG", "LOC"])
    corpus = {"train": make_dataset(read_split(args.data, "train"), names),
              "validation": make_dataset(read_split(args.data, "held_back"), names)}
    with TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune(corpus, args.model, TrainConfig(epochs=args.epochs, steps=args.steps, seed=args.seed), score_entities, folder)
        answers = label_words(load_tagger(folder), [row["tokens"] for row in read_split(args.data, "validation")])
    write_answers(args, result.train_seconds, [[label for label, _ in answer] for answer in answers], epochs=result.config.epochs)


if __name__ == "__main__":
    main()
