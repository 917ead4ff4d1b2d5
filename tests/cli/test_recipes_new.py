"""`seqcli recipes new`: what it says of files, and that every recipe it writes loads and reads those very files."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

import seqcli
from seqcli import registry
from seqcli.cli import app
from seqcli.propose import look
from seqcli.propose.records import TASKS
from seqcli.propose.write import scalar
from seqcli.recipe.load import load_recipe
from seqcli.recipe.positions import parse

WORDS = [
    "the",
    "a",
    "film",
    "actor",
    "plot",
    "scene",
    "was",
    "is",
    "truly",
    "badly",
    "well",
    "made",
    "dull",
    "bright",
    "slow",
    "quick",
    "end",
    "begin",
]
TREE = "(3 (2 It) (4 (2 was) ({label} good)))\n"


def prose(count: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(4, 12))) for _ in range(count)]


def conll(count: int, columns: int = 2, separator: str = "\t") -> str:
    rows = [["Ada", "NNP", "B-PER"], ["saw", "VBD", "O"], ["New", "NNP", "B-LOC"], ["York", "NNP", "I-LOC"]]
    kept = [separator.join(row if columns == 3 else [row[0], row[2]]) + "\n" for row in rows]
    return ("".join(kept) + "\n") * count


def conllu(count: int, upos: str = "NOUN") -> str:
    rows = [f"{i}\tword{i}\t_\t{upos}\tNN{i}\t_\t0\troot\t_\t_\n" for i in (1, 2, 3)]
    return ("# text = a\n" + "".join(rows) + "\n") * count


@pytest.fixture
def new(tmp_path, monkeypatch, capfdbinary) -> Callable[..., tuple[int, str, str]]:
    """`new(*ARGS)`: status, stdout, stderr of `seqcli recipes new ARGS`, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        status = app.run(["recipes", "new", *map(str, arguments)])
        captured = capfdbinary.readouterr()
        return status, captured.out.decode(), captured.err.decode()

    return call


@pytest.fixture
def made(new) -> Callable[..., tuple[Any, str, str]]:
    """`made(*ARGS)`: the recipe as it loads, its text and stderr; its data is read as training reads it."""

    def call(*arguments: object, opens: bool = True) -> tuple[Any, str, str]:
        status, out, err = new(*arguments)
        assert status == 0, err
        path = out.removesuffix("\n")
        assert err.endswith(f"next:\n  seqcli train {path}\n")
        recipe, text = load_recipe(path), Path(path).read_text(encoding="utf-8")
        assert text.startswith(f"# seqcli train {path}\n")
        if opens:
            corpus = registry.load(f"tasks/{recipe.task}", "data").open_corpus(recipe.data, recipe.base)
            assert all(corpus.splits.values())
        return recipe, text, err

    return call


def labelled(count: int = 60) -> list[tuple[str, str]]:
    return [(line, random.Random(line).choice(["good", "bad", "so-so"])) for line in prose(count)]


# each kind of file


def test_plain_text(made):
    Path("notes.txt").write_text("\n".join(prose(300)) + "\n")
    recipe, text, err = made("notes.txt")
    assert (recipe.task, recipe.tokenizer.kind, recipe.data.train) == ("language-model", "char", "../notes.txt")
    assert (recipe.data.valid, recipe.data.test, recipe.data.split_at) == (0.1, 0.1, None)
    size = Path("notes.txt").stat().st_size
    assert f"notes.txt: plain text; 300 lines, {size:,} characters\n" in err
    assert f"# notes.txt: plain text; 300 lines, {size:,} characters\n" in text
    assert "characters are few" in text


def test_larger_prose_is_read_in_pieces_or_words(made):
    lines = prose(2000, 1)
    Path("prose.txt").write_text("\n".join(line.capitalize() + "." for line in lines * 25) + "\n")
    assert made("prose.txt", opens=False)[0].tokenizer.kind == "sentencepiece"
    Path("apart.txt").write_text("\n".join(line + " ." for line in lines * 25) + "\n")
    recipe = made("apart.txt", opens=False)[0]
    assert (recipe.tokenizer.kind, recipe.model.tied) == ("word", True)
    Path("dna.txt").write_text("\n".join("ACGT" * 20 for _ in range(30_000)))
    assert made("dna.txt", opens=False)[0].tokenizer.kind == "char"


