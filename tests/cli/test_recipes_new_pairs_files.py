"""`seqcli recipes new` of pairs of texts: where they stand in files, and what it says of files and flags."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.new_recipes import kinds, made_fixture, new_fixture, rows, sentences, words  # noqa: F401

from seqcli.recipe.load import load_recipe
from seqcli.tasks.sequence_to_sequence import data as pairs

# where they stand


def test_json_lines(made):
    records = [
        {"id": i, "en": a, "de": b} for i, (a, b) in enumerate(zip(sentences(50), sentences(50, 2), strict=True))
    ]
    Path("p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    recipe, _, err = made("p.jsonl")
    assert (recipe.data.format, recipe.data.source, recipe.data.target) == ("jsonl", "en", "de")
    assert "the source is column 'en', the target column 'de': choose others with --source and --target" in err
    recipe, _, _ = made("p.jsonl", "--source", "de", "--target", "en")
    assert (recipe.data.source, recipe.data.target) == ("de", "en")


def test_columns_are_chosen_by_names_or_as_one_says(made, new):
    lemma, form = words(60), [f"{w}ed" for w in words(60)]
    text = "".join(f"{i},{a},V;PST;{i},{b},train\n" for i, (a, b) in enumerate(zip(lemma, form, strict=True)))
    Path("a.csv").write_text("nr,base,tags,past,split\n" + text)
    status, _, err = new("a.csv", "--task", "sequence-to-sequence")
    assert status == 2
    assert "cannot tell the columns of source and target (columns: 'nr', 'base', 'tags', 'past', 'split')" in err
    recipe, text, _ = made("a.csv", "--source", "base", "--target", "past")
    assert (recipe.data.header, recipe.data.source, recipe.data.target) == (True, "base", "past")
    assert "cannot be both" in new("a.csv", "--source", "base", "--target", "base", "--force")[2]
    assert "there is no column 'pasd'" in new("a.csv", "--target", "pasd", "--force")[2]
    Path("b.csv").write_text("\n".join(f'"{a}, so";"{b}"' for a, b in zip(lemma, form, strict=True)))
    recipe, _, _ = made("b.csv", "--source", "2")
    assert (recipe.data.delimiter, recipe.data.source, recipe.data.target) == (";", 2, 1)


def test_the_one_column_that_is_left(made, new):
    Path("p.tsv").write_text(rows(words(40), [str(i) for i in range(40)]))
    for named, other in (("--target", "--source"), ("--source", "--target")):
        recipe, _, _ = made("p.tsv", named, "1", dry=False)
        assert (recipe.data.source, recipe.data.target) == ((2, 1) if named == "--target" else (1, 2))
        assert made("p.tsv", named, "1", other, "2", dry=False)[0] == recipe
    Path("q.tsv").write_text(rows([f"{i}\t{i}" for i in range(40)], words(40)))
    status, _, err = new("q.tsv", "--target", "3")
    assert (status, "cannot tell the columns of source and target" in err) == (2, True)


def test_lines_of_scan_say_their_sides(new, made):
    Path("s.txt").write_text("IN: jump OUT: I_JUMP\nIN: run OUT: I_RUN\n" * 20)
    for flags in (["--source", "1"], ["--target", "OUT"], ["--source", "1", "--target", "2"]):
        status, out, err = new("s.txt", *flags)
        assert (status, out) == (2, "")
        assert (
            "s.txt: its lines mark source and target, as IN: … OUT: …\n  hint: --source and --target are for" in err
        )
    assert made("s.txt", dry=False)[0].data.format == "scan"


def test_a_header_is_told_from_a_first_pair(made):
    texts = sentences(30)
    Path("a.tsv").write_text("english\tgerman\n" + rows(texts, sentences(30, 1)))
    assert made("a.tsv", dry=False)[0].data.header is True
    Path("a.tsv").write_text(rows(words(30), [f"{w}s" for w in words(30)]))
    assert made("a.tsv", dry=False)[0].data.header is False
    Path("a.tsv").write_text("hi\tsalut\nbye\tadieu\n" + rows(texts, sentences(30, 1)))  # sorted by their lengths
    assert made("a.tsv", dry=False)[0].data.header is False


def test_tabs_in_a_file_of_any_name(made):
    Path("pairs.txt").write_text(rows(sentences(30), sentences(30, 1)))
    assert made("pairs.txt", dry=False)[0].data.format == "tsv"


def test_few_rows(made, new):
    Path("p.csv").write_text("question,answer\nwho is it?,nobody\nwhere?,here\nwhen?,now\n")
    recipe, text, err = made("p.csv")
    assert (recipe.data.valid, recipe.train.watch) == (None, None)
    assert "the text is too small" in err
    assert "3 pairs are few" in text
    Path("q.tsv").write_text("a b\tc\nd e\tf\n")
    status, _, err = new("q.tsv")
    assert status == 2
    assert "for pairs of texts give --source and --target" in err
    assert made("q.tsv", "--task", "sequence-to-sequence")[0].data.target == 2


def test_labels_stay_labels(new):
    Path("a.csv").write_text("question,answer\n" + rows(sentences(60), ["yes", "no"] * 30, ","))
    assert new("a.csv", "-o", "a.yaml")[0] == 0
    assert load_recipe("a.yaml").task == "classification"
    Path("ids.tsv").write_text(rows([str(i) for i in range(40)], sentences(40)))
    status, _, err = new("ids.tsv")
    assert (status, "no column looks like labels" in err) == (1, True)


# files and splits


@pytest.mark.parametrize(
    ("train", "valid", "marks"),
    [
        (("src-train.txt", "tgt-train.txt"), ("src-val.txt", "tgt-val.txt"), ("src", "tgt")),
        (("tgt-train.txt", "src-train.txt"), ("tgt-val.txt", "src-val.txt"), ("src", "tgt")),
        (("c.train.fr", "c.train.eng"), ("c.dev.fr", "c.dev.eng"), ("fr", "eng")),
        (("train.fr.txt", "train.en.txt"), ("test.fr.txt", "test.en.txt"), ("fr", "en")),
    ],
)
def test_names_of_two_files(made, train, valid, marks):
    for names, count in ((train, 40), (valid, 12)):
        for i, name in enumerate(names):
            Path(name).write_text("".join(f"{w}\n" for w in words(count, i)))
    recipe, _, _ = made(*train, *valid, "-o", "r.yaml")
    data = recipe.data
    assert (data.source, data.target) == marks
    other = data.test if "test" in valid[0] else data.valid
    source = next(name for name in train if marks[0] in name)
    assert data.train == f"./{source}"
    assert other == f"./{next(name for name in valid if marks[0] in name)}"
    corpus = pairs.open_corpus(data, recipe.base)
    assert corpus.splits["train"][0].target == words(1, train.index(source) ^ 1)[0]


def test_several_training_files_and_one_named_alone(made, new):
    for name in ("a.en", "b.en", "a.de", "b.de"):
        Path(name).write_text("".join(f"{w}\n" for w in words(20, len(name) + ord(name[0]))))
    recipe, _, err = made("a.en", "b.en", "a.de", "b.de", "-o", "r.yaml")
    assert recipe.data.train == ["./a.en", "./b.en"]
    assert "40 pairs; " in err
    recipe, _, _ = made("a.en", "--target", "de", "-o", "r.yaml")
    assert (recipe.data.train, recipe.data.source, recipe.data.target) == ("./a.en", "en", "de")
    status, _, err = new("a.en", "--task", "sequence-to-sequence")
    assert (status, "no pairs were found" in err) == (1, True)
    status, _, err = new("a.en", "a.de", "--target", "fr")
    assert (status, "the files' names differ in en and de" in err) == (2, True)


def test_files_that_are_no_pairs(new):
    for a, b, count in (("pos.txt", "neg.txt", 30), ("part-1.txt", "part-2.txt", 30)):
        Path(a).write_text("".join(f"{s}\n" for s in sentences(30)))
        Path(b).write_text("".join(f"{s}\n" for s in sentences(count, 1)))
        assert new(a, b, "-o", "r.yaml", "--force")[0] == 0
        assert load_recipe("r.yaml").task == "language-model", (a, b)


def test_pairs_of_uneven_files(new):
    for name, count in (("x.en", 30), ("x.de", 29)):
        Path(name).write_text("".join(f"{s}\n" for s in sentences(count)))
    status, _, err = new("x.en", "x.de")
    assert (status, "x.en has 30 lines, x.de 29: each line needs its counterpart" in err) == (1, True)
    assert "--task language-model reads them as text" in err
    status, _, err = new("x.en", "x.de", "--task", "sequence-to-sequence")
    assert (status, "where it is missing\n" in err) == (1, True)
    assert new("x.en", "x.de", "--task", "language-model", "-o", "r.yaml")[0] == 0


def test_a_split_without_its_other_file(new):
    for name in ("train.en", "train.de", "valid.en"):
        Path(name).write_text("".join(f"{w}\n" for w in words(20, len(name))))
    status, _, err = new("train.en", "train.de", "valid.en")
    assert (status, "no such file: valid.de" in err) == (1, True)


def test_what_would_stop_training_is_said(new):
    texts, others = sentences(30), sentences(30, 1)
    records = [{"source": a, "target": b} for a, b in zip(texts, others, strict=True)]
    Path("p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in [*records, {"source": "alone"}]))
    status, _, err = new("p.jsonl")
    assert (status, "training will stop with: p.jsonl:31:" in err) == (0, True)
    Path("train.tsv").write_text(rows(texts, others) + "ragged\n")
    status, _, err = new("train.tsv")
    assert (status, "train.tsv:31:" in err) == (1, True)
    Path("train.tsv").write_text(rows(texts, others) + "blank\t\n")
    Path("valid.tsv").write_text("a source\tits target\nonly a source\n")
    status, _, err = new("train.tsv", "valid.tsv", "-o", "b.yaml")
    assert status == 0
    assert "training leaves out pairs with a blank source or target: 1\n" in err
    assert "stop with: valid.tsv:2:" in err


def test_latin_1(made):
    for name, text in (("train.fr", "été"), ("train.en", "summer")):
        Path(name).write_bytes("".join(f"{text} {w}\n" for w in words(30, len(name))).encode("latin-1"))
    recipe, _, err = made("train.fr", "train.en", "-o", "r.yaml")
    assert recipe.data.encoding == "latin-1"
    assert "latin-1 is assumed" in err
    assert pairs.open_corpus(recipe.data, recipe.base).splits["train"][0].text.startswith("été ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--source", "1", "--label", "2"), "not for both"),
        (("--source", "1", "--task", "classification"), "--source and --target are for pairs"),
        (("--task", "sequence-to-sequense"), "did you mean 'sequence-to-sequence'?"),
    ],
)
def test_usage(new, arguments, said):
    Path("a.tsv").write_text(rows(words(20), words(20, 1)))
    status, out, err = new("a.tsv", *arguments)
    assert (status, out) == (2, "")
    assert said in err
