"""What the world does to a program: a Hub that is down, slow or talks rubbish, a cache that is damaged, a disk that is full."""
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from datasets import ClassLabel, Dataset, Features, List, Value
from transformers import BertConfig, BertForTokenClassification

from conftest import ROOT
from hub_server import hub_server
from nerteach.align import load_tokenizer
from nerteach.annotation import write_conll, write_doccano, write_json_lines, write_label_studio
from nerteach.data import InputError, load_corpus, load_folder, one_sentence, read_conll, read_json_lines
from nerteach.inference import CardFacts, write_model_card

TOKEN = "sesame-opens-17"  # as the Hub's are, a secret; that it looks like none of them is on purpose
PER = {"precision": 0.75, "recall": 0.6, "f1": 2 / 3, "support": 5}


def save_tiny_model(folder):
    """An untrained model of 16 dimensions, with MiniLM's tokenizer."""
    torch.manual_seed(0)
    tokenizer = load_tokenizer("minilm")
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                        id2label={0: "O", 1: "B-PER", 2: "I-PER"}, label2id={"O": 0, "B-PER": 1, "I-PER": 2})
    BertForTokenClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_words(folder):
    features = Features({"tokens": List(Value("string")), "ner_tags": List(ClassLabel(names=["O", "B-PER", "I-PER"]))})
    for split in ("train", "validation", "test"):
        rows = [{"tokens": [f"Ana{number}", "fala", "."], "ner_tags": [1, 0, 0]} for number in range(300)]
        Dataset.from_list(rows, features=features).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return folder