def test_one_line(made):
    Path("hello.txt").write_text("hello")
    recipe, text, err = made("hello.txt")
    assert (recipe.data.valid, recipe.train.sequence_length) == (None, 1)
    assert "1 line, 5 characters" in err
    assert "held out: nothing" in text


def test_a_line_of_five_megabytes(made):
    Path("long.txt").write_text("".join(random.Random(0).choices("abcde", k=5_000_000)))
    recipe, _, err = made("long.txt")
    assert recipe.data.split_at == "character"
    assert "1 line, 5,000,000 characters" in err
    Path("long.jsonl").write_text(
        "".join(json.dumps({"text": "x y " * n, "label": label}) + "\n" for n, label in [(1_250_000, "a"), (1, "b")])
    )
    recipe, _, _ = made("long.jsonl", "--force")
    assert (recipe.data.text, recipe.data.label) == ("text", "label")


@pytest.mark.parametrize("quoting", [False, True])
def test_csv_with_a_header_and_quoted_newlines(made, quoting):
    rows = ["id,headline,source"]
    rows += [f'{i},"He said ""{line}"",\nand left",{label}' for i, (line, label) in enumerate(labelled(), 1)]
    Path("news.csv").write_text("\n".join(rows) + ("\n" if quoting else ""))
    recipe, _, err = made("news.csv")
    data = recipe.data
    assert (data.format, data.header, data.text, data.label) == ("csv", True, "headline", "source")
    assert "60 texts, 3 different labels" in err
    assert "the text is column 'headline', the label column 'source' (the first row names the columns)" in err


def test_csv_of_well_known_names_and_another_delimiter(made):
    Path("a.csv").write_text("label;text\n" + "".join(f"{label};{line}, so\n" for line, label in labelled()))
    recipe, _, _ = made("a.csv")
    assert (recipe.data.delimiter, recipe.data.text, recipe.data.label) == (";", "text", "label")


