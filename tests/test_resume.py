"""A training that is killed, wherever it is, goes on as if it had not been; and nothing half-written is taken for whole."""
import functools
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM, BertForTokenClassification

from conftest import ROOT
from nerteach.checkpoint import check_whole, clear_leftovers, list_checkpoints, load_state, save_state, write_whole
from nerteach.data import InputError, InputNote, load_corpus
from nerteach.inference import load_tagger
from nerteach.train import TrainConfig, build_model, fine_tune
from test_train import word_piece

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked, which Windows cannot do")
CONFIG = {"epochs": 8, "step_tokens": 800, "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("encoder")
    word_piece(load_corpus("nerteach", "en")["train"]["text"][:60]).save_pretrained(folder)
    BertForMaskedLM(BertConfig(vocab_size=400, max_position_embeddings=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                               intermediate_size=64)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def ask(encoder, tmp_path_factory):
    """A function that has a child of the driver train, or save, and perhaps die of it; returns what came of it."""
    answer = tmp_path_factory.mktemp("driver") / "answer.json"
    driver = subprocess.Popen([sys.executable, ROOT / "tests" / "resume_driver.py", answer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1",
                                   "TRANSFORMERS_VERBOSITY": "error"})

    def call(folder, **request):
        driver.stdin.write(json.dumps({"do": "train", "model": str(encoder), "config": CONFIG, "folder": str(folder), **request}) + "\n")
        driver.stdin.flush()
        done = json.loads(driver.stdout.readline())
        assert "crashed" not in done, done["crashed"]
        return done

    yield call
    driver.stdin.close()
    driver.wait(20)


@pytest.fixture(scope="module")
def unbroken(ask, tmp_path_factory):
    """The run that was never killed: its folder, and what it returned."""
    folder = tmp_path_factory.mktemp("unbroken") / "model"
    return folder, ask(folder)


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_same_end(folder, done, unbroken):
    assert weights(folder) == weights(unbroken[0])
    assert done["history"] == unbroken[1]["history"]
    assert files(folder) == files(unbroken[0])


def test_a_chain_of_ten_kills_ends_as_if_there_had_been_none(ask, unbroken, tmp_path):
    chance, folder, reached = random.Random(0), tmp_path / "model", []
    for number in range(10):
        kill = {"event": chance.randrange(1, 16)} if number % 2 else {"step": chance.randrange(1, 10)}
        assert ask(folder, resume=number > 0, **kill)["killed"], "the run was over before it could be killed: the chain has to be longer"
        reached.append(max(list_checkpoints(folder / "checkpoints"), default=0))
        assert not [name for name in files(folder) if name.endswith((".pt", ".pth", ".bin", ".pkl"))]
        assert len(list_checkpoints(folder / "checkpoints")) <= 2
    assert reached == sorted(reached) and len(set(reached)) > 4, "no checkpoint is lost, and the run gets on"
    assert_same_end(folder, ask(folder, resume=True), unbroken)


@pytest.mark.parametrize("config, kill", [(CONFIG | {"epochs": 2}, {"step": 8}), ({"steps": 10, "step_tokens": 800, "learning_rate": 1e-3}, {"step": 9})],
                         ids=["the best epoch was an earlier one", "in the middle of an epoch"])
def test_other_runs_that_are_killed(ask, tmp_path, config, kill):
    best = "last" if "steps" in config else "first"
    runs = {name: ask(tmp_path / name, config=config, best=best, **({} if name == "whole" else kill)) for name in ("whole", "killed")}
    assert runs["killed"]["killed"] and list_checkpoints(tmp_path / "killed" / "checkpoints")
    assert_same_end(tmp_path / "killed", ask(tmp_path / "killed", config=config, best=best, resume=True), (tmp_path / "whole", runs["whole"]))


def test_an_unfinished_run_is_replaced_or_refused_and_a_finished_one_ends_the_same(ask, unbroken, tmp_path):
    folder = tmp_path / "model"
    assert ask(folder, step=8)["killed"] and list_checkpoints(folder / "checkpoints")
    with pytest.raises(InputError, match="is not whole, its training was killed: go on with nerteach train --resume"):
        load_tagger(folder)
    for change, said in [({"config": CONFIG | {"seed": 5}}, "other seed, first weights: give"), ({"change": 1}, "other sentences: give"),
                         ({"config": CONFIG | {"epochs": 3, "weight_decay": 0.1}}, "other epochs, weight_decay: give")]:
        assert said in ask(folder, resume=True, **change)["refused"]
    done = ask(folder)
    assert "holds an unfinished run, killed after step 6" in done["notes"][0]
    assert_same_end(folder, done, unbroken)
    done = ask(folder, resume=True)
    assert done["notes"][0] == f"{folder} holds no unfinished run: training begins anew"
    assert_same_end(folder, done, unbroken)


def test_no_moment_of_saving_shows_half_a_model(ask, unbroken, tmp_path):
    """Killed at each thing that is done to the files: the older model, the new one, or a sentence."""
    ask(tmp_path / "new", do="save", model=str(unbroken[0]), epochs=2)
    old, new = ({name: (folder / name).read_bytes() for name in files(folder)} for folder in (unbroken[0], tmp_path / "new"))
    assert old != new and old.keys() == new.keys()
    seen = []
    for n in itertools.count(1):
        folder = shutil.copytree(unbroken[0], tmp_path / f"at-{n}")
        killed = ask(folder, do="save", model=str(unbroken[0]), epochs=2, event=n)["killed"]
        try:
            check_whole(folder)
            found = {name: (folder / name).read_bytes() for name in old}
            seen.append("old" if found == old else "new")
            assert found in (old, new)
        except InputError:
            seen.append("refused")
        clear_leftovers(folder, "mend")
        check_whole(folder)
        assert {name: (folder / name).read_bytes() for name in files(folder)} == (old if seen[-1] == "old" else new)
        if not killed:
            break
    assert list(dict.fromkeys(seen)) == ["old", "refused", "new"] and len(seen) > 12


def test_a_first_model_that_was_killed_while_saving_is_refused(ask, unbroken, tmp_path):
    assert ask(tmp_path, do="save", model=str(unbroken[0]), epochs=2, event=5)["killed"]
    for load in (load_tagger, lambda folder: build_model(folder, ["O"])):
        with pytest.raises(InputError, match="is not whole, its training was killed"):
            load(tmp_path)


def test_no_moment_of_saving_shows_half_a_checkpoint(ask, tmp_path):
    newest = []
    for n in itertools.count(1):
        killed = ask(tmp_path / f"at-{n}", do="checkpoints", event=n)["killed"]
        found = list_checkpoints(tmp_path / f"at-{n}")
        for step, path in found.items():
            state = load_state(path)
            assert state["step"] == step and {float(value) for tensor in state["weights"].values() for value in tensor} == {step}
        newest.append(max(found, default=0))
        if not killed:
            break
    assert newest == sorted(newest) and set(newest) == {0, 1, 2, 3, 4} and n > 20
    assert set(found) == {1, 4} and {path.name for path in (tmp_path / f"at-{n}").iterdir()} == {"checkpoint-1", "checkpoint-4"}


def test_a_stream_is_not_taken_up_in_its_middle(encoder, tmp_path):
    corpus = load_corpus("nerteach", "en")
    stream = {"train": corpus["train"].to_iterable_dataset(), "validation": corpus["validation"].select(range(8))}
    with pytest.raises(InputError, match="a stream of training sentences cannot be taken up in its middle"):
        fine_tune(stream, encoder, TrainConfig(steps=2), folder=tmp_path, resume=True)


@pytest.fixture
def small_disk(tmp_path):
    """A function that makes a folder that is a file system of its own, of so many kB; skips where nobody may mount one."""
    folder = tmp_path / "disk"

    def make(kilobytes):
        folder.mkdir()
        if os.name == "nt" or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True).returncode:
            pytest.skip("only root may mount a small file system")
        return folder

    yield make
    if os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


def room_for(*paths):
    """What files take on a disk that gives them pages of 4 kB."""
    return sum(-(-path.stat().st_size // 4096) * 4096 for folder in paths for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_space(ask, unbroken, small_disk, tmp_path):
    ask(tmp_path / "probe", step=8)
    size = room_for(tmp_path / "probe" / "checkpoints")
    folder = small_disk(4 * size // 1024)
    (folder / "other").write_bytes(b"x" * (5 * size // 2))  # room for one checkpoint and a half
    said = ask(folder / "model")["refused"]
    assert "cannot be written (No space left on device)" in said and "go on with nerteach train --resume" in said
    assert list(list_checkpoints(folder / "model" / "checkpoints")) == [6]
    assert not [name for name in files(folder) if ".part" in name]
    (folder / "other").unlink()
    assert_same_end(folder / "model", ask(folder / "model", resume=True), unbroken)


def test_a_full_disk_keeps_the_older_model(ask, unbroken, small_disk):
    size = room_for(unbroken[0])
    folder = small_disk(3 * size // 1024)
    shutil.copytree(unbroken[0], folder / "model")
    older = {name: (unbroken[0] / name).read_bytes() for name in files(unbroken[0])}
    for room in (0, 4_096, 60_000, size - 10_000):  # the folder, the settings, the weights, the tokenizer do not find room
        (folder / "other").write_bytes(b"x" * (shutil.disk_usage(folder).free - room))
        said = ask(folder / "model", do="save", model=str(unbroken[0]), epochs=2)
        assert "cannot be written (No space left on device)" in said.get("refused", ""), (room, said)
        assert {name: (folder / "model" / name).read_bytes() for name in files(folder / "model")} == older
        (folder / "other").unlink()


def test_a_folder_that_may_not_be_written_is_refused_before_the_training(encoder, small_disk, tmp_path):
    folder = small_disk(100)
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    with pytest.raises(InputError, match="cannot be written .*choose another"):
        fine_tune(load_corpus("nerteach", "en"), encoder, folder=folder)
    with pytest.raises(InputError, match="out.json cannot be written .*choose another place"):
        write_whole(folder / "out.json", "{}")


def hungry(most):
    """A forward pass that has memory for so many sentences only."""
    forward = BertForTokenClassification.forward

    @functools.wraps(forward)  # `Trainer` reads its parameters
    def limited(self, input_ids=None, **options):
        if self.training and len(input_ids) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, input_ids=input_ids, **options)

    return patch.object(BertForTokenClassification, "forward", limited)


@pytest.fixture(scope="module")
def few():
    whole = load_corpus("nerteach", "en")
    return {split: whole[split].select(range(16)) for split in ("train", "validation")}


def test_where_memory_runs_out_a_step_is_computed_in_parts(encoder, few, tmp_path):
    calm = shutil.copytree(encoder, tmp_path / "calm")
    own = json.loads((calm / "config.json").read_text())
    (calm / "config.json").write_text(json.dumps(own | {"hidden_dropout_prob": 0, "attention_probs_dropout_prob": 0}))
    config = TrainConfig(epochs=2, batch_size=8, precision="fp32", learning_rate=1e-3)
    whole = fine_tune(few, calm, config, folder=tmp_path / "whole")
    with hungry(2), pytest.warns(InputNote, match="memory did not suffice .CUDA out of memory") as notes:
        parts = fine_tune(few, calm, config, folder=tmp_path / "parts")
    assert [str(note.message).split("computed in ")[1][0] for note in notes if issubclass(note.category, InputNote)] == ["2", "4"]
    assert parts.config.accumulation == 4 and whole.config.accumulation == 1
    assert [row["train_loss"] for row in parts.history] == pytest.approx([row["train_loss"] for row in whole.history], rel=1e-5)
    for one, other in zip(*(load_tagger(run.folder).model.parameters() for run in (whole, parts)), strict=True):
        assert torch.allclose(one, other, atol=2e-3)  # two steps of at most 1e-3 each, whose direction is noise where there is no gradient
    with hungry(0), pytest.warns(InputNote), pytest.raises(InputError, match="memory does not suffice for one sentence at a time"):
        fine_tune(few, calm, config, folder=tmp_path / "never")


def test_memory_that_runs_out_does_not_ask_an_older_run(encoder, few, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fine_tune(few, encoder, TrainConfig(epochs=3, batch_size=8), stop_in_epoch_two(), tmp_path / "model")
    assert list_checkpoints(tmp_path / "model" / "checkpoints")
    with hungry(4), pytest.warns(InputNote, match="memory did not suffice"):
        done = fine_tune(few, encoder, TrainConfig(epochs=1, batch_size=8, learning_rate=2e-3), folder=tmp_path / "model")
    assert done.config.accumulation == 2 and done.config.learning_rate == 2e-3


def stop_in_epoch_two():
    """A score that ends the training when it is asked a second time, as Ctrl+C would."""
    asked = []

    def score(y_true, y_pred):
        asked.append(len(y_pred))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"overall": {"f1": 0.5}}

    return score


@pytest.mark.parametrize("name, content", [("state.json", '{"dict": [['), ("state.safetensors", ""), ("state.json", None)])
def test_a_damaged_checkpoint_is_passed_over(ask, tmp_path, name, content):
    folder, whole = tmp_path / "model", tmp_path / "whole"
    assert ask(folder, step=20, best="first")["killed"]
    newest, older = list_checkpoints(folder / "checkpoints").values()
    if content is None:
        (newest / name).unlink()
    else:
        (newest / name).write_text(content)
    done = ask(folder, resume=True, best="first")
    assert_same_end(folder, done, (whole, ask(whole, best="first")))
    assert any("passed over: the state in" in note for note in done["notes"]) and older.name != newest.name


def test_what_was_read_does_not_hold_on_to_its_file(tmp_path):
    save_state(tmp_path, {"optimizer": torch.ones(3)})
    state = load_state(tmp_path)
    if Path("/proc/self/maps").exists():
        assert str(tmp_path) not in Path("/proc/self/maps").read_text()
    assert torch.equal(state["optimizer"], torch.ones(3))


def test_two_texts_of_like_names_do_not_meet(tmp_path):
    (tmp_path / "out.jsonl.part").write_text("a file of the user's\n")
    one, other = tmp_path / ("p" * 250 + "A"), tmp_path / ("p" * 250 + "B")

    def lines(own):
        for number in range(3):
            write_whole(other, f"other {number}\n")
            yield f"{own} {number}\n"

    write_whole(one, lines("one"))
    write_whole(tmp_path / "out.jsonl", "new\n")
    assert one.read_text() == "one 0\none 1\none 2\n" and other.read_text() == "other 2\n"
    assert {path.name for path in tmp_path.iterdir()} == {"out.jsonl.part", "out.jsonl", one.name, other.name}


@pytest.mark.parametrize("name", ["a\0b", "n" * 300])
def test_no_name_of_a_file_is_one_sentence(tmp_path, name):
    with pytest.raises(InputError, match="cannot be written"):
        write_whole(tmp_path / name, "text")


def test_other_errors_of_torch_are_not_taken_for_memory(encoder, few, tmp_path):
    with patch.object(BertForTokenClassification, "forward", side_effect=RuntimeError("shapes do not fit")), pytest.raises(RuntimeError, match="shapes"):
        fine_tune(few, encoder, TrainConfig(epochs=1), folder=tmp_path / "model")


def test_a_text_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "out.txt"
    assert write_whole(path, "ção\n") == path and path.read_bytes() == "ção\n".encode()
    path.chmod(0o640)
    (tmp_path / "link").symlink_to(path)
    write_whole(tmp_path / "link", (f"{number}\n" for number in range(3)))
    assert path.read_text() == "0\n1\n2\n" and path.stat().st_mode & 0o777 == 0o640 and (tmp_path / "link").is_symlink()

    def breaks():
        yield "half"
        raise KeyError("broken")

    with pytest.raises(KeyError):
        write_whole(path, breaks())
    assert path.read_text() == "0\n1\n2\n" and {entry.name for entry in tmp_path.iterdir()} == {"out.txt", "link"}
    for place in (tmp_path / "nowhere" / "out.txt", tmp_path):
        with pytest.raises(InputError, match="cannot be written .*: choose another place"):
            write_whole(place, "text")


def test_a_device_and_a_pipe_are_written_as_they_are(tmp_path):
    write_whole("/dev/null", "text")
    assert not Path("/dev/null").is_file()
    code = "from nerteach.checkpoint import write_whole; write_whole('/dev/stdout', ['one ', 'two'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "one two"
    with open(tmp_path / "file", "w") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "file").read_text() == "one two"


@given(st.recursive(st.none() | st.booleans() | st.integers(-2**60, 2**60) | st.floats(allow_nan=False) | st.text(max_size=5)
                    | st.lists(st.floats(width=32), max_size=4).map(torch.tensor),
                    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple)
                    | st.dictionaries(st.text(max_size=3) | st.integers(0, 9), inner, max_size=3), max_leaves=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_state_comes_back_as_it_was(tmp_path, value):
    save_state(tmp_path, {"value": value})

    def same(one, other):
        if isinstance(one, torch.Tensor):
            return torch.equal(one.nan_to_num(7), other.nan_to_num(7)) and one.dtype == other.dtype
        if isinstance(one, dict):
            return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
        if isinstance(one, (list, tuple)):
            return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
        return type(one) is type(other) and one == other

    assert same(value, load_state(tmp_path, "value"))
