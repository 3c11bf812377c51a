"""The docs site in a browser: every page of both languages, search, dark mode, phone width, the switch, and axe-core's rules.

The site is the one in the folder that NERTEACH_SITE names, such as Quarto's; without it, the one that tools/build_site.py builds here.
"""
import functools
import inspect
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import nerteach._modidx
from conftest import ROOT, call

AXE = "axe-core@4.14.1"
COLAB = "https://colab.research.google.com/github/nerteach/nerteach/blob/main/"
REPOSITORY = "https://github.com/nerteach/nerteach/blob/main/"
NAMES = {path.stem: re.sub(r"^\d+_", "", path.stem) for path in sorted((ROOT / "nbs" / "en").glob("*.ipynb"))}  # notebook to page
LESSONS = [f"{lang}/{page}.html" for lang in ("en", "pt") for page in NAMES.values()]
PLAIN = [f"{lang}/{page}.html" for lang in ("en", "pt") for page in ("benchmarks", "teaching", "cheat_sheet")]  # pages that are no notebooks
PAGES = ["index.html", "api.html", "glossary.html", *PLAIN, *LESSONS]
SEARCH = {"box": ".md-search__input, .aa-Input", "hit": ".md-search-result__link, .aa-Item a"}  # Material's, Quarto's
BRIGHTNESS = "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0)"
TOGGLE = "label[for^=__palette]:visible, .quarto-color-scheme-toggle:visible"


@pytest.fixture(scope="session")
def site(once):
    """The folder with the built site."""
    if "NERTEACH_SITE" in os.environ:
        return Path(os.environ["NERTEACH_SITE"]).resolve()

    def make(folder):
        call(sys.executable, ROOT / "tools" / "build_site.py")
        shutil.copytree(ROOT / "_docs", folder, dirs_exist_ok=True)

    return once("site", make)