def run_cases(folder):
    model = save_tiny_model(folder / "model")
    write_model_card(model, CardFacts("ana/ner-pt", "pt", "words", {"train": 3}, {"overall": PER, "PER": PER}))
    (folder / "words").mkdir()
    with hub_server({"ana/ner": model, "ana/words": save_words(folder / "words")}) as (address, asked):
        env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        env |= {"HF_ENDPOINT": address, "HF_HOME": str(folder / "home"), "HF_TOKEN": TOKEN, "HF_HUB_ETAG_TIMEOUT": "1",
                "HF_HUB_DOWNLOAD_TIMEOUT": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
        script = Path(__file__).with_name("hub_cases.py")
        done = subprocess.run([sys.executable, script, folder], env=env, capture_output=True, text=True, encoding="utf-8", timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        (folder / "output.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
        (folder / "asked.txt").write_text("\n".join(asked), encoding="utf-8")


@pytest.fixture(scope="module")
def cases(once):
    """The folder in which hub_cases.py ran, and what it wrote down."""
    folder = once("hub_cases", run_cases)
    return folder, json.loads((folder / "results.json").read_text(encoding="utf-8"))


def chosen(results, *words):
    found = {name: result for name, result in results.items() if any(word in name for word in words)}
    assert found
    return found


def test_a_hub_out_of_order_is_one_sentence_and_status_2(cases):
    for name, result in chosen(cases[1], " evaluate", " train").items():
        assert (result["end"], result["status"]) == ("returned", 2), (name, result)
        lines = result["said"].strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("nerteach: no model" if "evaluate" in name else ("nerteach: no corpus", "nerteach: the Hub corpus")), (name, lines)
        assert not (cases[0] / "never").exists()


def test_a_hub_out_of_order_costs_seconds(cases):
    asked = (cases[0] / "asked.txt").read_text(encoding="utf-8").splitlines()
    slow = {name: result["seconds"] for name, result in cases[1].items() if result["seconds"] > 20}
    assert slow == {}, "the limit of time is 1 second here, and a request that failed is sent twice"
    assert asked.count("HEAD /datasets/status429/x/resolve/main/README.md") == 2, "the pause of a day that it asks for is not kept"


def test_a_refused_upload_is_one_sentence(cases):
    result = cases[1]["status403 push"]
    assert result["end"] == "InputError" and result["error"].startswith("ana/ner-pt was not uploaded (403 Forbidden") and "\n" not in result["error"]


def test_no_access_token_is_told(cases):
    folder, results = cases
    refused = chosen(results, "status401", "status403", "status500")
    assert any("hf_…" in result["said"] + result.get("trace", "") for result in refused.values()), "the Hub did repeat the token"
    assert TOKEN not in json.dumps(results) and TOKEN not in (folder / "output.txt").read_text(encoding="utf-8")
    kept = [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == [], "no file of model, card or cache holds it"


def test_a_good_hub_is_used_and_a_damaged_cache_is_named(cases):
    good = chosen(cases[1], "good ", "after all", "room again")
    assert {name: result for name, result in good.items() if result["end"] != "returned"} == {}
    for name, result in chosen(cases[1], "cached ").items():
        assert result["end"] == "InputError" and "\n" not in result["error"], (name, result)
        assert any(name in result["error"] for name in ("ana/ner", "ana--ner", "ana/words"))
        assert len(result["error"]) < 420 and result["said"] == "", (name, result)


def test_a_cache_that_cannot_be_written_is_named(cases):
    for name, result in chosen(cases[1], "unwritable: ", "full: ").items():
        assert result["end"] == "InputError" and "\n" not in result["error"], (name, result)
        assert "cannot be used" in result["error"] and "make room there, or name another place (HF_HOME for the cache)" in result["error"], (name, result["error"])


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "../../etc", "/no/such", "hf://datasets/x", "json", "pandas", "webdataset", "a/b/c", "~", "@", ""])
def test_names_that_no_corpus_has(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError):
        load_corpus(name)
    with pytest.raises(InputError, match="packaged corpus has no language"):
        load_corpus("nerteach", f"../{name}")
    with pytest.raises(InputError, match="no model"):
        load_tokenizer(name)


ROWS = [{"tokens": ["Ana"], "ner_tags": ["B-PER"]}]
MARKED = [{"text": "Ana", "entities": []}]
UNWRITABLE = ["{}/file/below", "{}/no/such/folder/x", "{}", "/dev/full", "{}/a\0b", "{}/" + "x" * 300]


@pytest.mark.parametrize("place", UNWRITABLE)
@pytest.mark.parametrize("write, what", [(write_conll, ROWS), (write_json_lines, ROWS), (write_doccano, MARKED), (write_label_studio, MARKED)])
def test_a_place_that_cannot_be_written_is_one_sentence(write, what, place, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written") as caught:
        write(what, place.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_disk_that_is_full_costs_no_file_that_was_whole(tmp_path):
    """In a process of its own, where a write beyond 1 000 bytes fails."""
    code = ("import resource\nfrom nerteach.annotation import write_json_lines\nfrom nerteach.data import InputError\n"
            "rows = [{'tokens': ['Ana'], 'ner_tags': ['B-PER']}]\nwrite_json_lines(rows, 'kept.jsonl')\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))\n"
            "try:\n    write_json_lines(rows * 100, 'kept.jsonl')\nexcept InputError as error:\n    print(error)")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.stdout == "kept.jsonl cannot be written (File too large): choose another place\n", done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.jsonl"] and read_json_lines(tmp_path / "kept.jsonl")[0]["tokens"] == ["Ana"]


@pytest.mark.parametrize("place", ["{}/no", "{}", "{}/a\0b", "{}/" + "x" * 300])
@pytest.mark.parametrize("read", [read_conll, read_json_lines])
def test_a_file_that_cannot_be_read_is_one_sentence(read, place, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read(place.format(tmp_path))


def test_a_folder_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch):
    def forbidden(folder):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))
    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(InputError, match="cannot be used .Permission denied."):
        load_folder(tmp_path)


@pytest.mark.parametrize("error, said", [
    (OSError(errno.ENOSPC, "No space left on device", "/cache/x"), "/cache/x cannot be used (No space left on device): make room"),
    (RuntimeError("first\nsecond"), "it (first): mend it"), (KeyError("id"), "it ('id'): mend it"), (Exception("bare"), "it (bare): mend it"),
    (ValueError("pass trust_remote_code=True"), "run its own code, which nerteach never does"), (ValueError(), "it (ValueError): mend it"),
])
def test_what_other_libraries_say_becomes_one_sentence(error, said):
    with pytest.raises(InputError) as caught, one_sentence("it", "mend it"):
        raise error
    assert said in str(caught.value) and caught.value.__cause__ is error and "\n" not in str(caught.value)


def test_what_is_ours_passes_as_it_is():
    for error in (InputError("ours"), KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)) as caught, one_sentence("it", "mend it"):
            raise error
        assert caught.value is error
