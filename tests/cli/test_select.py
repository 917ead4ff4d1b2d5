"""`seqcli select`: what it ranks, and how; formats that are read and trained on again; labels that were changed."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.inprocess import Done, seqcli

import seqcli as door

MODELS = Path(__file__).resolve().parents[1] / "net" / "models"
LINES = [
    "the cat sat on a mat",
    "a gripping, moving film",
    "an awful mess",
    "it ran",
    "",
    "good but dull",
    "the cat sat",
]
UD = (
    "# sent_id = 1\n# text = I took it.\n1\tI\tI\t_\tPRP\t_\t2\tnsubj\t_\t_\n2\ttook\ttake\t_\tVBD\t_\t0\troot\t_\t_\n"
    "3-4\tit.\t_\t_\t_\t_\t_\t_\t_\t_\n3\tit\tit\t_\tPRP\t_\t2\tobj\t_\t_\n4\t.\t.\t_\t.\t_\t2\tpunct\t_\tNER=O\n\n"
    "# sent_id = 2\n1\tzonk\t_\t_\t_\t_\t0\troot\t_\t_\n2\tzink\t_\t_\t_\t_\t1\tdep\t_\t_\n"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models."""
    path = tmp_path_factory.mktemp("select")
    for name in ("pos", "ner", "forms", "remarks", "topics", "linear", "spaces", "lm", "waves", "waves-tags"):
        shutil.copy(MODELS / f"{name}.safetensors", path)
    (path / "lines.txt").write_text("".join(f"{line}\n" for line in LINES))
    return path


@pytest.fixture
def select(folder: Path) -> Callable[..., str]:
    """`select(model, *options, input="")`: what it writes."""

    def run(model: str, *options: object, input: str = "") -> str:
        done = seqcli("-q", "select", "-m", f"{model}.safetensors", *options, cwd=folder, input=input)
        assert done.returncode == 0, done.stderr
        return done.text

    return run


def refused(folder: Path, *args: object, input: str = "") -> str:
    """What is said of a command line that is wrong."""
    done: Done = seqcli("select", *args, cwd=folder, input=input)
    assert done.returncode == 2, (done.text, done.stderr)
    assert not done.stdout
    return done.stderr


# what is ranked


@pytest.mark.parametrize("by", ["margin", "entropy", "least"])
def test_texts_are_ranked_by_what_the_model_gives_them(by: str, folder: Path, select) -> None:
    model = door.load(folder / "remarks.safetensors")
    texts = [line for line in LINES if line]
    wanted = {}
    for text in texts:
        p = np.sort([*model.classify(text).values()])[::-1]
        wanted[text] = {"margin": 1 - (p[0] - p[1]), "entropy": -(p * np.log(p)).sum(), "least": -np.log(p[0])}[by]
    found = [json.loads(line) for line in select("remarks", "--by", by, "--jsonl", "lines.txt").splitlines()]
    assert [r["text"] for r in found] == sorted(texts, key=lambda text: -wanted[text])
    for record in found:
        assert record["seqcli"]["uncertainty"] == pytest.approx(wanted[record["text"]], abs=1e-6)
        assert record["label"] == model.chosen(record["text"])[0]


def test_sentences_are_ranked_by_their_paths_whole_or_a_word(select) -> None:
    lines = "".join(f"{line}\n" for line in LINES)
    whole, a_word = (
        {
            r["text"]: r["seqcli"]["uncertainty"]
            for r in map(json.loads, select("pos", *how, input=lines).splitlines())
        }
        for how in (["--jsonl"], ["--jsonl", "--per-word"])
    )
    assert [*whole.values()] == sorted(whole.values(), reverse=True)
    assert [*a_word.values()] == sorted(a_word.values(), reverse=True)
    for text, value in a_word.items():
        words = len(text.replace(",", " ,").split())
        assert value == pytest.approx(whole[text] / words, abs=2e-6)