@pytest.fixture(scope="session")
def address(site):
    """Where a server of this machine serves the site."""
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def page(browser, address):
    """A browser's page that notes what a reader should never meet: errors, and anything fetched from elsewhere."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce")
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.faults = []
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("response", lambda response: page.faults.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    page.on("request", lambda request: page.faults.append(request.url) if not request.url.startswith((address, "data:", "blob:")) else None)
    yield page
    context.close()


@pytest.fixture(scope="session")
def axe(once):
    """The file of axe-core, from npm."""
    def make(folder):
        done = subprocess.run(["npm", "install", "--no-save", "--prefix", folder, AXE], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"npm cannot fetch {AXE}: {done.stderr[-300:]}")

    if not shutil.which("npm"):
        pytest.skip("no npm to fetch axe-core with")
    return once("axe", make) / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def contents(site):
    """What each page holds: its soup, its ids, its links, and the links and tables under each heading that has an id."""
    return {name: read_contents(BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")) for name in PAGES}


def read_contents(soup):
    ids, links, sections, section = set(), [], {}, None
    for element in soup.find_all(True):
        link = element.get("href") or element.get("src")
        ids |= {element["id"]} if element.has_attr("id") else set()
        links += [link] if link else []
        if re.fullmatch("h[1-6]", element.name):
            section = sections.setdefault(element.get("id") or element.parent.get("id"), {"links": [], "table": False})  # Quarto's sections have the id
        elif section:
            section["links"] += [link] if link else []
            section["table"] |= element.name == "table"
    return SimpleNamespace(soup=soup, ids=ids, links=links, sections=sections)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_fault_and_can_be_read_by_all(name, page, axe):
    page.goto(name, wait_until="networkidle")
    assert page.faults == []
    assert page.locator("html").get_attribute("lang") == ("pt-BR" if name.startswith("pt/") else "en-US")
    assert page.evaluate("[...document.images].filter(image => !image.alt.trim() || !image.naturalWidth).map(image => image.src)") == []
    page.add_script_tag(path=axe)
    assert find_violations(page, {}) == []
    if not name.startswith("pt/"):  # a twin has the same colours
        page.locator(TOGGLE).first.click()
        page.wait_for_function(f"({BRIGHTNESS}) < 200")
        assert find_violations(page, {"runOnly": ["color-contrast"]}) == [], "in dark mode"
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "on a phone"


def find_violations(page, options):
    """The rule and the HTML of everything serious that axe-core finds on a page."""
    found = page.evaluate("options => axe.run({resultTypes: ['violations'], preload: false, ...options})", options)["violations"]
    return [(rule["id"], node["html"][:150]) for rule in found if rule["impact"] in ("serious", "critical") for node in rule["nodes"]]


def test_a_fault_would_be_seen(page, axe):
    page.goto("en/align.html", wait_until="networkidle")
    page.evaluate("document.querySelector('article p, main p').style.color = '#bbb'")
    page.add_script_tag(path=axe)
    assert "color-contrast" in {rule for rule, _ in find_violations(page, {})}
    page.goto("en/no.html")
    assert any(fault.startswith("404") for fault in page.faults)


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_cheat_sheet_is_printed_on_one_page(lang, page):
    page.goto(f"{lang}/cheat_sheet.html", wait_until="networkidle")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) == 1
    page.goto(f"{lang}/teaching.html", wait_until="networkidle")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))) > 1, "pages are not counted"


@pytest.mark.parametrize("query, target", [("alignment", "en/align.html"), ("alinhamento", "pt/align.html"),
                                           ("inference", "en/inference.html"), ("inferência", "pt/inference.html")])
def test_search_lands_on_the_page(query, target, page):
    page.goto("index.html", wait_until="networkidle")
    page.keyboard.press("/")
    page.locator(SEARCH["box"]).first.press_sequentially(query)
    page.wait_for_function("([hits, target]) => [...document.querySelectorAll(hits)].slice(0, 3).some(hit => hit.pathname.endsWith(target))",
                           arg=[SEARCH["hit"], target])  # the list is made anew with every letter
    page.locator(SEARCH["hit"]).and_(page.locator(f"[href*='{target}']")).first.click()
    page.wait_for_url(f"**/{target}*")
    assert page.faults == []


@pytest.mark.parametrize("name", ["en/align.html", "pt/align.html"])
def test_the_switch_keeps_the_lesson(name, page):
    other = name.replace("en/", "pt/") if name.startswith("en/") else name.replace("pt/", "en/")
    page.goto(name)
    page.locator("article, main").last.get_by_role("link", name={"en": "Português", "pt": "English"}[name[:2]], exact=True).first.click()
    page.wait_for_url(f"**/{other}")
    assert page.locator("html").get_attribute("lang") == ("pt-BR" if other.startswith("pt/") else "en-US")


def test_dark_mode_is_one_click_and_stays(page):
    page.goto("en/align.html", wait_until="networkidle")
    assert page.evaluate(BRIGHTNESS) > 600
    page.locator(TOGGLE).first.click()
    page.wait_for_function(f"({BRIGHTNESS}) < 200")
    page.goto("pt/data.html", wait_until="networkidle")
    assert page.evaluate(BRIGHTNESS) < 200


def test_the_keyboard_reaches_the_lesson_and_the_search(page):
    page.goto("en/align.html", wait_until="networkidle")
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.getAttribute('href') || document.activeElement.className || document.activeElement.id"))
    assert any("metrics.html" in (place or "") for place in reached)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.tagName") == "INPUT"


def is_dead(link, page, contents, site):
    """Whether a link leads nowhere on this site, or to a file that this repository does not have; other hosts are not asked."""
    parts = urlsplit(link.replace(COLAB, REPOSITORY))
    if parts.scheme:
        return parts.geturl().startswith(REPOSITORY) and not (ROOT / parts.path.removeprefix(urlsplit(REPOSITORY).path)).exists()
    target = (site / page).parent / unquote(parts.path) if parts.path else site / page
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return True
    inside = str(target.resolve().relative_to(site.resolve()))
    return inside in contents and parts.fragment != "" and unquote(parts.fragment) not in contents[inside].ids


def test_no_link_leads_nowhere(contents, site):
    assert [(page, link) for page, content in contents.items() for link in content.links if is_dead(link, page, contents, site)] == []
    assert is_dead("pt/no.html", "index.html", contents, site) and is_dead("en/align.html#no", "index.html", contents, site)
    assert is_dead(f"{REPOSITORY}nbs/no.ipynb", "index.html", contents, site)


def test_the_front_page_has_one_way_in_for_each_language(contents):
    soup = contents["index.html"].soup
    assert [link["href"] for link in soup.select("a.btn-primary")] == ["en/tour.html", "pt/tour.html"]
    assert soup.find("mark"), "no marked sentence"


@pytest.mark.parametrize("stem", NAMES)
@pytest.mark.parametrize("lang", ["en", "pt"])
def test_a_lesson_says_what_it_takes_and_where_it_can_be_run(lang, stem, contents):
    content, other = contents[f"{lang}/{NAMES[stem]}.html"], {"en": "pt", "pt": "en"}[lang]
    assert {f"{COLAB}nbs/{lang}/{stem}.ipynb", f"../{other}/{NAMES[stem]}.html"} <= set(content.links)
    assert {"en": "What it takes.", "pt": "Do que você precisa."}[lang] in content.soup.get_text()


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_formulas_keep_their_letters(contents, lang):
    formulas = [re.sub(r"\s", "", formula.get_text()) for formula in contents[f"{lang}/metrics.html"].soup.find_all("math")]
    assert any("F1=2PR/(P+R)" in formula for formula in formulas), formulas


@pytest.mark.parametrize("module", [module for module in nerteach._modidx.d["syms"] if not module.startswith("nerteach.answers.")])
def test_every_exported_function_has_its_table_its_source_and_its_lesson(module, contents):
    names = {full.removeprefix(f"{module}."): place for full, place in nerteach._modidx.d["syms"][module].items()}
    for name, (place, path) in names.items():
        if "." in name:  # a method stands under its class
            continue
        page = place.partition("#")[0].removeprefix("en/")
        for at, links in ((f"en/{page}", ["api.html"]), (f"pt/{page}", ["api.html"]), ("api.html", [f"en/{page}", f"pt/{page}"])):
            section = contents[at].sections[name.lower()]
            assert all(any(f"{link}#{name.lower()}" in found for found in section["links"]) for link in links), (at, name)
            assert any(f"{path}#L" in found for found in section["links"]), (at, name)
            assert section["table"] or inspect.isclass(getattr(import_module(module), name)), (at, name)
