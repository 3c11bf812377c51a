"""The installed command, end to end, and every way to hold it wrong."""
import json
import os
import subprocess
import sys
import time
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
        for row in scores[split].values():
            assert set(row) == {"precision", "recall", "f1", "support", "low", "high"} and row["low"] <= row["f1"] <= row["high"]
    assert scores["validation"]["overall"]["f1"] > 0


def test_evaluate_agrees_with_train_and_says_how_far_to_trust_it(trained, run):
    folder, done = trained
    assert "95% interval" in done.stdout
    done = run("evaluate", "model", "--precision", "fp32", "--json", "evaluate.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "evaluate.json").read_text())
    trust = found.pop("trust")
    assert found == json.loads((folder / "train.json").read_text())["test"]
    groups = trust["groups"]
    assert {"seen, same type", "unseen"} <= groups.keys() and sum(row["support"] for row in groups.values()) == found["overall"]["support"]
    assert all(row["low"] <= row["f1"] <= row["high"] for row in groups.values())
    assert trust["confidence"]["temperature"] == json.loads((folder / "model" / "calibration.json").read_text())["temperature"]
    assert "95% interval" in done.stdout and "unseen" in done.stdout and "calibration error" in done.stdout and "threshold" in done.stdout
    done = run("evaluate", "model", "--lang", "pt", "--split", "validation", "--json", "pt.json", cwd=folder)
    assert done.returncode == 0 and json.loads((folder / "pt.json").read_text())["overall"]["support"] > 0


def test_sentences_that_stand_in_train_are_left_out_of_one_score(trained, tmp_path, monkeypatch, capsys):
    unseen = "Ana B-PER\nlives O\nin O\nOlinda B-LOC\n\n"
    leaked = "Petrobras B-ORG\nbegan O\n\n"
    for split, text in {"train": leaked, "validation": unseen, "test": unseen + leaked * 2}.items():
        (tmp_path / f"{split}.conll").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(trained[0] / "model"), "--corpus", ".", "--json", "found.json"]) == 0
    groups = json.loads((tmp_path / "found.json").read_text())["trust"]["groups"]
    assert groups["not in train (1 sentences)"]["support"] == 2 and groups["also in train (2 sentences)"]["support"] == 2
    assert "not in train (1 sentences)" in capsys.readouterr().out


def test_several_models_are_averaged(trained, monkeypatch, capsys, tmp_path):
    model = str(trained[0] / "model")
    (tmp_path / "other").symlink_to(model)
    assert main(["evaluate", model, str(tmp_path / "other"), "--json", str(tmp_path / "both.json")]) == 0
    both = json.loads((tmp_path / "both.json").read_text())
    assert set(both["runs"]) == {model, str(tmp_path / "other")} and both["summary"]["overall"]["runs"] == 2
    assert both["summary"]["overall"]["f1_sd"] == 0 and both["summary"]["overall"]["f1"] == both["runs"][model]["overall"]["f1"]
    assert "2 models, mean ± standard deviation" in capsys.readouterr().out


def test_a_model_does_not_differ_from_itself(trained, tmp_path, capsys):
    model = str(trained[0] / "model")
    assert main(["compare", model, model, "--json", str(tmp_path / "compare.json")]) == 0
    compared = json.loads((tmp_path / "compare.json").read_text())
    assert (compared["difference"], compared["p_value"], compared["differing"], compared["sentences"]) == (0, 1, 0, 150)
    assert compared["f1_a"] == compared["f1_b"] > 0 and "difference" in capsys.readouterr().out


def test_two_files_of_predictions_are_compared(tmp_path, monkeypatch, capsys):
    gold = "Ana B-PER\nvive O\nem O\nNova B-LOC\nOlinda I-LOC\n\n"
    worse, better = gold.replace("I-LOC", "O") * 40, gold.replace("I-LOC", "O") * 10 + gold * 30
    for name, text in {"gold": gold * 40, "worse": worse, "better": better, "short": gold}.items():
        (tmp_path / f"{name}.conll").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "worse.conll", "better.conll", "--gold", "gold.conll", "--json", "compare.json"]) == 0
    compared = json.loads((tmp_path / "compare.json").read_text())
    assert (compared["f1_a"], compared["f1_b"], compared["differing"]) == (0.5, 0.875, 30)
    assert 0 < compared["low"] < 0.375 < compared["high"] and compared["p_value"] < 0.01
    capsys.readouterr()
    refused(main(["compare", "worse.conll", "short.conll", "--gold", "gold.conll"]), capsys.readouterr().err, "gold.conll has 40 sentences but short.conll has 1")


