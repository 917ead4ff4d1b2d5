"""Labelled texts: every format, shares of each label, labels renamed, phrases, and mistakes with their place."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seqcli.errors import SeqcliError, UsageError
from seqcli.records import LABELLED, Example, formats_of
from seqcli.tasks.classification import data as dataset
from seqcli.tasks.classification import labels
from seqcli.tasks.classification.data import FORMATS, Config, Corpus, fingerprint, open_corpus
from seqcli.tasks.classification.labels import counts

Row = tuple[str, str]  # label, text
ROWS: list[Row] = [("good", "a fine film"), ("bad", "dull , slow"), ("good", "it shines"), ("bad", "no")] * 6


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in '",\n') else cell


WRITE: dict[str, Callable[[list[Row]], str]] = {
    "tsv": lambda rows: "".join(f"{text}\t{label}\n" for label, text in [("label", "text"), *rows]),
    "csv": lambda rows: "".join(f"{quoted(text)},{label}\n" for label, text in [("label", "text"), *rows]),
    "jsonl": lambda rows: "".join(json.dumps({"text": text, "label": label}) + "\n" for label, text in rows),
    "fasttext": lambda rows: "".join(f"__label__{label} {text}\n" for label, text in rows),
    "label-text": lambda rows: "".join(f"{label} {text}\n" for label, text in rows),
    "trees": lambda rows: "".join(
        f"({label} {' '.join(f'(x {w})' for w in text.split())})\n" for label, text in rows
    ),
}


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """`corpus(content, name="t.txt", **keys)`: the corpus of a training file that holds that."""

    def make(content: str = "", name: str = "t.txt", /, **keys: Any) -> Corpus:
        (tmp_path / name).write_bytes(content.encode())
        return open_corpus(Config(**{"train": f"./{name}", **keys}), tmp_path)

    return make


def read(own: Corpus, split: str = "train") -> list[tuple[str, str]]:
    return [("+".join(e.labels or []), e.text) for e in own.splits[split]]


# formats


def test_every_format_with_labels_is_tested() -> None:
    of_numbers = ("long", "series", "ts")  # tests/frames/test_records.py has them
    assert sorted([*WRITE, *of_numbers]) == FORMATS
    assert "text" in formats_of(LABELLED)


@pytest.mark.parametrize("name", WRITE)
def test_a_format_is_named_or_guessed_by_its_text(corpus: Callable[..., Corpus], name: str) -> None:
    for keys in ({"format": name}, {}):
        own = corpus(WRITE[name](ROWS), **keys)
        assert (own.format, own.name, read(own)) == (name, "t.txt", ROWS)


def test_a_format_that_nothing_tells_is_asked_for(corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.txt: cannot tell the format of this file") as error:
        corpus("just some words\nand more of them\n")
    assert all(name in error.value.hint for name in ("data.format", "label_from", *FORMATS))
    (tmp_path / "x.ft").touch()
    assert dataset.guess(tmp_path / "x.ft") == "fasttext"


def test_the_hash_is_of_texts_and_labels_whatever_the_format(corpus: Callable[..., Corpus]) -> None:
    hashes = {corpus(write(ROWS), format=name).facts()["splits"]["train"]["sha256"] for name, write in WRITE.items()}
    assert len(hashes) == 1
    a, b, c = Example("a", ["X"]), Example("a", ["Y"]), Example("b", ["X"])
    different = [[a], [b], [c], [a, c], [c, a], [Example("a", ["X", "Y"])], [Example("a", [])], []]
    assert len({fingerprint(examples) for examples in different}) == len(different)
    assert fingerprint(iter([a])) == fingerprint([Example("a", ["X"], words=["a"], source="other", line=7)])


@pytest.mark.parametrize(
    ("text", "keys", "wanted"),
    [
        ("x\tid\tnote\nbad\t1\tso dull\n", {"format": "tsv", "text": "note", "label": "x"}, [("bad", "so dull")]),
        ("bad\t1\tso dull\n", {"format": "tsv", "text": 3, "label": 1}, [("bad", "so dull")]),
        ("label;text\ngood;so, so\n", {"format": "csv", "delimiter": ";"}, [("good", "so, so")]),
        ('"a ""b"""\tgood\n', {"format": "tsv", "quoting": True}, [("good", 'a "b"')]),
        ('"a ""b"""\tgood\n', {"format": "tsv"}, [("good", '"a ""b"""')]),
        ("a film\tlabel\na b\tgood\n", {"format": "tsv", "header": False}, [("label", "a film"), ("good", "a b")]),
        ('{"t": "a b", "c": 1}\n', {"format": "jsonl", "text": "t", "label": "c"}, [("1", "a b")]),
        ("DESC:manner How so ?\n", {"format": "label-text", "label_until": ":"}, [("DESC", "How so ?")]),
        ("#good a b\n", {"format": "fasttext", "label_prefix": "#"}, [("good", "a b")]),
    ],
)
def test_options_of_formats(corpus: Callable[..., Corpus], text: str, keys: dict[str, Any], wanted: Any) -> None:
    assert read(corpus(text, **keys)) == wanted


