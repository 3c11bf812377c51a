"""Build the folder from which a class works without internet: wheels, notebooks, and the program that installs them.

    python tools/make_stick.py stick                                                      for computers like this one
    python tools/make_stick.py stick --python-version 3.12 --platform win_amd64           for others, beside them in the same folder
    python tools/make_stick.py stick --python-version 3.12 --platform manylinux_2_28_x86_64 manylinux2014_x86_64

Copy the folder to a stick. `python install.py` in it needs no network: it is tools/stick/install.py, in Python's own library alone.
"""
import argparse
import email
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

ROOT = Path(__file__).resolve().parent.parent
WANTED = ("nerteach[offline]", "jupyterlab")
CPU_TORCH = "https://download.pytorch.org/whl/cpu"  # on Linux the torch of PyPI brings 3 GB for GPUs
SYSTEMS = {"win": ("win32", "nt", "Windows"), "macosx": ("darwin", "posix", "Darwin"), "manylinux": ("linux", "posix", "Linux")}


def describe_machine(python_version: str | None, platforms: list[str]) -> dict[str, str]:
    """The computers that the wheels are for, in the words of Python's environment markers; this one where nothing else is said."""
    machine = dict(default_environment())
    if python_version:
        machine |= {"python_version": python_version, "python_full_version": f"{python_version}.0"}
    if platforms:
        system, _, kind = platforms[0].replace("linux_", "manylinux_", 1).replace("manymany", "many").partition("_")
        names = next(value for key, value in SYSTEMS.items() if system.startswith(key))
        arch = next(name for name in ("x86_64", "aarch64", "arm64", "amd64") if kind.endswith(name))
        machine |= dict(zip(("sys_platform", "os_name", "platform_system"), names), platform_machine=arch)
    return machine


