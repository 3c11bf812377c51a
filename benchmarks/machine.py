"""What benchmarks share: the machine in one line, and sentences as files for other programs."""
import json
import os
import platform

import datasets
import torch
import transformers
from nerteach.data import named_labels


def describe_machine() -> str:
    """Processor, cores, and the versions that matter."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores"
    return (f"{name}, {device}, Python {platform.python_version()}, torch {torch.__version__}, "
            f"transformers {transformers.__version__}, datasets {datasets.__version__}")


def write_sentences(folder, corpus, validation):
    """Write train, the first sentences of validation and 500 of its last (held back) as JSON Lines, for programs in other environments."""
    asked, n = corpus["validation"], len(corpus["validation"])
    for split, dataset in (("train", corpus["train"]), ("validation", asked.select(range(validation))), ("held_back", asked.select(range(n - 500, n)))):
        with open(folder / f"{split}.jsonl", "w", encoding="utf-8") as file:
            for words, labels in zip(dataset["tokens"], named_labels(dataset)):
                file.write(json.dumps({"tokens": words, "ner_tags": labels}, ensure_ascii=False) + "\n")