@pytest.mark.parametrize("first", ["label", "text"])
def test_tsv_without_a_header(made, first):
    rows = [(label, line) if first == "label" else (line, label) for line, label in labelled()]
    Path("a.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    recipe, _, err = made("a.tsv")
    data = recipe.data
    assert (data.format, data.header) == ("tsv", False)
    assert (data.text, data.label) == ((2, 1) if first == "label" else (1, 2))
    assert f"warning: the label is guessed: column {data.label}, " in err
    assert "the first row names" not in err


def test_tsv_whose_cells_are_quoted(made):
    Path("a.tsv").write_text("".join(f'"{label}"\t"{line}\twith a tab"\n' for line, label in labelled()))
    recipe, _, _ = made("a.tsv")
    assert recipe.data.quoting is True


def test_which_column_is_the_label_is_decided_by_rule_and_can_be_said(made, new):
    draw = random.Random(3)
    rows = [f"{i}\t{line}\t{label}\t{draw.choice('xy')}\ttrain" for i, (line, label) in enumerate(labelled())]
    Path("a.tsv").write_text("\n".join(rows) + "\n")
    recipe, _, err = made("a.tsv")  # the fewest values; the column that says the split is none
    assert (recipe.data.text, recipe.data.label) == (2, 4)
    guess = "the label is guessed: column 4, as its few values repeat; column 3 could be the label too: choose another with --label COLUMN"
    assert f"warning: {guess}\n" in err
    recipe, _, err = made("a.tsv", "--label", 3, "--force")
    assert recipe.data.label == 3
    assert "could be" not in err
    assert "guessed" not in err
    assert made("a.tsv", "--label", 3, "--text", 1, "--force")[0].data.text == 1
    status, out, err = new("a.tsv", "--label", "genre", "--force")
    assert (status, out) == (2, "")
    assert "there is no column 'genre'" in err


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_label_without_a_known_name_is_said_to_be_guessed(made, new, form):
    rows = [{"id": i, "comment": line, "date": f"2024-01-0{i % 5 + 1}"} for i, line in enumerate(prose(60))]

    def write(name: str, label: str) -> None:
        heads, cells = ",".join(rows[0]), "".join(f"{','.join(map(str, r.values()))}\n" for r in rows)
        text = f"{heads}\n{cells}" if form == "csv" else "".join(json.dumps(r) + "\n" for r in rows)
        Path(name).write_text(text.replace("date", label))

    write(f"a.{form}", "date")
    said = "the label is guessed: column 'date', as its few values repeat: choose another with --label COLUMN"
    comment = "GUESSED, as its few values repeat: choose another with --label COLUMN\n"
    recipe, text, err = made(f"a.{form}")
    assert (recipe.data.text, recipe.data.label) == ("comment", "date")
    assert f"warning: {said}\n" in err
    assert f"\n# {said}\n" in text
    assert text.partition("\n  label: date")[2].lstrip().removeprefix("# ").startswith(comment)
    _, _, err = new(f"a.{form}", "-q", "-o", "-")
    assert err == f"warning: {said}\n"
    _, text, err = made(f"a.{form}", "--label", "date", "--force")
    assert "guessed" not in (text + err).casefold()
    assert "# by --label\n" in text
    write(f"b.{form}", "topic")
    recipe, text, err = made(f"b.{form}")
    assert recipe.data.label == "topic"
    assert "guessed" not in (text + err).casefold()
    assert "# by its name\n" in text


@pytest.mark.parametrize(
    ("name", "text", "columns"),
    [
        ("a.csv", "id,comment\n1,a good film\n2,a bad one\n3,so so\n", "'id', 'comment'"),
        ("a.csv", "id,comment,date\n1,a film,x\n2,a bad one,y\n3,so so,x\n", "'id', 'comment', 'date'"),
        ("a.tsv", "good\tsuch a film\nbad\tno, not good\ngood\tyes, do\n", "1, 2"),
        ("a.jsonl", '{"id": 1, "comment": "a b"}\n{"id": 2, "comment": "c"}\n{"id": 3, "comment": "d"}\n', "'id', 'comment'"),
    ],
)  # fmt: skip
def test_few_rows_tell_no_label(new, made, name, text, columns):
    Path(name).write_text(text)
    status, out, err = new(name)
    assert (status, out) == (2, "")
    assert f"{name}: 3 rows are too few to guess the column of labels (columns: {columns})\n" in err
    assert "choose it with --label COLUMN" in err
    assert not Path("recipes").exists()
    recipe, _, err = made(name, "--label", 1)
    assert recipe.data.label == (1 if columns == "1, 2" else "id")
    assert "3 texts, " in err


@pytest.mark.parametrize("label", ["label", "rating"])
def test_few_rows_with_a_known_name_are_enough(made, label):
    Path("a.csv").write_text(f"{label},said\n1,a good film\n4,a bad one\n5,so so\n")
    recipe, _, err = made("a.csv")
    assert (recipe.data.header, recipe.data.text, recipe.data.label) == (True, "said", label)
    assert "3 texts, 3 different labels" in err
    assert "guessed" not in err


def test_a_wide_table_and_windows_line_ends(made):
    numbers = ",".join(f"c{i}" for i in range(300))
    rows = [
        f"{line},{','.join(str(r * i) for i in range(300))},{label}" for r, (line, label) in enumerate(labelled())
    ]
    Path("wide.csv").write_text(f"said,{numbers},genre\n" + "\n".join(rows))
    recipe, _, _ = made("wide.csv")
    assert (recipe.data.header, recipe.data.text, recipe.data.label) == (True, "said", "genre")
    rows = [f'"a b{i}\r\nc",{"xy"[i % 2]}\r\n' for i in range(50)]
    Path("crlf.csv").write_bytes(("\ufefftext,label\r\n" + "".join(rows)).encode())
    recipe, _, err = made("crlf.csv")
    assert recipe.data.header is True
    assert "50 texts, 2 different labels; the rarest, y, has 25; the most frequent, x, 25 (50%)" in err


def test_jsonl_with_several_strings(made):
    records = [
        {"id": f"r{i}", "title": line[:9], "body": line, "stars": i % 5 + 1, "meta": {"a": 1}, "seen": None}
        for i, line in enumerate(prose(60))
    ]
    Path("reviews.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    recipe, _, err = made("reviews.jsonl")
    assert (recipe.data.format, recipe.data.text, recipe.data.label) == ("jsonl", ["title", "body"], "stars")
    assert recipe.data.multi_label is False
    assert "60 texts, 5 different labels" in err


def test_several_labels(made):
    draw = random.Random(1)
    several = [(line, draw.sample(["a", "b", "c"], draw.randint(1, 2))) for line in prose(80)]
    most, high = Counter(label for _, own in several for label in own).most_common(1)[0]
    Path("l.jsonl").write_text("".join(json.dumps({"text": t, "labels": own}) + "\n" for t, own in several))
    Path("ft.txt").write_text("".join(" ".join(f"__label__{x}" for x in own) + f" {t}\n" for t, own in several))
    Path("c.csv").write_text("text,tags\n" + "".join(f"{t},{'|'.join(own)}\n" for t, own in several))
    for name, form in (("l.jsonl", "jsonl"), ("ft.txt", "fasttext"), ("c.csv", "csv")):
        recipe, _, err = made(name)
        assert (recipe.data.format, recipe.data.multi_label) == (form, True)
        assert "80 texts, 3 different labels" in err
        assert f"the most frequent, {most}, {high} ({high / 80:.0%})" in err  # of the texts, not of their labels
    assert recipe.data.label_separator == "|"


def test_label_text_and_its_hints(made):
    lines = [f"{'LOC:city' if i % 9 else 'ABBR:exp'} {line}" for i, line in enumerate(prose(90))]
    lines += [f"ABBR:abb {line}" for line in prose(10)] + [f"LOC:other {line}" for line in prose(4)]
    Path("questions.txt").write_text("\n".join(lines) + "\n")
    recipe, text, err = made("questions.txt")
    assert (recipe.data.format, recipe.tokenizer.kind, recipe.tokenizer.split) == ("label-text", "word", "rule")
    assert "104 texts, 4 different labels; the rarest, LOC:other, has 4; the most frequent, LOC:city, 80 (77%)" in err
    for hint in ('# label_until: ":"  # 2 labels', "# class_weights: balanced", "have fewer than 5 texts", "are few"):
        assert hint in text
    # each hint that is a key can be made one
    named = text.replace("  # class_weights: balanced", "  class_weights: balanced").replace(
        "# label_until", "label_until"
    )
    Path("b.yaml").write_text(named)
    loaded = load_recipe("b.yaml")
    assert (loaded.model.class_weights, loaded.data.label_until) == ("balanced", ":")


def test_files_sorted_by_label_are_seen_to_be_labelled(made):
    lines = [f"{label} {line}" for label in ("pos", "neg") for line in prose(3000)]
    Path("sorted.txt").write_text("\n".join(lines))
    assert made("sorted.txt")[0].data.format == "label-text"


def test_trees(made):
    Path("t.txt").write_text("".join(TREE.format(label=i % 3).replace("(3", f"({i % 3}", 1) for i in range(40)))
    recipe, text, err = made("t.txt")
    assert (recipe.data.format, recipe.model.kind) == ("trees", "recursive")
    assert (recipe.tokenizer.kind, recipe.tokenizer.split) == ("word", "rule")  # as recipes/sst5-tree.yaml
    assert "# splits raw text into words and punctuation like the leaves\n" in text
    assert "40 texts, 3 different labels" in err


@pytest.mark.parametrize(
    ("text", "form", "keys"),
    [
        (conll(20), "conll", {"columns": None}),
        (conll(20, 3, " "), "conll", {"columns": ["word", "_", "tag"]}),
        ("# id 1\n" + conll(20).replace("\n\n", "\n\n# id 2\n"), "conll", {"comments": "#"}),
        (conllu(20), "conllu", {"tag": "upos"}),
        (conllu(20, "_"), "conllu", {"tag": "xpos"}),
        ("the/DT cat/NN sat/VBD ./.\n" * 20, "word-tag", {}),
        ('{"words": ["a", "b"], "ner": ["O", "B-X"]}\n' * 20, "jsonl", {"field": "words", "tag": "ner"}),
    ],
)
def test_tagged_words(made, text, form, keys):
    Path("data.conll" if "comments" in keys else "data").write_text(text)
    recipe, _, err = made("data.conll" if "comments" in keys else "data")
    assert (recipe.task, recipe.data.format) == ("tagging", form)
    assert {key: getattr(recipe.data, key) for key in keys} == keys
    assert "20 sentences" in err
    assert ("the tags are spans in iob2" in err) == (form in ("conll", "jsonl"))


def test_a_treebank_offers_several_targets(made):
    Path("data.conllu").write_text(conllu(20))
    assert "several in one model" not in made("data.conllu")[1]
    Path("full.conllu").write_text(conllu(20).replace("\t_\tNOUN\tNN1\t_\t", "\tword\tNOUN\tNN1\tNumber=Sing\t"))
    recipe, text, _ = made("full.conllu")
    assert recipe.data.tag == "upos"
    assert "or several in one model: [upos, feats, lemma]" in text


# folders and splits


def test_a_folder_of_files(made):
    Path("names").mkdir()
    for language, ends in (("Irish", "an"), ("Czech", "ek"), ("Dutch", "aar")):
        Path(f"names/{language}.txt").write_text("\n".join(f"N{i}{ends}" for i in range(40)))
    Path("names/README.md").write_text("about")
    recipe, _, err = made("names")
    assert (recipe.data.train, recipe.data.label_from, recipe.tokenizer.kind) == ("../names/*.txt", "file", "char")
    assert "120 texts, 3 different labels" in err
    assert "--task language-model" in err
    assert made("names", "--task", "language-model", "--force")[0].task == "language-model"


@pytest.mark.parametrize("splits", [(), ("train", "test")])
def test_a_folder_of_folders(made, splits):
    for split in splits or ("",):
        for label in ("neg", "pos"):
            folder = Path("films", split, label)
            folder.mkdir(parents=True)
            for i, line in enumerate(prose(20)):
                (folder / f"{i}.txt").write_text(line + "\n" + line)
    recipe, _, err = made("films")
    assert (recipe.data.label_from, recipe.data.multi_label) == ("folder", False)
    assert recipe.data.train == ("../films/train/*/*.txt" if splits else "../films/*/*.txt")
    assert recipe.data.test == ("../films/test/*/*.txt" if splits else 0.1)
    assert "40 texts, 2 different labels" in err


def test_splits_are_told_by_their_names(made, new):
    for name, count in (("q-train.tsv", 60), ("q-dev.tsv", 20), ("q_test.tsv", 20)):
        Path(name).write_text("".join(f"{label}\t{line}\n" for line, label in labelled(count)))
    recipe, _, _ = made("q_test.tsv", "q-train.tsv", "q-dev.tsv")
    data = recipe.data
    assert (recipe.name, data.train, data.valid, data.test) == (
        "q",
        "../q-train.tsv",
        "../q-dev.tsv",
        "../q_test.tsv",
    )
    recipe, _, _ = made("q-train.tsv", "q_test.tsv", "--force")
    assert recipe.data.valid == 0.1
    recipe, _, err = made("q-train.tsv", "--force")
    assert (recipe.data.valid, recipe.data.test) == (0.1, 0.1)
    assert "its other splits may be q-dev.tsv" in err
    status, _, err = new("q-dev.tsv", "q_test.tsv", "--force")
    assert status == 2
    assert "none of these files is for training" in err
    Path("q-dev.tsv").write_text("unheard-of\tof a label\n")
    assert (
        "1 labels that the training text lacks, such as unheard-of" in made("q-train.tsv", "q-dev.tsv", "--force")[2]
    )


def test_names_of_splits():
    said = {
        "train.txt": "train", "ptb.valid.txt": "valid", "en_ewt-ud-dev.conllu": "valid", "wnut17train.conll": "train",
        "TREC.test": "test", "test_2016_flickr.de": "test", "val.en": "valid", "trains.txt": None, "latest.txt": None,
        "train-test.txt": None, "Development": "valid",
    }  # fmt: skip
    assert {name: look.split_of(name) for name in said} == said


# encodings, and what is no text


def test_latin_1_is_assumed_and_said(made):
    lines = [f"{label} {line} café" for line, label in labelled(80)]
    Path("a.txt").write_bytes("\n".join(lines).encode("latin-1"))
    recipe, text, err = made("a.txt")
    assert recipe.data.encoding == "latin-1"
    column = len(lines[0])
    assert f"a.txt:1:{column}: byte 0xe9 is not valid UTF-8; latin-1 is assumed: check it" in err
    assert "# ASSUMED" in text
    assert "cp1252" not in text
    Path("a.txt").write_bytes("\n".join(lines).replace("é", "’").encode("cp1252"))
    assert "cp1252 if quotes" in made("a.txt", "--force")[1]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n\n\t\n", "only blank lines"),
        (b"\x7fELF\x02\x01\x00\x00", "is not text: there is a NUL byte at x:1:7"),
        (bytes(range(1, 256)) * 40, "is not text: many of its characters are control characters"),
        ("abc".encode("utf-16"), "x is UTF-16 text"),
        (b'[{"text": "a"}, {"text": "b"}]', "a JSON array"),
    ],
)
def test_what_is_no_text(new, data, said):
    Path("x").write_bytes(data)
    status, out, err = new("x")
    assert (status, out) == (1, "")
    assert said in err
    assert not Path("recipes").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("one.tsv", "just one column\n" * 9, "the rows have one column"),
        ("open.csv", 'text,label\n"never closed,a\n' + "b,c\n" * 9, "never closed"),
        ("same.ft", "__label__a x\n" * 9, 'every record has the label "a"'),
        ("ids.tsv", "".join(f"{i}\t{i * 7}\tx{i}\n" for i in range(40)), "no column looks like labels"),
        ("broken.jsonl", "{not json\n", "not a JSON object"),
        ("broken.conllu", "1\tx\n\n", "CoNLL-U has 10"),
        ("ragged.tsv", "a\tb c\na\tb c\td\n" * 5, "the row has 3 columns"),
    ],
)
def test_what_cannot_be_read_is_said(new, name, text, said):
    Path(name).write_text(text)
    status, out, err = new(name)
    assert (status, out) == (1, "")
    assert said in err
    assert "Traceback" not in err