def test_files_and_encoding(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text(WRITE["tsv"](ROWS[:2]))
    (tmp_path / "b.tsv").write_text(WRITE["tsv"](ROWS[2:4])[:-1])  # lacks its last line end
    (tmp_path / "c.tsv").write_bytes("text\tlabel\ncafé là\tgood\n".encode("latin-1"))
    own = open_corpus(Config(train=["a.tsv", "b.tsv"], valid="b.tsv", test=["b*.tsv", "a.tsv"]), tmp_path)
    assert (read(own), read(own, "valid"), read(own, "test")) == (ROWS[:4], ROWS[2:4], ROWS[2:4] + ROWS[:2])
    assert list(own.splits) == ["train", "valid", "test"]
    assert {s: f["name"] for s, f in own.facts()["splits"].items()} == {
        "train": "a.tsv, b.tsv",
        "valid": "b.tsv",
        "test": "b.tsv, a.tsv",
    }
    assert read(open_corpus(Config(train="./c.tsv", encoding="latin-1"), tmp_path)) == [("good", "café là")]
    with pytest.raises(SeqcliError, match=r"c\.tsv:2:4: byte 0xe9"):
        open_corpus(Config(train="./c.tsv"), tmp_path)


def test_records_without_a_text_are_left_out_and_told(
    corpus: Callable[..., Corpus], capsys: pytest.CaptureFixture[str]
) -> None:
    own = corpus("text\tlabel\na b\tgood\n\tbad\n  \tgood\nc\tbad\n", format="tsv")
    assert read(own) == [("good", "a b"), ("bad", "c")]
    assert "2 records without a text are left out" in capsys.readouterr().err
    with pytest.raises(SeqcliError, match="the train split has no records with a text") as error:
        corpus("text\tlabel\n", format="tsv")
    assert "read as tsv" in error.value.hint


# the name of a file or folder


def test_a_file_or_a_folder_a_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label, lines in (("Irish", ["Áine", "", "\xa0", "Niall"]), ("Greek", ["Níkos", "__label__x a\tb"])):
        (tmp_path / "names").mkdir(exist_ok=True)
        (tmp_path / "names" / f"{label}.txt").write_text("\n".join(lines) + "\n")
    own = open_corpus(Config(train="names/*.txt", label_from="file"), tmp_path)
    assert read(own) == [("Greek", "Níkos"), ("Greek", "__label__x a\tb"), ("Irish", "Áine"), ("Irish", "Niall")]
    assert capsys.readouterr().err == ""  # blank lines of plain text are nothing to tell
    for label in ("neg", "pos"):
        (tmp_path / label).mkdir()
        for n in range(2):
            (tmp_path / label / f"{n}.txt").write_text(f"{label} {n}\nand more \n\n")
    own = open_corpus(Config(train=["neg/*.txt", "pos/*.txt"], label_from="folder"), tmp_path)
    assert read(own) == [(label, f"{label} {n} and more") for label in ("neg", "pos") for n in range(2)]
    assert (own.format, own.facts()["label_from"]) == ("text", "folder")
    renamed = open_corpus(Config(train="names/*.txt", label_from="file", labels={"Irish": "Celtic"}), tmp_path)
    assert counts(renamed.splits["train"]) == {"Greek": 2, "Celtic": 2}


# shares


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5),
    valid=st.floats(0.02, 0.5),
    test=st.one_of(st.none(), st.floats(0.02, 0.45)),
    seed=st.integers(0, 99),
)
def test_shares_are_drawn_from_each_label(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], valid: float, test: float | None, seed: int
) -> None:
    rows = [(f"L{k}", f"text {k} {i}") for k, n in enumerate(sizes) for i in range(n)]
    random.Random(seed).shuffle(rows)
    folder = tmp_path_factory.getbasetemp()
    (folder / "shares.tsv").write_text(WRITE["tsv"](rows))
    config = Config(train="./shares.tsv", valid=valid, test=test)
    wanted = {s: {k: round(v * n) for k, n in enumerate(sizes)} for s, v in (("valid", valid), ("test", test)) if v}
    left = {k: n - sum(own[k] for own in wanted.values()) for k, n in enumerate(sizes)}
    if not all(sum(own.values()) for own in (*wanted.values(), left)):
        with pytest.raises(SeqcliError, match="split has no records"):
            open_corpus(config, folder)
        return
    own, again = open_corpus(config, folder), open_corpus(config, folder)
    assert list(own.splits) == ["train", *wanted]
    for split, sizes_of in (("train", left), *wanted.items()):
        assert counts(own.splits[split]) == Counter({f"L{k}": n for k, n in sizes_of.items() if n})
        assert read(own, split) == read(again, split)
        order = [rows.index(row) for row in read(own, split)]
        assert order == sorted(order)  # of the data
    assert sorted(row for split in own.splits for row in read(own, split)) == sorted(rows)


