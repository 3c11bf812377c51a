"""Install nerteach from this folder, without internet. · Instala o nerteach a partir desta pasta, sem internet.

    python install.py              into nerteach-class in your home folder · em nerteach-class, na sua pasta pessoal
    python install.py PLACE        into another new folder · em outra pasta nova
"""
import hashlib
import importlib.util
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

STICK = Path(__file__).resolve().parent
CHECK = """
import nerteach
from nerteach.align import load_tokenizer
from nerteach.data import load_corpus
tokens = load_tokenizer("minilm").tokenize("Petrobras")
counts = [len(load_corpus("nerteach", lang)["train"]) for lang in ("en", "pt")]
print(f"nerteach {nerteach.__version__}: {tokens}, {counts[0]} + {counts[1]} sentences · frases")
"""


START = '@"%~dp0.venv\\Scripts\\jupyter-lab.exe" "--notebook-dir=%~dp0notebooks"\n'


def stop(english, portuguese):
    """End with a message in both languages."""
    sys.exit(f"{english}\n{portuguese}")


def check_files(stick):
    """Stop at files that are missing or damaged, by the list of their checksums."""
    if not (stick / "SHA256SUMS").is_file():
        stop(f"SHA256SUMS is not in {stick}: copy the whole folder that tools/make_stick.py built.",
             f"SHA256SUMS não está em {stick}: copie a pasta inteira que tools/make_stick.py montou.")
    wrong = []
    for line in (stick / "SHA256SUMS").read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition("  ")
        path = stick / name
        if not path.is_file():
            wrong.append(f"{name} (missing · falta)")
        elif hash_file(path) != expected:
            wrong.append(f"{name} (damaged · danificado)")
    if wrong:
        stop(f"Copy these files to the stick again: {len(wrong)} did not arrive whole.\nCopie de novo estes arquivos: {len(wrong)} não chegaram inteiros.",
             "\n".join(f"  {name}" for name in wrong))


def hash_file(path):
    """The SHA-256 of a file, read in parts: a wheel may be larger than the memory that is free."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            found.update(part)
    return found.hexdigest()


def check_python(stick):
    """Stop where the wheels are for another Python or another kind of machine."""
    machines = json.loads((stick / "stick.json").read_text(encoding="utf-8"))
    here = {"python": "{}.{}".format(*sys.version_info), "system": sys.platform, "machine": platform.machine().lower()}
    if here not in machines or sys.maxsize < 2**32:
        there = "; ".join("Python {python}, {system}, {machine}, 64 bit".format(**machine) for machine in machines)
        this = "Python {python}, {system}, {machine}, {bits} bit".format(**here, bits=64 if sys.maxsize > 2**32 else 32)
        stop(f"These wheels are for {there}. This is {this}: run install.py with such a Python, or build the stick again with --python-version and --platform.",
             f"Estes pacotes são para {there}. Aqui está {this}: rode install.py com um Python desses ou monte o pendrive de novo com --python-version e --platform.")
    if importlib.util.find_spec("ensurepip") is None:
        stop("This Python cannot make virtual environments: install python3-venv (on Debian and Ubuntu it is a package of its own).",
             "Este Python não cria ambientes virtuais: instale python3-venv (no Debian e no Ubuntu é um pacote à parte).")


def check_place(stick, place):
    """Stop where there is an environment already, or too little space for the unpacked wheels."""
    if (place / ".venv").exists():
        stop(f"{place / '.venv'} is there already: delete it, or name another folder: python install.py PLACE",
             f"{place / '.venv'} já existe: apague essa pasta ou indique outra: python install.py LUGAR")
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not existing.is_dir():
        stop(f"{existing} is a file: name a folder: python install.py PLACE",
             f"{existing} é um arquivo: indique uma pasta: python install.py LUGAR")
    unpacked = 0
    for path in (stick / "wheels").glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            unpacked += sum(entry.file_size for entry in wheel.infolist())
    needed = int(1.3 * unpacked) + 100_000_000  # Python compiles what it unpacks, and pip itself takes its part
    free = shutil.disk_usage(existing).free
    if free < needed:
        stop(f"{place} has {free / 1e9:.1f} GB free, and {needed / 1e9:.1f} GB are needed: make room, or name another folder.",
             f"{place} tem {free / 1e9:.1f} GB livres, e são necessários {needed / 1e9:.1f} GB: libere espaço ou indique outra pasta.")


def install(stick, place):
    """Make the environment, install into it, see that it works, and say how to begin; remove it again if it does not."""
    scripts = place / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}  # they would lead to another nerteach
    offline = {**kept, "HF_HUB_OFFLINE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    commands = [[python, "-m", "pip", "--isolated", "install", "-q", "--no-index", "--no-cache-dir", "--find-links", stick / "wheels",
                 "-c", stick / "constraints.txt", "nerteach[offline]", "jupyterlab"],  # wheels of an earlier build may lie there too
                [python, "-c", CHECK]]
    try:
        place.mkdir(parents=True, exist_ok=True)
        venv.create(place / ".venv", with_pip=True)
        for command in commands:
            subprocess.run([str(part) for part in command], env=offline, cwd=place, check=True)
    except (OSError, subprocess.CalledProcessError, KeyboardInterrupt) as problem:
        shutil.rmtree(place / ".venv", ignore_errors=True)
        said = getattr(problem, "output", None) or b""
        print(said.decode(errors="replace") or repr(problem), file=sys.stderr)
        stop(f"It did not work; what went wrong stands above. {place / '.venv'} was removed.",
             f"Não deu certo; o motivo está acima. {place / '.venv'} foi removida.")
    if not (place / "notebooks").exists():  # what a learner wrote stays
        shutil.copytree(stick / "notebooks", place / "notebooks")
    if os.name == "nt":  # no line suits both of its terminals where a path has a space
        (place / "start.cmd").write_text(START, encoding="ascii")
        return f"Start JupyterLab with a double click on · Abra o JupyterLab com um clique duplo em:\n\n    {place / 'start.cmd'}"
    return "Start JupyterLab with · Abra o JupyterLab com:\n\n    " + shlex.join([str(scripts / "jupyter-lab"), f"--notebook-dir={place / 'notebooks'}"])


def main():
    """Check everything, install, and say how to begin."""
    if len(sys.argv) > 2 or sys.argv[1:2] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    place = Path(sys.argv[1] if len(sys.argv) == 2 else Path.home() / "nerteach-class").expanduser().resolve()
    print("1/3 checking the files · conferindo os arquivos", flush=True)
    check_files(STICK)
    check_python(STICK)
    check_place(STICK, place)
    print(f"2/3 installing into {place}, some minutes · instalando, alguns minutos", flush=True)
    print(f"3/3 done · pronto. {install(STICK, place)}\n")


if __name__ == "__main__":
    main()