# the command


def test_where_it_goes(made, new):
    Path("deep/er").mkdir(parents=True)
    Path("deep/a b.txt").write_text("".join(f"{label} {line}\n" for line, label in labelled()))
    status, out, err = new("deep/a b.txt")
    assert (status, out) == (0, "recipes/a-b.yaml\n")
    assert load_recipe(Path("recipes/a-b.yaml")).data.train == "../deep/a b.txt"
    before = Path("recipes/a-b.yaml").read_bytes()
    Path("recipes/a-b.yaml").write_text("mine")
    status, out, err = new("deep/a b.txt")
    assert (status, out) == (2, "")
    assert "--force" in err
    assert new("deep/a b.txt", "--force")[0] == 0
    assert Path("recipes/a-b.yaml").read_bytes() == before
    assert new("deep/a b.txt", "-o", "deep/er")[1] == "deep/er/a-b.yaml\n"
    assert load_recipe(Path("deep/er/a-b.yaml")).data.train == "../a b.txt"
    assert made("deep/a b.txt", "-o", "mine.yml")[0].data.train == "deep/a b.txt"
    assert new("deep/a b.txt", "-o", "mine.txt")[0] == 2
    status, out, err = new("deep/a b.txt", "-o", "-")
    assert status == 0
    assert out.startswith("# seqcli train a-b.yaml\n")
    assert parse(out, "x").value["data"]["train"] == "deep/a b.txt"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-",), "standard input"),
        (("nothing.txt",), "no such file"),
        (("a.txt", "--task", "taging"), "did you mean 'tagging'?"),
        (("a.txt", "."), "files and folders are mixed"),
        (("a.txt", "--task", "tagging"), "no tags were found"),
        (("a.txt", "--task", "classification"), "no labels were found"),
    ],
)
def test_usage(new, arguments, said):
    Path("a.txt").write_text("one\ntwo\n")
    status, out, err = new(*arguments)
    assert (status in (1, 2), out) == (True, "")
    assert said in err