def test_a_target_that_is_named_ranks(select) -> None:
    lines = "Bob saw New York\nall over again\nthe goals\n"
    ranked = {
        name: select("forms", "--jsonl", *name.split(), input=lines) for name in ("", "--tag lemma", "--tag upos")
    }
    scores = {
        name: sorted(json.loads(line)["seqcli"]["uncertainty"] for line in text.splitlines())
        for name, text in ranked.items()
    }
    assert scores["--tag lemma"] != scores[""]
    own = next(name for name, values in scores.items() if name and values == scores[""])
    assert ranked[own] == ranked[""]


def test_so_many_are_written_and_equal_ones_in_their_order(select) -> None:
    lines = "".join(f"{text}\n" for text in ["it ran", "the cat", "it ran", "the cat"])
    found = [json.loads(line)["text"] for line in select("linear", "--jsonl", "-n", 3, input=lines).splitlines()]
    assert found in (["it ran", "it ran", "the cat"], ["the cat", "the cat", "it ran"])
    marked = '{"text": "it ran", "i": 1}\n{"text": "it ran", "i": 2}\n{"text": "it ran", "i": 3}\n'
    assert [json.loads(x)["i"] for x in select("linear", "--field", "text", "-n", 2, input=marked).splitlines()] == [
        1,
        2,
    ]


def test_diverse_leaves_repetitions_away(select) -> None:
    lines = "".join(f"{text}\n" for text in ["good but dull"] * 5 + ["it ran", "an awful mess"])
    plain = select("linear", "--jsonl", "-n", 3, input=lines)
    diverse = [
        json.loads(line)["text"]
        for line in select("linear", "--jsonl", "-n", 3, "--diverse", input=lines).splitlines()
    ]
    assert len(set(diverse)) == 3
    assert diverse[0] == json.loads(plain.splitlines()[0])["text"]


@pytest.mark.parametrize("options", ["", "--diverse", "--by entropy --per-word", "--by margin"])
def test_no_batch_and_no_process_changes_a_byte(options: str, folder: Path) -> None:
    draw = random.Random(3)
    words = [*"the cat sat on a mat Ada Bob saw Paris good bad fine".split()]  # noqa: SIM905
    lines = "".join(" ".join(draw.choices(words, k=draw.randint(0, 12))) + "\n" for _ in range(300))
    asked = ["-q", "select", "-m", "pos.safetensors", "-n", 40, "--format", "conllu", *options.split()]
    wanted = seqcli(*asked, cwd=folder, input=lines)
    assert wanted.stdout.count(b"# text") == 40
    for more in (["--batch-size", 1], ["--batch-size", 7], ["--jobs", 2, "--batch-size", 50]):
        done = seqcli(*asked, *more, cwd=folder, input=lines)
        assert done.stdout == wanted.stdout, more


# formats


def test_rows_come_back_with_their_label_filled_in(select, folder: Path) -> None:
    (folder / "r.csv").write_text(
        '\ufeffid,text,label\r\n1,"a fine, ""moving"" film",\r\n2,"two\nlines",?\r\n\r\n3,a mess,x'
    )
    rows = select("remarks", "r.csv")
    head = rows.partition("\r\n")[0]
    assert head == "id,text,label,uncertainty"
    assert rows.count("\n") == 5
    assert sorted(row.partition(",")[0] for row in rows.replace("two\nlines", "").splitlines()[1:]) == ["1", "2", "3"]
    assert '"a fine, ""moving"" film",' in rows
    assert '"two\nlines",' in rows
    assert "?" not in rows
    again = select("remarks", "--input", "csv", input=rows)
    assert again.splitlines()[0] == head


def test_a_column_of_anything_else_is_not_filled_in(select) -> None:
    assert select("remarks", "--input", "tsv", input="id\ttext\n7\tan awful mess\n") == (
        "id\ttext\tlabel\tuncertainty\n7\tan awful mess\tnegative\t0.972472\n"
    )
    assert select("remarks", "--input", "tsv", input="7\tan awful mess\n").startswith(
        "7\tan awful mess\tnegative\t0."
    )


