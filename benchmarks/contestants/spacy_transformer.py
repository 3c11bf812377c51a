"""spaCy with spacy-transformers: the `ner` component on the encoder, batches and optimizer as in spaCy's own quickstart for transformers."""
from common import parse_arguments, read_split, write_answers

CONFIG = """
[nlp]
lang = "en"
pipeline = ["transformer","ner"]

[components]

[components.transformer]
factory = "transformer"

[components.transformer.model]
@architectures = "spacy-transformers.TransformerModel.v3"
name = "{model}"
tokenizer_config = {{"use_fast": true}}

[components.transformer.model.get_spans]
@span_getters = "spacy-transformers.strided_spans.v1"
window = 128
stride = 96

[components.ner]
factory = "ner"

[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
hidden_width = 64
maxout_pieces = 2
use_upper = false

[components.ner.model.tok2vec]
@architectures = "spacy-transformers.TransformerListener.v1"
grad_factor = 1.0

[components.ner.model.tok2vec.pooling]
@layers = "reduce_mean.v1"
"""


def main():
    args = parse_arguments(__doc__)
    import random
    import time

    import spacy
    from spacy.tokens import Doc
    from spacy.training import Example, biluo_tags_to_spans, iob_to_biluo
    from spacy.training.batchers import minibatch_by_padded_size
    from thinc.api import Config, set_dropout_rate
    from thinc.optimizers import Adam
    from thinc.schedules import warmup_linear

    spacy.util.fix_random_seed(args.seed)
    nlp = spacy.util.load_model_from_config(Config().from_str(CONFIG.format(model=args.model)), auto_fill=True)
    examples = []
    for row in read_split(args.data, "train"):
        doc = Doc(nlp.vocab, words=row["tokens"])
        gold = Doc(nlp.vocab, words=row["tokens"])
        gold.ents = biluo_tags_to_spans(gold, iob_to_biluo(row["ner_tags"]))
        examples.append(Example(doc, gold))
    nlp.initialize(lambda: examples)
    steps, epochs = 20_000, args.epochs or 1
    optimizer = Adam(learn_rate=warmup_linear(5e-5, 250, steps), L2=0.01, grad_clip=1.0)
    started = time.perf_counter()
    for _ in range(epochs):
        random.shuffle(examples)
        for number, batch in enumerate(minibatch_by_padded_size(examples, size=2000, buffer=256, get_length=lambda example: len(example.x))):
            nlp.update(list(batch), drop=0.1, sgd=None)
            if number % 3 == 2:  # accumulate_gradient = 3
                for _, pipe in nlp.pipeline:
                    pipe.finish_update(optimizer)
    seconds = time.perf_counter() - started
    set_dropout_rate(nlp.get_pipe("ner").model, 0.0)
    answers = []
    for doc in nlp.pipe(Doc(nlp.vocab, words=row["tokens"]) for row in read_split(args.data, "validation")):
        answers.append([word.ent_iob_ if word.ent_iob_ in ("O", "") else f"{word.ent_iob_}-{word.ent_type_}" for word in doc])
    write_answers(args, seconds, [[label or "O" for label in labels] for labels in answers])


if __name__ == "__main__":
    main()
