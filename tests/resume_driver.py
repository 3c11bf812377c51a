"""A process that has imported everything and forks children that train, so that ten kills do not cost ten imports of torch.

It reads one JSON request a line and answers each with one line; tests/test_resume.py starts it. A child kills itself (SIGKILL) where
the request says: at the n-th training step, or at the n-th thing that it does to the files of the model's folder.
"""
import functools
import gc
import json
import os
import signal
import sys
import time
import traceback
import warnings
from pathlib import Path

import safetensors.torch
import torch
from nerteach.checkpoint import keep_checkpoints, save_state, whole_folder
from nerteach.data import InputError, build_corpus, load_corpus, named_labels
from nerteach.inference import load_tagger
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, WordTrainer, fine_tune, save_model

WRITES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree")


@functools.cache
def small_corpus(sentences=60, change=0):
    """Sentences of the packaged corpus; the same ones in every process."""
    whole = load_corpus("nerteach", "en")
    rows = {split: [{"tokens": words, "ner_tags": labels} for words, labels in zip(data["tokens"], named_labels(data))] for split, data in whole.items()}
    return build_corpus({"train": rows["train"][change:sentences + change], "validation": rows["validation"][:16], "test": rows["test"][:16]})


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_event(n, folder, counted):
    """Die just before the n-th change to the files below a folder; safetensors, written by Rust, die half-written."""
    def count():
        counted[0] += 1
        if counted[0] == n:
            die()

    def hook(event, args):
        changes = event in WRITES or (event == "open" and args[2] and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if changes and any(folder in str(arg) for arg in args[:2]):
            count()

    whole = safetensors.torch.serialize_file

    def half_written(tensors, path, metadata=None):
        if counted[0] + 1 == n:
            whole(tensors, path, metadata)
            os.truncate(path, os.path.getsize(path) // 2)
        count()
        whole(tensors, path, metadata)

    safetensors.torch.serialize_file = half_written
    sys.addaudithook(hook)


def kill_at_step(n):
    usual, steps = WordTrainer.training_step, [0]

    def step(self, *args, **options):
        steps[0] += 1
        if steps[0] == n:
            die()
        return usual(self, *args, **options)

    WordTrainer.training_step = step


def scorer(best):
    """A score by which the last epoch is the best, or the first; the tiny encoder finds no entity yet."""
    def score(y_true, y_pred):
        scores = score_entities(y_true=y_true, y_pred=y_pred)
        return scores | {"overall": scores["overall"] | {"f1": time.monotonic() * (1 if best == "last" else -1)}}
    return score


def train(request, counted):
    """What the request asks for; the answer as a dict."""
    folder = request["folder"]
    if "step" in request:
        kill_at_step(request["step"])
    kill_at_event(request.get("event", 0), folder, counted)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        result = fine_tune(small_corpus(change=request.get("change", 0)), request["model"], TrainConfig(**request["config"]), scorer(request.get("best", "last")), folder,
                           resume=request.get("resume", False))
    history = [{key: value for key, value in row.items() if key != "f1"} for row in result.history]
    return {"history": history, "accumulation": result.config.accumulation, "notes": [str(note.message) for note in notes]}


def save(request, counted):
    """Save the model of one folder in another."""
    tagger = load_tagger(request["model"])
    kill_at_event(request.get("event", 0), request["folder"], counted)
    save_model(tagger.model, tagger.tokenizer, TrainConfig(epochs=request["epochs"]), Path(request["folder"]))
    return {}


def checkpoints(request, counted):
    """Four checkpoints one after the other, of which the first and the newest are kept."""
    kill_at_event(request.get("event", 0), request["folder"], counted)
    for step in (1, 2, 3, 4):
        with whole_folder(Path(request["folder"]) / f"checkpoint-{step}", "mend") as part:
            save_state(part, {"weights": {"a": torch.full((100,), float(step)), "b": torch.full((100,), float(step))}, "step": step})
        keep_checkpoints(request["folder"], {1, step})
    return {}


def no_pickle(*args, **options):
    raise AssertionError("a pickle was read or written")


def work(request, answer):
    """In the child: do it, leave the answer in a file, and end without the parent's clean-up."""
    counted = [0]
    try:
        done = {"train": train, "save": save, "checkpoints": checkpoints}[request["do"]](request, counted)
    except InputError as error:
        done = {"refused": str(error)}
    except BaseException:
        done = {"crashed": traceback.format_exc()[-3000:]}
    answer.write_text(json.dumps({**done, "events": counted[0]}))
    os._exit(0)


def main():
    torch.set_num_threads(1)
    torch.save = torch.load = no_pickle
    small_corpus()  # children find it ready
    gc.collect()
    gc.freeze()
    answer = Path(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        answer.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            work(request, answer)
        if "after" in request:
            time.sleep(request["after"])
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), **(json.loads(answer.read_text()) if answer.exists() else {})}), flush=True)


if __name__ == "__main__":
    main()