def test_rows_of_files_with_other_columns_are_refused(folder: Path) -> None:
    (folder / "a.csv").write_text("text,id\nfine,1\n")
    (folder / "b.csv").write_text("id,text\n2,bad\n")
    done = seqcli("select", "-m", "remarks.safetensors", "a.csv", "b.csv", cwd=folder)
    assert done.returncode == 1
    assert "b.csv:2:3: the columns differ from those of the first file" in done.stderr


def test_a_mark_between_texts_is_text_to_a_model_of_one(select) -> None:
    for form in ("tsv", "jsonl"):
        assert "red" in select("linear", "--format", form, input="red ␟ cat\n")


def test_columns_of_labels_may_be_numbers(select, folder: Path) -> None:
    (folder / "gold.tsv").write_text("x\ttext\tgold\n1\tit ran\tZ\n")
    head, row = select("linear", "--text", "2", "--label", "3", "gold.tsv").splitlines()
    assert head == "x\ttext\tgold\tuncertainty"
    assert row.split("\t")[:2] == ["1", "it ran"]
    assert row.split("\t")[2] in ("positive", "negative")


def test_objects_keep_what_they_hold(select) -> None:
    given = '{"id": 1.0e2, "text": "the cat" , "label": null, "n": [1,  2]}\r\n\n'
    found = select("remarks", "--field", "text", input=given)
    assert found.startswith('{"id": 1.0e2, "text": "the cat", "n": [1,  2], "label": "')
    assert set(json.loads(found)) == {"id", "text", "n", "label", "seqcli"}
    tokens = select("pos", "--input", "jsonl", input='{"tokens": ["it", "ran"], "tags": [null, null], "k": 1e999}\n')
    assert tokens.startswith('{"tokens": ["it", "ran"], "k": 1e999, "tags": ["')


def test_conllu_keeps_all_but_the_tags(select) -> None:
    found = select("pos", "--input", "conllu", input=UD)
    blocks = [b for b in found.split("\n\n") if b.strip()]
    assert len(blocks) == 2
    assert found.endswith("\n\n")
    own = next(b for b in blocks if "sent_id = 1" in b).splitlines()
    assert own[:2] == ["# sent_id = 1", "# text = I took it."]
    assert own[2].startswith("# uncertainty = ")
    assert own[5] == "3-4\tit.\t_\t_\t_\t_\t_\t_\t_\t_"
    plain = ["\t".join(c for i, c in enumerate(line.split("\t")) if i != 3) for line in own[3:]]
    given = [line for line in UD.splitlines() if line[:1].isdigit()][:5]
    assert plain == ["\t".join(c for i, c in enumerate(line.split("\t")) if i != 3) for line in given]


def test_columns_have_a_score_where_there_are_comments(select) -> None:
    given = "Bob\tNNP\nsaw\tVBD\n\n\n# x\nAda\tNNP\nran\tVBD"
    how = ["--input", "conll", "--columns", "word,pos"]
    plain = select("ner", *how, input=given.replace("# x\n", ""))
    assert sorted(plain.split("\n\n")) == ["", "Ada\tNNP\tB-PER\nran\tVBD\tO", "Bob\tNNP\tB-PER\nsaw\tVBD\tO"]
    scored = select("ner", *how, "--comments", "#", input=given)
    assert scored.count("# uncertainty = 0.") == 2
    assert "# x\n# uncertainty" in scored or "# uncertainty" in scored.partition("# x")[2]