def pin_versions(machine: dict[str, str]) -> str:
    """The lines of constraints.txt that hold on a machine, without their conditions."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return "".join(f"{pin.name}{pin.specifier}\n" for pin in pins if pin.marker is None or pin.marker.evaluate(machine))


def run(*command: str | Path) -> None:
    """Run one command, and stop with what it said where it fails."""
    done = subprocess.run([sys.executable, "-m", *map(str, command)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command[:2]))} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def fetch_wheels(wheels: Path, machine: dict[str, str], python_version: str | None, platforms: list[str]) -> None:
    """Put the wheel of this tree, and all that it needs on a machine, into a folder."""
    run("build", "--no-isolation", "--wheel", "--outdir", wheels, ROOT)
    with TemporaryDirectory() as scratch:
        pins = Path(scratch) / "constraints.txt"
        pins.write_text(pin_versions(machine), encoding="utf-8")
        common = ["-c", pins, "--find-links", wheels]
        target = [*["--python-version", python_version] * bool(python_version), *(part for name in platforms for part in ("--platform", name))]
        if machine["sys_platform"] == "linux":  # alone, so that this index is asked for nothing else
            run("pip", "download", "--only-binary=:all:", "--no-deps", "-d", wheels, *target, *common, "--extra-index-url", CPU_TORCH, "--retries", "0", "torch")
        if not target:
            run("pip", "wheel", "--use-pep517", "-w", wheels, *common, *WANTED)
            return
        run("pip", "wheel", "--use-pep517", "--no-deps", "-w", wheels, "-c", pins, "seqeval")  # PyPI has its source only, which suits every machine
        while missing := find_missing(wheels, machine):  # without pip's own search, which would ask this machine's conditions: torch's of Linux
            run("pip", "download", "--only-binary=:all:", "--no-deps", "-d", wheels, *target, *common, *sorted(missing))


def find_missing(wheels: Path, machine: dict[str, str]) -> set[str]:
    """What the wheels of a folder ask for on a machine and do not find there."""
    needs: dict[str, list[Requirement]] = {}
    for path in sorted(wheels.glob("*.whl")):
        name = parse_wheel_filename(path.name)[0]
        with zipfile.ZipFile(path) as wheel:
            metadata = next(entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
            text = email.message_from_string(wheel.read(metadata).decode("utf-8"))
        needs[name] = [Requirement(line) for line in text.get_all("Requires-Dist", [])]
    missing, seen, open_ = set(), set(), [Requirement(name) for name in WANTED]
    while open_:
        wanted = open_.pop()
        name = canonicalize_name(wanted.name)
        if name not in needs:
            missing.add(str(wanted).partition(";")[0].strip())
        for extra in ({"", *wanted.extras} if name in needs else ()):
            if (name, extra) not in seen:
                seen.add((name, extra))
                open_ += [need for need in needs[name] if need.marker is None or need.marker.evaluate({**machine, "extra": extra})]
    return missing


def note_machine(folder: Path, machine: dict[str, str]) -> None:
    """Say in stick.json for which machines there are wheels; install.py reads it."""
    path = folder / "stick.json"
    machines = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    entry = {"python": machine["python_version"], "system": machine["sys_platform"], "machine": machine["platform_machine"].lower()}
    path.write_text(json.dumps([*(other for other in machines if other != entry), entry], indent=1), encoding="utf-8")


def copy_lessons(folder: Path, docs: Path | None) -> None:
    """Notebooks, answers, glossary and pictures, as they lie in nbs; the built pages if there are any; the installer, its pins and its README."""
    place = folder / "notebooks"
    shutil.rmtree(place, ignore_errors=True)
    for part in ("en", "pt", "answers", "images"):
        if (ROOT / "nbs" / part).is_dir():
            shutil.copytree(ROOT / "nbs" / part, place / part, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "_metadata.yml", "nerteach-model"))
    shutil.copy(ROOT / "nbs" / "glossary.md", place)
    for file in ("install.py", "README.txt"):
        shutil.copy(ROOT / "tools" / "stick" / file, folder)
    shutil.copy(ROOT / "constraints.txt", folder)
    if docs:
        shutil.copytree(docs, folder / "site", dirs_exist_ok=True)


def write_sums(folder: Path) -> None:
    """The checksum of every file, in the form of `sha256sum`, so that a badly copied one is found."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Build the folder from which a class works without internet.")
    parser.add_argument("folder", type=Path, help="where to build it; one that is there is brought up to date, and keeps the wheels for other machines")
    parser.add_argument("--python-version", metavar="3.12", help="Python of the machines in the room, if not this one's")
    parser.add_argument("--platform", nargs="+", default=[], metavar="TAG", help="their kind, as pip names it: win_amd64, macosx_14_0_arm64, manylinux_2_28_x86_64 ...")
    parser.add_argument("--docs", type=Path, metavar="_docs", help="the site that tools/build_site.py built, to read without internet too")
    return parser


def main(argv: list[str] | None = None) -> None:
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.docs and not (args.docs / "index.html").is_file():
        parser.error(f"{args.docs} holds no built site: run python tools/build_site.py first, or leave --docs out")
    if args.python_version and not re.fullmatch(r"3\.\d+", args.python_version):
        parser.error(f"--python-version {args.python_version}: write it as 3.12")
    try:
        machine = describe_machine(args.python_version, args.platform)
    except StopIteration:
        parser.error(f"{args.platform[0]} is no kind of machine that torch has wheels for: take win_amd64, macosx_14_0_arm64 or manylinux_2_28_x86_64")
    wheels = args.folder / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    for old in wheels.glob("nerteach-*.whl"):
        old.unlink()
    fetch_wheels(wheels, machine, args.python_version, args.platform)
    if large := sorted(path.name for path in wheels.glob("nvidia_*.whl")):
        sys.exit(f"torch came with {len(large)} packages for GPUs, such as {large[0]}: is {CPU_TORCH} within reach? Delete {wheels} and try again")
    if missing := find_missing(wheels, machine):
        sys.exit(f"{wheels} lacks {', '.join(sorted(missing))}: no wheel was found for these machines")
    copy_lessons(args.folder, args.docs)
    note_machine(args.folder, machine)
    write_sums(args.folder)
    size = sum(path.stat().st_size for path in args.folder.rglob("*") if path.is_file())
    print(f"{args.folder}: {len(list(wheels.glob('*.whl')))} wheels, {size / 1e6:.0f} MB, for {machine['sys_platform']} with Python {machine['python_version']}")
    print("next: copy it to a stick, and in it: python install.py")


if __name__ == "__main__":
    main()
