"""Write the benchmarks page in both languages, and lesson 4's table of what each part gave, from what the benchmarks measured.

    python tools/make_benchmarks.py

Reads benchmarks/*.json, which the commands in benchmarks/ write; a row without a file is marked "not measured".
"""
import json
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"original": "original", "run_ner": "`run_ner.py`", "flair": "Flair", "spacy": "spaCy", "simpletransformers": "simpletransformers",
         "nerteach": "**nerteach**"}
WORDS = {  # Portuguese for the words in the tables
    "training sentences": "frases de treino", "who": "quem", "epochs": "épocas", "seconds": "segundos", "sentences a second": "frases por segundo",
    "a second": "por segundo", "peak, MB": "pico, MB", "interval": "intervalo",
    "without": "sem", "points": "pontos", "nothing (the whole recipe)": "nada (a receita inteira)", "valid sequences (Viterbi)": "sequências válidas (Viterbi)",
    "sentences of like length together": "frases de tamanho parecido juntas", "16-bit numbers": "números de 16 bits", "frozen vocabulary": "vocabulário congelado",
    "learning rate 3e-4 (5e-5 instead)": "taxa de aprendizado 3e-4 (em vez dela, 5e-5)",
    "labels on first tokens only (on all)": "rótulos só no primeiro token (em todos)", "warm-up": "aquecimento",
    "the original's settings": "configurações originais", "sooner": "mais cedo", "what": "o quê", "numbers": "números", "share of the matrix product": "fração do produto de matrizes",
    "off the straight line": "distância da reta", "texts a second": "textos por segundo", "beyond Python, s": "além do Python, s", "of `import torch`": "de `import torch`",
    "steps": "passos", "sentences": "frases", "evaluation": "avaliação", "prediction": "previsão", "growth": "aumento", "not measured": "não medido",
}


def read(name: str) -> dict | None:
    """What one benchmark wrote, if it was run."""
    path = ROOT / "benchmarks" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def say(text: str, lang: str) -> str:
    """A word of the tables in the language of the page."""
    return WORDS.get(text, text) if lang == "pt" else text


