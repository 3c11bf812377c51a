"""What lesson 08 is no place for: odd exports, round trips over random texts, and counts checked by other means."""
import json
import math
import warnings

import pytest
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from nerteach.annotation import (Agreement, agreement, by_annotator, group_rows, make_splits, nested_corpora, offset_map, pair_annotators,
                                 plot_learning_curve, read_argilla, read_doccano, read_label_studio, split_lines, to_marked, to_sentences,
                                 write_argilla, write_conll, write_doccano, write_json_lines, write_label_studio)
from nerteach.data import InputError, InputNote, build_corpus, load_corpus, load_folder, named_labels, read_conll, read_json_lines, split_words, to_iob2
from nerteach.metrics import score_entities

TEXT = "👩‍🚀 Ana 🎉 canta em Olinda, São Luís."
TYPES = st.sampled_from(["PER", "LOC", "DOENÇA", "A-B"])


def mark(text, names):
    entities = [{"entity_type": kind, "text": name, "char_start": text.index(name), "char_end": text.index(name) + len(name)}
                for name, kind in names]
    return {"text": text, "entities": sorted(entities, key=lambda entity: entity["char_start"])}


MARKED = mark(TEXT, [("Ana", "PER"), ("Olinda", "LOC"), ("São Luís", "LOC")])


def utf16(text, place):
    return len(text[:place].encode("utf-16-le")) // 2


def write(folder, value, name="export.json"):
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def heard(function, *arguments):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        result = function(*arguments)
    assert all(issubclass(note.category, InputNote) for note in said)
    return result, [str(note.message) for note in said]


@st.composite
def marked_texts(draw):
    """A text of any characters, with some runs of its words marked; no two share a word."""
    text = draw(st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from(" 🎉👩‍🚀éã\n'.-")), max_size=40))
    offsets, entities, word = split_words(text)[1], [], 0
    while word < len(offsets):
        size = draw(st.integers(0, 3))
        run = offsets[word:word + size]
        if run:
            start, end = run[0][0], run[-1][1]
            entities.append({"entity_type": draw(TYPES), "text": text[start:end], "char_start": start, "char_end": end})
        word += max(1, size)
    return {"text": text, "entities": entities}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_places_are_those_of_other_counts(text):
    assert offset_map(text, "code points") == {i: i for i in range(len(text) + 1)}
    assert offset_map(text, "utf-16") == {i: utf16(text, i) for i in range(len(text) + 1)}
    graphemes = offset_map(text, "graphemes")
    assert list(graphemes.values()) == list(range(len(graphemes))) and {0, len(text)} <= set(graphemes)


def test_an_unknown_unit_is_refused():
    with pytest.raises(InputError, match="choose code points, utf-16 or graphemes"):
        offset_map("a", "bytes")


@settings(deadline=None)
@given(st.lists(marked_texts(), max_size=4))
def test_marks_come_back_from_words(marked):
    marked = [one for one in marked if split_words(one["text"])[0]]
    rows = to_sentences(marked)
    assert to_marked(rows) == marked
    assert to_sentences(to_marked(rows)) == rows
    assert sum(label.startswith("B-") for row in rows for label in row["ner_tags"]) == sum(len(one["entities"]) for one in marked)


@settings(deadline=None, max_examples=50)
@given(st.lists(marked_texts(), min_size=1, max_size=4))
def test_tools_give_back_what_they_were_given(tmp_path_factory, marked):
    folder = tmp_path_factory.mktemp("tools")
    back = [heard(read_doccano, write_doccano(marked, folder / "doccano.jsonl"))[0],
            heard(read_label_studio, write_label_studio(marked, folder / "studio.json"), "text", "predictions")[0],
            heard(read_argilla, write_argilla(marked, folder / "argilla.json"), "text", "spans", "suggestions")[0]]
    for read in back:
        assert [(one["text"], one["entities"]) for one in read] == [(one["text"], one["entities"]) for one in marked]


@settings(deadline=None, max_examples=50)
@given(st.lists(marked_texts(), min_size=1, max_size=4))
def test_files_give_back_what_they_were_given(tmp_path_factory, marked):
    folder = tmp_path_factory.mktemp("files")
    rows = to_sentences([one for one in marked if split_words(one["text"])[0]])
    if not rows:
        return
    back = read_json_lines(write_json_lines(rows, folder / "train.jsonl"))
    assert [(s["tokens"], s["ner_tags"]) for s in back] == [(row["tokens"], row["ner_tags"]) for row in rows]
    try:
        back = read_conll(write_conll(rows, folder / "train.conll"))
    except InputError as error:
        assert "cannot stand in CoNLL" in str(error)
        assert any(char.isspace() or char == "\ufeff" for row in rows for word in row["tokens"] for char in word)
    else:
        assert [(s["tokens"], s["ner_tags"]) for s in back] == [(row["tokens"], row["ner_tags"]) for row in rows]