def test_check_ends_with_1_until_its_findings_are_tolerated(tmp_path, monkeypatch, capsys):
    sentence = "Ana B-PER\nmora O\nem O\nOlinda B-LOC\n\n"
    for split, text in {"train": sentence + sentence.replace("Ana", "Eva"), "test": sentence}.items():
        (tmp_path / f"{split}.conll").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", ".", "--json", "check.json"]) == 1
    out = capsys.readouterr().out
    assert "leak" in out and "test[0] test.conll:1" in out and "not passed: leak 1" in out
    found = json.loads((tmp_path / "check.json").read_text())
    assert found["exceeded"] == {"leak": 1}
    assert next(finding for finding in found["findings"] if finding["kind"] == "leak")["places"][0]["line"] == 1
    assert main(["check", ".", "--tolerate", "leak=1"]) == 0 == main(["check", ".", "--tolerate", "1", "--model", "minilm"])
    capsys.readouterr()
    refused(main(["check", ".", "--tolerate", "leek=1"]), capsys.readouterr().err, "there is no kind 'leek'")


def test_several_seeds_are_trained_and_summarised(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--seeds", "2", "--seed", "5", "--limit", "16", "--epochs", "1", "--output", "runs", "--json", "runs.json"]) == 0
    content = json.loads((tmp_path / "runs.json").read_text())
    assert set(content["runs"]) == {"5", "6"} and set(content["summary"]) == {"validation", "test"}
    assert content["summary"]["test"]["overall"]["runs"] == 2
    for seed in (5, 6):
        assert json.loads((tmp_path / "runs" / f"seed-{seed}" / "train_config.json").read_text())["seed"] == seed
    assert "test, 2 seeds, mean ± standard deviation" in capsys.readouterr().out


def test_a_killed_training_is_resumed_to_the_same_weights(trained, run, tmp_path):
    program, folder = Path(sys.executable).parent / "nerteach", tmp_path / "model"
    arguments = ["train", "--epochs", "3", "--limit", "120", "--precision", "fp32", "--output", "model"]
    process = subprocess.Popen([program, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TQDM_DISABLE": "1"})
    while not list(folder.glob("checkpoints/checkpoint-*[0-9]")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.kill()
    process.wait()
    done = run("predict", "model", TEXT, cwd=tmp_path)
    refused(done.returncode, done.stderr, "nerteach train --resume")
    done = run(*arguments, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (folder / "model.safetensors").read_bytes() == (trained[0] / "model" / "model.safetensors").read_bytes()
    assert not (folder / "checkpoints").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_behind_the_output_is_one_sentence(tmp_path):
    write_pair(tmp_path, "Ana B-PER\n", "Ana B-PER\n")
    with open("/dev/full", "w") as full:
        done = subprocess.run([Path(sys.executable).parent / "nerteach", "score", "gold.conll", "pred.conll"], cwd=tmp_path, stdout=full,
                              stderr=subprocess.PIPE, text=True)
    refused(done.returncode, done.stderr, "nerteach: the output cannot be used (No space left on device)")


def test_too_few_sentences_to_look_for_label_errors(tmp_path, monkeypatch, capsys):
    (tmp_path / "train.conll").write_text("Ana B-PER\n\nEva B-PER\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    refused(main(["check", ".", "--labels"]), capsys.readouterr().err, "fewer than two to learn from")


def test_standard_input_is_utf8_whatever_the_terminal_says(trained, run):
    program = [Path(sys.executable).parent / "nerteach", "predict", "model", "--input", "-"]
    done = subprocess.run(program, cwd=trained[0], input="\ufeffSão Paulo\r\n".encode(), capture_output=True, env={**os.environ, "PYTHONIOENCODING": "cp1252"})
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "São Paulo"
    done = subprocess.run(program, cwd=trained[0], input=b"S\xe3o Paulo\n", capture_output=True, env={**os.environ, "LC_ALL": "C"})
    refused(done.returncode, done.stderr.decode(), "standard input is not UTF-8")


def test_an_error_of_the_system_does_not_silence_the_caller(tmp_path, capsys):
    assert main(["check", "x" * 300]) == 2
    print("still here")
    assert "still here" in capsys.readouterr().out


def test_half_of_a_character_is_written_escaped(trained, run):
    done = run("predict", "model", "Ana \udcff Olinda", cwd=trained[0])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["text"] == "Ana \udcff Olinda" and "\\udcff" in done.stdout


def test_an_older_file_of_results_stays_until_the_new_one_is_whole(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained[0])
    Path("kept.jsonl").write_text("older\n", encoding="utf-8")
    Path("latin.txt").write_bytes(b"Ana\n" * 1500 + b"S\xe3o Paulo\n")
    refused(main(["predict", "model", "--input", "latin.txt", "--output", "kept.jsonl"]), capsys.readouterr().err, "latin.txt is not UTF-8")
    assert Path("kept.jsonl").read_text(encoding="utf-8") == "older\n"


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
    (["predict", "model", "Ana", "--output", "no/such/place.jsonl"], "cannot be written"), (["train", "--seeds", "0"], "--seeds is 0"),
    (["evaluate", "model", "model"], "given twice"), (["check", "nerteach", "--places", "-1"], "--places is -1"),
    (["compare", "model", MISSING], "no model"), (["check", MISSING], "no corpus"), (["check", "nerteach", "--tolerate", "x"], "give a number"),
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