def test_shares_are_spread_over_the_data(corpus: Callable[..., Corpus]) -> None:
    """Data are often sorted: a share is drawn, and not cut off the end."""
    rows = [("a", f"t {i}") for i in range(1000)]
    places = [rows.index(row) for row in read(corpus(WRITE["tsv"](rows), valid=0.2), "valid")]
    assert len(places) == 200
    for quarter in range(4):
        assert 25 < sum(quarter * 250 <= place < quarter * 250 + 250 for place in places) < 75


def test_shares_that_leave_nothing(corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(UsageError, match="leave nothing to train on"):
        corpus(WRITE["tsv"](ROWS), valid=0.5, test=0.5)
    with pytest.raises(SeqcliError, match="the valid split has no records with a text") as error:
        corpus(WRITE["tsv"](ROWS), valid=0.001)
    assert error.value.hint == "give it a larger share, or files of its own"


# labels


def test_labels_are_renamed_or_left_out(corpus: Callable[..., Corpus]) -> None:
    rows = [("0", "a"), ("1", "b"), ("2", "c"), ("3", "d"), ("4", "e")]
    own = corpus(WRITE["tsv"](rows), labels={"0": "neg", "1": "neg", "2": None, "4": "pos"})
    assert read(own) == [("neg", "a"), ("neg", "b"), ("3", "d"), ("pos", "e")]
    several = corpus(
        "a\tx,y\nb\tx\nc\ty,z\nd\t\ne\ty,w\n",
        format="tsv",
        text=1,
        label=2,
        multi_label=True,
        label_separator=",",
        labels={"x": None, "y": "w"},
    )
    assert read(several) == [("w", "a"), ("w+z", "c"), ("", "d"), ("w", "e")]  # b had nothing but x; d had none
    assert several.facts()["labels"] == {"x": None, "y": "w"}


def test_records_without_a_label_are_left_out_by_name(corpus: Callable[..., Corpus]) -> None:
    text = "review,stars\ngood,5\nnot labelled yet,\nbad,1\n"
    options: dict[str, Any] = {"format": "csv", "text": "review", "label": "stars"}
    with pytest.raises(SeqcliError, match=r"t\.txt:3:18: the record has no label") as error:
        corpus(text, **options)
    assert 'data.labels: {"": null}' in error.value.hint
    assert read(corpus(text, **options, labels={"": None})) == [("5", "good"), ("1", "bad")]
    assert read(corpus(text, **options, labels={"": "3"})) == [("5", "good"), ("3", "not labelled yet"), ("1", "bad")]
    with pytest.raises(SeqcliError, match="no record has the label ''"):
        corpus(text.replace("yet,", "yet,2"), **options, labels={"": None})


def test_several_labels_must_be_said(corpus: Callable[..., Corpus]) -> None:
    text = "__label__a __label__b one two\n__label__a three\n"
    assert read(corpus(text, multi_label=True)) == [("a+b", "one two"), ("a", "three")]
    with pytest.raises(SeqcliError, match=r"t\.txt:1:10: the record has 2 labels \(a, b\)") as error:
        corpus(text)
    assert "data.multi_label: true" in error.value.hint
    with pytest.raises(SeqcliError, match=r"t\.txt:2:14: the record has no label"):
        corpus('{"text": "a", "label": "x"}\n{"label": null, "text": "b"}\n'.replace('{"label"', '   {"label"'))
    labels.check_labels([Example("a", []), Example("b", ["x", "y"])], multi_label=True)
    labels.check_labels([Example("b", ["x"])], multi_label=False)


def test_a_label_that_a_model_lacks_has_its_place_and_the_nearest() -> None:
    example = Example("a film", ["god"], source="f.tsv", line=3, column=5, goal_column=1)
    error = labels.unknown_label(example, "god", ["bad", "good"])
    assert str(error) == "f.tsv:3:1: the model does not know the label 'god'\ndid you mean 'good'?\nlabels: bad, good"
    many = labels.unknown_label(example, "x", [f"L{i}" for i in range(50)])
    assert "\nlabels:" not in many.hint


# trees


TREES = "(2 (1 (2 so) (1 bad)) (3 (2 it) (4 (3 nearly) (4 shines))))\n(0 (1 so) (0 bad))\n"


def test_phrases_of_trees_are_texts_of_their_own(corpus: Callable[..., Corpus]) -> None:
    own = corpus(TREES, format="trees", phrases=True)
    found = [(e.labels, e.text, e.words) for e in own.phrases()]
    wanted = [
        *(("2", "so"), ("1", "bad"), ("1", "so bad"), ("2", "it"), ("3", "nearly"), ("4", "shines")),
        *(("4", "nearly shines"), ("3", "it nearly shines"), ("2", "so bad it nearly shines")),
        *(("1", "so"), ("0", "bad"), ("0", "so bad")),
    ]
    assert found == [([label], text, text.split(" ")) for label, text in wanted]
    assert read(own) == [("2", "so bad it nearly shines"), ("0", "so bad")]
    renamed = corpus(TREES, format="trees", phrases=True, labels={"0": "neg", "1": "neg", "3": None, "4": "pos"})
    names = {"0": "neg", "1": "neg", "4": "pos", "2": "2"}
    kept = dict.fromkeys((names[label], text) for label, text in wanted if label != "3")
    assert [((e.labels or [""])[0], e.text) for e in renamed.phrases()] == list(kept)
    assert len(kept) == 8  # "bad" and "so bad" of 1 and of 0 are one now


def test_phrases_are_of_trees_alone(corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(UsageError, match=r"data\.phrases is for trees; t\.txt is tsv"):
        corpus(WRITE["tsv"](ROWS), phrases=True)


# facts and mistakes


def test_facts_are_sizes_and_hashes(corpus: Callable[..., Corpus]) -> None:
    facts = corpus(WRITE["tsv"](ROWS), valid=0.25, longest=7).facts()
    assert {s: f["records"] for s, f in facts["splits"].items()} == {"train": 18, "valid": 6}
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["multi_label"], facts["longest"], facts["labels"], facts["format"]) == (False, 7, {}, "tsv")


@pytest.mark.parametrize(
    ("text", "keys", "said"),
    [
        ("a\tX\n", {"format": "tsv"}, r"t\.txt:1:1: which column has the text"),
        ("a b\tX\nb\tY\tZ\n", {"format": "tsv"}, r"t\.txt:2:5: the row has 3 columns"),
        ('a,"X\nb,Y\n', {"format": "csv"}, r"t\.txt:1:3: the quote that opens here is never closed"),
        ("a b\tX\nc\t\n", {"format": "tsv"}, r"t\.txt:2:3: the record has no label"),
        ("__label__a b\nno label\n", {"format": "fasttext"}, r"t\.txt:2:1: the line has no label"),
        (
            '{"text": "a", "label": "x"}\n{"text": 3, "label": "x"}\n',
            {"format": "jsonl"},
            r"t\.txt:2:10: 'text' holds 3",
        ),
        ("(1 (2 a) (3 b))\n(1 (2 a)\n", {"format": "trees"}, r"t\.txt:2:9: the line ends with 1 parenthesis open"),
    ],
)
def test_mistakes_in_the_data_have_their_place(
    corpus: Callable[..., Corpus], text: str, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(SeqcliError, match=said) as error:
        corpus(text, **keys)
    assert error.value.hint


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"format": "tvs"}, "'tvs' is not a format with labels; known: csv"),
        ({"format": "text"}, "'text' is not a format with labels"),
        ({"label_separator": ","}, "set multi_label too"),
        ({"label_from": "file", "format": "tsv"}, "files are plain text"),
        ({"phrases": True, "format": "tsv"}, "applies to trees, not to tsv"),
        ({"longest": 0}, "longest"),
        ({"encoding": "utf-9"}, "unknown encoding 'utf-9'"),
        ({"valid": 1.5}, "valid"),
        ({"lable": 1}, "lable"),
    ],
)
def test_mistakes_in_the_configuration(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(**{"train": "x", **keys})


def test_a_data_set_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no data set is named 'sst22'") as error:
        open_corpus(Config(train="sst22"), tmp_path)
    assert "did you mean 'sst2'?" in error.value.hint
    with pytest.raises(SeqcliError, match="none"):
        open_corpus(Config(train="./none.tsv"), tmp_path)


@pytest.mark.parametrize(("name", "labels"), [("trec", 6), ("sst2", 2), ("sst5", 5), ("names-by-language", 18)])
def test_named_data_sets(data_folder: Path, name: str, labels: int) -> None:
    own = open_corpus(Config(train=name), data_folder)
    assert list(own.splits) == ["train", "valid", "test"]
    for examples in own.splits.values():
        assert len(counts(examples)) == labels


@pytest.mark.slow  # four seconds; which phrases a tree has is tested above
def test_phrases_of_sst_are_as_many_as_glue_has(data_folder: Path) -> None:
    """67,349 of the sentences that are not neutral: the size of GLUE's SST-2."""
    names = {"0": "neg", "1": "neg", "2": None, "3": "pos", "4": "pos"}
    own = open_corpus(Config(train="sst", phrases=True, labels=names), data_folder)
    assert [len(own.splits[split]) for split in ("train", "valid", "test")] == [6920, 872, 1821]
    assert len(own.phrases()) == 67349
