"""A plain Hugging Face `Trainer`: the original lesson's settings, or those of `run_ner.py`.

The original: batch 16, every token of a word has its label. `run_ner.py` (its defaults, and those of `TrainingArguments`): batch 8,
labels on first tokens. Both: learning rate 5e-5 falling to 0, 32-bit numbers, random order, batches padded to their longest.
The class is Hugging Face's own; of nerteach only the alignment is used, which takes no part in the time.
"""
from common import parse_arguments, read_split, write_answers


def main():
    args = parse_arguments(__doc__, settings=("original", "run_ner"))
    import time
    from tempfile import TemporaryDirectory

    from nerteach.align import encode_words, first_tokens, load_tokenizer
    from nerteach.data import iob2_names, make_dataset
    from transformers import AutoModelForTokenClassification, DataCollatorForTokenClassification, Trainer, TrainingArguments, set_seed

    names, tokenizer = iob2_names(["PER", "ORG", "LOC"]), load_tokenizer(args.model)
    strategy, batch_size = {"original": ("repeat", 16), "run_ner": ("first", 8)}[args.settings]
    train, asked = (make_dataset(read_split(args.data, split), names) for split in ("train", "validation"))
    def cut(dataset, strategy="first"):  # of a long sentence these settings read the first window and drop the rest
        return encode_words(dataset, tokenizer, strategy).filter(lambda first: first == 0, input_columns="first_word")

    train = cut(train, strategy)
    set_seed(args.seed)
    network = AutoModelForTokenClassification.from_pretrained(args.model, num_labels=len(names))
    with TemporaryDirectory() as folder:
        trainer = Trainer(network, TrainingArguments(
            output_dir=folder, num_train_epochs=args.epochs, per_device_train_batch_size=batch_size, learning_rate=5e-5, seed=args.seed,
            save_strategy="no", report_to="none", disable_tqdm=True, dataloader_pin_memory=False),
            DataCollatorForTokenClassification(tokenizer), train)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        encoded = cut(asked)
        logits = trainer.predict(encoded).predictions.argmax(-1)
    answers = [[names[0] if token is None else names[logits[row][token]] for token in first_tokens(word_ids, len(words))]
               for row, (word_ids, words) in enumerate(zip(encoded["word_ids"], asked["tokens"]))]
    write_answers(args, seconds, answers)


if __name__ == "__main__":
    main()
