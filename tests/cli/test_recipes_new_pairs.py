"""`seqcli recipes new` of pairs of texts: what it makes of them, and that every recipe it writes loads and trains."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from support.new_recipes import DIGITS, kinds, made_fixture, new_fixture, rows, sentences, spoken, words  # noqa: F401

from seqcli.cli import app
from seqcli.propose import fitted_pairs
from seqcli.propose.pairs import Texts
from seqcli.recipe.load import load_recipe

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
    assert "the source is en, the target de: choose others with --source and --target\n" in err
    assert "# source and target: sentences, 8 words on average\n" in text
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
    assert "# all texts use 9 words\n" in text


def test_words_to_phonemes(made):
    spelt = words(400)
    Path("g2p.tsv").write_text(rows(spelt, [" ".join(w) for w in spelt]))
    recipe, text, _ = made("g2p.tsv")
    assert (recipe.data.header, recipe.data.source, recipe.data.target) == (False, 1, 2)
    assert (*kinds(recipe), recipe.train.watch) == ("char", "word", "exact-match")
    assert "# strings of 7 characters on average, not sentences\n" in text


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
    assert "# all texts use 10 words\n" in text
    assert "warning: pairs are guessed: column 2, a number, from column 1: override with --task\n" in err


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
    assert "# bleu_tokenize: none  # the targets are tokenized already" in text
    assert "# longest: 1000  # 100.0% of the sources have over 500 tokens and would be left out\n" in text


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
    assert fitted_pairs.kind_of(Texts(texts)).tokenizer == kind


def test_sizes_grow_with_the_pairs():
    sizes, epochs = [], []
    for pairs_ in (100, 5_000, 100_000):
        model = {e.key: e.value for e in fitted_pairs._model(pairs_, sentences=False, shared=False)}
        train = {e.key: e.value for e in fitted_pairs._train(pairs_, 30, sentences=False)}
        sizes.append(model["hidden"])
        epochs.append(train["epochs"])
    assert sizes == sorted(set(sizes))
    assert epochs == sorted(set(epochs), reverse=True)


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
