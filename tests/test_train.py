"""Training on tiny encoders of several families, built in memory; and what must be refused."""
import json
import random
import shutil
from unittest.mock import patch

import pytest
import torch
from datasets import DatasetDict
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (AutoModelForTokenClassification, AutoTokenizer, BertConfig, BertForMaskedLM, DistilBertConfig,
                          DistilBertForMaskedLM, ModernBertConfig, ModernBertForMaskedLM, PreTrainedTokenizerFast, RobertaConfig,
                          RobertaForMaskedLM, XLMRobertaConfig, XLMRobertaForMaskedLM)

from nerteach.data import InputError, build_corpus, label_names, load_corpus, named_labels
from nerteach.inference import load_tagger, tag_texts
from nerteach.metrics import score_entities
from nerteach.train import StepOrder, TrainConfig, build_model, choose_settings, cut_batches, fine_tune

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@pytest.fixture(scope="module")
def corpus():
    whole = load_corpus("nerteach", "en")
    for split in whole:
        whole[split] = whole[split].select(range(24))
    return whole


def word_piece(texts):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=400, special_tokens=specials))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
                                   mask_token="[MASK]", model_max_length=64)


def byte_level(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIAL,
                                                             initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>",
                                   pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", model_max_length=64)


def unigram(texts):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(texts, trainers.UnigramTrainer(vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>"))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False, trim_offsets=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", cls_token="<s>", eos_token="</s>", sep_token="</s>",
                                   pad_token="<pad>", unk_token="<unk>", mask_token="<mask>", model_max_length=10**30)


def bert(texts):
    return word_piece(texts), BertForMaskedLM(BertConfig(vocab_size=400, max_position_embeddings=64, **SMALL))


def distilbert(texts):
    return word_piece(texts), DistilBertForMaskedLM(DistilBertConfig(vocab_size=400, max_position_embeddings=64, dim=32, n_layers=2,
                                                                     n_heads=2, hidden_dim=64))


def roberta(texts):
    return byte_level(texts), RobertaForMaskedLM(RobertaConfig(vocab_size=400, max_position_embeddings=66, pad_token_id=1, **SMALL))


def xlm_roberta(texts):
    return unigram(texts), XLMRobertaForMaskedLM(XLMRobertaConfig(vocab_size=400, max_position_embeddings=66, pad_token_id=1, **SMALL))


def modernbert(texts):
    return byte_level(texts), ModernBertForMaskedLM(ModernBertConfig(vocab_size=400, max_position_embeddings=64, pad_token_id=1,
                                                                     bos_token_id=0, cls_token_id=0, eos_token_id=2, sep_token_id=2, **SMALL))


@pytest.mark.parametrize("family", [bert, distilbert, roberta, xlm_roberta, modernbert], ids=lambda family: family.__name__)
def test_families_train_score_and_tag(family, corpus, tmp_path):
    torch.manual_seed(0)
    tokenizer, encoder = family(corpus["train"]["text"])
    tokenizer.save_pretrained(tmp_path / "encoder")
    encoder.save_pretrained(tmp_path / "encoder")
    result = fine_tune(corpus, tmp_path / "encoder", TrainConfig(epochs=2, learning_rate=1e-3), score_entities, tmp_path / "model")
    assert result.metrics["test"]["overall"]["support"] == count_gold(corpus["test"]) > 0
    assert len(result.history) == 2 and result.history[-1]["train_loss"] < 2.5
    long_text = " ".join(corpus["train"]["text"])
    tagged = list(tag_texts(load_tagger(result.folder), ["Ana mora em São Luís.", long_text, ""]))
    assert [t["text"] for t in tagged] == ["Ana mora em São Luís.", long_text, ""]
    assert all(t["text"][e["char_start"]:e["char_end"]] == e["text"] for t in tagged for e in t["entities"])


@pytest.fixture(scope="module")
def tiny(corpus, tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer, encoder = bert(corpus["train"]["text"])
    tokenizer.save_pretrained(folder)
    encoder.save_pretrained(folder)
    return folder


def test_every_call_begins_afresh(corpus, tiny, tmp_path):
    config = TrainConfig(epochs=2, learning_rate=1e-3, seed=3)
    runs = [fine_tune(corpus, tiny, config, score_entities, tmp_path / name) for name in "ab"]
    assert runs[0].history == runs[1].history and runs[0].metrics == runs[1].metrics
    assert (tmp_path / "a/model.safetensors").read_bytes() == (tmp_path / "b/model.safetensors").read_bytes()
    assert runs[0].history[0]["learning_rate"] > 0
    assert [row["train_loss"] for row in runs[0].history] != sorted(row["train_loss"] for row in runs[0].history)


def test_what_lies_in_the_folder(corpus, tiny, tmp_path):
    result = fine_tune(corpus, tiny, TrainConfig(epochs=1), folder=tmp_path / "model")
    names = {path.name for path in result.folder.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "train_config.json"} <= names
    assert not [name for name in names if name.startswith("checkpoint")]
    assert json.loads((result.folder / "train_config.json").read_text())["epochs"] == 1
    assert json.loads((result.folder / "config.json").read_text())["label2id"]["B-ORG"] == 3
    assert set(result.metrics) == {"validation", "test"} and 0 <= result.metrics["test"]["overall"]["f1"] <= 1


def count_gold(dataset):
    return sum(label.startswith("B-") for labels in named_labels(dataset) for label in labels)


def test_nothing_else_in_the_folder_is_touched(corpus, tiny, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine.txt").write_text("keep me")
    fine_tune(corpus, tiny, TrainConfig(epochs=1), folder=tmp_path)
    assert (tmp_path / "checkpoints" / "mine.txt").read_text() == "keep me"


def test_the_best_epoch_is_kept(corpus, tiny, tmp_path):
    weights = set()
    for best in range(3):
        f1 = iter([0.9 if epoch == best else 0.1 for epoch in range(3)] + [0.9, 0.9])  # three epochs, then validation and test
        result = fine_tune(corpus, tiny, TrainConfig(epochs=3, learning_rate=1e-3),
                           lambda y_true, y_pred: {"overall": {"f1": next(f1)}}, tmp_path / str(best))
        assert [row["f1"] for row in result.history].index(0.9) == best
        weights.add((result.folder / "model.safetensors").read_bytes())
    assert len(weights) == 3


def test_lost_words_reach_the_result(corpus, tiny, tmp_path):
    odd = build_corpus({"test": [{"tokens": ["Ana", "\u200e", "x" * 100], "ner_tags": ["B-PER", "I-PER", "O"]}]}, ["PER", "ORG", "LOC"])
    result = fine_tune({**corpus, "test": odd["test"]}, tiny, TrainConfig(epochs=1, max_length=16), score_entities, tmp_path / "model")
    assert result.lost["test"].vanished == [(0, 1)] and result.lost["test"].truncated == [(0, 2)]
    assert result.metrics["test"]["overall"]["support"] == 1


@pytest.mark.parametrize("strategy", ["continue", "repeat"])
def test_other_strategies_are_scored_by_words_too(corpus, tiny, tmp_path, strategy):
    result = fine_tune(corpus, tiny, TrainConfig(epochs=1, strategy=strategy), score_entities, tmp_path / "model")
    assert result.metrics["validation"]["overall"]["support"] == count_gold(corpus["validation"])


def test_other_label_sets(tiny, tmp_path):
    rows = [{"tokens": ["Aspirin", "helps"], "ner_tags": ["B-DRUG", "O"]}, {"tokens": ["try", "Iron", "Oxide"], "ner_tags": ["O", "B-DRUG", "I-DRUG"]}]
    result = fine_tune(build_corpus({"train": rows * 8, "validation": rows}), tiny, TrainConfig(epochs=1), score_entities, tmp_path / "model")
    assert load_tagger(result.folder).names == ["O", "B-DRUG", "I-DRUG"] and "DRUG" in result.metrics["validation"]


@pytest.mark.parametrize("change, said", [
    ({"epochs": 0}, "epochs is 0"), ({"learning_rate": float("nan")}, "learning_rate is nan"), ({"learning_rate": -1e-4}, "learning_rate is -0.0001"), ({"batch_size": -1}, "batch_size is -1"),
    ({"strategy": "best"}, "strategy 'best'"), ({"max_length": 1000}, "max_length 1000 is more than the 64"),
])
def test_bad_settings_are_refused(corpus, tiny, tmp_path, change, said):
    with pytest.raises(InputError, match=said):
        fine_tune(corpus, tiny, TrainConfig(**change), score_entities, tmp_path / "model")


def test_bad_corpora_are_refused(corpus, tiny, tmp_path):
    with pytest.raises(InputError, match="no validation split, only train"):
        fine_tune(DatasetDict({"train": corpus["train"]}), tiny, folder=tmp_path / "model")
    with pytest.raises(InputError, match="train split is empty"):
        fine_tune(DatasetDict({**corpus, "train": corpus["train"].select([])}), tiny, folder=tmp_path / "model")


def test_no_such_encoder(tmp_path):
    with pytest.raises(InputError, match="no encoder"):
        build_model(tmp_path / "nowhere", ["O"])
    with pytest.raises(InputError, match="no model"):
        load_tagger(tmp_path / "nowhere")


def test_a_model_without_label_names_is_refused(tiny, tmp_path):
    AutoModelForTokenClassification.from_pretrained(tiny, num_labels=3).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="does not name its labels"):
        load_tagger(tmp_path)


def test_settings_follow_size_and_width():
    few, many = [13] * 168, [13] * 20_000
    assert choose_settings(TrainConfig(), few, 384).epochs > choose_settings(TrainConfig(), many, 384).epochs == 2
    assert choose_settings(TrainConfig(), [13], 384).epochs == 20
    assert choose_settings(TrainConfig(), many, 768).learning_rate < choose_settings(TrainConfig(), many, 384).learning_rate
    own = TrainConfig(epochs=7, batch_size=5, learning_rate=1e-5, precision="fp32")
    assert choose_settings(own, few, 384) == own


@pytest.mark.parametrize("batch_size, tokens, least", [(None, 400, 1), (8, 400, 1), (None, 60, 2), (5, 400, 4), (1, 400, 3)])
def test_batches_hold_every_sentence_once_and_no_more_than_asked(batch_size, tokens, least):
    lengths = sorted(random.Random(0).choices(range(3, 70), k=203))
    cuts = cut_batches(lengths, batch_size, tokens, least)
    assert [place for start, end in cuts for place in range(start, end)] == list(range(203))
    sizes = [end - start for start, end in cuts]
    assert min(sizes) >= least
    for (_, end), size in zip(cuts[:-1], sizes):
        assert size <= max(batch_size, least) if batch_size else size == least or size * lengths[end - 1] <= tokens


@pytest.mark.parametrize("lengths, least", [([], 1), ([9], 1), ([9], 4), ([1000, 1000], 1)])
def test_few_or_long_sentences_still_make_batches(lengths, least):
    cuts = cut_batches(lengths, None, 400, least)
    assert cuts[0][0] == 0 and cuts[-1][1] == len(lengths) and len(cuts) == max(1, len(lengths))


def test_every_epoch_takes_the_batches_in_another_order(corpus, tiny, tmp_path):
    orders = []

    class Watched(StepOrder):
        def __iter__(self):
            orders.append(list(super().__iter__()))
            return iter(orders[-1])

    with patch("nerteach.train.StepOrder", Watched):
        fine_tune(corpus, tiny, TrainConfig(epochs=2, batch_size=2), score_entities, tmp_path / "model")
    assert sorted(orders[-1]) == sorted(orders[-2]) == list(range(14)) and orders[-1] != orders[-2]


def test_the_vocabulary_is_frozen_unless_asked(corpus, tiny, tmp_path):
    before = build_model(tiny, label_names(corpus)).get_input_embeddings().weight
    for frozen in ("vocabulary", "nothing"):
        result = fine_tune(corpus, tiny, TrainConfig(epochs=1, frozen=frozen), score_entities, tmp_path / frozen)
        after = load_tagger(result.folder).model.get_input_embeddings().weight
        assert torch.equal(before, after) == (frozen == "vocabulary")


@pytest.fixture(scope="module")
def calm(tiny, tmp_path_factory):
    """The tiny encoder without dropout, which draws other numbers in each part of a step."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("calm") / "model")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}))
    return folder


def assert_same_steps(one, other, *losses):
    """The losses after each epoch agree, so the steps between them did."""
    for loss in losses:
        assert [row[loss] for row in other] == pytest.approx([row[loss] for row in one], rel=1e-4)


def test_parts_of_a_step_add_up_to_the_step(corpus, calm, tmp_path):
    whole, parts = (fine_tune(corpus, calm, TrainConfig(epochs=2, batch_size=8, accumulation=n, precision="fp32"), score_entities, tmp_path / str(n)) for n in (1, 4))
    assert_same_steps(whole.history, parts.history, "train_loss", "validation_loss")


def test_two_processes_take_the_steps_of_one(corpus, calm, launch, tmp_path):
    config = {"epochs": 3, "batch_size": len(corpus["train"]), "precision": "fp32"}  # one batch of all sentences: the order does not matter
    script = tmp_path / "script.py"
    script.write_text(f"""
import json
from nerteach.data import load_corpus
from nerteach.train import TrainConfig, fine_tune
corpus = load_corpus("nerteach", "en")
for split in corpus:
    corpus[split] = corpus[split].select(range(24))
result = fine_tune(corpus, {str(calm)!r}, TrainConfig(**{config}), folder="two")
open(f"history-{{result.folder.name}}.json", "w").write(json.dumps(result.history))
""")
    done = launch(script, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    one = fine_tune(corpus, calm, TrainConfig(**config), folder=tmp_path / "one")
    assert_same_steps(one.history, json.loads((tmp_path / "history-two.json").read_text()), "train_loss")  # `Trainer` takes the mean of each process's validation loss


def test_half_precision_trains_and_saves_single(corpus, tiny, tmp_path):
    runs = {precision: fine_tune(corpus, tiny, TrainConfig(epochs=1, precision=precision), score_entities, tmp_path / precision)
            for precision in ("fp32", "bf16")}
    losses = [run.history[0]["train_loss"] for run in runs.values()]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.02)
    assert {weight.dtype for weight in load_tagger(runs["bf16"].folder).model.parameters()} == {torch.float32}


@pytest.mark.parametrize("change, said", [({"precision": "fp8"}, "precision is 'fp8'"), ({"accumulation": 0}, "accumulation is 0"), ({"steps": 0}, "steps is 0")])
def test_bad_scale_is_refused(change, said):
    with pytest.raises(InputError, match=said):
        TrainConfig(**change)


def test_a_stream_trains_for_its_steps_and_loses_no_count(corpus, tiny, tmp_path):
    stream = {**corpus, "train": corpus["train"].to_iterable_dataset()}
    with pytest.raises(InputError, match="say how many steps"):
        fine_tune(stream, tiny, TrainConfig(), score_entities, tmp_path / "model")
    config = TrainConfig(steps=9, batch_size=8, max_length=16)  # three times through
    streamed = fine_tune(stream, tiny, config, score_entities, tmp_path / "stream")
    whole = fine_tune(corpus, tiny, config, score_entities, tmp_path / "whole")
    assert len(streamed.history) == len(whole.history) == 9 and streamed.lost == whole.lost
    assert streamed.lost["train"].words == sum(map(len, corpus["train"]["tokens"])) and not streamed.lost["train"].truncated
