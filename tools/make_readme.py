"""Write README.md from nbs/index.ipynb, outputs included, and the marked sentence in it as a picture.

    python tools/make_readme.py

`nbdev-readme` does this with Quarto, which is not in the package registries; nbconvert is, with jupyterlab.
"""
import re
from html import escape
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = "https://github.com/nerteach/nerteach/blob/main/"
PICTURE = "nbs/images/marked_sentence.svg"
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" width="640" height="80">
<foreignObject width="640" height="80"><div xmlns="http://www.w3.org/1999/xhtml" style="font:16px/2 sans-serif;background:#fff;color:#111;padding:0 8px">{}</div></foreignObject>
</svg>
"""


def read_front():
    """The front notebook, and the HTML of the sentence marked in it."""
    notebook = nbformat.read(ROOT / "nbs" / "index.ipynb", as_version=4)
    return notebook, next(output.data["text/html"] for cell in notebook.cells for output in cell.get("outputs", []) if "text/html" in output.get("data", {}))


def render_picture() -> str:
    """The marked sentence as an SVG picture, because a README may hold no colours."""
    return FRAME.format(read_front()[1])


def render_readme() -> str:
    """The front notebook as Markdown; its fences name their language, outputs are fenced too, and links start from the repository."""
    notebook, marked = read_front()
    notebook.metadata.language_info = {"name": "python"}  # nbdev-clean drops it; the fences are named after it
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    text = re.sub(r"(?:^    .*\n(?:\s*\n(?=    ))*)+", lambda block: "```text\n" + re.sub(r"(?m)^    ", "", block[0]).rstrip() + "\n```\n", text,
                  flags=re.MULTILINE)
    text = re.sub(r"(\[[^\]]+\]\([^)]+\)){\.btn[^}]*}", r"**\1**", text)
    text = re.sub(r"\]\((?!https?:|#)", "](nbs/", text).replace(f"]({REPOSITORY}", "](")
    text = text.replace(marked, f"![{escape(re.sub('<[^>]+>', '', marked))}]({PICTURE})")
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


if __name__ == "__main__":
    (ROOT / "README.md").write_text(render_readme(), encoding="utf-8")
    (ROOT / PICTURE).write_text(render_picture(), encoding="utf-8")
