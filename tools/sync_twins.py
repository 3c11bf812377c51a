"""Keep the Portuguese notebooks in step with the English ones.

    python tools/sync_twins.py              copy code from nbs/en to nbs/pt by cell id; prose stays the translator's
    python tools/sync_twins.py --check      change nothing, list what differs, exit 1 if anything does
    python tools/sync_twins.py --translated NAME[#CELL] ...   say that a notebook's prose, or one cell's, is up to date again

The English notebook exports; its twin shows and runs the same cells. A twin's prose cell remembers which English text it was
translated from (`translates` in the cell's metadata), so that a changed original asks for its translation to be read again.
"""
import argparse
import hashlib
import re
import sys
from collections import Counter
from pathlib import Path

import nbformat

NBS = Path(__file__).resolve().parent.parent / "nbs"
LANG = {"en": 'lang = "en"', "pt": 'lang = "pt"'}
CAPTION = re.compile(r"^#\| fig-(?:cap|alt): .*\n", flags=re.MULTILINE)


def read(path: Path):
    return nbformat.read(path, as_version=4)


def translate_code(cell, twin) -> str:
    """The twin's code: nothing exported but as much documented, its own language, its own captions; private helpers and `default_exp` are hidden."""
    code = cell.source.replace(LANG["en"], LANG["pt"]) if cell.id == "lang" else cell.source
    code = re.sub(r"^#\| default_exp .*$", "#| hide", code, flags=re.MULTILINE)
    code = re.sub(r"^#\| export$", "#| exec_doc\n#| echo: false", code, flags=re.MULTILINE)
    code = re.sub(r"^#\| exports$", "#| exec_doc", code, flags=re.MULTILINE)
    captions = CAPTION.findall(twin.source) if twin else []
    if len(captions) == len(CAPTION.findall(code)):
        code = CAPTION.sub(lambda match: captions.pop(0), code)
    return code


def digest(cell) -> str:
    """What a translation was made from: prose, or the captions of a code cell."""
    text = cell.source if cell.cell_type == "markdown" else "".join(CAPTION.findall(cell.source))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def has_words(cell) -> bool:
    return cell.cell_type == "markdown" or bool(CAPTION.search(cell.source))


def make_twin(english, twin):
    """The Portuguese notebook: English cells in English order, prose and captions from the old twin where it has them."""
    old = {cell.id: cell for cell in twin.cells} if twin else {}
    made = nbformat.from_dict({**english, "cells": []})
    for cell in english.cells:
        known = old.get(cell.id)
        new = nbformat.from_dict(cell)
        if cell.cell_type == "markdown" and known:
            new.source = known.source
        if cell.cell_type == "code":
            new.source = translate_code(cell, known)
            new.outputs = known.outputs if known and known.source == new.source else []
        if has_words(cell) and known and "translates" in known.metadata:
            new.metadata["translates"] = known.metadata["translates"]
        made.cells.append(new)
    return made


def skeleton(prose: str) -> dict[str, object]:
    """What a translation may not change: headings, code, maths, links (to the same place in the other language)."""
    blocks = re.findall(r"^```.*?^```$", prose, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"^```.*?^```$", "", prose, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`[^`\n]+`", text)
    text = re.sub(r"`[^`\n]+`", "", text)
    links = [re.sub(r"(nbs|\.\.)/(en|pt)/", r"\1/", link) for link in re.findall(r"\]\(([^)\s]+)", text)]
    return {"headings": [len(mark) for mark in re.findall(r"^(#+) ", text, flags=re.MULTILINE)], "code": Counter(spans), "code blocks": blocks,
            "maths": Counter(re.findall(r"\$[^$\n]+\$", text)), "links": Counter(links)}


def compare_cells(cell, twin) -> list[str]:
    """What is wrong with one cell of a twin."""
    if cell.cell_type == "code" and twin.source != translate_code(cell, twin):
        return ["its code is not that of the English cell: run tools/sync_twins.py"]
    if not has_words(cell):
        return []
    same = twin.source == cell.source if cell.cell_type == "markdown" else CAPTION.findall(twin.source) == CAPTION.findall(cell.source)
    if same:
        return ["it is not translated"]
    wrong = []
    if cell.cell_type == "markdown":
        ours, theirs = skeleton(cell.source), skeleton(twin.source)
        wrong = [f"its {part} differ: {ours[part]} in English, {theirs[part]} here" for part in ours if ours[part] != theirs[part]]
    if twin.metadata.get("translates") != digest(cell):
        wrong.append(f"the English changed after it was translated: read both, then tools/sync_twins.py --translated LESSON#{cell.id}")
    return wrong


def compare(english, twin) -> list[str]:
    """What is wrong with a twin, cell by cell."""
    ids, twin_ids = [cell.id for cell in english.cells], [cell.id for cell in twin.cells]
    if ids != twin_ids:
        return [f"its cells differ: {sorted(set(ids) ^ set(twin_ids)) or 'the order'}: run tools/sync_twins.py"]
    kinds = [f"{a.id}: one is {a.cell_type}, the other {b.cell_type}" for a, b in zip(english.cells, twin.cells) if a.cell_type != b.cell_type]
    tags = [f"{a.id}: its tags differ: run tools/sync_twins.py" for a, b in zip(english.cells, twin.cells)
            if a.metadata.get("tags") != b.metadata.get("tags")]
    return kinds or tags + [f"{a.id}: {text}" for a, b in zip(english.cells, twin.cells) for text in compare_cells(a, b)]


def mark_translated(english, twin, cell_id: str) -> None:
    """Note the English text that a twin's prose says now; all of it, or that of one cell."""
    for cell, other in zip(english.cells, twin.cells):
        if has_words(cell) and cell_id in ("", cell.id):
            other.metadata["translates"] = digest(cell)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Keep the Portuguese notebooks in step with the English ones.")
    parser.add_argument("--check", action="store_true", help="change nothing, list what differs")
    parser.add_argument("--translated", nargs="+", default=[], metavar="NAME[#CELL]", help="prose that is up to date again, such as 01_data#aims")
    args = parser.parse_args(argv)
    translated = [item.partition("#")[::2] for item in args.translated]
    for item, (lesson, cell_id) in zip(args.translated, translated):
        original = NBS / "en" / f"{lesson}.ipynb"
        if not original.exists() or cell_id and cell_id not in {cell.id for cell in read(original).cells}:
            parser.error(f"{item}: there is no such lesson or cell; a name is such as 01_data or 01_data#aims")
    wrong = []
    for path in sorted((NBS / "en").glob("*.ipynb")):
        place, english = NBS / "pt" / path.name, read(path)
        twin = read(place) if place.exists() else None
        if not args.check:
            twin = make_twin(english, twin)
            for lesson, cell_id in translated:
                if lesson == path.stem:
                    mark_translated(english, twin, cell_id)
            nbformat.write(twin, place)
        wrong += [f"nbs/pt/{path.name}: {text.replace('LESSON', path.stem)}" for text in (compare(english, twin) if twin else ["there is no twin: run tools/sync_twins.py"])]
    wrong += [f"nbs/pt/{path.name}: there is no English notebook of this name" for path in sorted((NBS / "pt").glob("*.ipynb"))
              if not (NBS / "en" / path.name).exists()]
    print("\n".join(wrong) or "every twin is in step")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
