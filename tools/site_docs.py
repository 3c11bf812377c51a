"""What nbdev shows of a function on the site: what it does, its parameters as a table, and where to read on.

nbdev calls `TableRenderer` and `stay_on_site` by their names in pyproject.toml, with `tools` on the path; nbs/api.qmd.py calls the rest.
"""
import inspect
from dataclasses import MISSING, fields, is_dataclass
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
            parameter["anno"] = inspect.formatannotation(parameter["anno"])
        if parameter.get("default", inspect.Parameter.empty) is not inspect.Parameter.empty:
            parameter["default"] = show_default(parameter["default"])
    return str(table)


def describe(sym, links: str) -> str:
    """A heading, the docstring, the table of parameters and links, in Quarto's Markdown."""
    takes_parameters = inspect.isfunction(sym) or is_dataclass(sym)
    text = [inspect.getdoc(sym) or "", tabulate(sym) if takes_parameters else "", f"[source]({NbdevLookup().code(sym.__name__)}) · {links}"]
    return "\n\n".join([f"### {sym.__name__}", '::: {lang="en"}', *filter(None, text), ":::"])


def find_lesson(sym) -> str:
    """Where the English lesson on a function stands on the site."""
    return NbdevLookup().doc(sym.__name__).removeprefix(get_config().doc_url)


class TableRenderer(BasicMarkdownRenderer):
    """`show_doc` with a table of parameters."""

    def _repr_markdown_(self):
        return describe(self.sym, f"[API](/api.html#{self.nm.lower()})")


class stay_on_site(Processor):
    """Links to what the package has lead to the page on this site, in the language of the page, and the badge stands in the site too."""

    def begin(self):
        self.folder = "pt" if Path(self.nb.path_).parent.name == "pt" else "en"

    def localize(self, text: str) -> str:
        text = "".join(text).replace(get_config().doc_url, "/").replace("](/en/", f"](/{self.folder}/")
        return text.replace("https://colab.research.google.com/assets/colab-badge.svg", "/images/colab.svg")

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = self.localize(cell.source)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = self.localize(output.data["text/markdown"])
