"""What nbdev shows of a function on the site: what it does, its parameters as a table, and where to read on.

nbdev calls `TableRenderer` and `finish_page` by their names in pyproject.toml, with `tools` on the path; nbs/api.qmd.py calls `describe`.
"""
import inspect
import re
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from pathlib import Path

from fastcore.docments import DocmentTbl
from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup
from nbdev.process import Processor
from nbdev.showdoc import BasicMarkdownRenderer


def show_default(value) -> str:
    """A default as one would write it."""
    if is_dataclass(value):
        return f"`{type(value).__name__}()`"
    return f"`{value.__name__ if inspect.isfunction(value) else repr(value)}`"


def tabulate(sym) -> str:
    """The parameters of a function, or the fields of a dataclass, as a table with types as they are written in the code."""
    table = DocmentTbl(sym)
    for field in fields(sym) if is_dataclass(sym) else ():
        parameter = table.dm[field.name]
        parameter["docment"] = field.metadata.get("help", parameter["docment"])
        if field.default_factory is not MISSING:
            parameter["default"] = field.default_factory()
    for parameter in table.dm.values():
        if parameter["anno"] is not inspect.Parameter.empty:
            parameter["anno"] = re.sub(r"(?:\w+\.)+", "", inspect.formatannotation(parameter["anno"])).replace("[", r"\[")
        if parameter.get("default", inspect.Parameter.empty) is not inspect.Parameter.empty:
            parameter["default"] = show_default(parameter["default"])
    rows = [table.hdr_str.replace("|    |", "| **Name** |", 1), table.params_str] + [table.return_str] * table.has_return
    return "\n".join(filter(None, rows))


def describe(name: str, on_api_page: bool) -> str:
    """A heading, the docstring, the table of parameters and links of what the package exports under a name, in Quarto's Markdown."""
    lookup = NbdevLookup()
    lesson, path, _ = lookup[name]
    sym = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)  # a notebook's own copy has lost its comments
    sym = inspect.unwrap(sym)  # behind a decorator such as `cache` stands the function that has the parameters
    lesson = lesson.removeprefix(get_config().doc_url)
    links = f"[lesson](/{lesson}) · [lição](/{lesson.replace('en/', 'pt/', 1)})" if on_api_page else f"[API](/api.html#{name.lower()})"
    table = tabulate(sym) if inspect.isfunction(sym) or is_dataclass(sym) else ""
    return "\n\n".join([f"### {name}", '::: {lang="en"}', inspect.getdoc(sym), table, f"[source]({lookup.code(name)}) · {links}", ":::"])


class TableRenderer(BasicMarkdownRenderer):
    """`show_doc` with a table of parameters."""

    def _repr_markdown_(self):
        return describe(self.nm, on_api_page=False)


class finish_page(Processor):
    """Links to what the package has lead to the page on this site, in the language of the page; the badge stands in the site too.

    What the answer keys define is no part of the package: a word in code that happens to be a name there stays a word.
    """

    def begin(self):
        self.folder = "pt" if Path(self.nb.path_).parent.name == "pt" else "en"

    def localize(self, text: str) -> str:
        text = re.sub(r"\[(`[^`]+`)\]\([^)\s]*/answers/\w+\.html#[\w.]+\)", r"\1", "".join(text))
        text = text.replace(get_config().doc_url, "/").replace("](/en/", f"](/{self.folder}/")
        return text.replace("https://colab.research.google.com/assets/colab-badge.svg", "/images/colab.svg")

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = self.localize(cell.source)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = self.localize(output.data["text/markdown"])

    def end(self):
        """In a twin too a function's table comes before its code; an answer key has no tables."""
        cells = self.nb.cells
        if Path(self.nb.path_).parent.name == "answers":
            cells[:] = [cell for cell in cells if not getattr(cell, "has_sd", False)]
        for at, (cell, following) in enumerate(zip(cells, cells[1:])):
            if "exec_doc" in getattr(cell, "directives_", ()) and getattr(following, "has_sd", False):
                cells[at:at + 2] = following, cell
