"""Random inputs for everything in nerteach that reads what it did not write: how many gave a result, how many an `InputError`, and what else came.

    python benchmarks/fuzz.py --inputs 100000 --json benchmarks/fuzz.json
    python benchmarks/fuzz.py --atheris --seconds 180 --json benchmarks/fuzz.json

The targets and the generator are those of tests/fuzz_targets.py. The first command makes seeded inputs: valid files with changes, rows of
awkward Unicode, bytes by chance. Slow targets get a share of them (corpus from a folder a tenth, Parquet a fiftieth). The second lets
atheris (pip install atheris) look for inputs that reach code not yet reached, each target in a process of its own. An input that takes more
than 10 seconds, or raises anything but `InputError`, is a finding: it is printed with its bytes, and the exit status is 1. About half an
hour each on 2 cores.
"""
import argparse
import base64
import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
PATIENCE = 10  # Seconds that an input may take


class Hang(BaseException):
    """An input took too long."""


def ring(*_):
    """The alarm's bell."""
    raise Hang


def describe(error):
    """An error in words, with the last place in nerteach or in the targets that it came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "nerteach" in frame.filename or "fuzz_targets" in frame.filename]
    return f"{type(error).__name__}: {str(error)[:200]} in {', '.join(f'{Path(f.filename).name} {f.name}' for f in frames[-3:])}"


def run_target(name, target, inputs, seed):
    """Counts of results and refusals, and the findings, each kind once."""
    from fuzz_targets import attempt, make_joined
    rng, counts, findings, began = random.Random(f"{seed} {name}"), Counter(), {}, time.perf_counter()
    for _ in range(max(1, round(inputs * target.share / target.joined))):
        data = make_joined(rng, target)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        try:
            counts[attempt(target, data)] += target.joined
        except (Exception, Hang) as error:
            counts["findings"] += 1
            findings.setdefault(describe(error), base64.b64encode(data).decode())
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = round(time.perf_counter() - began, 1)
    print(f"{name:18} {counts['result']:7} results {counts['refused']:7} refused {counts['findings']:4} findings, {seconds} s", flush=True)
    for what, data in findings.items():
        print(f"    {what}\n    base64 {data[:2000]}", flush=True)
    return {"results": counts["result"], "refused": counts["refused"], "findings": counts["findings"], "seconds": seconds}


def run_all(names, inputs, seed):
    """Seeded inputs for every target."""
    from fuzz_targets import TARGETS, tiny_tagger
    if "tag_texts" in names:
        tiny_tagger()  # loaded before the clock of an input runs
    signal.signal(signal.SIGALRM, ring)
    for name in names:
        yield name, run_target(name, TARGETS[name], inputs, seed)


def guided_target(name, folder, seconds):
    """One target under atheris, in this process, which atheris ends."""
    import atheris
    with atheris.instrument_imports(include=["nerteach"]):
        import nerteach.inference  # noqa: F401: the targets import it only when they run
        from fuzz_targets import AWKWARD, TARGETS, as_bytes, attempt, make_input, tiny_tagger
    if name == "tag_texts":
        tiny_tagger()
    target, rng = TARGETS[name], random.Random(name)
    for number in range(200):
        Path(folder, str(number)).write_bytes(make_input(rng, target))
    pieces = [as_bytes(piece) for piece in dict.fromkeys([*AWKWARD, *target.pieces]) if 0 < len(piece) < 60]
    words = "".join('"' + "".join(f"\\x{byte:02x}" for byte in piece) + '"\n' for piece in pieces)
    Path(f"{folder}.dict").write_text(words, encoding="ascii")
    atheris.Setup([sys.argv[0], folder, f"-dict={folder}.dict", f"-max_total_time={seconds}", f"-timeout={PATIENCE}", "-max_len=2000", "-print_final_stats=1",
                   f"-artifact_prefix={folder}.", "-seed=1", "-rss_limit_mb=6000"], lambda data: attempt(target, data))
    atheris.Fuzz()


def run_guided(names, seconds):
    """Every target under atheris, in a process of its own."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / name).mkdir()
            done = subprocess.run([sys.executable, __file__, "--one", name, "--folder", f"{folder}/{name}", "--seconds", str(seconds)],
                                  capture_output=True, text=True, errors="replace")
            executed = re.findall(r"number_of_executed_units: (\d+)", done.stderr)
            covered = re.findall(r"cov: (\d+)", done.stderr)
            crashes = [path for path in Path(folder).glob(f"{name}.*") if path.suffix != ".dict"]
            row = {"inputs": int(executed[-1]) if executed else 0, "places_covered": int(covered[-1]) if covered else 0,
                   "findings": len(crashes) or int(done.returncode != 0), "seconds": seconds}
            print(f"{name:18} {row['inputs']:7} inputs, {row['places_covered']:5} places covered, {row['findings']:3} findings", flush=True)
            for path in crashes:
                print(f"    base64 {base64.b64encode(path.read_bytes()).decode()[:2000]}")
            if row["findings"]:
                print((done.stdout + done.stderr)[-3000:], flush=True)
        yield name, row


def add_row(path, part, name, row, seed):
    """Put the numbers of one target into the file, beside those that stand there."""
    from machine import describe_machine
    content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"seeded": {}, "guided": {}}
    content[part][name] = row | {"seeds": [seed]}
    content |= {"machine": describe_machine(), "date": str(date.today())}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="inputs for each target (default: %(default)s)")
    parser.add_argument("--targets", nargs="+", help="only these targets (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs (default: %(default)s)")
    parser.add_argument("--atheris", action="store_true", help="guided by coverage")
    parser.add_argument("--seconds", type=int, default=180, help="time for each target under atheris (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="add the numbers to this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        guided_target(args.one, args.folder, args.seconds)
    if args.atheris and importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed (pip install atheris; it has wheels for Linux): without --atheris this needs nothing more")
    from fuzz_targets import TARGETS
    from machine import describe_machine
    names = args.targets or list(TARGETS)
    print(f"{date.today()}, {describe_machine()}", flush=True)
    findings = 0
    for name, row in run_guided(names, args.seconds) if args.atheris else run_all(names, args.inputs, args.seed):
        findings += row["findings"]
        if args.json:
            add_row(args.json, "guided" if args.atheris else "seeded", name, row, args.seed)
    sys.exit(findings > 0)


if __name__ == "__main__":
    main()