@pytest.mark.parametrize("lang", ["en", "pt"])
def test_the_packaged_corpus_goes_there_and_back(lang, tmp_path):
    corpus = load_corpus("nerteach", lang)
    for split, dataset in corpus.items():
        rows = to_sentences(to_marked(dataset))
        assert [row["tokens"] for row in rows] == list(dataset["tokens"]) and [row["ner_tags"] for row in rows] == named_labels(dataset)
        write_conll(dataset, tmp_path / f"{split}.conll")
    again = load_folder(tmp_path)
    assert {split: again[split]["tokens"] for split in again} == {split: corpus[split]["tokens"] for split in corpus}
    assert {split: named_labels(again[split]) for split in again} == {split: named_labels(corpus[split]) for split in corpus}


# doccano

LABELS = [[utf16(TEXT, e["char_start"]), utf16(TEXT, e["char_end"]), e["entity_type"]] for e in MARKED["entities"]]


@pytest.mark.parametrize("record", [
    {"id": 3, "text": TEXT, "label": LABELS, "Comments": []},
    {"text": TEXT, "labels": LABELS},
    {"id": 3, "text": TEXT, "relations": [], "entities": [{"id": 1, "label": kind, "start_offset": s, "end_offset": e} for s, e, kind in LABELS]},
])
@pytest.mark.parametrize("lines", [lambda text: text, lambda text: f"\ufeff{text}\r\n", lambda text: f"\n{text}\n\n", lambda text: f"[{text}]"])
def test_doccano_in_all_its_forms(record, lines, tmp_path):
    (marked,), notes = heard(read_doccano, write(tmp_path, lines(json.dumps(record))))
    assert marked["entities"] == MARKED["entities"] and marked.get("id") in (None, "3")
    assert len(notes) == 1 and "read as counted in utf-16: 3 (first in" in notes[0]


def test_doccano_by_graphemes(tmp_path):
    graphemes = offset_map(TEXT, "graphemes")
    record = {"text": TEXT, "label": [[graphemes[e["char_start"]], graphemes[e["char_end"]], e["entity_type"]] for e in MARKED["entities"]]}
    (marked,), _ = heard(read_doccano, write(tmp_path, record), "graphemes")
    assert marked["entities"] == MARKED["entities"] != heard(read_doccano, write(tmp_path, record))[0][0]["entities"]


def test_accents_need_no_note(tmp_path):
    (marked,), notes = heard(read_doccano, write(tmp_path, {"text": "São Luís", "label": [[0, 8, "LOC"]]}))
    assert notes == [] and marked["entities"][0]["text"] == "São Luís"


@pytest.mark.parametrize("text, said", [
    ("", "holds no record"), ("[]", "holds no record"), ('[{"text": "Ana"', "broken JSON list"), ('{"text": "a", "label": []}\n{"te', "line 2 is not JSON"),
    ('["Ana"]', "record 1 is not a JSON object"), ('{"text": "a", "label": []}\n7', "line 2 is not a JSON object"), ('{"label": []}', "'text' should be of type str"),
    ('{"text": "Ana"}', "'label' should be of type list"), ('{"text": "Ana", "label": ["positive"]}', r"is not \[start, end, type\]"),
    ('{"text": "Ana", "label": [[0, 3]]}', r"is not \[start, end, type\]"), ('{"text": "Ana", "label": [[0, 3, 7]]}', "has the type 7"),
    ('{"text": "Ana", "label": [[0, 3, " "]]}', "has the type ' '"), ('{"text": "Ana", "label": [["0", 3, "PER"]]}', "no places in plain text"),
    ('{"text": "Ana", "label": [[0, 4, "PER"]]}', "does not fit the text"), ('{"text": "Ana", "label": [[-1, 2, "PER"]]}', "does not fit the text"),
    ('{"text": "Ana", "label": [[2, 2, "PER"]]}', "does not fit the text"), ('{"text": "🎉 Ana", "label": [[1, 3, "PER"]]}', "does not fit the text"),
    ('{"text": "\\ud83c Ana", "label": []}', "half of a character"), ('{"text": "Ana", "label": [[true, 3, "PER"]]}', "no places in plain text"),
])
def test_what_doccano_does_not_write_is_refused(text, said, tmp_path):
    with pytest.raises(InputError, match=said) as caught:
        read_doccano(write(tmp_path, text, "export.jsonl"))
    assert "export.jsonl" in str(caught.value)


