"""What every contestant reads and writes; nothing but Python's own library, because each runs in an environment of its own."""
import argparse
import json
from pathlib import Path


def parse_arguments(description, settings=()):
    """Where the sentences lie, where the answers go, and how long to train."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with train.jsonl and validation.jsonl: tokens and ner_tags")
    parser.add_argument("answers", type=Path, help="JSON file to write: seconds of training, and the labels for validation")
    parser.add_argument("--model", required=True, help="folder of the pretrained encoder")
    parser.add_argument("--epochs", type=int, help="passes over the sentences (default: the contestant's own)")
    parser.add_argument("--steps", type=int, help="steps in all instead of epochs; nerteach alone takes them")
    parser.add_argument("--seed", type=int, default=0)
    if settings:
        parser.add_argument("--settings", choices=settings, default=settings[0])
    return parser.parse_args()


def read_split(folder, split):
    """Sentences of one split."""
    with open(folder / f"{split}.jsonl", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write_answers(args, seconds, labels, **facts):
    """Seconds of training and one label for every word of the validation sentences."""
    args.answers.write_text(json.dumps({"seconds": seconds, "labels": labels, **facts}), encoding="utf-8")
