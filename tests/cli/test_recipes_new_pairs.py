"""`seqcli recipes new` of pairs of texts: what it says of files, and that every recipe it writes loads and trains."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqcli.cli import app
from seqcli.cli.new_recipe import fitted_pairs
from seqcli.cli.new_recipe.pairs import Side
from seqcli.datasets import pairs
from seqcli.recipe.load import load_recipe

SYLLABLES = ["ba", "du", "ki", "lo", "me", "nar", "po", "rus", "ti", "wen", "zal"]
DIGITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def words(count: int, seed: int = 0) -> list[str]:
    """Different made-up words."""
    draw = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(draw.choices(SYLLABLES, k=draw.randint(2, 4)))] = None
    return list(found)


def sentences(count: int, seed: int = 0) -> list[str]:
    """Sentences of an open vocabulary, of six to eleven words."""
    draw, known = random.Random(seed), words(1500, seed + 1)
    return [" ".join(draw.choices(known, k=draw.randint(6, 11))).capitalize() + "." for _ in range(count)]


def rows(sources: list[str], targets: list[str], separator: str = "\t") -> str:
    return "".join(f"{a}{separator}{b}\n" for a, b in zip(sources, targets, strict=True))


def spoken(count: int) -> list[tuple[str, str]]:
    """Number words and digits: `twenty-one`-like sources from a closed vocabulary."""
    draw = random.Random(2)
    numbers = draw.sample(range(111, 1000), count)
    numbers = [n for n in numbers if "0" not in str(n)]
    return [(f"{DIGITS[n // 100 - 1]} {DIGITS[n // 10 % 10 - 1]}-{DIGITS[n % 10 - 1]}", str(n)) for n in numbers]


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
def made(new, capfdbinary) -> Callable[..., tuple[Any, str, str]]:
    """`made(*ARGS)`: the recipe as it loads, its text and stderr; `seqcli train --dry-run` makes it ready."""

    def call(*arguments: object, dry: bool = True) -> tuple[Any, str, str]:
        status, out, err = new(*arguments, "--force")
        assert status == 0, err
        path = out.removesuffix("\n")
        recipe, text = load_recipe(path), Path(path).read_text(encoding="utf-8")
        assert recipe.task == "sequence-to-sequence"
        if dry:
            assert app.run(["train", path, "--dry-run"]) == 0, capfdbinary.readouterr().err.decode()
            capfdbinary.readouterr()
        return recipe, text, err

    return call


def kinds(recipe: Any) -> tuple[str, str | None]:
    return recipe.tokenizer.kind, recipe.target_tokenizer and recipe.target_tokenizer.kind


# what the texts are


def test_sentences_in_two_files(made):
    Path("train.en").write_text("".join(f"{s}\n" for s in sentences(300)))
    Path("train.de").write_text("".join(f"{s}\n" for s in sentences(300, 1)))
    recipe, text, err = made("train.en", "train.de", "-o", "t.yaml")
    data = recipe.data
    assert (data.train, data.format, data.source, data.target) == ("./train.en", "lines", "en", "de")
    assert (data.valid, data.test) == (0.1, 0.1)
    assert kinds(recipe) == ("sentencepiece", None)
    assert (recipe.tokenizer.size, recipe.model.tied, recipe.train.watch) == (1000, "all", "bleu")
    assert "train.en, train.de: pairs of texts, lines; 600 lines, " in err
    assert "300 pairs; source: 76.6 characters, 8.4 words on average; target: " in err
    assert "the source is en, the target de: --source and --target say otherwise\n" in err
    assert "# both sides: sentences, 8 words on average\n" in text
    assert "# seqcli train t.yaml\n# A sequence-to-sequence model fitted to train.en, train.de by" in text
    recipe, _, err = made("train.en", "train.de", "--source", "de", dry=False)
    assert (recipe.data.train, recipe.data.source, recipe.data.target) == ("../train.de", "de", "en")


def test_sentences_of_other_scripts_have_a_tokenizer_each(made):
    greek = str.maketrans("abdeiklmnoprstuwz", "αβδεικλμνοπρστυωζ")
    texts = [s.lower().translate(greek) for s in sentences(200, 1)]
    Path("a.tsv").write_text(rows(sentences(200), texts))
    recipe, _, _ = made("a.tsv")
    assert kinds(recipe) == ("sentencepiece", "sentencepiece")
    assert recipe.model.tied == "output"


def test_scan(made):
    commands = [f"{a} {b} {c}" for a in ("jump", "walk", "run") for b in ("left", "right", "around") for c in
                ("twice", "thrice", "once")]  # fmt: skip
    Path("tasks.txt").write_text("".join(f"IN: {c} OUT: {' '.join(f'I_{w}' for w in c.split())}\n" for c in commands))
    recipe, text, err = made("tasks.txt")
    assert (recipe.data.format, *kinds(recipe)) == ("scan", "char", None)  # 27 lines: words come 9 times each
    assert "tasks.txt: pairs of texts, scan; 27 lines" in err
    Path("tasks.txt").write_text(Path("tasks.txt").read_text() * 4)
    recipe, text, _ = made("tasks.txt")
    assert (*kinds(recipe), recipe.train.watch) == ("word", "word", "exact-match")
    assert "# 9 words make up all texts\n" in text


def test_words_to_phonemes(made):
    spelt = words(400)
    Path("g2p.tsv").write_text(rows(spelt, [" ".join(w) for w in spelt]))
    recipe, text, _ = made("g2p.tsv")
    assert (recipe.data.header, recipe.data.source, recipe.data.target) == (False, 1, 2)
    assert (*kinds(recipe), recipe.train.watch) == ("char", "word", "exact-match")
    assert "# strings of 7 characters on average, no sentences\n" in text


def test_inflections_and_dates_share_their_characters(made):
    Path("verbs.csv").write_text("lemma,inflected\n" + rows(words(60), [f"{w}ed" for w in words(60)], ","))
    recipe, _, err = made("verbs.csv")
    assert (recipe.data.header, recipe.data.source, recipe.data.target) == (True, "lemma", "inflected")
    assert (*kinds(recipe), recipe.train.watch) == ("char", None, "exact-match")
    assert "the source is column 'lemma', the target 'inflected', by their names" in err
    dates = [
        (f"{i % 28 + 1}. {i % 12 + 1}. {1900 + i}", f"{1900 + i}-{i % 12 + 1:02}-{i % 28 + 1:02}") for i in range(90)
    ]
    Path("dates.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in dates))
    recipe, _, err = made("dates.tsv")
    assert kinds(recipe) == ("char", None)
    assert "guessed" not in err


def test_number_words_and_digits(made):
    pairs_ = spoken(300)
    Path("numbers.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs_))
    recipe, text, err = made("numbers.tsv")
    assert (*kinds(recipe), recipe.tokenizer.split) == ("word", "char", "punctuation")
    assert "# 10 words make up all texts\n" in text
    assert "warning: pairs are guessed: column 2, a number, from column 1: --task says otherwise\n" in err


def test_targets_without_spaces_between_words(made):
    draw, signs = random.Random(1), [chr(c) for c in range(0x4E00, 0x4E00 + 900)]
    texts = ["".join(draw.choices(signs, k=draw.randint(9, 25))) for _ in range(300)]
    Path("zh.tsv").write_text(rows(sentences(300), texts))
    recipe, text, _ = made("zh.tsv")
    assert (*kinds(recipe), recipe.train.watch) == ("sentencepiece", "char", "chrf")
    hint = "  # bleu_tokenize: char  # BLEU counts words"
    assert hint in text
    Path("b.yaml").write_text(text.replace("  # bleu_tokenize", "  bleu_tokenize"))
    assert load_recipe("b.yaml").data.bleu_tokenize == "char"


def test_marks_that_stand_apart_and_long_texts_are_hinted_at(made):
    apart = [s[:-1] + " , " + s[:-1] + " ." for s in sentences(60)]
    Path("a.tsv").write_text(rows(["x" * 600 + w for w in words(60)], apart))
    _, text, _ = made("a.tsv", dry=False)
    assert "# bleu_tokenize: none  # marks stand apart" in text
    assert "# longest: 1000  # 100.0% of the sources have over 500 tokens: they are left out\n" in text


def test_several_targets_of_a_source_are_counted_and_not_judged_as_a_whole(made):
    Path("p.csv").write_text("source,target\n" + "".join(f"{w},{w}{e}\n" for w in words(40) for e in ("s", "ed")))
    recipe, _, err = made("p.csv")
    assert "40 of 40 different sources have more than one target" in err
    assert recipe.train.watch is None


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["one two", "two one", "two two", "one one"] * 20, "word"),
        (words(200), "char"),
        (sentences(100), "sentencepiece"),
        (["3rd of May 2021", "1/2/1999"] + [f"{i}-{i * 7}" for i in range(200)], "char"),
        ([s.replace(" ", "") for s in sentences(100)], "char"),
        ([""], "char"),
    ],
)
def test_which_tokenizer(texts, kind):
    assert fitted_pairs.kind_of(Side(texts)).tokenizer == kind


def test_sizes_grow_with_the_pairs():
    sizes, epochs = [], []
    for pairs_ in (100, 5_000, 100_000):
        model = {e.key: e.value for e in fitted_pairs._model(pairs_, sentences=False, shared=False)}
        train = {e.key: e.value for e in fitted_pairs._train(pairs_, 30, sentences=False)}
        sizes.append(model["hidden"])
        epochs.append(train["epochs"])
    assert sizes == sorted(set(sizes))
    assert epochs == sorted(set(epochs), reverse=True)


# where they stand


def test_json_lines(made):
    records = [
        {"id": i, "en": a, "de": b} for i, (a, b) in enumerate(zip(sentences(50), sentences(50, 2), strict=True))
    ]
    Path("p.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    recipe, _, err = made("p.jsonl")
    assert (recipe.data.format, recipe.data.source, recipe.data.target) == ("jsonl", "en", "de")
    assert "the source is column 'en', the target column 'de': --source and --target say otherwise" in err
    recipe, _, _ = made("p.jsonl", "--source", "de", "--target", "en")
    assert (recipe.data.source, recipe.data.target) == ("de", "en")


def test_columns_are_chosen_by_names_or_as_one_says(made, new):
    lemma, form = words(60), [f"{w}ed" for w in words(60)]
    text = "".join(f"{i},{a},V;PST;{i},{b},train\n" for i, (a, b) in enumerate(zip(lemma, form, strict=True)))
    Path("a.csv").write_text("nr,base,tags,past,split\n" + text)
    status, _, err = new("a.csv", "--task", "sequence-to-sequence")
    assert status == 2
    assert "which columns have the source and the target? (columns: 'nr', 'base', 'tags', 'past', 'split')" in err
    recipe, text, _ = made("a.csv", "--source", "base", "--target", "past")
    assert (recipe.data.header, recipe.data.source, recipe.data.target) == (True, "base", "past")
    assert "cannot be both" in new("a.csv", "--source", "base", "--target", "base", "--force")[2]
    assert "there is no column 'pasd'" in new("a.csv", "--target", "pasd", "--force")[2]
    Path("b.csv").write_text("\n".join(f'"{a}, so";"{b}"' for a, b in zip(lemma, form, strict=True)))
    recipe, _, _ = made("b.csv", "--source", "2")
    assert (recipe.data.delimiter, recipe.data.source, recipe.data.target) == (";", 2, 1)


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
    assert "of pairs of texts --source and --target do" in err
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
    assert (status, "no pairs are to be seen" in err) == (1, True)
    status, _, err = new("a.en", "a.de", "--target", "fr")
    assert (status, "the files' names differ in en and de" in err) == (2, True)


def test_files_that_are_no_pairs(new):
    for a, b, count in (("pos.txt", "neg.txt", 30), ("part-1.txt", "part-2.txt", 30), ("x.en", "x.de", 29)):
        Path(a).write_text("".join(f"{s}\n" for s in sentences(30)))
        Path(b).write_text("".join(f"{s}\n" for s in sentences(count, 1)))
        status, _, err = new(a, b, "-o", "r.yaml", "--force")
        assert status == 0
        assert load_recipe("r.yaml").task == "language-model", (a, b)
    assert "x.en has 30 lines, x.de 29: they are no pairs, and read as plain text\n" in err
    status, _, err = new("x.en", "x.de", "--task", "sequence-to-sequence", "--force")
    assert (status, "each line must have its counterpart" in err) == (1, True)


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
    assert (status, "training will stop at p.jsonl:31:" in err) == (0, True)
    Path("train.tsv").write_text(rows(texts, others) + "ragged\n")
    status, _, err = new("train.tsv")
    assert (status, "train.tsv:31:" in err) == (1, True)
    Path("train.tsv").write_text(rows(texts, others) + "blank\t\n")
    Path("valid.tsv").write_text("a source\tits target\nonly a source\n")
    status, _, err = new("train.tsv", "valid.tsv", "-o", "b.yaml")
    assert status == 0
    assert "pairs with a blank side, which training leaves out: 1\n" in err
    assert "stop at valid.tsv:2:" in err


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
        (("--source", "1", "--task", "classification"), "--source and --target are of pairs"),
        (("--task", "sequence-to-sequense"), "did you mean 'sequence-to-sequence'?"),
    ],
)
def test_usage(new, arguments, said):
    Path("a.tsv").write_text(rows(words(20), words(20, 1)))
    status, out, err = new("a.tsv", *arguments)
    assert (status, out) == (2, "")
    assert said in err


# what is written trains


def test_a_real_training(made, capfdbinary):
    Path("numbers.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in spoken(200)))
    made("numbers.tsv", "-o", "numbers.yaml", dry=False)
    assert app.run(["train", "numbers.yaml", "--set", "train.steps=40", "--set", "train.threads=1"]) == 0
    captured = capfdbinary.readouterr()
    assert captured.out == b"runs/numbers/model.safetensors\n"
    assert b"valid: exact-match " in captured.err


DATA = os.environ.get("SEQCLI_DATA")


@pytest.mark.skipif(not DATA, reason="needs the real data sets, in the folder that SEQCLI_DATA names")
@pytest.mark.parametrize(
    ("files", "form", "tokenizers", "watch"),
    [
        (["multi30k-en-de/train.en", "multi30k-en-de/train.de", "multi30k-en-de/val.en", "multi30k-en-de/val.de"],
         "lines", ("sentencepiece", None), "bleu"),
        (["scan/tasks_train_simple.txt", "scan/tasks_test_simple.txt"], "scan", ("word", "word"), "exact-match"),
        (["g2p-sigmorphon2020/fre_train.tsv", "g2p-sigmorphon2020/fre_dev.tsv"], "tsv", ("char", "word"),
         "exact-match"),
    ],
)  # fmt: skip
def test_real_data(made, files, form, tokenizers, watch):
    paths = [Path(str(DATA)).resolve() / name for name in files]
    if not all(p.exists() for p in paths):
        pytest.skip(f"{files[0]} is not in SEQCLI_DATA")
    recipe, _, _ = made(*paths, dry=False)
    assert (recipe.data.format, kinds(recipe), recipe.train.watch) == (form, tokenizers, watch)