def trained(folder: Path, name: str, recipe: str) -> dict:
    """The recipe is trained; the header of the model."""
    (folder / f"{name}.yaml").write_text(recipe)
    done = seqcli("-q", "train", f"{name}.yaml", "--name", name, "--overwrite", cwd=folder)
    assert done.returncode == 0, done.stderr
    return dict(door.load(folder / "runs" / name).header)


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "label-text", "fasttext"])
def test_what_is_written_of_texts_trains(form: str, select, folder: Path) -> None:
    pytest.importorskip("scipy", reason="fitting needs SciPy, of the extra `train`")
    lines = "".join(
        f"{a} {b}, film\n" for a in ("a good", "an awful", "fine") for b in ("and dull", '"moving"', "mess")
    )
    text = select("remarks", "--format", form, input=lines)
    assert {"positive", "negative"} <= set(
        text.replace("__label__", "").replace('"', " ").replace("\t", " ").replace(",", " ").split()
    )
    (folder / f"new-{form}").write_text(text)
    data = f"data: {{train: new-{form}, valid: new-{form}, format: {form}}}"
    header = trained(folder, f"of-{form}", f"task: classification\n{data}\nmodel: ngram-linear\n")
    assert header["vocabulary"]["labels"] == ["negative", "positive"]
    assert header["data"]["splits"]["train"]["records"] == 9
    model, other = door.load(folder / "remarks.safetensors"), door.load(folder / "runs" / f"of-{form}")
    report = model.evaluate(folder / f"new-{form}", input=form)
    assert report.metrics["accuracy"] == 1.0
    assert other.header["data"]["format"] == form


@pytest.mark.parametrize("form", ["conll", "conllu", "jsonl", "word-tag"])
def test_what_is_written_of_sentences_trains(form: str, select, folder: Path) -> None:
    text = select("pos", "--format", form, "lines.txt")
    (folder / f"tags-{form}").write_text(text)
    data = f"data: {{train: tags-{form}, valid: tags-{form}, format: {form}}}"
    header = trained(folder, f"of-{form}", f"task: tagging\n{data}\nmodel: frequency-tagger\n")
    assert header["data"]["splits"]["train"]["sentences"] == 6
    report = door.load(folder / "pos.safetensors").evaluate(folder / f"tags-{form}", input=form)
    assert report.metrics["accuracy"] == 1.0


def test_several_labels_are_lists_or_share_a_cell(select) -> None:
    objects = [json.loads(line) for line in select("topics", input="bread and the drum\nit ran\n").splitlines()]
    assert all(isinstance(own["labels"], list) for own in objects)
    rows = select("topics", "--format", "tsv", input="bread and the drum\nit ran\n").splitlines()
    assert [row.split("\t")[0] for row in rows[1:]] == [",".join(own["labels"]) for own in objects]


# labels that are doubtful


def test_labels_that_were_changed_are_listed_first(folder: Path, select) -> None:
    model, draw = door.load(folder / "linear.safetensors"), random.Random(1)
    texts = [
        " ".join(draw.choices(["good", "bad", "fine", "awful", "film", "mess", "the", "dull"], k=6))
        for _ in range(200)
    ]
    sure = [text for text in texts if max(model.classify(text).values()) > 0.7]
    assert len(sure) > 40
    labels = [model.chosen(text)[0] for text in sure]
    changed = sorted(draw.sample(range(len(sure)), 5))
    other = {"positive": "negative", "negative": "positive"}
    given = [other[label] if i in changed else label for i, label in enumerate(labels)]
    rows = "".join(f"{text}\t{label}\n" for text, label in zip(sure, given, strict=True))
    (folder / "given.tsv").write_text("text\tlabel\n" + rows)
    found = [json.loads(line) for line in select("linear", "--doubtful", "given.tsv", "--jsonl").splitlines()]
    places = [f"given.tsv:{i + 2}:{len(sure[i]) + 2}" for i in changed]
    assert len(found) > 2  # those of which the model is surer than it is on average
    assert {own["place"] for own in found} <= set(places)
    assert [own["confidence"] for own in found] == sorted(own["confidence"] for own in found)
    assert all(own["predicted"] == other[own["gold"]] for own in found)
    lines = select("linear", "--doubtful", "given.tsv", "-n", 2).splitlines()
    first = found[0]
    assert lines[0].split("\t") == [
        *(
            first["place"],
            first["gold"],
            f"{first['confidence']:.4f}",
            first["predicted"],
            f"{first['probability']:.4f}",
        ),
        first["text"],
    ]
    assert len(lines) == 2


