"""What `seqcli tag` can be asked for beside tags, and what it says of mistakes."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise

import pytest

from seqcli import artifact

LABELS = "B-LOC, B-ORG, B-PER, I-LOC, I-ORG, I-PER, O"


@pytest.fixture
def fails(forks, taggers):
    """`fails(*args, input, model, status=1)`: (stdout, stderr) of a `seqcli tag` that must fail, without a traceback."""

    def run(*args: object, input: str = "", model: str = "ner", status: int = 1, cwd=taggers) -> tuple[str, str]:
        done = forks("-q", "tag", "-m", model, *args, cwd=cwd, input=input)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        assert "this is a bug" not in done.stderr
        assert "error: " in done.stderr
        return done.stdout, done.stderr

    return run


def tagged(*args, tag, input: str, model: str = "ner") -> list[str]:
    """The last column of each word."""
    return [row.split()[-1] for row in tag("--format", "conll", *args, input=input, model=model).split("\n") if row]


# confidence


def test_what_is_less_probable_is_left_away(tag):
    text = "The cat saw an xyzzy in Paris.\n" * 2 + "\n"
    sure = [json.loads(line)["seqcli"]["tokens"] for line in tag("--jsonl", input=text).splitlines()]
    least = sorted(t["probability"] for t in sure[0])[3]
    kept = [
        json.loads(o)["seqcli"]["tokens"] for o in tag("--jsonl", "--min-confidence", least, input=text).splitlines()
    ]
    for before, after in zip(sure, kept, strict=True):
        for one, other in zip(before, after, strict=True):
            wanted = one["label"] if one["probability"] >= least else None
            assert other == {**one, "label": wanted} or abs(one["probability"] - least) < 1e-6  # six digits are shown
    assert tag("--min-confidence", 0, input=text) == tag(input=text)
    assert {token.rpartition("/")[2] for token in tag("--min-confidence", 1, input=text).split()} == {"_"}


def test_spans_that_are_less_probable_are_left_away(tag):
    text = "Ada saw New York .\nBob visited Acme Corp and Emil Zola .\n\n"
    spans = [
        json.loads(line)["seqcli"]["spans"] for line in tag("--format", "spans", input=text, model="ner").splitlines()
    ]
    assert spans[2] == []
    assert sum(map(len, spans)) >= 3
    for least in (0, 0.5, 0.9, 0.99):
        args = ("--format", "spans", "--min-confidence", least)
        kept = [json.loads(line)["seqcli"]["spans"] for line in tag(*args, input=text, model="ner").splitlines()]
        assert kept == [[s for s in found if s["probability"] >= least] for found in spans]
    assert all(t.endswith("/O") for t in tag("--min-confidence", 1, input=text, model="ner").split())


def test_what_is_less_probable_is_unknown_not_outside(tag):
    text = "Ada saw New York .\nBob visited Acme Corp and Emil Zola .\n\n"
    sure = [json.loads(o)["seqcli"]["tokens"] for o in tag("--jsonl", input=text, model="ner").splitlines()]
    rows = [(t["text"], t["label"], t["probability"]) for line in sure for t in line]
    assert len({t for _, t, _ in rows}) > 2
    _, middle = max((b - a, (a + b) / 2) for a, b in pairwise(sorted(p for *_, p in rows)))
    for least in (0, middle):  # six digits are shown
        args = ("--min-confidence", least, "--partial")
        written = tag(*args, input=text, model="ner").split()
        assert written == [f"{word}/{own if p >= least else '_'}" for word, own, p in rows]
        spans = [
            json.loads(o)["seqcli"]["spans"]
            for o in tag(*args, "--format", "spans", input=text, model="ner").splitlines()
        ]
        whole = [
            json.loads(o)["seqcli"]["spans"] for o in tag("--format", "spans", input=text, model="ner").splitlines()
        ]
        assert all(s in found for kept, found in zip(spans, whole, strict=True) for s in kept)
    tagged = tag("--jsonl", "--min-confidence", 1, "--partial", input=text, model="ner")
    assert {t["label"] for line in tagged.splitlines()[:2] for t in json.loads(line)["seqcli"]["tokens"]} == {None}


def test_the_best_answers_with_their_probabilities(tag):
    found = json.loads(tag("--jsonl", "--n-best", 5, input="Ada saw New York\n", model="ner"))["seqcli"]
    best = found["alternatives"]
    assert len(best) == 5
    assert best[0]["labels"] == [t["label"] for t in found["tokens"]]
    assert len({tuple(b["labels"]) for b in best}) == 5
    probabilities = [b["probability"] for b in best]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 5e-6  # six digits are shown
    few = json.loads(tag("--jsonl", "--n-best", 100, input="Ada\n", model="pos"))["seqcli"]["alternatives"]
    assert sum(b["probability"] for b in few) == pytest.approx(1, abs=1e-4)  # all that there are
    empty = json.loads(tag("--jsonl", "--n-best", 2, input="\n"))["seqcli"]
    assert empty["alternatives"] == [{"labels": [], "probability": 1.0}]


def test_a_threshold_for_a_precision_is_kept_in_the_model(forks, taggers, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(taggers, home)
    file = home / "runs" / "ner" / "model.safetensors"
    before = artifact.read(file)
    text = "Ada saw New York .\nBob left Paris .\n"
    args = ("tag", "-m", "ner", "--format", "spans", "--target-precision", "0.99")
    first = forks.ok(*args, cwd=home, input=text)
    assert "threshold for precision 0.99 written into runs/ner/model.safetensors" in first.stderr
    after = artifact.read(file)
    least, reached, kept = after.header["decoding"]["thresholds"]["0.99"]
    assert reached >= 0.99
    assert 0 < kept <= 1
    assert {k: v for k, v in after.header.items() if k not in ("decoding", "checksum")} == {
        k: v for k, v in before.header.items() if k not in ("decoding", "checksum")
    }
    assert f"{least:.4f}" in first.stderr
    plain = forks.ok("tag", "-m", "ner", "--format", "spans", "--min-confidence", least, cwd=home, input=text)
    assert plain.stdout == first.stdout
    for split in ("train", "valid", "test"):
        (home / f"ner-{split}.conll").unlink()
    again = forks.ok(*args, cwd=home, input=text)  # the data is not asked for again
    assert again.stdout == first.stdout
    assert "written" not in again.stderr
    assert "threshold" in forks.ok("inspect", "ner", cwd=home).stdout
    gone = forks("tag", "-m", "ner", "--target-precision", "0.5", cwd=home, input=text)
    assert gone.returncode == 1
    assert "no such file" in gone.stderr
    assert "Traceback" not in gone.stderr


def test_a_precision_that_is_out_of_reach(fails, taggers, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(taggers, home)
    wrong = (taggers / "ner-valid.conll").read_text()
    for label in ("PER", "LOC", "ORG"):
        wrong = wrong.replace(f"-{label}", "-MISC")
    (home / "ner-valid.conll").write_text(wrong)
    out, err = fails("--target-precision", "0.9", input="Ada\n", cwd=home)
    assert "no confidence threshold reaches precision 0.9 on the validation split" in err
    assert "hint: ask for a lower precision" in err
    assert out == ""


# tags that are given


def test_given_tags_stay_and_the_rest_is_filled_in(tag):
    text = "Ada B-ORG\nsaw _\nParis _\n\nBob _\nleft _\n. _\n\n"
    free = tagged("--columns", "word", tag=tag, input="Ada\nsaw\nParis\n\nBob\nleft\n.\n\n")
    forced = tagged("--columns", "word,known", "--force", "known", tag=tag, input=text)
    assert forced[0] == "B-ORG"
    assert forced[3:] == free[3:]
    assert tagged("--columns", "word,_,known", "--force", "known", tag=tag, input=text.replace(" ", " x ")) == forced
    renamed = text.replace("Ada B-ORG", "Ada ORG")  # any part of it
    assert tagged("--columns", "word,known", "--force", "known", tag=tag, input=renamed) == forced
    filled = tag(
        "--format", "conll", "--columns", "word,known", "--force", "known", "--replace", input=text, model="ner"
    )
    assert [row.split() for row in filled.split("\n")] == [
        [*row.split()[:1], tag] if tag else []
        for row, tag in zip(text.split("\n"), [*forced[:3], "", *forced[3:], "", ""], strict=True)
    ]


def test_all_given_tags_stay(tag, taggers):
    text = (taggers / "ner-test.conll").read_text()
    gold = [row.split()[2] for row in text.split("\n") if row]
    assert tagged("--force", "ner", tag=tag, input=text) == gold
    assert tagged("--force", "ner", tag=tag, input=text, model="fed") == gold


def test_given_tags_that_contradict_each_other(tag):
    """A part of a span that cannot follow what is given before it begins a span; none is lost."""
    args = ("--columns", "word,known", "--force", "known")
    out = tagged(*args, tag=tag, input="Ada B-PER\nsaw I-LOC\nOslo B-ORG\nx O\ny I-ORG\nz I-ORG\n\n")
    assert out == ["B-PER", "B-LOC", "B-ORG", "O", "B-ORG", "I-ORG"]
    assert tagged(*args, tag=tag, input="Ada I-PER\nsaw _\n\n")[0] == "B-PER"


def test_given_tags_in_other_formats(tag):
    row = "\t_\t_\t_\t_\t_\t_\n\n"
    out = tag("--format", "conllu", "--force", "upos", input=f"1\tAda\t_\tB-ORG{row}", model="ner")
    assert out == f"1\tAda\t_\tB-ORG{row}"
    out = tag("--format", "conllu", "--force", "xpos", input="1\tAda\t_\t_\tB-ORG\t_\t_\t_\t_\t_\n\n", model="ner")
    assert out == "1\tAda\t_\tB-ORG\tB-ORG\t_\t_\t_\t_\t_\n\n"
    line = '{"tokens": ["Ada", "saw"], "known": ["B-ORG", null]}\n{"tokens": ["Bob"]}\n'
    out = tag("--input", "jsonl", "--jsonl", "--force", "known", input=line, model="ner").splitlines()
    assert json.loads(out[0])["seqcli"]["tokens"][0]["label"] == "B-ORG"


def test_a_lexicon_says_what_a_word_may_be(tag, tmp_path):
    file = tmp_path / "lexicon"
    file.write_bytes("\ufeffAda\tORG\r\n\r\nParis\tB-ORG,B-PER\nParis\tO\n".encode())
    free = tag(input="Ada saw Paris\nx\n", model="ner")
    out = tag("--lexicon", file, input="Ada saw Paris\nx\n", model="ner")
    assert out.startswith("Ada/B-ORG saw/")
    assert out.split()[2].rpartition("/")[2] in ("B-ORG", "B-PER", "O")
    assert out.split("\n")[1] == free.split("\n")[1]
    args = ("--columns", "word,known", "--force", "known", "--lexicon", file)
    assert tagged(*args, tag=tag, input="Ada B-PER\nParis _\n\n")[0] == "B-PER"  # the column is nearer
    file.write_text("the\tPUNCT\n")
    assert tag("--lexicon", file, input="the cat , the\n").count("the/PUNCT") == 2


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("Ada\tO\nPER\n", ":2:1", "expected a word, a tab and tags"),
        ("Ada\t \n", ":1:1", "expected a word, a tab and tags"),
        ("\tO\n", ":1:1", "expected a word, a tab and tags"),
        (
            "Ada\tB-PER  PER,B-PRE\n",
            ":1:16",
            "the model does not know the tag 'B-PRE'\n  hint: did you mean 'B-PER'?",
        ),
        ("Ada\tB-PE\n", ":1:5", "'B-PE'"),
        ("Ada\tO O,X O\n", ":1:9", "'X'"),
        ("Ada\tO|B-PER|X\n", ":1:13", "'X'"),
    ],
)
def test_mistakes_in_a_lexicon(fails, tmp_path, text, place, message):
    (tmp_path / "lexicon").write_text(text)
    out, err = fails("--lexicon", tmp_path / "lexicon", input="Ada\n")
    assert f"{tmp_path}/lexicon{place}: " in err
    assert message in err
    assert out == ""


def test_tags_that_are_read_as_text(forks, taggers):
    said = "<stdin>:1:1: the tags of words are read as text: --input word-tag skips them\n"
    for text, warned in (("the/DET cat/NOUN\n", True), ("the/DET cat\n", False), ("and/or and/or\n", False)):
        done = forks.ok("-q", "tag", "-m", "pos", cwd=taggers, input=text)
        assert (said in done.stderr) == warned
    done = forks.ok("-q", "tag", "-m", "pos", "--input", "word-tag", cwd=taggers, input="the/DET cat/NOUN\n")
    assert "read as text" not in done.stderr


def test_no_lexicon(fails, tmp_path):
    (tmp_path / "lexicon.tsv").write_bytes(b"Ada\t\xffO\n")
    assert ":1:5: byte 0xff is not valid UTF-8" in fails("--lexicon", tmp_path / "lexicon.tsv", input="a\n")[1]
    assert "did you mean 'lexicon.tsv'" in fails("--lexicon", tmp_path / "lexicon.tvs", input="a\n")[1]


# mistakes in the input: what stands before them is answered

FORCE = ("--columns", "word,known", "--force", "known")


@pytest.mark.parametrize(
    ("args", "text", "place", "message", "before"),
    [
        (["--format", "conll", *FORCE], "a _\n\nb  B-PRE\n\n", "3:4", "'B-PRE'\n  hint: did you mean 'B-PER'?", 2),
        (["--format", "conll", "--columns", "word,known,x", "--force", "known"], "a _ _\nb Z O\n\n", "2:3", "'Z'", 0),
        (["--format", "conll", *FORCE], "a\n\n", "1:1", "there is no column 'known'", 0),
        (["--format", "conllu", "--force", "xpos"], "1\ta\t_\t_\tZ" + "\t_" * 5 + "\n\n", "1:9", "'Z'", 0),
        (["--format", "conll"], "a b c\nd e\n\n", "2:1", "2 columns, expected 3 (word, pos, ner)", 0),
        (["--format", "conll"], "\na b c\n\nd e f\n\nd e\n\n", "6:1", "2 columns, expected 3", 5),
        (["--input", "jsonl"], '{"text": "a"}\n{"text": "b"}\n{"text" 1}\n', "3:9", "not a JSON object", 2),
        (["--input", "jsonl"], '{"txt": "a"}\n', "1:1", "has no 'text'\n  hint: did you mean 'txt'", 0),
        (["--field", "x"], '{"x": ""}\n{"x": "\\ud800"}\n', "2:7", "half a character", 1),
        (["--field", "x"], '{"x": 3}\n', "1:7", "neither text nor tokens", 0),
        (["--format", "conllu"], "1\ta\n\n", "1:1", "2 columns, CoNLL-U has 10", 0),
        (
            ["--input", "jsonl", "--force", "k"], '{"tokens": ["a"], "k": ["O", "O"]}\n',
            "1:13", "'k' must be a list with a tag for each token", 0,
        ),
    ],
)  # fmt: skip
def test_mistakes_in_the_input(fails, tmp_path, args, text, place, message, before):
    (tmp_path / "in").write_text(text)
    out, err = fails(*args, tmp_path / "in")
    assert err.startswith(f"error: {tmp_path}/in:{place}: ")
    assert message in err
    assert out.count("\n") == before
    assert fails(*args, input=text) == (out, err.replace(f"{tmp_path}/in", "<stdin>"))


def test_a_model_with_a_further_column_wants_it(fails):
    out, err = fails(input="Ada saw Paris\n", model="fed", status=2)
    assert "this model reads pos beside the words: text has no such column" in err
    assert "hint: give columns: --input conll --columns word,pos" in err
    assert out == ""
    out, err = fails("--format", "conll", "--columns", "word", input="Ada\n\n", model="fed")
    assert "<stdin>:1:1: no column 'pos', which the model reads besides the words" in err
    assert "--columns word,pos" in err
    assert fails("--format", "conll", input="Ada\n\n", model="fed") == (out, err)
    assert "text has no such column" in fails("--format", "jsonl", input="Ada\n", model="fed", status=2)[1]


def test_a_table_is_no_text(fails, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nAda saw Paris,x\n")
    out, err = fails(tmp_path / "a.csv", status=2)
    assert (out, f"error: {tmp_path}/a.csv: taggers do not read csv\n" in err) == ("", True)


# usage


@pytest.mark.parametrize(
    ("model", "args", "message"),
    [
        ("ner", ["--format", "cnll"], "unknown format 'cnll'\n  hint: did you mean 'conll'?"),
        ("ner", ["--input", "spans"], "unknown format 'spans' in --input"),
        ("pos", ["--format", "spans"], "--format spans: the tags of this model do not mark spans\n  hint: use --format jsonl"),
        ("ner", ["--format", "text"], "--format text is for models that restore something"),
        ("ner", ["--confidence"], "--confidence needs --format conll, not word-tag"),
        ("ner", ["--replace", "--jsonl"], "--replace needs --format conll, not jsonl"),
        ("ner", ["--partial"], "--partial needs --min-confidence"),
        ("ner", ["--n-best", "2"], "--n-best needs --format jsonl, not word-tag"),
        ("ner", ["--jsonl", "--format", "conll"], "--jsonl contradicts --format conll"),
        ("ner", ["--min-confidence", "0.5", "--target-precision", "0.9"], "give one"),
        ("ner", ["--min-confidence", "1.5"], "--min-confidence"),
        ("ner", ["--min-confidence", "nan"], "--min-confidence"),
        ("ner", ["--batch-size", "0"], "--batch-size"),
        ("ner", ["--columns", "word,tag"], "--columns is for conll, but text is read\n  hint: add --input conll"),
        ("ner", ["--comments", "#", "--jsonl"], "--comments is for conll, but text is read"),
        ("ner", ["--field", "x", "--input", "text"], "--field says how to read jsonl, but text is read"),
        ("ner", ["--separator", "tab"], "--separator is for conll, but text is read and word-tag is written"),
        ("ner", ["--force", "known"], "--force: text has no columns"),
        ("ner", ["--force", "known", "--format", "conll"], "'known'\n  hint: the columns are word, pos, ner"),
        ("pos", ["--force", "known", "--format", "conll"], "'known'\n  hint: name them: --columns word,known"),
        ("ner", ["--force", "known", "--format", "conllu"], "'known'\n  hint: the columns are lemma, upos, xpos"),
        ("ner", ["--columns", "a,b", "--format", "conll"], "no column is named 'word'"),
        ("ner", ["--columns", "word,word", "--format", "conll"], "two columns are named 'word'"),
        ("ner", ["--format", "conllu", "--tag", "upso"], "is not a column of CoNLL-U"),
        ("no-such", [], "no such model: no-such"),
    ],
)  # fmt: skip
def test_wrong_usage(fails, model, args, message):
    out, err = fails(*args, input="Ada\n", model=model, status=2)
    assert message in err
    assert out == ""


def test_wrong_models(forks, home, taggers, tmp_path):
    done = forks("tag", "-m", home / "runs" / "tiny", cwd=home, input="a\n")
    assert done.returncode == 2
    assert "`tag` cannot use it" in done.stderr
    assert "use: seqcli generate or seqcli eval" in done.stderr
    done = forks("generate", "-m", "ner", "--prompt", "a", cwd=taggers)
    assert done.returncode == 2
    assert "hint: use: seqcli tag" in done.stderr
    for folder, message in ((tmp_path, "there is no model in ./runs for `tag`"), (home, "fits `tag`")):
        done = forks("tag", cwd=folder, input="a\n")
        assert done.returncode == 2
        assert message in done.stderr
        assert done.stdout == ""