def test_a_file_that_is_not_there_or_not_utf_8(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_doccano(tmp_path / "nowhere.jsonl")
    (tmp_path / "latin.jsonl").write_bytes('{"text": "São"}'.encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_label_studio(tmp_path / "latin.jsonl")


# Label Studio

def region(start, end, labels, text=None, kind="labels"):
    value = {"start": start, "end": end, kind: labels} | ({} if text is None else {"text": text})
    return {"id": "x", "from_name": "label", "to_name": "text", "type": kind, "value": value}


def task(results, text=TEXT, **more):
    return {"id": 5, "data": {"text": text}, "annotations": [{"id": 1, "result": results, "was_cancelled": False, "completed_by": 2, **more}], "predictions": []}


def quoted(count):
    """The three marks of MARKED with their places as `count` counts them."""
    return [region(count(TEXT, e["char_start"]), count(TEXT, e["char_end"]), [e["entity_type"]], e["text"]) for e in MARKED["entities"]]


def test_label_studio_is_believed_where_it_quotes(tmp_path):
    (marked,), notes = heard(read_label_studio, write(tmp_path, [task(quoted(lambda text, place: place))]))
    assert marked == {**MARKED, "id": "5", "annotator": "2", "where": f"{tmp_path / 'export.json'} task 1"} and notes == []
    (marked,), notes = heard(read_label_studio, write(tmp_path, [task(quoted(utf16))]))
    assert marked["entities"] == MARKED["entities"]
    assert len(notes) == 1 and "counted in utf-16 by what they quote: 3 (first in task 1)" in notes[0]


@pytest.mark.parametrize("text, quote", [("Olinda  e  Recife", "Olinda e Recife"), ("Olinda\ne Recife", "Olinda\\ne Recife"), ("Olinda\r\ne Recife", "Olinda\ne Recife")])
def test_white_space_in_a_quotation_does_not_count(text, quote, tmp_path):
    (marked,), notes = heard(read_label_studio, write(tmp_path, [task([region(0, len(text), ["LOC"], quote)], text)]))
    assert marked["entities"][0]["text"] == text and notes == []


def test_label_studio_min(tmp_path):
    """Two records as label-studio-sdk 2.1.2 wrote them from one task with two annotations."""
    records = [{"text": "Ana 🚀 canta em Olinda.", "id": 1, "annotator": 2, "annotation_id": 10, "created_at": "2021-01-02", "updated_at": None, "lead_time": None},
               {"text": "Ana 🚀 canta em Olinda.", "id": 1, "label": [{"start": 0, "end": 3, "text": "Ana", "labels": ["PER"]}], "annotator": "a@b",
                "annotation_id": 9, "created_at": "2021-01-01", "updated_at": None, "lead_time": None}]
    marked, notes = heard(read_label_studio, write(tmp_path, records))
    assert [(one["annotator"], [e["text"] for e in one["entities"]]) for one in marked] == [("2", []), ("a@b", ["Ana"])] and notes == []


def test_label_studio_leaves_nothing_out_unsaid(tmp_path):
    choice, relation = {"type": "choices", "value": {"choices": ["x"]}}, {"type": "relation", "from_id": "a", "to_id": "b"}
    tasks = [task([choice, relation, region(5, 8, ["PER"])], "Olá, Ana!"), task([], was_cancelled=True), {**task([]), "annotations": []}]
    (marked,), notes = heard(read_label_studio, write(tmp_path, tasks))
    assert [e["text"] for e in marked["entities"]] == ["Ana"]
    assert [note.split("export.json: ")[1] for note in notes] == [
        "results that mark no text, left out: 2 (first in task 1)", "skipped annotations, left out: 1 (first in task 2)",
        "tasks without annotations, left out: 2 (first in task 2)"]


def test_label_studio_without_quotation_is_noted_after_an_emoji_only(tmp_path):
    _, notes = heard(read_label_studio, write(tmp_path, [task([region(0, 3, ["PER"])], "Ana 🎉"), task([region(2, 5, ["PER"])], "🎉 Ana")]))
    assert len(notes) == 1 and "read as counted in code points: 1 (first in task 2)" in notes[0]


@pytest.mark.parametrize("data, key, said", [
    ({"frase": "Ana"}, None, None), ({"text": "Ana", "title": "x"}, None, None), ({"a": "Ana", "b": "x"}, "a", None),
    ({"a": "x", "b": "y"}, None, "no text under 'text', only a, b"), ({"text": "x"}, "body", "no text under 'body', only text"), ({"n": 1}, None, "only none at all"),
])
def test_the_text_may_stand_under_any_name(data, key, said, tmp_path):
    path = write(tmp_path, [{**task([region(0, 3, ["PER"], "Ana")]), "data": data}])
    if said is None:
        assert heard(read_label_studio, path, key)[0][0]["entities"][0]["text"] == "Ana"
    else:
        with pytest.raises(InputError, match=said):
            read_label_studio(path, key)


@pytest.mark.parametrize("record, said", [
    (task([region(0, 3, ["PER", "LOC"], "Ana")], "Ana"), "exactly one"), (task([region(0, 3, [], "Ana")], "Ana"), "exactly one"),
    (task([region("/div[1]/text()[1]", "/div[1]", ["PER"])], "Ana"), "plain text"), (task([region(0, 3, ["PER"], kind="hypertextlabels")], "Ana"), "kind hypertextlabels"),
    (task([region(0, 3, ["PER"], kind="paragraphlabels")], "Ana"), "kind paragraphlabels"), (task([region(0, 3, ["PER"], "Bia")], "Ana"), "should be 'Bia', not 'Ana'"),
    (task([region(0.5, 3, ["PER"])], "Ana"), "no places"), ({"data": {"text": "Ana"}}, "'annotations' should be of type list"),
    ({"data": {"text": "Ana"}, "annotations": [7]}, "holds 7, not of type dict"), ({"data": {"text": "Ana"}, "annotations": [{}]}, "'result' should be of type list"),
    ({"data": [], "annotations": []}, "'data' should be of type dict"), (task(["x"], "Ana"), "holds 'x'"),
])
def test_what_label_studio_does_not_write_is_refused(record, said, tmp_path):
    with pytest.raises(InputError, match=said) as caught:
        read_label_studio(write(tmp_path, [task([], "ok"), record]))
    assert "export.json task 2" in str(caught.value)


def test_a_part_that_is_none_is_refused(tmp_path):
    path = write(tmp_path, [task([])])
    with pytest.raises(InputError, match="choose annotations or predictions"):
        read_label_studio(path, part="drafts")
    with pytest.raises(InputError, match="choose responses or suggestions"):
        read_argilla(path, part="annotations")


def test_label_studio_predictions_keep_their_scores(tmp_path):
    one = {**MARKED, "entities": [{**entity, "score": 0.5} for entity in MARKED["entities"]]}
    (written,) = json.loads(write_label_studio([one], tmp_path / "tasks.json", "mine").read_text(encoding="utf-8"))
    (prediction,) = written["predictions"]
    assert prediction["model_version"] == "mine" and [result["score"] for result in prediction["result"]] == [0.5] * 3
    assert [TEXT[result["value"]["start"]:result["value"]["end"]] for result in prediction["result"]] == ["Ana", "Olinda", "São Luís"]


# Argilla

def test_argilla_nested(tmp_path):
    """Two records as Argilla 2.8.0 wrote them."""
    text = ('[{"id": "a1", "fields": {"text": "Ana \\ud83d\\ude80 canta em Olinda."}, "metadata": {}, "suggestions": {"spans": {"value": [{"start": 0, '
            '"end": 3, "label": "PER"}], "score": [0.9], "agent": "nerteach"}}, "responses": {"spans": [{"value": [{"start": 16, "end": 22, "label": '
            '"LOC"}], "user_id": "3fa85f64"}]}, "vectors": {}, "status": "pending", "_server_id": null}, {"id": "a2", "fields": {"text": "x"}, '
            '"metadata": {}, "suggestions": {}, "responses": {}, "vectors": {}, "status": "pending", "_server_id": null}]')
    path = write(tmp_path, text)
    (marked,), notes = heard(read_argilla, path)
    assert [e["text"] for e in marked["entities"]] == ["Olinda"] and (marked["id"], marked["annotator"]) == ("a1", "3fa85f64")
    assert ["not checked" in notes[0], "records without responses, left out: 1 (first in record 2)" in notes[1]] == [True, True]
    (marked,), notes = heard(read_argilla, path, "text", None, "suggestions")
    assert [e["text"] for e in marked["entities"]] == ["Ana"] and marked["annotator"] == "nerteach" and len(notes) == 1


def test_argilla_in_columns(tmp_path):
    """The same as `to_list(flatten=True)` of Argilla 2.8.0 gives it, with a status."""
    text = ('[{"id": "a1", "status": "pending", "_server_id": null, "text": "Ana 🚀 canta em Olinda.", "spans.responses": [[{"start": 16, "end": 22, '
            '"label": "LOC"}], []], "spans.responses.users": ["3fa85f64", "b"], "spans.responses.status": ["submitted", "draft"], "spans.suggestion": [{"start": 0, '
            '"end": 3, "label": "PER"}], "spans.suggestion.score": [0.9], "spans.suggestion.agent": "nerteach"}, {"id": "a2", "status": "pending", '
            '"_server_id": null, "text": "x", "spans.responses.users": null, "spans.suggestion.score": null, "spans.suggestion.agent": null, '
            '"spans.responses": null, "spans.responses.status": null, "spans.suggestion": null}]')
    path = write(tmp_path, text)
    (marked,), notes = heard(read_argilla, path)
    assert [e["text"] for e in marked["entities"]] == ["Olinda"] and marked["annotator"] == "3fa85f64"
    assert [note.rsplit(": ", 2)[1] for note in notes][1:] == ["responses that are draft, left out", "records without responses, left out"]
    (marked,), _ = heard(read_argilla, path, "text", "spans", "suggestions")
    assert [e["text"] for e in marked["entities"]] == ["Ana"] and marked["annotator"] == "nerteach"


SPAN = {"start": 0, "end": 3, "label": "PER"}


@pytest.mark.parametrize("record, arguments, said", [
    ({"fields": {"text": "Ana"}, "responses": {"a": [], "b": []}}, (), "answers a, b: name one"),
    ({"fields": {"text": "Ana"}, "responses": {"a": [{"value": [SPAN]}]}}, ("text", "b"), "answers a: name one"),
    ({"fields": {"body": "Ana"}, "responses": {}}, (), "'text' should be of type str"),
    ({"fields": {"text": "Ana"}, "responses": {"a": [{"value": "yes"}]}}, (), "'spans' should be of type list"),
    ({"fields": {"text": "Ana"}, "responses": {"a": ["x"]}}, (), "holds 'x'"),
    ({"fields": {"text": "Ana"}, "responses": [{"values": {}}]}, (), "'responses' should be of type dict"),
    ({"fields": {"text": "Ana"}, "responses": {"a": [{"value": [{**SPAN, "end": 9}]}]}}, (), "does not fit the text"),
    ({"text": "Ana", "a.responses": [[SPAN], [SPAN]], "a.responses.users": ["x"]}, (), "2 responses of 1 users"),
    ({"fields": {"text": "Ana"}, "suggestions": {"a": [SPAN]}}, ("text", None, "suggestions"), "'a' should be of type dict"),
])
def test_what_argilla_does_not_write_is_refused(record, arguments, said, tmp_path):
    with pytest.raises(InputError, match=said) as caught:
        read_argilla(write(tmp_path, [record]), *arguments)
    assert "export.json record 1" in str(caught.value)


# Marks and words

@pytest.mark.parametrize("names, labels, note", [
    ([("Ana", "PER")], "B-PER O O O", None), ([("Ana ", "PER")], "B-PER O O O", "trimmed: 1"), ([(" Ana", "PER")], "B-PER O O O", "trimmed: 1"),
    ([("Ana ", "PER"), (" Olinda", "LOC")], "B-PER O O B-LOC", "trimmed: 2"),
])
def test_white_space_at_the_ends_is_trimmed_and_noted(names, labels, note):
    text = " Ana canta em Olinda" if names[0][0].startswith(" ") else "Ana canta em Olinda"
    (row,), notes = heard(to_sentences, [mark(text, names)])
    assert row["ner_tags"] == labels.split()
    assert (notes == []) if note is None else (len(notes) == 1 and note in notes[0])


@pytest.mark.parametrize("names, said", [
    ([("An", "PER")], "'An' cuts a word of 'Ana'"), ([("na canta", "PER")], "'na canta' cuts a word of 'Ana canta'"), ([(" ", "PER")], "only white space"),
    ([("Ana", "PER"), ("Ana canta", "ORG")], "share a word"), ([("Ana canta", "PER"), ("canta em", "ORG")], "share a word"), ([("Ana", "PER"), ("Ana", "PER")], "share a word"),
])
def test_marks_that_no_label_can_say_are_refused(names, said):
    with pytest.raises(InputError, match=f"marked text 2: .*{said}"):
        to_sentences([mark("Bia", []), mark("Ana canta em Olinda", names)])


def test_widened_marks_are_noted_and_may_not_meet():
    one = mark("anti-Lula, pró-Dilma", [("Lula", "PER"), ("Dilma", "PER")])
    (row,), notes = heard(to_sentences, [one], True)
    assert row["tokens"] == ["anti-Lula", ",", "pró-Dilma"] and row["ner_tags"] == ["B-PER", "O", "B-PER"]
    assert len(notes) == 1 and "widened: 2 (first in marked text 1)" in notes[0]
    with pytest.raises(InputError, match="share a word"):
        to_sentences([mark("Rio-Niterói", [("Rio", "LOC"), ("Niterói", "LOC")])], widen=True)


@pytest.mark.parametrize("one", [
    {"text": "Ana"}, {"entities": []}, "Ana", {"text": "Ana", "entities": ["PER"]}, {"text": "Ana", "entities": [{"entity_type": "PER", "char_start": 0, "char_end": 4}]},
    {"text": "Ana", "entities": [{"entity_type": "", "char_start": 0, "char_end": 3}]}, {"text": "Ana", "entities": [{"entity_type": "PER", "char_start": 2, "char_end": 2}]},
    {"text": "Ana", "entities": [{"entity_type": "PER", "char_start": -3, "char_end": 3}]},
])
def test_what_is_no_marked_text_is_refused(one, tmp_path):
    for function in (to_sentences, lambda marked: write_doccano(marked, tmp_path / "x"), lambda marked: write_label_studio(marked, tmp_path / "x"),
                     lambda marked: write_argilla(marked, tmp_path / "x")):
        with pytest.raises(InputError, match="marked text 1"):
            function([one])


def test_texts_without_a_word_are_left_out_and_noted():
    rows, notes = heard(to_sentences, [mark(" \n", []), mark("Ana", [("Ana", "PER")]), mark("", [])])
    assert [row["text"] for row in rows] == ["Ana"] and "without a word, left out: 2 (first in marked text 1)" in notes[0]


def test_one_text_by_two_annotators_is_refused_until_one_is_chosen():
    both = [{**MARKED, "id": "1", "annotator": "ana"}, {**MARKED, "id": "1", "annotator": "rui", "entities": []}]
    with pytest.raises(InputError, match="stands twice: choose one annotator"):
        to_sentences(both)
    assert to_sentences(by_annotator(both)["ana"])[0]["annotator"] == "ana"


@pytest.mark.parametrize("row, said", [
    ({"tokens": ["Ana", "sai"], "ner_tags": ["O", "O"], "text": "Ana não sai"}, "goes on with ' não sai', the words with 'sai'"),
    ({"tokens": ["Ana"], "ner_tags": ["O"], "text": "Ana!"}, "goes on with '!'"), ({"tokens": ["Ana"], "ner_tags": ["O", "O"]}, "1 words but 2 labels"),
    ({"tokens": ["Ana"]}, "'ner_tags' should be of type list"), ({"tokens": ["Ana"], "ner_tags": ["PER"]}, "label 0 is 'PER'"), ({"tokens": [], "ner_tags": []}, "has no words"),
])
def test_rows_that_do_not_fit_their_text_are_refused(row, said):
    with pytest.raises(InputError, match=f"row 2.*{said}"):
        to_marked([{"tokens": ["Bia"], "ner_tags": ["O"]}, row])


def test_words_without_a_text_are_joined():
    (one,) = to_marked([{"tokens": ["Recife.", "Olinda"], "ner_tags": ["B-LOC", "B-LOC"]}])
    assert one["text"] == "Recife. Olinda" and [e["text"] for e in one["entities"]] == ["Recife.", "Olinda"]


@settings(deadline=None)
@given(marked_texts())
def test_lines_lose_no_mark(one):
    if any("\n" in entity["text"] for entity in one["entities"]):
        with pytest.raises(InputError, match="goes on after a line end"):
            split_lines([one])
        return
    pieces = split_lines([one])
    assert [e["text"] for piece in pieces for e in piece["entities"]] == [e["text"] for e in one["entities"]]
    assert all(piece["text"][e["char_start"]:e["char_end"]] == e["text"] for piece in pieces for e in piece["entities"])
    assert [piece["text"] for piece in pieces] == [line for line in one["text"].split("\n") if line.strip()]
    assert {piece["document"] for piece in pieces} <= {"1"} and len({piece["id"] for piece in pieces}) == len(pieces)


# Files

@pytest.mark.parametrize("row, said", [
    ({"tokens": ["a b"], "ner_tags": ["O"]}, "'a b' cannot stand"), ({"tokens": ["a\u00a0b"], "ner_tags": ["O"]}, "cannot stand"),
    ({"tokens": ["\ufeffa"], "ner_tags": ["O"]}, "cannot stand"), ({"tokens": ["-DOCSTART-"], "ner_tags": ["O"]}, "cannot stand"),
    ({"tokens": ["a"], "ner_tags": ["B-Nome próprio"]}, "cannot stand"), ({"tokens": ["a"], "ner_tags": ["I-PER"]}, "convert it with to_iob2"),
    ({"tokens": [""], "ner_tags": ["O"]}, "list of words"),
])
def test_conll_refuses_what_would_come_back_as_something_else(row, said, tmp_path):
    with pytest.raises(InputError, match=f"row 2.*{said}"):
        write_conll([{"tokens": ["a"], "ner_tags": ["O"]}, row], tmp_path / "bad.conll")
    assert not (tmp_path / "bad.conll").exists()


def test_files_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_conll([{"tokens": ["a"], "ner_tags": ["O"]}], tmp_path / "no" / "where.conll")
    with pytest.raises(InputError, match="half of a character"):
        write_conll([{"tokens": ["\ud83c"], "ner_tags": ["O"]}], tmp_path / "half.conll")


# Splits

def rows_of(words, documents=None):
    return [{"tokens": word.split(), "ner_tags": ["O"] * len(word.split()), **({"document": documents[i]} if documents and documents[i] else {})}
            for i, word in enumerate(words)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("aAbBcdefgh"), st.sampled_from([None, None, "x", "y", "z"])), min_size=1, max_size=30), st.integers(0, 5))