def table(head: list[str], rows: list[list[str]], lang: str) -> str:
    """A Markdown table; numbers stand on the right."""
    lines = [[say(cell, lang) for cell in head], ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def measured_on(result: dict, lang: str) -> str:
    """Data, model, machine and date of a table."""
    words = {"en": "Data: {data}. Model: {model}. Machine: {machine}. Date: {date}.", "pt": "Dados: {data}. Modelo: {model}. Máquina: {machine}. Data: {date}."}
    return words[lang].format(**{"data": "–", "model": "–"} | result)


def spread(values: list, form: str) -> str:
    """The lowest and the highest of some values, or the one value that there is."""
    ends = [format(end, form) for end in (min(values), max(values))]
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def training_table(lang: str) -> str:
    """Contestants side by side, a table for each number of sentences."""
    result = read("compare_training")
    groups: dict[int, dict[tuple, list[dict]]] = {}
    for row in result["rows"]:
        groups.setdefault(row["sentences"], {}).setdefault((list(NAMES).index(row["contestant"]), row["epochs"]), []).append(row)
    pieces = []
    for sentences, contestants in sorted(groups.items()):
        rows = []
        for (place, epochs), runs in sorted(contestants.items()):
            f1, (low, high) = [run["f1"] for run in runs], runs[0]["interval"]
            rows.append([list(NAMES.values())[place], f"{epochs}", f"{mean(run['seconds'] for run in runs):.0f}",
                         f"{mean(run['sentences_per_second'] for run in runs):.0f}", spread([run["peak_mb"] for run in runs], ""),
                         f"{mean(f1):.3f}" + (f" ({spread(f1, '.3f')})" if len(f1) > 1 else ""), f"{low:.3f}–{high:.3f}"])
        pieces += [f"### {sentences:,} {say('training sentences', lang)}".replace(",", " "),
                   table(["who", "epochs", "seconds", "a second", "peak, MB", "F1", "interval"], rows, lang)]
    return "\n\n".join([*pieces, measured_on(result, lang)])


def quality_table(lang: str) -> str:
    """How soon the recipe reaches the original's F1."""
    result = read("time_to_quality")
    rows = [[f"{row['sentences']}", f"{row['original']['f1']:.3f}", f"{row['original']['seconds']:.0f}", f"{row['nerteach']['f1']:.3f}",
             f"{row['nerteach']['steps']}", f"{row['nerteach']['seconds']:.1f}", f"{row['times_sooner']} ×"] for row in result["rows"]]
    head = ["training sentences", "F1, `Trainer`", "seconds", "F1, nerteach", "steps", "seconds", "sooner"]
    return f"{table(head, rows, lang)}\n\n{measured_on(result, lang)}"


def ablation_table(lang: str) -> str:
    """What is lost when one part of the recipe is left out."""
    result = read("ablation")
    runs = {"nothing (the whole recipe)": result["runs"]["nothing"],
            "valid sequences (Viterbi)": [run | {"f1": run["f1_word_by_word"]} for run in result["runs"]["nothing"]]}
    runs |= {name: some for name, some in result["runs"].items() if name != "nothing"}
    base = mean(run["f1"] for run in result["runs"]["nothing"])
    rows = [[say(name, lang), f"{mean(run['f1'] for run in some):.3f} ± {stdev(run['f1'] for run in some):.3f}",
             f"{100 * (mean(run['f1'] for run in some) - base):+.1f}", f"{mean(run['seconds'] for run in some):.0f}"] for name, some in runs.items()]
    return table(["without", "F1", "points", "seconds"], rows, lang)


def inference_table(lang: str) -> str:
    """Texts a second."""
    result = read("inference_speed")
    best = max(result["pipeline_rates"], key=result["pipeline_rates"].get)
    rows = [[name, f"{rate:.0f}", f"{rate / result['pipeline']:.1f} ×"] for name, rate in (
        (f"`pipeline`, {best}", result["pipeline"]), (f"nerteach, {result['precision']}", result["nerteach"]), ("nerteach, fp32", result["nerteach_fp32"]))]
    scores = "; ".join(f"{name}: {score:.5f}" for name, score in result["f1"].items())
    return f"{table(['who', 'texts a second', ''], rows, lang)}\n\nF1: {scores}.\n\n{measured_on(result, lang)}"


def memory_table(lang: str) -> str:
    """Peak memory on few and on many sentences."""
    result = read("flat_memory")
    rows = [[say({"evaluate": "evaluation", "predict": "prediction"}[name], lang), f"{small}", f"{large}", f"{large - small:+}"]
            for name, (small, large) in result["peak_mb"].items()]
    sizes = [f"{size} {say('sentences', lang)}, MB" for size in result["sizes"]]
    small, large = result["corpus_mb"]
    note = {"en": "Of the evaluation's growth, {:.0f} MB are the corpus itself: its file is mapped into memory page by page as it is read, and the system can take such pages back.",
            "pt": "Do aumento da avaliação, {:.0f} MB são o próprio corpus: o arquivo é mapeado na memória, página por página, à medida que é lido, e o sistema pode retomar essas páginas."}
    return f"{table(['what', *sizes, 'growth'], rows, lang)}\n\n{note[lang].format(large - small)}\n\n{measured_on(result, lang)}"


def startup_table(lang: str) -> str:
    """Seconds until a command begins."""
    result = read("startup")
    seconds = result["seconds"]
    rows = [[f"`{name}`", f"{some:.3f}", f"{some - seconds['python']:.3f}", f"{some / seconds['import torch']:.3f}"] for name, some in seconds.items()]
    return f"{table(['what', 'seconds', 'beyond Python, s', 'of `import torch`'], rows, lang)}\n\n{measured_on(result, lang)}"


def scaling_table(lang: str) -> str:
    """Time by size, and the share of the machine."""
    result = read("scaling")
    rows = [[f"{row['sentences']}", row["precision"], f"{row['seconds']:.1f}", f"{row['sentences'] / row['seconds']:.0f}",
             f"{row['share_of_machine']:.0%} / {row['matrix_product_gflops']} GFLOP/s", f"{row['off_the_line']:+.1%}" if "off_the_line" in row else ""]
            for row in result["rows"]]
    head = ["training sentences", "numbers", "seconds", "sentences a second", "share of the matrix product", "off the straight line"]
    return f"{table(head, rows, lang)}\n\n{measured_on(result, lang)}"


def gpu_table(lang: str) -> str:
    """The whole job on a GPU, if there was one."""
    result = read("gpu_job")
    if result is None:
        return f"**{say('not measured', lang)}**"
    rows = [[row["model"], row["contestant"], f"{row['seconds']:.0f}", f"{row['f1']:.3f}"] for row in result["rows"]]
    return f"{table(['what', 'who', 'seconds', 'F1'], rows, lang)}\n\n{measured_on(result, lang)}"


TABLES = {"training": training_table, "quality": quality_table, "ablation": ablation_table, "inference": inference_table, "memory": memory_table,
          "startup": startup_table, "scaling": scaling_table, "gpu": gpu_table}


def render_page(lang: str) -> str:
    """The page: the text in tools/benchmarks.LANG.md with a table in each `{name}`."""
    text = (ROOT / "tools" / f"benchmarks.{lang}.md").read_text(encoding="utf-8")
    for name, make in TABLES.items():
        text = text.replace(f"{{{name}}}", make(lang))
    return text


if __name__ == "__main__":
    for lang in ("en", "pt"):
        (ROOT / "nbs" / lang / "benchmarks.md").write_text(render_page(lang), encoding="utf-8")
