"""Everything that may go wrong between this machine and a Hub, one after the other in one process; test_failures.py reads what it wrote.

    python hub_cases.py FOLDER    FOLDER holds the trained model "model"; the Hub is at HF_ENDPOINT
"""
import contextlib
import io
import json
import resource
import shutil
import sys
import time
import traceback
from pathlib import Path

import datasets
from huggingface_hub import constants

from nerteach.align import load_tokenizer
from nerteach.cli import main
from nerteach.data import InputError, load_corpus
from nerteach.inference import load_tagger, push_to_hub
from nerteach.train import build_model

OUT_OF_ORDER = ["status401", "status403", "status404", "status429", "status500", "status503", "html", "wrong", "other", "short", "loop", "slow", "hangup"]
FOLDER = Path(sys.argv[1])
RESULTS = {}


def note(name, call):
    """Write down how a call ended: what it returned, how long it took, and all it said."""
    said, started = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            returned = call()
            end = {"end": "returned", "status": returned if isinstance(returned, int) else None}
        except InputError as error:
            end = {"end": "InputError", "error": str(error), "trace": "".join(traceback.format_exception(error))}
        except BaseException as error:
            end = {"end": type(error).__name__, "error": str(error), "trace": "".join(traceback.format_exception(error))}
    RESULTS[name] = {**end, "said": said.getvalue(), "seconds": time.perf_counter() - started}


def ask_a_hub_that_is_out_of_order():
    for owner in OUT_OF_ORDER:
        note(f"{owner} evaluate", lambda: main(["evaluate", f"{owner}/x"]))
        note(f"{owner} train", lambda: main(["train", "--corpus", f"{owner}/x", "--output", str(FOLDER / "never")]))
        note(f"{owner} load", lambda: load_tagger(f"{owner}/x"))
    note("status403 push", lambda: push_to_hub(FOLDER / "model", "ana/ner-pt"))


def put(path, content):
    """Replace a file of the cache, a link to its blob or not."""
    path = path.resolve()
    before = path.read_bytes()
    path.write_bytes(content(before))
    return lambda: path.write_bytes(before)


def damage_the_cache():
    note("good model", lambda: load_tagger("ana/ner"))
    note("good corpus", lambda: load_corpus("ana/words"))
    hub, cache = Path(constants.HF_HUB_CACHE), Path(datasets.config.HF_DATASETS_CACHE)
    damages = {"half": lambda content: content[:len(content) // 2], "empty": lambda _: b"", "page": lambda _: b"<html>" * 100}
    for file in ("model.safetensors", "config.json", "tokenizer.json"):
        for kind, damage in damages.items():
            mend = put(next(hub.rglob(file)), damage)
            note(f"cached {file} {kind}", lambda: load_tagger("ana/ner"))
            mend()
    for file in ("words-train.arrow", "dataset_info.json"):
        for kind, damage in damages.items():
            mend = put(next(cache.rglob(file)), damage)
            note(f"cached {file} {kind}", lambda: load_corpus("ana/words"))
            mend()
    for kind, damage in damages.items():
        shutil.rmtree(cache)
        mend = put(next(hub.rglob("train-*.parquet")), damage)
        note(f"cached parquet {kind}", lambda: load_corpus("ana/words"))
        mend()
    for path in [*cache.rglob("*.lock"), *hub.rglob("*.lock")]:
        path.write_text("left behind by a program that was killed")
    (hub / ".locks" / "models--ana--ner").mkdir(parents=True, exist_ok=True)
    (hub / ".locks" / "models--ana--ner" / "config.lock").touch()
    note("after all: model", lambda: load_tagger("ana/ner"))
    note("after all: corpus", lambda: load_corpus("ana/words"))


def use_a_cache_that_cannot_be_written():
    (FOLDER / "file").touch()
    constants.HF_HUB_CACHE = str(FOLDER / "file" / "hub")
    datasets.config.HF_DATASETS_CACHE = FOLDER / "file" / "datasets"
    note("unwritable: tokenizer", lambda: load_tokenizer("ana/ner"))
    note("unwritable: model", lambda: build_model("ana/ner", ["O"]))
    note("unwritable: corpus", lambda: load_corpus("ana/words"))
    constants.HF_HUB_CACHE, datasets.config.HF_DATASETS_CACHE = str(FOLDER / "full" / "hub"), FOLDER / "full" / "datasets"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # a write beyond this many bytes fails, as on a disk that is full
    note("full: model", lambda: load_tagger("ana/ner"))
    note("full: corpus", lambda: load_corpus("ana/words"))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    note("room again: model", lambda: load_tagger("ana/ner"))
    note("room again: corpus", lambda: load_corpus("ana/words"))


ask_a_hub_that_is_out_of_order()
damage_the_cache()
use_a_cache_that_cannot_be_written()
(FOLDER / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")