def test_splits_share_neither_words_nor_documents(cells, seed):
    rows = rows_of([word for word, _ in cells], [document for _, document in cells])
    groups = group_rows(rows)
    assert sorted(i for group in groups for i in group) == list(range(len(rows)))
    try:
        splits = make_splits(rows, {"train": 0.6, "test": 0.4}, seed)
    except InputError:
        assert len(groups) == 1
        return
    assert sorted(map(str, splits["train"] + splits["test"])) == sorted(map(str, rows))
    for of in (lambda row: row["tokens"][0].lower(), lambda row: row.get("document")):
        assert not ({of(row) for row in splits["train"]} & {of(row) for row in splits["test"]} - {None})
    assert splits == make_splits(rows, {"train": 0.6, "test": 0.4}, seed)


def test_chains_of_documents_and_words_stay_together():
    rows = rows_of(["a", "b", "B", "c", "d"], ["x", "x", "y", "y", None])
    assert sorted(map(sorted, group_rows(rows))) == [[0, 1, 2, 3], [4]]


def test_shares_are_kept_and_the_seed_decides():
    rows = rows_of([f"w{i}" for i in range(200)])
    splits = make_splits(rows)
    assert {split: len(part) for split, part in splits.items()} == {"train": 140, "validation": 30, "test": 30}
    assert make_splits(rows, seed=1) != splits and len(build_corpus(splits)["train"]) == 140


