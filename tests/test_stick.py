"""The folder for a class without internet: what is built, what is refused, and an installation with the network off.

The whole of it, with every wheel of the package, takes minutes: it runs where NERTEACH_STICK names a folder to build it in.
"""
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "tools" / "stick"))
import install  # noqa: E402
import make_stick  # noqa: E402

PINS = dict(line.split("==") for line in make_stick.pin_versions(make_stick.describe_machine(None, [])).splitlines())
OFFLINE = ["unshare", "-rn"]
TINY = {  # stands in for the package: what install.py asks of it, without what it builds on
    "nerteach/__init__.py": '__version__ = "0.0.1"\n',
    "nerteach/align.py": "from types import SimpleNamespace\ndef load_tokenizer(name):\n    return SimpleNamespace(tokenize=str.split)\n",
    "nerteach/data.py": 'def load_corpus(name, lang):\n    return {"train": [1, 2]}\n'}


def make_wheel(folder, name, files=None, needs=(), version="0.0.1", tag="py3-none-any"):
    """A wheel of a few lines."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: offline\n" + "".join(f"Requires-Dist: {need}\n" for need in needs)
    entries = {**(files or {f"{name}.py": ""}), f"{info}/METADATA": metadata, f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n"}
    with zipfile.ZipFile(folder / f"{name}-{version}-{tag}.whl", "w") as wheel:
        for path, text in entries.items():
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*entries, f"{info}/RECORD"]))


@pytest.fixture
def pip(monkeypatch):
    """Take the place of pip and build, whose commands are noted: tiny wheels lie in the folder afterwards."""
    calls = []

    def run(*command):
        calls.append([str(part) for part in command])
        wheels = Path(command[command.index("--outdir" if command[0] == "build" else "-w" if "-w" in command else "-d") + 1])
        if command[0] == "build":
            make_wheel(wheels, "nerteach", TINY, ['seqeval; extra == "offline"', 'winsome; sys_platform == "win32"'])
        else:
            for name in ("jupyterlab", "seqeval", *(["winsome"] if "winsome" in command else [])):
                make_wheel(wheels, name, version=PINS.get(name, "0.0.1"))

    monkeypatch.setattr(make_stick, "run", run)
    return calls


@pytest.fixture
def stick(pip, tmp_path):
    """A stick with tiny wheels."""
    make_stick.main([str(tmp_path / "stick")])
    return tmp_path / "stick"


def run_install(stick, place, *before):
    """The installer as a learner runs it; what it said, and how it ended."""
    environment = {name: value for name, value in os.environ.items() if name != "PIP_FIND_LINKS"} | {"PYTHONPATH": str(ROOT)}
    return subprocess.run([*before, sys.executable, stick / "install.py", place], capture_output=True, text=True, encoding="utf-8", timeout=1500,
                          env={**environment, "PYTHONUTF8": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"})


def cut_network():
    """The words before a command that take its network away; none where that is not allowed: then a proxy to a closed port must do."""
    allowed = shutil.which("unshare") and subprocess.run([*OFFLINE, "true"], capture_output=True).returncode == 0
    return OFFLINE if allowed else []


def test_the_folder_holds_what_a_class_needs(stick, pip):
    files = {path.relative_to(stick).as_posix() for path in stick.rglob("*") if path.is_file()}
    assert {"install.py", "README.txt", "stick.json", "SHA256SUMS", "notebooks/en/01_data.ipynb", "notebooks/pt/01_data.ipynb", "notebooks/glossary.md",
            "notebooks/answers/data.ipynb"} <= files
    listed = {line.partition("  ")[2] for line in (stick / "SHA256SUMS").read_text().splitlines()}
    assert listed == files - {"SHA256SUMS"}
    assert not [path for path in files if "checkpoint" in path and path.endswith(".safetensors")]
    wheel = next(call for call in pip if call[:2] == ["pip", "wheel"])
    assert wheel[-2:] == ["nerteach[offline]", "jupyterlab"] and "-c" in wheel


def test_torch_is_the_one_for_cpus_and_its_index_is_asked_for_nothing_else(stick, pip):
    asked = [call for call in pip if make_stick.CPU_TORCH in call]
    assert [call[-1] for call in asked] == (["torch"] if sys.platform == "linux" else [])
    pins = make_stick.pin_versions({**make_stick.describe_machine("3.10", ["win_amd64"])})
    assert "torch==2.13.0\n" in pins and "transformers==5.20.2" in pins and "transformers==5.23.0" not in pins and ";" not in pins


def test_another_machine_gets_what_only_it_needs(stick, pip):
    make_stick.main([str(stick), "--python-version", "3.12", "--platform", "win_amd64"])
    downloads = [call for call in pip if call[1] == "download" and "torch" not in call]
    assert all(["--python-version", "3.12", "--platform", "win_amd64"] == call[call.index("--python-version"):][:4] for call in downloads)
    assert all("--no-deps" in call for call in downloads) and downloads[-1][-1] == "winsome" and (stick / "wheels" / "winsome-0.0.1-py3-none-any.whl").exists()
    machines = json.loads((stick / "stick.json").read_text())
    assert [(machine["python"], machine["system"], machine["machine"]) for machine in machines] == [
        ("{}.{}".format(*sys.version_info), sys.platform, platform.machine().lower()), ("3.12", "win32", "amd64")]


def test_a_machine_is_described_in_the_words_of_markers():
    for tag, expected in {"win_amd64": ("win32", "amd64"), "macosx_14_0_arm64": ("darwin", "arm64"), "manylinux_2_28_x86_64": ("linux", "x86_64"),
                          "manylinux2014_aarch64": ("linux", "aarch64"), "linux_x86_64": ("linux", "x86_64")}.items():
        machine = make_stick.describe_machine("3.12", [tag])
        assert (machine["sys_platform"], machine["platform_machine"], machine["python_version"]) == (*expected, "3.12")
    for wrong in (["--platform", "plan9"], ["--python-version", "3.12.4"], ["--python-version", "312"]):
        with pytest.raises(SystemExit):
            make_stick.main(["stick", *wrong])


def test_a_folder_that_lacks_a_wheel_or_brings_a_gpu_is_refused(pip, tmp_path, monkeypatch):
    run = make_stick.run

    def bring(*command):
        run(*command)
        if command[1] == "wheel":
            make_wheel(tmp_path / "stick" / "wheels", "nvidia_cublas")

    monkeypatch.setattr(make_stick, "run", bring)
    with pytest.raises(SystemExit, match="packages for GPUs, such as nvidia_cublas"):
        make_stick.main([str(tmp_path / "stick")])
    monkeypatch.setattr(make_stick, "run", lambda *command: run(*command) if command[0] == "build" else None)
    shutil.rmtree(tmp_path / "stick")
    with pytest.raises(SystemExit, match="lacks jupyterlab, seqeval"):
        make_stick.main([str(tmp_path / "stick")])


def test_needs_are_followed_through_extras_and_conditions(tmp_path):
    machine = make_stick.describe_machine(None, [])
    make_wheel(tmp_path, "nerteach", needs=["One.Two[offline]>=1", 'never; sys_platform == "plan9"', 'docs; extra == "docs"'])
    make_wheel(tmp_path, "jupyterlab", needs=["nerteach"])
    assert make_stick.find_missing(tmp_path, machine) == {"One.Two[offline]>=1"}
    make_wheel(tmp_path, "one_two", needs=['deep; extra == "offline"'])
    assert make_stick.find_missing(tmp_path, machine) == {"deep"}
    make_wheel(tmp_path, "deep")
    assert make_stick.find_missing(tmp_path, machine) == set()


def test_it_installs_with_the_network_off(stick, tmp_path):
    done = run_install(stick, tmp_path / "a class", *cut_network())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nerteach 0.0.1: ['Petrobras'], 2 + 2 sentences" in done.stdout
    command = done.stdout.strip().splitlines()[-1]
    assert "jupyter-lab" in command and "--notebook-dir" in command and "'" in command, "a path with a space is quoted"
    assert (tmp_path / "a class" / "notebooks" / "pt" / "01_data.ipynb").is_file()
    again = run_install(stick, tmp_path / "a class")
    assert again.returncode == 1 and "is there already" in again.stderr and "já existe" in again.stderr


@pytest.mark.parametrize("harm, said", [
    (lambda stick: (stick / "wheels" / "seqeval-1.2.2-py3-none-any.whl").write_bytes(b"x"), "wheels/seqeval-1.2.2-py3-none-any.whl (damaged"),
    (lambda stick: (stick / "notebooks" / "pt" / "02_align.ipynb").unlink(), "notebooks/pt/02_align.ipynb (missing"),
    (lambda stick: shutil.rmtree(stick / "wheels"), "wheels/nerteach-0.0.1-py3-none-any.whl (missing"),
    (lambda stick: (stick / "SHA256SUMS").unlink(), "SHA256SUMS is not in"),
], ids=["damaged", "a notebook", "no wheels", "no list"])
def test_what_did_not_arrive_whole_is_named(stick, tmp_path, harm, said):
    harm(stick)
    done = run_install(stick, tmp_path / "class")
    assert done.returncode == 1 and said in done.stderr and not (tmp_path / "class").exists()


def test_a_wrong_python_and_a_full_disk_are_refused(stick, tmp_path, monkeypatch):
    install.check_python(stick)
    install.check_place(stick, tmp_path / "new" / "class")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000_000))
    with pytest.raises(SystemExit, match="0.1 GB free, and 0.1 GB are needed"):
        install.check_place(stick, tmp_path / "new" / "class")
    (stick / "stick.json").write_text(json.dumps([{"python": "3.99", "system": sys.platform, "machine": "x86_64"}]))
    with pytest.raises(SystemExit, match="These wheels are for Python 3.99"):
        install.check_python(stick)
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    make_stick.note_machine(stick, make_stick.describe_machine(None, []))
    with pytest.raises(SystemExit, match="python3-venv"):
        install.check_python(stick)


def test_wheels_of_an_earlier_build_are_left_alone(stick, tmp_path):
    make_wheel(stick / "wheels", "jupyterlab", version="99.0", needs=["not_there"])
    make_stick.write_sums(stick)
    done = run_install(stick, tmp_path / "class", *cut_network())
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_place_that_is_a_file_is_refused(stick, tmp_path):
    (tmp_path / "class").write_text("")
    for place in (tmp_path / "class", tmp_path / "class" / "below"):
        done = run_install(stick, place)
        assert done.returncode == 1 and "is a file" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), OSError("no"), subprocess.CalledProcessError(1, "ensurepip", b"no pip")], ids=["stopped", "disk", "pip"])
def test_an_environment_that_was_not_finished_is_removed(stick, tmp_path, monkeypatch, problem):
    def create(place, with_pip):
        place.mkdir()
        raise problem

    monkeypatch.setattr(install.venv, "create", create)
    with pytest.raises(SystemExit, match="It did not work"):
        install.install(stick, tmp_path / "class")
    assert not (tmp_path / "class" / ".venv").exists()


def test_what_fails_leaves_no_environment(stick, tmp_path):
    next((stick / "wheels").glob("nerteach-*.whl")).unlink()
    make_stick.write_sums(stick)
    done = run_install(stick, tmp_path / "class", *cut_network())
    assert done.returncode == 1 and "It did not work" in done.stderr and not (tmp_path / "class" / ".venv").exists()


@pytest.mark.skipif("NERTEACH_STICK" not in os.environ, reason="NERTEACH_STICK names no folder: the real stick takes half a gigabyte and minutes")
def test_the_real_stick_with_the_network_off(tmp_path, capsys):
    stick = Path(os.environ["NERTEACH_STICK"]).resolve()
    built = time.monotonic()
    make_stick.main([str(stick)])
    began = time.monotonic()
    done = run_install(stick, tmp_path / "class", *cut_network())
    took = time.monotonic() - began
    assert done.returncode == 0, done.stdout + done.stderr
    sizes = {folder: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) for folder in (stick, tmp_path / "class")}
    with capsys.disabled():
        print(f"\n{len(list((stick / 'wheels').glob('*.whl')))} wheels, {sizes[stick] / 1e6:.0f} MB, built in {began - built:.0f} seconds; installed {sizes[tmp_path / 'class'] / 1e9:.1f} GB "
              f"in {took:.0f} seconds")
    code = ("from nerteach.exercises import open_exercises\ncheck = open_exercises('data', 'pt')\n"
            "check.count_names(lambda labels, entity_type: labels.count('B-' + entity_type))")
    python = tmp_path / "class" / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    answer = subprocess.run([*cut_network(), python, "-c", code], capture_output=True, text=True, cwd=tmp_path,
                            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"})
    assert answer.stdout.startswith("✓ Certo"), answer.stderr
