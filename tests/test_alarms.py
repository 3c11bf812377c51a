"""Every alarm rings on a real training that has its fault, and none on a healthy one."""
import math
import warnings
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import DatasetDict
from transformers import (AutoModelForTokenClassification, BertConfig, BertModel, DataCollatorForTokenClassification, PrinterCallback, Trainer,
                          TrainingArguments, get_linear_schedule_with_warmup, set_seed)

from nerteach.alarms import (ALARMS, CHECKED, Alarm, LearningWarning, alarms_of_trainer, changed_share, count_predictions, find_alarms, read_log,
                             sample_weights, watch_learning)
from nerteach.align import encode_words
from nerteach.cli import notes_on_one_line
from nerteach.data import InputNote, label_names, load_corpus
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, fine_tune

SOUND = [{"epoch": 1.0, "train_loss": 1.1, "validation_loss": 0.6, "learning_rate": 3e-4, "f1": 0.2},
         {"epoch": 2.0, "train_loss": 0.5, "validation_loss": 0.5, "learning_rate": 0.0, "f1": 0.4}]
GOLD = Counter({"O": 300, "B-PER": 20, "I-PER": 12, "B-LAW": 11})


@pytest.fixture(scope="module")
def corpus():
    whole = load_corpus("nerteach", "en")
    return DatasetDict({split: whole[split].select(range(24)) for split in ("train", "validation")})