@pytest.mark.parametrize("shares", [{"train": 0.5, "test": 0.4}, {"train": 1.0, "test": 0.0}, {"train": 1.5, "test": -0.5}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(InputError, match="together 1"):
        make_splits(rows_of(["a", "b", "c"]), shares)


def test_curve_parts_are_nested():
    corpus = build_corpus({"train": rows_of([f"w{i}" for i in range(30)]), "test": rows_of(["t"])})
    parts = nested_corpora(corpus, [30, 3, 10], seed=2)
    words = {size: {tokens[0] for tokens in part["train"]["tokens"]} for size, part in parts.items()}
    assert list(parts) == [30, 3, 10] and words[3] < words[10] < words[30] and len(words[3]) == 3
    assert parts[3]["test"]["tokens"] == corpus["test"]["tokens"] and words[10] != {f"w{i}" for i in range(10)}
    for sizes in ([0], [31], [3, -1]):
        with pytest.raises(InputError, match="30 training sentences"):
            nested_corpora(corpus, sizes)


# Agreement

LABELS_OF_FOUR = st.lists(st.sampled_from(["O", "O", "B-PER", "I-PER", "B-LOC"]), min_size=4, max_size=4)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(LABELS_OF_FOUR, LABELS_OF_FOUR), min_size=1, max_size=6))
def test_agreement_is_symmetric_and_counts_as_others_do(pairs):
    first, second = ([{"tokens": list("abcd"), "ner_tags": to_iob2(pair[side])} for pair in pairs] for side in (0, 1))
    if all(label == "O" for row in first + second for label in row["ner_tags"]):
        with pytest.raises(InputError, match="neither annotator"):
            agreement(first, second)
        return
    there, back = agreement(first, second), agreement(second, first)
    y_true, y_pred = ([row["ner_tags"] for row in side] for side in (first, second))
    assert there.scores == score_entities(y_true=y_true, y_pred=y_pred)
    assert there.scores["overall"]["f1"] == pytest.approx(back.scores["overall"]["f1"])
    flat = [[label for labels in side for label in labels] for side in (y_true, y_pred)]
    if len({*flat[0], *flat[1]}) > 1:
        assert there.kappa == pytest.approx(back.kappa) == pytest.approx(cohen_kappa_score(*flat))
    assert [d["row"] for d in there.differences] == [i for i, (a, b) in enumerate(zip(y_true, y_pred)) if a != b]
    assert [(d["first"], d["second"]) for d in there.differences] == [(d["second"], d["first"]) for d in back.differences]