def test_tags_that_were_changed_are_listed_word_by_word(folder: Path, select) -> None:
    lines = "the cat sat on a mat\nthe dog ran\nit ran over the mat\nthe cat and the dog\n" * 3
    rows = [line.split("\t") for line in select("pos", "--format", "conll", input=lines).split("\n")]
    model, sure = door.load(folder / "pos.safetensors"), []
    for i, row in enumerate(rows):
        if row[0] == "the":  # those of which the model is the surest: surer than it is on average
            first = next(k for k in range(i, -2, -1) if k < 0 or not rows[k][0]) + 1
            end = next(k for k in range(i, len(rows)) if not rows[k][0])
            sure.append((model.tag([own[0] for own in rows[first:end]])[i - first][2], i))
    the = [i for _, i in sorted(sure, reverse=True)]
    for i in the[:2]:
        rows[i][1] = "VERB"
    text = "\n".join("\t".join(row) for row in rows)
    (folder / "given.conll").write_text(text)
    found = [line.split("\t") for line in select("pos", "--doubtful", "given.conll").splitlines()]
    assert sorted(row[0] for row in found[:2]) == sorted(f"given.conll:{i + 1}:5" for i in the[:2])
    assert {(row[1], row[3], row[5]) for row in found[:2]} == {("VERB", "DET", "the")}
    assert all(row[6].split()[0] for row in found)


def test_of_several_labels_each_is_asked_for(folder: Path, select) -> None:
    model = door.load(folder / "topics.safetensors")
    texts = [f"{a} {b}" for a in ("bread", "cheese", "drum", "violin", "goal") for b in ("the cat", "race", "soup")]
    given = [{"text": text, "labels": model.chosen(text)} for text in texts]
    (folder / "given.jsonl").write_text("".join(json.dumps(own) + "\n" for own in given))
    assert select("topics", "--doubtful", "given.jsonl") == ""
    for own in given[:2]:
        own["labels"] = [label for label in model.labels if label not in own["labels"]]
    (folder / "given.jsonl").write_text("".join(json.dumps(own) + "\n" for own in given))
    rows = [line.split("\t") for line in select("topics", "--doubtful", "given.jsonl").splitlines()]
    assert rows
    assert {row[0].split(":")[1] for row in rows} <= {"1", "2"}
    assert all(row[1].removeprefix("!") == row[3].removeprefix("!") and row[1] != row[3] for row in rows)


def test_its_own_training_data_are_told(folder: Path) -> None:
    pytest.importorskip("scipy", reason="fitting needs SciPy, of the extra `train`")
    rows = [f"{label}\t{word} film {i}" for i in range(8) for label, word in (("good", "fine"), ("bad", "dull"))]
    (folder / "own.tsv").write_text("\n".join(["label\ttext", *rows]) + "\n")
    trained(folder, "own", "task: classification\ndata: {train: own.tsv, valid: own.tsv}\nmodel: ngram-linear\n")
    (folder / "more.tsv").write_text("\n".join(["label\ttext", *rows[:3], "good\tnever seen"]) + "\n")
    for name, said in (("own", "own.tsv: 16 of 16 records"), ("more", "more.tsv: 3 of 4 records")):
        done = seqcli("select", "-m", "own", "--doubtful", f"{name}.tsv", cwd=folder)
        assert f"{said} are the model's own training data" in done.stderr
    (folder / "own.tsv").unlink()
    assert "own training" not in seqcli("select", "-m", "own", "--doubtful", "more.tsv", cwd=folder).stderr


def test_labels_that_the_model_does_not_know_are_left_out(folder: Path) -> None:
    done = seqcli(
        "select",
        "-m",
        "linear.safetensors",
        "--doubtful",
        "--input",
        "tsv",
        cwd=folder,
        input="text\tlabel\na film\todd\n",
    )
    assert done.returncode == 0
    assert "1 labels that the model does not know are left out" in done.stderr


