"""The installed command, end to end, and every way to hold it wrong."""
import json
import subprocess
import sys
from pathlib import Path

import pytest

from nerteach.cli import main

TEXT = "Ana Ribeiro left Recife to work for Petrobras in Rio de Janeiro."


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    """A folder with a model trained a little, through the installed command."""
    folder = tmp_path_factory.mktemp("cli")
    done = run("train", "--epochs", 3, "--limit", 120, "--precision", "fp32", "--output", "model", "--json", "train.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_train_prints_table_folder_and_next_command(trained):
    _, done = trained
    assert "overall" in done.stdout and "support" in done.stdout and "model in model" in done.stdout
    assert done.stdout.strip().splitlines()[-1].startswith("next: nerteach predict model ")
    assert "trained on 120 sentences, 3 epochs" in done.stdout


def test_train_writes_scores(trained):
    scores = json.loads((trained[0] / "train.json").read_text())
    assert scores["train_seconds"] > 0 and set(scores) == {"validation", "test", "train_seconds"}
    for split in ("validation", "test"):
        assert {"overall", "PER", "ORG", "LOC"} <= set(scores[split])
        assert set(scores[split]["overall"]) == {"precision", "recall", "f1", "support"}
    assert scores["validation"]["overall"]["f1"] > 0


def test_evaluate_agrees_with_train(trained, run):
    folder, _ = trained
    done = run("evaluate", "model", "--precision", "fp32", "--json", "evaluate.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "evaluate.json").read_text()) == json.loads((folder / "train.json").read_text())["test"]
    done = run("evaluate", "model", "--lang", "pt", "--split", "validation", "--json", "pt.json", cwd=folder)
    assert done.returncode == 0 and json.loads((folder / "pt.json").read_text())["overall"]["support"] > 0


def test_predict_from_arguments_file_and_standard_input(trained, run):
    folder, _ = trained
    texts = [TEXT, "", "São Paulo 🙂 e Olinda"]
    (folder / "texts.txt").write_text("\r\n".join(texts) + "\r\n", encoding="utf-8", newline="")
    by_arguments = run("predict", "model", *texts, cwd=folder)
    by_file = run("predict", "model", "--input", "texts.txt", "--output", "out.jsonl", cwd=folder)
    by_pipe = run("predict", "model", "--input", "-", cwd=folder, stdin="\n".join(texts))
    assert by_arguments.returncode == by_file.returncode == by_pipe.returncode == 0, by_arguments.stderr + by_file.stderr + by_pipe.stderr
    assert by_arguments.stdout == by_pipe.stdout == (folder / "out.jsonl").read_text(encoding="utf-8")
    results = [json.loads(line) for line in by_pipe.stdout.splitlines()]
    assert [result["text"] for result in results] == texts
    entities = [(result["text"], entity) for result in results for entity in result["entities"]]
    assert entities
    for text, entity in entities:
        assert set(entity) == {"entity_type", "text", "char_start", "char_end", "score"}
        assert text[entity["char_start"]:entity["char_end"]] == entity["text"] and 0 < entity["score"] <= 1


def test_a_reader_that_stops_early_is_no_error(trained):
    program = Path(sys.executable).parent / "nerteach"
    (trained[0] / "many.txt").write_text("Ana mora em Recife.\n" * 3000, encoding="utf-8")
    done = subprocess.run(f"'{program}' predict model --input many.txt | head -n 1", shell=True, cwd=trained[0], capture_output=True, text=True)
    assert json.loads(done.stdout)["text"] == "Ana mora em Recife." and "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


def test_training_on_a_folder_with_other_labels(run, tmp_path, trained):
    sentences = "{} B-DRUG\nhelps O\n\ntake O\n{} B-DRUG\n\n"
    for split, names in {"train": ["Aspirin", "Iron"], "dev": ["Zinc", "Iron"], "test": ["Zinc", "Aspirin"]}.items():
        (tmp_path / f"{split}.conll").write_text(sentences.format(*names) * 5, encoding="utf-8")
    done = run("train", "--corpus", tmp_path, "--epochs", 1, "--output", "drugs", "--json", "drugs.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "drugs.json").read_text())["test"]["overall"]["support"] == 10
    done = run("evaluate", trained[0] / "model", "--corpus", tmp_path, cwd=tmp_path)
    assert done.returncode == 2 and "knows only" in done.stderr


def write_pair(folder, gold, predicted):
    (folder / "gold.conll").write_text(gold, encoding="utf-8")
    (folder / "pred.conll").write_text(predicted, encoding="utf-8")


def read_scores(folder, name):
    return json.loads((folder / name).read_text())["overall"]


def test_score_counts_entities(run, tmp_path):
    write_pair(tmp_path, "Ana B-PER\nem O\nNova B-LOC\nOlinda I-LOC\nvive O\n", "Ana B-PER\nem O\nNova B-LOC\nOlinda O\nvive B-LOC\n")
    done = run("score", "gold.conll", "pred.conll", "--json", "score.json", cwd=tmp_path)
    overall = read_scores(tmp_path, "score.json")
    assert done.returncode == 0 and (overall["precision"], overall["recall"], overall["support"]) == (1 / 3, 1 / 2, 2)


def test_score_strict_and_iob1(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_pair(tmp_path, "Ana I-PER\nem O\nRio I-LOC\n", "Ana I-PER\nem O\nRio B-LOC\n")
    assert main(["score", "gold.conll", "pred.conll", "--json", "lenient.json"]) == 0
    assert "nerteach: note: gold.conll: 2 entities begin with I-" in capsys.readouterr().err
    assert main(["score", "gold.conll", "pred.conll", "--strict", "--json", "strict.json"]) == 0
    assert read_scores(tmp_path, "lenient.json")["f1"] == 1 and read_scores(tmp_path, "strict.json")["recall"] == 0.5


def refused(status, stderr, said):
    """Status 2 and one sentence on standard error, no traceback."""
    assert status == 2 and said in stderr and "Traceback" not in stderr and len(stderr.strip().splitlines()) == 1, stderr


def test_the_installed_command_refuses(run, tmp_path):
    done = run("score", "nowhere.conll", "nothing.conll", cwd=tmp_path)
    refused(done.returncode, done.stderr, "nerteach: nowhere.conll cannot be read")


@pytest.mark.parametrize("gold, predicted, said", [
    ("a O\nb O\n", "a O\n", "2 and 1 words"), ("a O\n\nb O\n", "a O\n", "2 sentences but pred.conll has 1"),
    ("a O\nb O\n", "a O\nc O\n", "gold.conll line 2 has 'b' where pred.conll line 2 has 'c'"),
    ("a O\nb\n", "a O\nb O\n", "gold.conll line 2"), ("a O\n", "a PERSON\n", "pred.conll line 1: 'PERSON' is not a label"),
    ("", "a O\n", "gold.conll holds no sentence"),
])
def test_score_names_the_line(tmp_path, monkeypatch, capsys, gold, predicted, said):
    monkeypatch.chdir(tmp_path)
    write_pair(tmp_path, gold, predicted)
    refused(main(["score", "gold.conll", "pred.conll"]), capsys.readouterr().err, said)


MISSING = "./no/such/thing"


@pytest.mark.parametrize("arguments, said", [
    (["train", "--corpus", MISSING], "no corpus"), (["train", "--lang", "de"], "choose en or pt"),
    (["train", "--epochs", "0"], "epochs is 0"), (["train", "--limit", "0"], "--limit is 0"),
    (["train", "--model", MISSING, "--output", "never"], "no model"), (["train", "--output", "train.json/model"], "cannot be written"),
    (["evaluate", MISSING], "no model"), (["predict", MISSING, "Ana"], "no model"),
    (["predict", "model"], "no text to tag"), (["predict", "model", "Ana", "--input", "x"], "give one"),
    (["predict", "model", "--input", MISSING], "cannot be read"), (["score", MISSING, MISSING], "cannot be read"),
    (["evaluate", "model", "--split", "dev"], "no dev split"), (["evaluate", "model", "--json", "no/such/place.json"], "cannot be written"),
    (["predict", "model", "Ana", "--output", "no/such/place.jsonl"], "cannot be written"),
])
def test_bad_input_is_one_sentence(trained, arguments, said, monkeypatch, capsys):
    monkeypatch.chdir(trained[0])
    refused(main(arguments), capsys.readouterr().err, said)


@pytest.mark.parametrize("lines, said", [
    ('{"tokens": ["a", "b"], "ner_tags": ["O"]}', "train.jsonl line 1 has 2 words but 1 labels"),
    ('{"tokens": ["a"], "ner_tags": ["X-1"]}', "train.jsonl line 1: label 0 is 'X-1'"), ("", "train.jsonl is empty"),
])
def test_broken_corpus_is_one_sentence(tmp_path, monkeypatch, capsys, lines, said):
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    refused(main(["train", "--corpus", "."]), capsys.readouterr().err, said)


def test_help_needs_no_torch():
    code = "import sys; from nerteach.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules or 'datasets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_every_setting_is_a_flag(run, tmp_path):
    from dataclasses import fields
    from nerteach.train import TrainConfig
    shown = run("train", "--help", cwd=tmp_path).stdout
    assert all("--" + field.name.replace("_", "-") in shown for field in fields(TrainConfig))


def test_two_processes_share_a_file_of_one_line(trained, run, launch, tmp_path):
    (tmp_path / "text.txt").write_text(TEXT + "\n", encoding="utf-8")
    model = str(trained[0] / "model")
    done = launch("-m", "nerteach.cli", "predict", model, "--input", "text.txt", "--output", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "text.txt"], "the parts are gone"
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == run("predict", model, TEXT, cwd=tmp_path).stdout


def test_two_processes_need_a_file_to_share(trained, launch, tmp_path):
    done = launch("-m", "nerteach.cli", "predict", trained[0] / "model", TEXT, cwd=tmp_path)
    assert done.returncode != 0 and "several processes share a file: give --input FILE and --output FILE" in done.stderr