def test_precision_and_recall_change_places_and_f1_stays():
    first = [{"tokens": ["a", "b", "c"], "ner_tags": ["B-PER", "B-LOC", "B-LOC"]}]
    second = [{"tokens": ["a", "b", "c"], "ner_tags": ["B-PER", "O", "O"]}]
    there, back = agreement(first, second).scores["overall"], agreement(second, first).scores["overall"]
    assert (there["precision"], there["recall"], there["f1"]) == (1, 1 / 3, 0.5) and (back["precision"], back["recall"], back["f1"]) == (1 / 3, 1, 0.5)


def test_kappa_by_hand():
    """Cohen's kappa from its definition: 10 words, 8 the same; chance (7 * 8 + 3 * 1 + 0 * 1) / 100."""
    first = [{"tokens": list("abcdefghij"), "ner_tags": ["O"] * 7 + ["B-PER"] * 3}]
    second = [{"tokens": list("abcdefghij"), "ner_tags": ["O"] * 8 + ["B-PER", "B-LOC"]}]
    result = agreement(first, second)
    assert isinstance(result, Agreement) and result.same_words == 0.8
    assert result.kappa == pytest.approx((0.8 - 0.59) / (1 - 0.59))
    assert result.interval == (0.4, 0.4)  # one sentence: every draw is that sentence


