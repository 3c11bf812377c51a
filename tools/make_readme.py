"""Write README.md from nbs/index.ipynb, outputs included.

    python tools/make_readme.py

`nbdev-readme` does this with Quarto, which is not in the package registries; nbconvert is, with jupyterlab.
"""
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent


def render_readme() -> str:
    """The front notebook as Markdown; its fences name their language, and outputs are fenced too."""
    notebook = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    notebook.metadata.language_info = {"name": "python"}  # nbdev-clean drops it; the fences are named after it
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    text = re.sub(r"(?:^    .*\n(?:\s*\n(?=    ))*)+", lambda block: "```text\n" + re.sub(r"(?m)^    ", "", block[0]).rstrip() + "\n```\n", text,
                  flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(render_readme(), encoding="utf-8")