# what does not go


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ("-m lm.safetensors", "is a model of the kind language-model: `select` cannot use it"),
        ("-m spaces.safetensors", "there is nothing to label"),
        ("-m remarks.safetensors --by span", "--by span does not apply to remarks.safetensors"),
        ("-m pos.safetensors --by span", "the tags of pos.safetensors are not spans"),
        ("-m pos.safetensors --by odd", "--by odd: expected one of margin, entropy, least, span"),
        ("-m pos.safetensors --by margin --per-word", "it does not apply to --by margin"),
        ("-m remarks.safetensors --per-word", "--per-word does not apply to"),
        ("-m pos.safetensors --text x", "--text does not apply to"),
        ("-m remarks.safetensors --tag x", "--tag does not apply to"),
        ("-m waves.safetensors --diverse", "--diverse compares texts"),
        ("-m waves-tags.safetensors --format conll", "reads frames"),
        ("-m pos.safetensors --format tsv", "unknown format 'tsv' in --format"),
        ("-m remarks.safetensors --format conll", "unknown format 'conll' in --format"),
        ("-m forms.safetensors --format word-tag", "one tag a word"),
        ("-m forms.safetensors --tag odd", "the model has no target 'odd'"),
        ("-m topics.safetensors --format label-text", "a text has several labels"),
        ("-m pos.safetensors --jsonl --format conll", "--jsonl contradicts --format conll"),
        ("-m pos.safetensors --doubtful --diverse", "leave out --doubtful"),
        ("-m pos.safetensors --doubtful --jobs 2", "leave out --doubtful"),
        ("-m pos.safetensors --input odd", "unknown format 'odd' in --input"),
        ("-m pos.safetensors --field x --input conll", "--field says how to read jsonl"),
    ],
)  # fmt: skip
def test_what_does_not_go_is_said(args: str, said: str, folder: Path) -> None:
    assert said in refused(folder, *args.split(), input="the cat\n")


def test_an_input_without_records_is_none(select) -> None:
    assert select("pos") == ""
    assert select("pos", input="\n\n  \n") == ""
    assert select("pos", "--format", "conllu", "--diverse") == ""
    assert select("linear", "--format", "tsv") == "label\ttext\tuncertainty\n"
    assert select("linear", "--input", "csv") == ""


def test_a_mistake_in_what_is_read_is_told_with_its_place_and_nothing_is_written(folder: Path) -> None:
    done = seqcli(
        "select", "-m", "linear.safetensors", "--field", "text", cwd=folder, input='{"text": "a"}\n{"text": 3}\n'
    )
    assert done.returncode == 1
    assert "<stdin>:2:10" in done.stderr
    assert not done.stdout


def test_in_a_pipe(folder: Path, spawn: Callable[..., subprocess.Popen[bytes]]) -> None:
    first = spawn("-q", "select", "-m", "pos.safetensors", "-n", 2, "--format", "conllu", cwd=folder)
    out, err = first.communicate("".join(f"{line}\n" for line in LINES).encode(), 60)
    assert (first.returncode, err) == (0, b"") or b"no symbol" in err
    second = spawn("-q", "tag", "-m", "pos.safetensors", "--format", "conllu", cwd=folder)
    again, _ = second.communicate(out, 60)
    assert again == out  # its own tags


def test_torch_is_not_imported(folder: Path, spawn: Callable[..., subprocess.Popen[bytes]]) -> None:
    (folder / "torch.py").write_text("raise SystemExit('torch is imported')\n")  # python -m looks there first
    for more in ([], ["--diverse"], ["--doubtful", "--input", "conll"]):
        given = b"the\tDET\ncat\tNOUN\n\n" if "--doubtful" in more else b"the cat\n"
        done = spawn("select", "-m", "pos.safetensors", *more, cwd=folder)
        _, err = done.communicate(given, 60)
        assert done.returncode == 0, err
