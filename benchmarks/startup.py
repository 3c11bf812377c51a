"""How long it takes to begin: `import nerteach` and `nerteach --help` against `import torch`.

    python benchmarks/startup.py --json benchmarks/startup.json

Each is a process of its own, started nine times in turn; the table shows the median, and what is left when an empty Python is taken off.
"""
import argparse
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from statistics import median

from machine import describe_machine
from nerteach.cli import check_place, write_json

COMMANDS = {"python": ["-c", "pass"], "import torch": ["-c", "import torch"], "import nerteach": ["-c", "import nerteach"],
            "nerteach --help": ["-m", "nerteach.cli", "--help"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    args = parser.parse_args()
    check_place(args.json)
    times = {name: [] for name in COMMANDS}
    for _ in range(9):
        for name, command in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - started)
    seconds = {name: round(median(some), 4) for name, some in times.items()}
    print(f"{date.today()}, {describe_machine()}")
    for name, some in seconds.items():
        print(f"{name:16} {some:6.3f} s  ({some - seconds['python']:6.3f} s beyond Python; {some / seconds['import torch']:.3f} of import torch)")
    write_json(args.json, {"seconds": seconds, "machine": describe_machine(), "date": str(date.today())})


if __name__ == "__main__":
    main()