def test_what_makes_recipes_is_no_verb():
    assert "propose" not in registry.names("cli")


def test_a_real_process_without_torch(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{line},{label}\n" for line, label in labelled()))
    code = "import sys; sys.modules['torch'] = None; from seqcli.cli.app import run; sys.exit(run(sys.argv[1:]))"
    root = str(Path(seqcli.__file__).parent.parent)
    command = [sys.executable, "-c", code, "-q", "recipes", "new", "a.csv"]
    env = {**os.environ, "PYTHONPATH": root, "LC_ALL": "C"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, env=env, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"recipes/a.yaml\n", b"")


# properties

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(TEXT, st.lists(TEXT, max_size=3), st.booleans(), st.integers(), st.none()))
def test_scalars_read_back(value):
    assert parse(f"a: {{b: {scalar(value)}}}\n", "x").value == {"a": {"b": value}}


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9)
ROWS = st.lists(
    st.tuples(CELL, st.sampled_from(["a", "b c", "ü:x", "\x07", "#", "no", "\u2028"])), min_size=1, max_size=30
)


@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=ROWS, form=st.sampled_from(["csv", "tsv", "jsonl", "label", "fasttext", "text", "conll"]))
def test_whatever_is_in_a_file_there_is_a_recipe_or_an_error(tmp_path_factory, rows, form):
    folder = tmp_path_factory.mktemp("new")
    quoted = lambda text: '"' + text.replace('"', '""') + '"'  # noqa: E731
    text = "".join({
        "csv": f"{quoted(t)},{quoted(y)}\n", "tsv": f"{y}\t{t}\n", "jsonl": json.dumps({"t": t, y: 1, "y": y}) + "\n",
        "label": f"{y} {t}\n", "fasttext": f"__label__{y} {t}\n", "text": f"{t}\n", "conll": f"{t} {y}\n\n",
    }[form] for t, y in rows)  # fmt: skip
    source = folder / f"x.{form}"
    source.write_bytes(text.encode())
    status = app.run(["-q", "recipes", "new", str(source), "-o", str(folder / "x.yaml")])
    assert status in (0, 1, 2)  # 2: too few rows to guess the label from
    assert (folder / "x.yaml").exists() == (status == 0)
    if status == 0:
        assert load_recipe(folder / "x.yaml").task in TASKS


