"""Sharing work out and putting it together again, sentences as a stream, and what a training costs."""
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerteach.data import InputError, read_json_lines
from nerteach.scale import join_parts, share_out, stream_json_lines, training_cost

NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 9))
def test_every_item_goes_to_one_process_in_order(n_items, processes, block):
    shares = [list(share_out(iter(range(n_items)), rank, processes, block)) for rank in range(processes)]
    assert sorted(item for share in shares for item in share) == list(range(n_items))
    assert all(share == sorted(share) for share in shares)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= block


@pytest.mark.parametrize("n_lines", [0, 1, 3, 4, 5, 24, 25])
@pytest.mark.parametrize("processes", [1, 2, 5])
def test_parts_come_back_in_order_and_are_removed(tmp_path, n_lines, processes):
    lines = [f"line {number}: não\u2028\r\n" for number in range(n_lines)]
    parts = [tmp_path / f"part{rank}" for rank in range(processes)]
    for rank, part in enumerate(parts):
        part.write_text("".join(share_out(lines, rank, processes, 3)), encoding="utf-8", newline="")
    join_parts(parts, tmp_path / "joined", 3)
    assert (tmp_path / "joined").read_bytes().decode("utf-8") == "".join(lines)
    assert [path.name for path in tmp_path.iterdir()] == ["joined"]


@pytest.mark.parametrize("rank, processes, block", [(2, 2, 1), (-1, 2, 1), (0, 0, 1), (0, 1, 0)])
def test_shares_that_cannot_be(rank, processes, block):
    with pytest.raises(InputError, match="count processes from 0"):
        share_out([], rank, processes, block)


def write(path, rows):
    path.write_text("\n\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_a_stream_gives_what_the_file_gives_and_again(tmp_path):
    path = write(tmp_path / "train.jsonl", [{"tokens": ["Ana", "saiu"], "ner_tags": ["B-PER", "O"]},
                                            {"tokens": ["São", "João"], "ner_tags": ["I-LOC", "I-LOC"]}])
    stream = stream_json_lines(path, NAMES)
    for _ in range(2):
        assert [(row["tokens"], [NAMES[label] for label in row["ner_tags"]]) for row in stream] == [
            (["Ana", "saiu"], ["B-PER", "O"]), (["São", "João"], ["B-LOC", "I-LOC"])]
    assert stream.features["ner_tags"].feature.names == NAMES
    assert len(read_json_lines(path)) == 2


@pytest.mark.parametrize("row, said", [
    ({"tokens": ["Ana"], "ner_tags": ["B-DRUG"]}, "line 3 has the label 'B-DRUG', but the set is O, B-PER"),
    ({"tokens": ["Ana"], "ner_tags": ["O", "O"]}, "line 3"),
    ('{"tokens": [', "line 3"),
])
def test_a_broken_line_is_named_when_it_comes(tmp_path, row, said):
    stream = iter(stream_json_lines(write(tmp_path / "train.jsonl", [{"tokens": ["Oi"], "ner_tags": ["O"]}, row]), NAMES))
    assert next(stream)["tokens"] == ["Oi"]
    with pytest.raises(InputError, match=said):
        next(stream)


def test_a_stream_of_no_file(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        stream_json_lines(tmp_path / "nowhere.jsonl", NAMES)


def test_cost_by_hand():
    cost = training_cost(sentences=1e9, tokens=25, parameters=10e6, flops=1e14, utilisation=0.5, epochs=2, processors=4, price=3)
    assert cost["operations"] == 6 * 10e6 * 25 * 1e9 * 2
    assert cost["hours"] == pytest.approx(3e18 / (1e14 * 0.5 * 4) / 3600)
    assert cost["price"] == pytest.approx(cost["hours"] * 4 * 3)


@pytest.mark.parametrize("change", [{"sentences": 0}, {"utilisation": 0}, {"price": -1}, {"flops": -1}])
def test_costs_that_cannot_be(change):
    with pytest.raises(InputError, match="above 0"):
        training_cost(**{"sentences": 1, "tokens": 1, "parameters": 1, "flops": 1} | change)
