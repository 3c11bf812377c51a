"""simpletransformers' `NERModel` with its defaults (batch 8, learning rate 4e-5, sentences padded to 128 tokens)."""
from common import parse_arguments, read_split, write_answers


def main():
    args = parse_arguments(__doc__)
    import os
    import time
    from tempfile import TemporaryDirectory

    import pandas
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from simpletransformers.ner import NERModel

    def frame(split):
        return pandas.DataFrame([(number, word, label) for number, row in enumerate(read_split(args.data, split))
                                 for word, label in zip(row["tokens"], row["ner_tags"])], columns=["sentence_id", "words", "labels"])

    train = frame("train")
    with TemporaryDirectory() as folder:
        model = NERModel("bert", args.model, labels=["O"] + sorted(set(train["labels"]) - {"O"}), use_cuda=False, args={
            "output_dir": folder, "cache_dir": folder, "no_save": True, "silent": True, "manual_seed": args.seed, "no_cache": True,
            "use_multiprocessing": False, "use_multiprocessing_for_evaluation": False, "overwrite_output_dir": True,
            **({"num_train_epochs": args.epochs} if args.epochs else {})})
        started = time.perf_counter()
        model.train_model(train)
        seconds = time.perf_counter() - started
        asked = [row["tokens"] for row in read_split(args.data, "validation")]
        predicted, _ = model.predict(asked, split_on_space=False)
    answers = [[next(iter(word.values())) for word in sentence] for sentence in predicted]
    answers = [labels + ["O"] * (len(words) - len(labels)) for labels, words in zip(answers, asked)]
    write_answers(args, seconds, answers)


if __name__ == "__main__":
    main()