@pytest.fixture(scope="module")
def tiny(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def own(corpus, tiny, tokenizer, tmp_path):
    """A function that makes a `Trainer` of a user's own."""
    def make(optimizers=(None, None), loss=None, **settings):
        encoded = encode_words(corpus["train"], tokenizer).select_columns(["input_ids", "attention_mask", "labels"])
        set_seed(0)
        model = AutoModelForTokenClassification.from_pretrained(tiny, id2label=dict(enumerate(label_names(corpus))))
        settings = {"num_train_epochs": 2, "learning_rate": 1e-3, "logging_strategy": "epoch", "save_strategy": "no"} | settings
        trainer = Trainer(model, TrainingArguments(tmp_path, report_to="none", disable_tqdm=True, use_cpu=True, **settings),
                          DataCollatorForTokenClassification(tokenizer), encoded, encoded, optimizers=optimizers, compute_loss_func=loss)
        trainer.remove_callback(PrinterCallback)
        return trainer
    return make


def rung(act):
    """What rang during an act."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [str(warning.message) for warning in caught if warning.category is LearningWarning]


def kinds(alarms):
    return [alarm.kind for alarm in alarms]


@pytest.mark.parametrize("settings, said", [
    ({"learning_rate": 0.0}, "the learning rate is 0, so"),
    ({"learning_rate": 1e-12}, "equal to the last digit"),
    ({"learning_rate": 1e6}, "loss: nan at epoch 1"),
    ({"learning_rate": 100.0}, "guessing among 7 labels gives 1.95"),
    ({"learning_rate": 3e-3}, "labels were predicted O"),
])
def test_one_alarm_rings_for_one_fault(corpus, tiny, tmp_path, settings, said):
    messages = rung(lambda: fine_tune(corpus, tiny, TrainConfig(epochs=3, batch_size=4, precision="fp32", **settings), score_entities, tmp_path))
    assert len(messages) == 1 and said in messages[0], messages


def test_a_rate_of_zero_trains_at_zero(corpus, tiny, tmp_path):
    with pytest.warns(LearningWarning, match="learning rate is 0, so"):
        result = fine_tune(corpus, tiny, TrainConfig(epochs=1, learning_rate=0), folder=tmp_path)
    assert result.config.learning_rate == result.history[0]["learning_rate"] == 0


def test_it_rings_again_when_trained_again(corpus, tiny, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(2):
            fine_tune(corpus, tiny, TrainConfig(epochs=1, learning_rate=0), folder=tmp_path)
    assert [warning.category for warning in caught].count(LearningWarning) == 2


def test_a_healthy_training_is_silent(tmp_path):
    whole = load_corpus("nerteach", "en")
    healthy = DatasetDict({"train": whole["train"].select(range(80)), "validation": whole["validation"].select(range(40))})
    results = []
    assert rung(lambda: results.append(fine_tune(healthy, "minilm", TrainConfig(epochs=4, batch_size=4), score_entities, tmp_path))) == []
    history = results[0].history
    assert history[-1]["f1"] > 0.4 and find_alarms(history, results[0].config.learning_rate, 7) == []
    assert kinds(find_alarms([{**row, "train_loss": history[0]["train_loss"]} for row in history])) == ["loss flat"], "the same run with a flat loss"


def test_a_finished_schedule(own):
    model = own().model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # `Trainer` renews its own schedule at each call, a user's not
    trainer = own(optimizers=(optimizer, get_linear_schedule_with_warmup(optimizer, 0, 6)))
    trainer.model = trainer.model_wrapped = model
    watch_learning(trainer)
    assert not [text for text in rung(trainer.train) if "schedule" in text]
    assert [("train() was called again" in text) for text in rung(trainer.train)] == [True]
    assert kinds(alarms_of_trainer(trainer)) == ["schedule over"]


def test_everything_frozen(own):
    trainer = own()
    watch_learning(trainer)
    trainer.model.requires_grad_(False)

    def train():
        with pytest.raises(RuntimeError):
            trainer.train()
    assert [text[:12] for text in rung(train)] == ["none of the "]
    assert kinds(alarms_of_trainer(trainer)) == ["nothing to train"]


def test_an_optimizer_with_the_weights_of_another_model(own):
    other = own().model
    optimizer = torch.optim.AdamW(other.parameters(), lr=1e-3)
    trainer = own(optimizers=(optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)))
    watch_learning(trainer)
    [text] = rung(trainer.train)
    assert text.startswith("0.00% of the trainable weights changed")


def test_not_a_number_is_said_before_the_log(own):
    steps = []

    def loss(outputs, labels, num_items_in_batch=None):
        steps.append(outputs["logits"].sum() * (math.nan if len(steps) == 2 else 1))
        return steps[-1]
    trainer = own(loss=loss, num_train_epochs=CHECKED // 2, per_device_train_batch_size=8, logging_strategy="no", max_grad_norm=0)
    watch_learning(trainer)
    [text] = rung(trainer.train)
    assert text.startswith(f"weights: nan at epoch {CHECKED / 3:.2f}") and len(steps) > CHECKED + 10


def test_the_watch_leaves_the_scores_as_they_are(corpus, tiny, own, tmp_path):
    trainer = own(eval_strategy="epoch")
    trainer.compute_metrics = score = lambda prediction: {"seen": len(prediction.label_ids)}
    watch_learning(trainer)
    messages = rung(trainer.train)
    assert trainer.compute_metrics is score and [entry["eval_seen"] for entry in trainer.state.log_history if "eval_seen" in entry] == [24, 24]
    assert len(messages) == 1 and messages[0].startswith("never predicted on validation, though gold has them"), messages


def test_the_watch_outlives_a_training_that_failed(own):
    trainer = own(eval_strategy="epoch")
    trainer.compute_metrics = score = lambda prediction: {}
    watch_learning(trainer)
    trainer.model.requires_grad_(False)
    with pytest.raises(RuntimeError), pytest.warns(LearningWarning):
        trainer.train()
    trainer.model.requires_grad_(True)
    [text] = rung(trainer.train)
    assert text.startswith("0.00% of the trainable weights changed"), "the optimizer was made while all was frozen"
    assert trainer.compute_metrics is score


@pytest.mark.parametrize("given, expected", [
    ({"history": SOUND, "learning_rate": 3e-4, "n_labels": 7, "trainable": 100, "changed": 0.5, "gold": GOLD, "predicted": GOLD}, []),
    ({"history": []}, []),
    ({"history": SOUND, "learning_rate": 0.0}, []),  # the optimizer was the user's own: its rate was not 0
    ({"history": [{**SOUND[0], "learning_rate": 0.0}, SOUND[1]], "learning_rate": 3e-4}, ["schedule over"]),
    ({"history": [{**SOUND[0], "learning_rate": 0.0}, {**SOUND[1], "learning_rate": 1e-4}]}, []),
    ({"history": SOUND, "trainable": 0}, ["nothing to train"]),
    ({"history": SOUND, "changed": 0.0}, ["weights still"]),
    ({"history": [SOUND[0], {**SOUND[1], "validation_loss": math.inf}]}, ["not finite"]),
    ({"history": [SOUND[0], {**SOUND[1], "validation_loss": 0.6}]}, ["same evaluation"]),
    ({"history": [SOUND[0], {**SOUND[1], "train_loss": 1.09}]}, ["loss flat"]),
    ({"history": [SOUND[0], {**SOUND[1], "train_loss": 1.0, "spread": 0.06}]}, ["loss flat"]),
    ({"history": [SOUND[0], {**SOUND[1], "train_loss": 1.0, "spread": 0.04}]}, []),
    ({"history": [{"epoch": 1, "train_loss": 2.2}], "n_labels": 9}, ["guessing"]),
    ({"history": [{"epoch": 1, "train_loss": 2.2}], "n_labels": None}, []),
    ({"history": SOUND, "gold": GOLD, "predicted": Counter({"O": 343})}, ["only O"]),
    ({"history": SOUND, "gold": GOLD, "predicted": Counter({"O": 312, "B-PER": 30, "I-PER": 1})}, ["never predicted"]),
    ({"history": SOUND, "gold": Counter({"O": 300, "B-PER": 9}), "predicted": Counter({"O": 309})}, []),
    ({"history": [{**row, "f1": 0.0} for row in SOUND], "gold": GOLD, "predicted": GOLD}, ["F1 zero"]),
    ({"history": [{**SOUND[0], "f1": 0.0}, SOUND[1]], "gold": GOLD, "predicted": GOLD}, []),
])
def test_each_sign_and_its_edge(given, expected):
    found = find_alarms(**given)
    assert kinds(found) == expected
    for alarm in found:
        for lang in ("en", "pt"):
            assert "{" not in alarm.say(lang) and alarm.say(lang).count(";") == 2


def test_what_is_never_predicted_is_named_with_its_count():
    [alarm] = find_alarms(SOUND, gold=GOLD, predicted=Counter({"O": 330, "B-PER": 13}))
    assert "(times): B-LAW (11), I-PER (12);" in str(alarm)


def test_every_sentence_is_in_both_languages():
    for texts in ALARMS.values():
        assert texts.keys() == {"en", "pt"} and texts["en"] != texts["pt"]
    alarm = Alarm("not finite", {"what": "weights", "value": math.nan, "epoch": 1.5, "rate": 1e-3})
    assert alarm.say("pt").startswith("pesos: nan na época 1.5") and str(alarm).startswith("weights: nan at epoch 1.5")


def test_logs_of_all_kinds_become_epochs():
    often = [{"loss": loss, "learning_rate": 1e-4, "epoch": epoch, "step": 1} for loss, epoch in ((1.0, 0.5), (0.6, 1.0), (0.5, 1.5), (0.3, 2.0))]
    summary = {"train_loss": 0.6, "train_runtime": 1.0, "epoch": 2.0}
    rows = read_log([*often[:2], {"eval_loss": 0.7, "eval_f1": 0.1, "epoch": 1.0}, *often[2:], {"eval_loss": 0.4, "eval_f1": 0.3, "epoch": 2.0}, summary])
    assert [(row["epoch"], row["train_loss"], row["validation_loss"], row["f1"]) for row in rows] == [(1.0, 0.8, 0.7, 0.1), (2.0, 0.4, 0.4, 0.3)]
    assert rows[0]["spread"] == pytest.approx(0.2) and "precision" not in rows[0]
    assert len(read_log(often[:2])) == 2 and len(read_log([summary])) == 1 and read_log([]) == read_log([{"loss": 1.0}]) == []
    assert math.isnan(read_log([{**often[0], "loss": math.nan}, often[1], often[3]])[0]["train_loss"])


def test_changed_weights_count_by_the_size_of_their_tensor():
    model = torch.nn.Sequential(torch.nn.Linear(300, 300), torch.nn.Linear(1, 1))
    before = sample_weights(model)
    assert max(len(values) for _, values in before) < 2000 and [size for size, _ in before] == [90_000, 300, 1, 1]
    with torch.no_grad():
        model[1].weight.add_(1)
        model[0].bias.add_(1)
    assert changed_share(before, sample_weights(model)) == pytest.approx(301 / 90_302)
    model.requires_grad_(False)
    assert sample_weights(model) == [] and changed_share([], []) == 0


@pytest.mark.parametrize("pack", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_labels_are_counted_where_there_is_gold(pack):
    logits = pack(np.eye(3, dtype="float32")[[[0, 2, 2], [1, 1, 0]]])
    gold = pack(np.array([[0, 2, -100], [1, 0, -100]]))
    names = {0: "O", 1: "B-PER", 2: "I-PER"}
    expected = Counter({"O": 2, "B-PER": 1, "I-PER": 1}), Counter({"O": 1, "B-PER": 2, "I-PER": 1})
    for predictions in (logits, (logits, None), logits.argmax(-1)):
        assert count_predictions(SimpleNamespace(predictions=predictions, label_ids=gold), names) == expected
    assert count_predictions(SimpleNamespace(predictions=[logits], label_ids=[gold]), names) == (Counter(), Counter())


def test_the_command_line_prints_a_note(capsys):
    assert issubclass(LearningWarning, InputNote)
    with notes_on_one_line():
        warnings.warn(LearningWarning("one sentence"))
    assert capsys.readouterr().err == "nerteach: note: one sentence\n"
