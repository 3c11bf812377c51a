"""What hostile data may not do: run code, write or send other files, put HTML or metadata into what we write, or make a token known."""
import ast
import json
import pickle
import re
import shutil
import struct

import markdown
import pytest
import torch
from bs4 import BeautifulSoup
from huggingface_hub import ModelCard
from safetensors import safe_open

from conftest import ROOT
from nerteach.align import load_tokenizer
from nerteach.data import InputError, first_line, hide_tokens, load_corpus, shown_cause
from nerteach.inference import CardFacts, evaluate_tagger, load_tagger, mark_entities, push_to_hub, tag_texts, write_model_card
from nerteach.metrics import score_entities
from nerteach.train import TrainConfig, build_model, fine_tune
from test_failures import PER, Bomb, add_code, change, save_tiny_model

NAMES = ["O", "B-PER", "I-PER"]
WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("whole") / "model")


@pytest.fixture
def folder(whole, tmp_path):
    """A copy of a tiny model to break."""
    return shutil.copytree(whole, tmp_path / "model")


@pytest.fixture
def canary(tmp_path):
    """A file that only code from the data would write, and that code."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "code from the data was run"


def add_pickles(folder, canary):
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "adapter_model.bin", "vocab.pkl", "train.pkl"):
        (folder / name).write_bytes(pickle.dumps(Bomb(canary)))


def tiny_corpus():
    corpus = load_corpus("nerteach", "en")
    return type(corpus)({split: corpus[split].select(range(6)) for split in corpus})


def test_the_bomb_goes_off_where_pickle_is_loaded(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "canary"))).close()
    assert (tmp_path / "canary").exists(), "a canary that cannot be seen proves nothing"


def test_no_code_and_no_pickle_of_a_model_is_run(folder, canary, tmp_path):
    add_code(folder, canary)
    add_pickles(folder, canary)
    result = fine_tune(tiny_corpus(), folder, TrainConfig(epochs=1), folder=tmp_path / "trained")
    list(tag_texts(load_tagger(folder), ["Ana"]))
    for name in ("config.json", "tokenizer_config.json"):
        assert "auto_map" not in (result.folder / name).read_text(encoding="utf-8"), "a trained model must not lead its users to that code"
    assert not list(result.folder.glob("*.py"))


@pytest.mark.parametrize("file, settings", [("config.json", {"model_type": "evil"}), ("tokenizer_config.json", {"tokenizer_class": "EvilTokenizer"})])
def test_a_model_that_needs_its_own_code_is_refused_or_read_without_it(file, settings, folder, canary):
    add_code(folder, canary)
    change(folder, file, **settings)
    if file == "config.json":
        with pytest.raises(InputError, match="wants to run its own code, which nerteach never does"):
            load_tagger(folder)
    else:
        assert load_tokenizer(folder).is_fast


def test_training_and_prediction_never_unpickle(whole, tmp_path, monkeypatch):
    def forbidden(*args, **options):
        raise AssertionError("a pickle was loaded")
    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, forbidden)
    result = fine_tune(tiny_corpus(), whole, TrainConfig(epochs=2), score_entities, tmp_path / "trained")
    tagger = load_tagger(result.folder)
    assert evaluate_tagger(tagger, tiny_corpus(), "test", score_entities)[0]["overall"] == result.metrics["test"]["overall"]
    assert next(tag_texts(tagger, ["Ana"]))["text"] == "Ana"
    with pytest.raises(AssertionError):
        torch.load("x")


def test_a_corpus_folder_is_read_and_not_run(tmp_path, canary):
    corpus = tmp_path / "words"
    corpus.mkdir()
    (corpus / "words.py").write_text(f"open({str(canary)!r}, 'w')")
    add_pickles(corpus, canary)
    (corpus / "README.md").write_text("---\nconfigs:\n- config_name: default\n  data_files: train.pkl\n---\n")
    with pytest.raises(InputError, match="holds no train, validation or test file"):
        load_corpus(corpus)
    (corpus / "train.conll").write_text("Ana B-PER\n")
    assert len(load_corpus(corpus)["train"]) == 1


SETTINGS = {
    "attn_implementation": "evil/kernel", "_attn_implementation": "evil/kernel@main", "experts_implementation": "evil/kernel",
    "quantization_config": {"quant_method": "gptq"}, "transformers_weights": "../other.safetensors", "text_config": {"attn_implementation": "evil/kernel"},
}


def test_a_tokenizer_from_outside_the_folder_is_refused(folder):
    shutil.copy(folder / TOKENIZER, folder.parent / "tokenizer.1.0.json")
    change(folder, "tokenizer_config.json", fast_tokenizer_files=["../tokenizer.1.0.json"])
    with pytest.raises(InputError, match="its tokenizer_config.json sets 'fast_tokenizer_files'"):
        load_tokenizer(folder)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("load", [load_tokenizer, load_tagger, lambda folder: build_model(folder, NAMES)], ids=["tokenizer", "tagger", "encoder"])
def test_settings_that_fetch_code_from_elsewhere_are_refused(setting, load, folder):
    change(folder, "config.json", **{setting: SETTINGS[setting]})
    with pytest.raises(InputError, match="its config.json sets '.+', which brings in code or weights from elsewhere"):
        load(folder)


def test_the_rule_leaves_settings_of_good_models_alone(folder):
    change(folder, "config.json", attn_implementation="sdpa", _commit_hash="a/b", architectures=["A/B"])
    assert load_tagger(folder).names == NAMES


def test_a_folder_with_an_adapter_is_refused(folder):
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "evil/model", "peft_type": "LORA"}')
    with pytest.raises(InputError, match="it holds an adapter"):
        load_tagger(folder)


def split_weights(folder, name):
    """The weights under another name, and an index that leads there; a copy lies outside the folder."""
    with safe_open(folder / WEIGHTS, "np") as weights:
        index = {"metadata": {}, "weight_map": dict.fromkeys(weights.keys(), name)}
    shutil.copy(folder / WEIGHTS, folder.parent / "outside.safetensors")
    (folder / WEIGHTS).rename(folder / "part.safetensors")
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def pad_header(folder):
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 2**40) + content[8:])


BROKEN = {
    "cut short": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100]), "its file model.safetensors is damaged"),
    "cut in the header": (lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:4]), "is damaged"),
    "empty": (lambda folder: (folder / WEIGHTS).write_bytes(b""), "its file model.safetensors is damaged"),
    "a page": (lambda folder: (folder / WEIGHTS).write_bytes(b"<!doctype html><html>" * 1000), "its file model.safetensors is damaged"),
    "wrong header": (pad_header, "its file model.safetensors is damaged"),
    "no file": (lambda folder: (folder / WEIGHTS).unlink(), "has no file 'model.safetensors'.* never a pickle"),
    "a folder": (lambda folder: ((folder / WEIGHTS).unlink(), (folder / WEIGHTS).mkdir()), "has no file 'model.safetensors'"),
    "a pickle": (lambda folder: (folder / WEIGHTS).rename(folder / "pytorch_model.bin"), "never a pickle such as pytorch_model.bin"),
    "a part outside": (lambda folder: split_weights(folder, "../outside.safetensors"), "has no file '../outside.safetensors'"),
    "a part anywhere": (lambda folder: split_weights(folder, f"{folder.parent}/outside.safetensors"), "has no file '/.*outside.safetensors'"),
    "a part missing": (lambda folder: split_weights(folder, "nowhere.safetensors"), "has no file 'nowhere.safetensors'"),
    "a part pickled": (lambda folder: split_weights(folder, "pytorch_model.bin"), "has no file 'pytorch_model.bin'"),
    "a part without a name": (lambda folder: split_weights(folder, None), "has no file 'None'"),
    "other width": (lambda folder: change(folder, "config.json", hidden_size=32), "missing or of another shape"),
    "more layers": (lambda folder: change(folder, "config.json", num_hidden_layers=2), "bert.encoder.layer.1.+ missing"),
    "no heads": (lambda folder: change(folder, "config.json", num_attention_heads=0), "integer modulo by zero"),
    "words for numbers": (lambda folder: change(folder, "config.json", hidden_size="many"), "hidden_size"),
    "negative": (lambda folder: change(folder, "config.json", hidden_size=-4), "negative dimension"),
    "unknown activation": (lambda folder: change(folder, "config.json", hidden_act="evil"), "'evil'"),
    "settings cut": (lambda folder: (folder / "config.json").write_text('{"model_type": "be'), "its config.json is damaged"),
    "settings as list": (lambda folder: (folder / "config.json").write_text("[]"), "config.json is not a JSON object"),
    "settings without end": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "its config.json is damaged"),
    "settings missing": (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_model_is_one_sentence(kind, folder):
    spoil, said = BROKEN[kind]
    spoil(folder)
    for load in (load_tagger, lambda folder: build_model(folder, NAMES)):
        with pytest.raises(InputError, match=said) as caught:
            load(folder)
        assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


def test_a_model_in_parts_is_read(folder):
    split_weights(folder, "part.safetensors")
    assert load_tagger(folder).names == NAMES


def test_only_the_new_layer_of_an_encoder_may_be_new(folder):
    encoder = build_model(folder, ["O", "B-A", "I-A", "B-B", "I-B"])
    assert encoder.classifier.out_features == 5
    with safe_open(folder / WEIGHTS, "pt") as weights:
        assert torch.equal(encoder.bert.embeddings.word_embeddings.weight, weights.get_tensor("bert.embeddings.word_embeddings.weight"))
    change(folder, "config.json", id2label={str(number): name for number, name in enumerate(["O", "B-A", "I-A", "B-B", "I-B"])})
    with pytest.raises(InputError, match="is not whole .2 of its weights, such as classifier.bias"):
        load_tagger(folder)


BROKEN_TOKENIZERS = {
    "cut": lambda folder: (folder / TOKENIZER).write_text((folder / TOKENIZER).read_text(encoding="utf-8")[:1000], encoding="utf-8"),
    "empty": lambda folder: (folder / TOKENIZER).write_text(""), "a list": lambda folder: (folder / TOKENIZER).write_text("[]"),
    "missing": lambda folder: (folder / TOKENIZER).unlink(),
    "unknown": lambda folder: change(folder, TOKENIZER, model={"type": "Evil"}),  # the library raises a bare Exception
    "settings as list": lambda folder: (folder / "tokenizer_config.json").write_text("[]"),
    "length in words": lambda folder: change(folder, "tokenizer_config.json", model_max_length="long"),
    "number for a token": lambda folder: change(folder, "tokenizer_config.json", pad_token=5),
}


@pytest.mark.parametrize("kind", BROKEN_TOKENIZERS)
def test_a_broken_tokenizer_is_one_sentence(kind, folder):
    BROKEN_TOKENIZERS[kind](folder)
    with pytest.raises(InputError, match="no model") as caught:
        load_tagger(folder)
    assert "\n" not in str(caught.value)


def test_names_from_a_model_stay_inside_the_folder(folder, tmp_path):
    templates = [{"name": name, "template": "x"} for name in ("default", "../../outside", f"{tmp_path}/outside", "a\0b", "y" * 400)]
    change(folder, "tokenizer_config.json", chat_template=templates, tokenizer_file=str(tmp_path / "outside"), vocab_file="/etc/passwd",
           fast_tokenizer_files=["outside.json"])
    before = {path for path in tmp_path.rglob("*") if folder not in path.parents}
    result = fine_tune(tiny_corpus(), folder, TrainConfig(epochs=1), folder=tmp_path / "trained")
    written = {path for path in tmp_path.rglob("*") if folder not in path.parents} - before
    assert {path.relative_to(tmp_path).as_posix() for path in written} == {"trained", *(f"trained/{name}" for name in (
        "config.json", WEIGHTS, TOKENIZER, "tokenizer_config.json", "train_config.json"))}
    saved = (result.folder / "tokenizer_config.json").read_text(encoding="utf-8")
    assert f"{tmp_path}" not in saved and "../" not in saved and "passwd" not in saved


FACTS = CardFacts("ana/ner-pt", "pt", "words", {"train": 3, "test": 2}, {"overall": PER, "PER": PER})


@pytest.mark.parametrize("name", ["README.md", WEIGHTS, "vocab_secret"])
def test_a_link_to_another_file_is_not_uploaded(name, folder, tmp_path):
    write_model_card(folder, FACTS)
    secret = tmp_path / "secret"
    secret.write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"secret")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(secret)

    class NoHub:
        def __getattr__(self, asked):
            raise AssertionError("the Hub was asked")

    with pytest.raises(InputError, match=f"{name} is a link to"):
        push_to_hub(folder, "ana/ner-pt", api=NoHub())


def test_a_card_is_not_written_through_a_link(folder, tmp_path):
    (tmp_path / "profile").write_text("mine")
    (folder / "README.md").symlink_to(tmp_path / "profile")
    with pytest.raises(InputError, match="README.md is a link to another file"):
        write_model_card(folder, FACTS)
    assert (tmp_path / "profile").read_text() == "mine"


SCRIPT = "<script>window.pwned = 1</script>"
HOSTILE = [
    SCRIPT, "<img src=x onerror='window.pwned = 1'>", "\"><svg onload=window.pwned=1>", "</p></mark><iframe src='javascript:parent.pwned=1'>",
    "&lt;b&gt; &amp; &#60;b&#62;", "<!-- ", "]]>", "'\" style=background:url(//evil) ", "\u202e<b>evil</b>", "a | b | c", "``` \n# head", "`code`",
    "[click](javascript:window.pwned=1)", "![x](//evil/x.png)", "<https://evil>", "\\`\\|\\[", "---\nlicense: evil\n---", "# head", "~~~ code", "{name} {digest} {0}",
    "$$x$$ <style>*{display:none}</style>", "<a href=//evil>x</a>",
]


def mark(text, start, end, entity_type):
    return {"text": text, "entities": [{"entity_type": entity_type, "text": text[start:end], "char_start": start, "char_end": end}]}


@pytest.mark.parametrize("text", HOSTILE)
def test_marked_text_is_text(text):
    soup = BeautifulSoup(mark_entities(mark(f"x {text} y", 2, 2 + len(text), text)), "html.parser")
    assert [element.name for element in soup.find_all(True)] == ["p", "mark", "small"]
    assert soup.small.text == text and soup.p.text == f"x {text} {text} y" and set(soup.mark.attrs) == {"style"}


def test_hostile_text_in_a_browser(browser, whole):
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content("".join(mark_entities(mark(f"x {text} y", 2, 2 + len(text), text)) for text in HOSTILE))
    assert page.locator("p").all_inner_texts() and page.locator("p").count() == len(HOSTILE)
    card = render(write_model_card(whole, hostile_facts()).read_text(encoding="utf-8"))
    (whole / "README.md").unlink()
    page.set_content(card, wait_until="networkidle")
    page.wait_for_timeout(100)
    assert page.locator("h1").count() == 1 and page.evaluate("typeof window.pwned") == "undefined" and asked == []
    page.set_content(SCRIPT)
    assert page.evaluate("window.pwned") == 1, "a script that could not run proves nothing"
    page.close()


def hostile_facts():
    """Every field that holds words, made of all hostile texts."""
    words = " ".join(HOSTILE)
    return CardFacts(words, "pt", words, {"train": 3, "test": 2, SCRIPT: 1}, {"overall": PER, "PER": PER}, {}, "test", 0.5, words, words,
                     tuple(HOSTILE), words, words, words, words)


def render(card):
    """A card as a web page shows it that does not clean HTML."""
    return markdown.markdown(card.split("\n---\n", 1)[1], extensions=["tables", "fenced_code"])


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_a_card_holds_no_html_links_or_metadata_of_others(lang, folder, whole):
    (folder / "train_config.json").write_text(json.dumps({"epochs": 3, f"a|b{SCRIPT}": f"x | {SCRIPT} ` [a](//evil)"}))
    change(folder, "config.json", id2label={"0": "O", "1": f"B-P{SCRIPT}|`", "2": f"I-P{SCRIPT}|`"}, label2id={})
    facts = hostile_facts()
    facts = CardFacts(**{**vars(facts), "scores": {"overall": PER, f"P{SCRIPT}|`": PER}})
    soup, usual = (BeautifulSoup(render(write_model_card(place, one, lang).read_text(encoding="utf-8")), "html.parser")
                   for place, one in ((folder, facts), (whole, FACTS)))
    (whole / "README.md").unlink()
    kinds = ("h1", "h2", "pre", "code", "a", "table", "th")
    assert {element.name for element in soup.find_all(True)} <= {*kinds, "p", "ul", "li", "em", "strong", "hr", "thead", "tbody", "tr", "td"}
    assert {kind: len(soup.find_all(kind)) for kind in kinds} == {kind: len(usual.find_all(kind)) for kind in kinds}
    assert {link["href"] for link in soup.find_all("a")} == {"https://github.com/nerteach/nerteach"}
    scores, settings = soup.find_all("table")
    assert {len(row.find_all(["td", "th"])) for row in scores.find_all("tr")} == {6} and {len(row.find_all(["td", "th"])) for row in settings.find_all("tr")} == {2}
    usage = ast.parse(soup.pre.text)
    assert next(node.value for node in ast.walk(usage) if isinstance(node, ast.Constant) and node.value != "...") == facts.name
    card = ModelCard.load(folder / "README.md")
    assert card.data.license == " ".join(facts.license.split()) and card.data.datasets is None and card.data.base_model is None
    assert card.data.model_name == " ".join(facts.name.split()) and card.data.library_name == "transformers"


def test_tokens_are_hidden(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "sesame-opens-17")
    monkeypatch.setenv("HF_HUB_TOKEN", "abc")
    (tmp_path / "token").write_text("saved-by-hf-auth\n")
    text = "Bearer sesame-opens-17, saved-by-hf-auth, hf_AbCdEfGhIj and abc"
    assert hide_tokens(text) == "Bearer hf_…, hf_…, hf_… and abc", "a word of three letters is no token"
    assert first_line(ValueError(f"\n{text}\nmore")) == hide_tokens(text) and first_line(ValueError()) == "ValueError"
    told, hidden = ValueError("plain"), ValueError("plain")
    hidden.__cause__ = OSError("hf_AbCdEfGhIj")
    assert shown_cause(told) is told and shown_cause(hidden) is None


def test_stored_notebooks_and_benchmarks_hold_no_token():
    files = [path for part in ("nbs", "benchmarks", "tests", "nerteach", ".github") for path in (ROOT / part).rglob("*")
             if path.suffix in (".ipynb", ".json", ".md", ".txt", ".yml") and ".ipynb_checkpoints" not in path.parts]
    assert len(files) > 25
    secret = re.compile(r"\bhf_[A-Za-z0-9]{20,}|[Aa]uthorization: |\bBearer [A-Za-z0-9]|\bgh[pousr]_[A-Za-z0-9]{20,}|\bsk-[A-Za-z0-9]{20,}|PRIVATE KEY")
    assert secret.search("hf_" + "a" * 34)
    assert {path.name: found[0] for path in files if (found := secret.search(path.read_text(encoding="utf-8")))} == {}


def test_every_model_is_opened_safely():
    """No call in the package that could read a pickle or run a model's code."""
    seen = set()
    for path in (ROOT / "nerteach").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not (isinstance(node, (ast.Import, ast.ImportFrom)) and {"pickle", "dill", "joblib", "shelve", "marshal"}
                        & {*(alias.name.partition(".")[0] for alias in node.names), getattr(node, "module", None)}), path
            if not isinstance(node, ast.Call):
                continue
            call, given = ast.unparse(node.func), {option.arg: ast.unparse(option.value) for option in node.keywords}
            assert call not in ("eval", "exec", "compile", "torch.load", "os.system", "torch.hub.load", "yaml.load"), (path, call)
            assert given.get("trust_remote_code", "False") == "False" and given.get("allow_pickle", "False") == "False", (path, call)
            if call.endswith("from_pretrained"):
                seen.add(call)
                assert given["trust_remote_code"] == "False", (path, call)
                assert "Model" not in call or given["use_safetensors"] == "True", (path, call)
    assert seen == {"AutoConfig.from_pretrained", "AutoTokenizer.from_pretrained", "AutoModelForTokenClassification.from_pretrained"}
