"""Flair's `fine_tune` with its defaults (batch 4, learning rate 5e-5) and the tagger of its tutorial: one linear layer, no CRF."""
from common import parse_arguments, read_split, write_answers


def main():
    args = parse_arguments(__doc__)
    import time
    from tempfile import TemporaryDirectory

    import flair
    import torch
    from flair.data import Corpus, Sentence
    from flair.datasets import FlairDatapointDataset
    from flair.embeddings import TransformerWordEmbeddings
    from flair.models import SequenceTagger
    from flair.trainers import ModelTrainer

    def read(split):
        sentences = []
        for row in read_split(args.data, split):
            sentence, starts = Sentence(row["tokens"]), [i for i, label in enumerate(row["ner_tags"]) if label.startswith("B-")]
            for start in starts:
                end = start + 1
                while end < len(sentence) and row["ner_tags"][end].startswith("I-"):
                    end += 1
                sentence[start:end].add_label("ner", row["ner_tags"][start][2:])
            sentences.append(sentence)
        return FlairDatapointDataset(sentences)

    flair.set_seed(args.seed)
    flair.device = torch.device("cpu")
    corpus = Corpus(train=read("train"), sample_missing_splits=False)
    embeddings = TransformerWordEmbeddings(args.model, layers="-1", subtoken_pooling="first", fine_tune=True)
    tagger = SequenceTagger(hidden_size=256, embeddings=embeddings, tag_dictionary=corpus.make_label_dictionary("ner"), tag_type="ner",
                            use_crf=False, use_rnn=False, reproject_embeddings=False)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        ModelTrainer(tagger, corpus).fine_tune(folder, save_final_model=False, **({"max_epochs": args.epochs} if args.epochs else {}))
        seconds = time.perf_counter() - started
    asked, answers = [Sentence(row["tokens"]) for row in read_split(args.data, "validation")], []
    tagger.predict(asked, mini_batch_size=32)
    for sentence in asked:
        labels = ["O"] * len(sentence)
        for span in sentence.get_spans("ner"):
            first, last = span[0].idx - 1, span[-1].idx
            labels[first:last] = [f"B-{span.tag}"] + [f"I-{span.tag}"] * (last - first - 1)
        answers.append(labels)
    write_answers(args, seconds, answers)


if __name__ == "__main__":
    main()