def test_one_label_has_no_kappa():
    row = [{"tokens": ["a"], "ner_tags": ["B-PER"]}]
    result = agreement(row, row)
    assert math.isnan(result.kappa) and result.scores["overall"]["f1"] == 1 and result.differences == []


@pytest.mark.parametrize("second, said", [([], "1 sentences but second has 0"), ([{"tokens": ["x", "b"], "ner_tags": ["O", "O"]}], "'a' where second line 1 has 'x'"),
                                          ([{"tokens": ["a"], "ner_tags": ["O"]}], "of 2 and 1 words")])
def test_agreement_needs_the_same_sentences(second, said):
    with pytest.raises(InputError, match=said):
        agreement([{"tokens": ["a", "b"], "ner_tags": ["B-PER", "O"]}], second)


def test_agreement_takes_splits():
    corpus = build_corpus({"a": [{"tokens": ["x", "y"], "ner_tags": ["B-PER", "O"]}], "b": [{"tokens": ["x", "y"], "ner_tags": ["B-PER", "B-PER"]}]})
    assert isinstance(corpus["a"], Dataset) and agreement(corpus["a"], corpus["b"]).scores["overall"]["precision"] == 0.5


def test_pairs_go_by_id_and_text():
    first = [{"text": "a", "id": "1", "entities": []}, {"text": "b", "id": "2", "entities": []}, {"text": "c", "id": "3", "entities": []}]
    second = [{"text": "c", "id": "3", "entities": []}, {"text": "b, mended", "id": "2", "entities": []}, {"text": "a", "id": "1", "entities": []}]
    (one, other), notes = heard(pair_annotators, first, second)
    assert [a["id"] for a in one] == [b["id"] for b in other] == ["1", "3"]
    assert len(notes) == 1 and "left out: 2" in notes[0]
    with pytest.raises(InputError, match="first annotator has marked this text twice"):
        pair_annotators(first + first[:1], second)
    with pytest.raises(InputError, match="no text was marked by both"):
        pair_annotators(first[:1], second[:1])
    with pytest.raises(InputError, match="marked text 1: 'annotator'"):
        by_annotator(first)


# The picture

def test_the_curve_is_drawn_with_its_intervals_in_the_readers_language():
    import matplotlib
    matplotlib.use("agg")
    curve = [{"sentences": 100, "f1": 0.4, "low": 0.3, "high": 0.45}, {"sentences": 400, "f1": 0.5, "low": 0.45, "high": 0.55}]
    ax = plot_learning_curve({"full training": curve}, "pt")
    assert ax.get_xlabel() == "frases de treino" and [text.get_text() for text in ax.get_legend().get_texts()] == ["treinamento completo"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100", "400"] and ax.get_xscale() == "log"
    segments = ax.containers[0].lines[2][0].get_segments()
    assert [tuple(round(float(y), 6) for _, y in segment) for segment in segments] == [(0.3, 0.45), (0.45, 0.55)]
    assert plot_learning_curve({"x": curve}, ax=ax) is ax
