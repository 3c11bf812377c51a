"""Build the docs site where Quarto is not installed: the same pages at the same addresses, from the same _quarto.yml.

    python tools/build_site.py

nbdev prepares the notebooks, as it does for Quarto; pandoc reads Quarto's Markdown and writes what MkDocs Material takes,
which builds `_docs`. How that looks stands in tools/mkdocs.yml, and MkDocs calls the functions `on_...`.
"""
import base64
import json
import logging
import os
import re
import shutil
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import pypandoc
import yaml
from mkdocs.commands.build import build
from mkdocs.config import load_config
from nbdev.serve import proc_nbs

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = {"en": ("en", "en-US", "English"), "pt": ("pt-BR", "pt-BR", "Português")}  # by folder: Material's name, HTML's, its own


def show_output(output: dict, options: dict, page: Path) -> str:
    """One output of a cell in Quarto's Markdown; a picture is written beside the page."""
    data = {kind: "".join(value) for kind, value in output.get("data", {"text/plain": output.get("text", "")}).items()}
    if "text/markdown" in data:
        return data["text/markdown"]
    if "text/html" in data:
        return f"```{{=html}}\n<div>{data['text/html']}</div>\n```"
    if "image/png" in data:
        picture = page.with_name(f"{page.stem}-{len(list(page.parent.glob(f'{page.stem}-*.png')))}.png")
        picture.write_bytes(base64.b64decode(data["image/png"]))
        return f"![{options['fig-cap']}]({picture.name}){{alt=\"{escape(options['fig-alt'])}\"}}"
    return f"~~~~~~ text\n{data['text/plain'].rstrip()}\n~~~~~~"


def show_cell(cell: dict, page: Path) -> str:
    """A cell in Quarto's Markdown, by the options in its first lines."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return source
    options = yaml.safe_load("\n".join(re.findall(r"^#\| *([\w-]+: .*)$", source, flags=re.MULTILINE))) or {}
    code = re.sub(r"^#\|.*\n?", "", source, flags=re.MULTILINE).strip("\n")
    shown = [f"~~~~~~ python\n{code}\n~~~~~~"] * bool(code and options.get("echo", True))
    return "\n\n".join(shown + [show_output(output, options, page) for output in cell.get("outputs", [])])


def read_page(path: Path, page: Path) -> tuple[dict, str]:
    """Front matter and text of a page, the text in Quarto's Markdown."""
    if path.suffix == ".ipynb":
        front, *cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        front, text = "".join(front["source"]).strip("-\n"), "\n\n".join(show_cell(cell, page) for cell in cells)
    else:
        front, text = re.match(r"(?:---\n(.*?)\n---\n)?(.*)", path.read_text(encoding="utf-8"), flags=re.DOTALL).groups("")
    front = yaml.safe_load(front) or {}
    title = [f"# {front['title']}", f"*{front['description']}*"] if front else []
    return front, "\n\n".join([*title, text])


def write_pages(source: Path, docs: Path) -> dict[Path, Path]:
    """Write every page as MkDocs takes it, under the name that nbdev gives it; returns that name for each source."""
    shutil.copytree(source / "images", docs / "images")
    shutil.copy(ROOT / "tools" / "site.css", docs)
    names, texts = {}, {}
    for path in (path.relative_to(source) for path in source.rglob("*") if path.suffix in (".ipynb", ".md", ".qmd")):
        (docs / path.parent).mkdir(exist_ok=True)
        front, texts[path] = read_page(source / path, docs / path)
        names[path] = path.with_name(front.get("output-file", path.name)).with_suffix(".md")
    for path, text in texts.items():
        def find_page(link: re.Match) -> str:
            target = Path(os.path.normpath(link[1].lstrip("/") if link[1].startswith("/") else path.parent / link[1]))
            return f"]({os.path.relpath(names.get(target, target if target.suffix == '.svg' else target.with_suffix('.md')), path.parent)}"
        text = re.sub(r"\]\((?!https?:)([^\s)#]+\.(?:ipynb|html|svg))(?=[)#])", find_page, text)
        text = pypandoc.convert_text(text, "markdown_phpextra", format="markdown-implicit_figures", extra_args=["--wrap=none", f"--lua-filter={ROOT / 'tools' / 'mathml.lua'}"])
        (docs / names[path]).write_text(text, encoding="utf-8")
    return names


def list_pages(contents: list, names: dict[Path, Path], apart: list[str]) -> list:
    """A sidebar of _quarto.yml as MkDocs takes it, without the pages that stand apart."""
    return [{item["section"]: list_pages(item["contents"], names, apart)} if isinstance(item, dict) else str(names[Path(item)])
            for item in contents if item not in apart]


def build_site(docs: Path) -> None:
    """Make the pages in an empty folder, and the site of them in _docs."""
    os.environ["PYTHONPATH"] = str(ROOT / "tools")  # nbdev's workers find site_docs there
    names = write_pages(proc_nbs(ROOT / "nbs", n_workers=2, force=True), docs)
    sidebars = yaml.safe_load((ROOT / "_quarto.yml").read_text(encoding="utf-8"))["website"]["sidebar"]
    both = [page for page in sidebars[0]["contents"] if page in sidebars[1]["contents"]]
    front, *back = list_pages(both, names, [])
    nav = [front, *({side["title"]: list_pages(side["contents"], names, both)} for side in sidebars), *back]
    build(load_config(str(ROOT / "tools" / "mkdocs.yml"), docs_dir=str(docs), site_dir=str(ROOT / "_docs"), nav=nav, strict=True))


def on_page_context(context, page, config, nav):
    """Before a page is made: the theme speaks its language, and the switch leads to its twin."""
    folder, _, name = page.url.rpartition("/")
    config.theme["language"] = LANGUAGES.get(folder, LANGUAGES["en"])[0]
    config.extra["alternate"] = [{"name": own, "lang": lang, "link": f"{code}/{name}"} for code, (_, lang, own) in LANGUAGES.items()] if folder in LANGUAGES else []


def on_post_page(output, page, config):
    """After it: the language as HTML has it, a name for the search, and no links for which the theme asks for one more sitemap."""
    output = re.sub('(?<=<html lang=")[^"]+', LANGUAGES.get(page.url.rpartition("/")[0], LANGUAGES["en"])[1], output, count=1)
    output = re.sub('<link rel="alternate"[^>]*>', "", output)
    return output.replace('class="md-search" data-md-component="search"', 'class="md-search" data-md-component="search" aria-label="Search · Busca"')


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")  # of a page with a dead link, and of any other fault, for which the build stops
    with TemporaryDirectory() as scratch:
        build_site(Path(scratch) / "docs")
    print("the site is in _docs")