# real data

DATA = os.environ.get("SEQCLI_DATA")
REAL = [
    (("trec",), "classification", "label-text", 50),
    (("sst/train.txt", "sst/dev.txt", "sst/test.txt"), "classification", "trees", 5),
    (("names-by-language",), "classification", None, 18),
    (("conll2000",), "tagging", "conll", 22),
    (("ud-en-ewt",), "tagging", "conllu", 17),
    (("ptb",), "language-model", None, 0),
    (("tinyshakespeare/input.txt",), "language-model", None, 0),
    (("scan/tasks_train_simple.txt",), "sequence-to-sequence", "scan", 0),
]


@pytest.mark.skipif(not DATA, reason="needs the real data sets, in the folder that SEQCLI_DATA names")
@pytest.mark.parametrize(
    ("files", "task", "form", "labels"), REAL, ids=lambda v: v[0] if isinstance(v, tuple) else ""
)
def test_real_data(made, files, task, form, labels):
    paths = [Path(str(DATA)).resolve() / name for name in files]
    if not all(p.exists() for p in paths):
        pytest.skip(f"{files[0]} is not in SEQCLI_DATA")
    recipe, _, err = made(*paths, opens=False)
    assert (recipe.task, getattr(recipe.data, "format", None)) == (task, form)
    assert f"{labels} different" in err or not labels
