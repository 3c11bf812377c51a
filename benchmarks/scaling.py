"""Does twice the work take twice the time? Training on 1 250, 5 000, 20 000 and 80 000 sentences, and the share of the machine it uses.

    python benchmarks/scaling.py --json benchmarks/scaling.json

One epoch each, MiniLM, the recipe's own batches; WikiANN-en's training sentences, four times over for the last. The line through all
points (least squares on relative errors) is what a cost that grows with the work would be; the table shows how far each size is from it.
The share of the machine is 6 x the encoder's parameters without its embeddings x the real tokens, a second, over a measured matrix
product of 512 x 384 x 1536 in the same numbers. WikiANN comes from the Hub or an offline cache (HF_HOME=... HF_HUB_OFFLINE=1).
"""
import argparse
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from datasets import concatenate_datasets
from machine import describe_machine
from nerteach.align import best_precision, encode_words, load_tokenizer
from nerteach.cli import check_place, limit_train, quiet_loading, write_json
from nerteach.data import load_corpus, label_names
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, build_model, fine_tune


def matrix_speed(precision):
    """Operations a second of a large matrix product, the best of many."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    left, right, best = torch.randn(512, 384, dtype=dtype, device=device), torch.randn(384, 1536, dtype=dtype, device=device), 0.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(100):
            left @ right
        if device == "cuda":
            torch.cuda.synchronize()
        best = max(best, 100 * 2 * 512 * 384 * 1536 / (time.perf_counter() - started))
    return best


def train(rows, corpus, precision):
    """Seconds of one epoch, and the useful operations in it."""
    held_back = corpus["validation"].select(range(32))
    with tempfile.TemporaryDirectory() as folder, quiet_loading():
        result = fine_tune({"train": rows, "validation": held_back}, "minilm", TrainConfig(epochs=1, precision=precision), score_entities, folder)
        network = build_model("minilm", label_names(corpus))
    parameters = sum(p.numel() for name, p in network.named_parameters() if "embeddings" not in name)
    tokens = sum(map(len, encode_words(rows, load_tokenizer("minilm"))["input_ids"]))
    return result.train_seconds, 6 * parameters * tokens


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1250, 5000, 20_000, 80_000])
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    print(f"{date.today()}, WikiANN-en, MiniLM, {describe_machine()}", flush=True)
    corpus, rows = load_corpus("wikiann", "en"), []
    for precision, sizes in ((best_precision(), args.sizes), ("fp32", [5000])):
        peak = matrix_speed(precision)
        for size in sizes:
            copies = -(-size // len(corpus["train"]))
            some = concatenate_datasets([limit_train(corpus, min(size, len(corpus["train"])), 0)["train"]] * copies).select(range(size))
            seconds, operations = train(some, corpus, precision)
            rows.append({"sentences": size, "precision": precision, "seconds": round(seconds, 1), "share_of_machine": round(operations / seconds / peak, 3),
                         "matrix_product_gflops": round(peak / 1e9)})
            print(f"{size:6} sentences, {precision}: {seconds:6.1f} s, {size / seconds:6.1f} sentences a second, {operations / seconds / 1e9:.0f} of "
                  f"{peak / 1e9:.0f} GFLOP/s ({operations / seconds / peak:.0%})", flush=True)
    line = rows[:len(args.sizes)]
    sizes, times = np.array([row["sentences"] for row in line]), np.array([row["seconds"] for row in line])
    slope, start = np.polyfit(sizes, times, 1, w=1 / times)
    for row, size in zip(line, sizes):
        row["off_the_line"] = round(float(row["seconds"] / (start + slope * size) - 1), 3)
        print(f"{size:6} sentences: {row['off_the_line']:+.1%} off the line {start:.1f} s + {1000 * slope:.2f} ms a sentence")
    write_json(args.json, {"data": "unimelb-nlp/wikiann, en", "model": "minilm", "rows": rows, "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
