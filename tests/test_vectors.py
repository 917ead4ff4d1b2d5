"""Vectors: those that the models' own last layers read, each its own to the last bit; files of them, similar texts."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import seqcli as command

import seqcli
from seqcli import artifact, ops
from seqcli.datasets.vectors import read_vectors
from seqcli.layers.pooling import Pooling
from seqcli.vectors import Candidates, Found, array_file, units

MODELS = Path(__file__).resolve().parent / "net/models"
TEXTS = ["the cat sat on a mat", "", "abc", "forty two", " \t", "Bob saw New York and the cat", "fed", "a"]
SERIES = {
    "waves": ["0.1,0.9,0.2,-0.8:0,1,0,1", "", "0.4 0.5 0.6:0 0.5 1"],
    "waves-tags": ["0.1,0 0.9,1 -0.8,1", "", "0.4,0"],
    "beeps": ["1,1,0,0:0,0,1,1", "", "1,0,1:0,0,0"],
    "beeps-ctc": ["1,1,0,0:0,0,1,1", "", "1,0,1:0,0,0"],
    "tides": ["1 2 3", "", "2.5 4 99 -7"],
}
COUNTED = ("linear", "lm-counted", "tags-counted", "waves-linear")
COLUMNS = "ner"  # it reads a column beside the words
NETWORKS = sorted(p.stem for p in MODELS.glob("*.safetensors") if p.stem not in (*COUNTED, COLUMNS))


def opened(name: str) -> Any:
    return seqcli.load(MODELS / f"{name}.safetensors")


def texts(name: str) -> list[str]:
    return SERIES.get(name, TEXTS)


def ready(own: Any, given: list[Any]) -> list[Any]:
    """Records as the model reads them."""
    made = [own.vectoring.record(own, text) for text in given]
    return [own.made_ready(own.prepare(record, own.asked())) for record in made]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_vector_hangs_on_its_text_alone(name: str) -> None:
    own, given = opened(name), texts(name)
    together = own.vectors(given)
    assert together.dtype == np.float32
    assert together.shape == (len(given), own.width())
    for text, vector in zip(given, together, strict=True):
        assert np.array_equal(own.vectors([text])[0], vector)
        if not text.strip() or name != "topics":  # a bag of words that it does not know is empty
            assert vector.any() == bool(text.strip())
    assert np.array_equal(own.vectors(given[::-1] * 9), np.concatenate([together[::-1]] * 9))
    assert own.vectors([]).shape == (0, own.width())
    if name == "trees":
        return
    for text, states in zip(given, own.vectors(given, each=True), strict=True):
        assert np.array_equal(own.vectors([text], each=True)[0], states)
        (record,) = ready(own, [text])
        assert len(own.vectoring.symbols(own, record, len(states))) == len(states)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "trees"])
def test_pools_are_of_the_words(name: str) -> None:
    own, given = opened(name), texts(name)
    states = own.vectors(given, each=True)
    both = getattr(getattr(own.model, "stack", None), "both", False)
    for y, mean, last, most in zip(
        states, *(own.vectors(given, pool=p) for p in ("mean", "last", "max")), strict=True
    ):
        if not len(y):
            assert not np.stack([mean, last, most]).any()
            continue
        half = y.shape[1] // 2
        np.testing.assert_allclose(mean, y.astype(np.float64).mean(0), rtol=1e-5, atol=1e-6)
        assert np.array_equal(most, y.max(0))
        assert np.array_equal(last, np.concatenate([y[-1, :half], y[0, half:]]) if both else y[-1])


def near(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", ["remarks", "remarks-attention", "topics", "trees", "waves"])
def test_the_last_layer_of_a_classifier_reads_it(name: str) -> None:
    own = opened(name)
    given = [text for text in texts(name) if text.strip()]
    near(own.vectors(given) @ own.model.output_weight.T + own.model.output_bias, own.model.logits(ready(own, given)))


@pytest.mark.parametrize("name", ["pos", "pos-attention", "forms", "spaces", "waves-tags"])
def test_the_last_layer_of_a_tagger_reads_the_words(name: str) -> None:
    own = opened(name)
    given = [text for text in texts(name) if text.strip()]
    records = ready(own, given)
    scored = own.model.emissions([own.read(record) for record in records])
    for y, emissions in zip(own.vectors(given, each=True), scored, strict=True):
        near(y @ own.model.output_weight.T + own.model.output_bias, emissions)


@pytest.mark.parametrize("name", ["lm", "lm-words", "lm-attention", "tides"])
def test_the_softmax_of_a_language_model_reads_what_stands_behind_each_token(name: str) -> None:
    own, given = opened(name), texts(name)[0]
    (y,), ids = own.vectors([given], each=True), own.tokenizer.read(given)[0].astype(np.int64)
    begin = [] if own.tokenizer.newline_id is None else [own.tokenizer.newline_id]
    assert len(y) == len(ids)
    _, state = own.model.start(np.array(begin, np.int64))
    for h, id in zip(y, ids, strict=True):
        logits, state = own.model.step(np.array([id]), None, state)
        near(ops.log_softmax(own.model.logits(h[None])), ops.log_softmax(logits))


def test_a_model_that_reads_from_the_end(tmp_path: Path) -> None:
    stored = artifact.read(MODELS / "lm.safetensors")
    header = {**stored.header, "data": {**stored.header["data"], "reversed": True}}
    artifact.write(tmp_path / "back.safetensors", header, stored.arrays)
    forward, back = opened("lm"), seqcli.load(tmp_path / "back.safetensors")
    (ahead,), (behind,) = forward.vectors(["tac eht"], each=True), back.vectors(["the cat"], each=True)
    assert np.array_equal(behind, ahead[::-1])
    assert np.array_equal(back.vectors(["the cat"], pool="last"), forward.vectors(["tac eht"], pool="last"))
    (record,) = ready(back, ["the cat"])
    assert back.vectoring.symbols(back, record, 7) == forward.vectoring.symbols(
        forward, *ready(forward, ["the cat"]), 7
    )


def test_the_encoder_gives_what_its_layers_give() -> None:
    own = opened("digits")
    ids = own.codec.source_ids("forty two")
    x = ops.embedding(ids, own.model.source_embedding)[:, None]
    (y,) = own.vectors(["forty two"], each=True)
    near(y, own.model.encoder.read(x, np.array([len(ids)]))[:, 0])
    assert own.vectoring.symbols(own, *ready(own, ["forty two"]), len(y))[-1] == "<eos>"


def test_the_encoder_of_a_transformer_gives_what_its_decoder_remembers() -> None:
    own = opened("back")
    ids = own.codec.source_ids("abcdef")
    (y,) = own.vectors(["abcdef"], each=True)
    (inside, sources), _ = own.model.start([ids])
    for block, kept in zip(own.model.decoder, sources, strict=True):
        again = block.remember(np.concatenate([y]), inside)
        for one, other in zip(again, kept, strict=True):
            near(one, other)


def test_steps_of_ctc_and_of_a_transducer() -> None:
    ctc, given = opened("beeps-ctc"), SERIES["beeps-ctc"][:1]
    (y,), (record,) = ctc.vectors(given, each=True), ready(ctc, given)
    (logprobs,) = ctc.model.posteriors([ctc.codec.source_of(record)])
    near(ops.log_softmax(y @ ctc.model.output_weight.T + ctc.model.output_bias), logprobs)
    edits = opened("plurals")
    (y,), ids = edits.vectors(["abc"], each=True), edits.codec.source_ids("abc")
    (memory, *_), _ = edits.model.start([ids])
    assert np.array_equal(memory[0, : len(y)], y)


@pytest.mark.parametrize("name", COUNTED)
def test_counts_have_none(name: str, tmp_path: Path) -> None:
    with pytest.raises(seqcli.SeqcliError, match="has no vectors"):
        opened(name).vectors(["a"])
    done = command("embed", "-m", MODELS / f"{name}.safetensors", cwd=tmp_path, input="a\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert "`embed` cannot use it\n  hint: only networks give vectors" in done.stderr


# the verb


def lines(name: str) -> str:
    return "".join(f"{text}\n" for text in texts(name))


@pytest.mark.parametrize("name", ["remarks", "pos", "lm", "back", "waves"])
def test_lines_objects_and_arrays_say_the_same(name: str, tmp_path: Path) -> None:
    model = ["embed", "-m", MODELS / f"{name}.safetensors"]
    expected = opened(name).vectors(texts(name))
    plain = command(*model, cwd=tmp_path, input=lines(name))
    assert plain.returncode == 0, plain.stderr
    assert plain.text == "".join(" ".join(f"{x:.6g}" for x in row.tolist()) + "\n" for row in expected)
    np.testing.assert_allclose(np.loadtxt(io.StringIO(plain.text)), expected, rtol=1e-5)
    again = command(*model, "--batch-size", "1", "--threads", "2", cwd=tmp_path, input=lines(name))
    assert again.stdout == plain.stdout
    objects = [
        json.loads(line) for line in command(*model, "--jsonl", cwd=tmp_path, input=lines(name)).text.splitlines()
    ]
    np.testing.assert_allclose([o["seqcli"]["vector"] for o in objects], expected, rtol=1e-5)
    done = command(*model, "-o", "v.npy", cwd=tmp_path, input=lines(name))
    assert (done.returncode, done.stdout) == (0, b"")
    found = np.load(tmp_path / "v.npy")
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)
    done = command(*model, "--per", "word", "-o", "v.npz", cwd=tmp_path, input=lines(name))
    assert done.returncode == 0, done.stderr
    whole, states = np.load(tmp_path / "v.npz"), opened(name).vectors(texts(name), each=True)
    assert whole["lengths"].tolist() == list(map(len, states))
    assert np.array_equal(whole["vectors"], np.concatenate(states))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["v.npy", "v.npz"]


def test_words_are_lines_and_records_end_with_an_empty_one(tmp_path: Path) -> None:
    model, given = ["embed", "-m", MODELS / "pos.safetensors", "--per", "word"], "the cat\n\nsat\n"
    blocks = [block.splitlines() for block in command(*model, cwd=tmp_path, input=given).text.split("\n\n")]
    assert [[line.split("\t")[0] for line in block] for block in blocks] == [["the", "cat"], ["", "sat"], []]
    found = [
        json.loads(line)["seqcli"] for line in command(*model, "--jsonl", cwd=tmp_path, input=given).text.splitlines()
    ]
    assert [o["tokens"] for o in found] == [["the", "cat"], [], ["sat"]]
    states = opened("pos").vectors(["the cat"], each=True)[0]
    np.testing.assert_allclose(found[0]["vectors"], states, rtol=1e-5)


def test_columns_of_words_and_what_is_no_record(tmp_path: Path) -> None:
    given = "Bob\tNNP\nsaw\tVBD\n\nAda\tNNP\n\n\n"
    model = ["embed", "-m", MODELS / "ner.safetensors", "--input", "conll", "--columns", "word,pos"]
    plain = command(*model, cwd=tmp_path, input=given)
    assert plain.text.count("\n") == 2, plain.stderr
    objects = [json.loads(x) for x in command(*model, "--jsonl", cwd=tmp_path, input=given).text.splitlines()]
    assert [o["text"] for o in objects] == ["Bob saw", "Ada"]
    refused = command("embed", "-m", MODELS / "ner.safetensors", cwd=tmp_path, input="Bob\n")
    assert refused.returncode == 1
    assert "no column 'pos'" in refused.stderr


def test_rows_and_objects_come_back(tmp_path: Path) -> None:
    model = ["embed", "-m", MODELS / "remarks.safetensors"]
    (tmp_path / "r.csv").write_text('id,text\n1,"a fine, good film"\n2,\n')
    rows = command(*model, "r.csv", cwd=tmp_path).text.splitlines()
    assert rows[0] == "id,text,vector"
    assert rows[1].startswith('1,"a fine, good film",')
    assert len(rows[1].rpartition(",")[2].split()) == 16
    done = command(*model, "--field", "say", cwd=tmp_path, input='{"say": "a film", "n":1e0}\n\n')
    assert done.text.startswith('{"say": "a film", "n":1e0, "seqcli": {"vector": [')
    assert done.text.endswith("}}\n\n")


def test_processes_write_the_same(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("the cat\na film\nfine\n")
    model = ["embed", "-m", MODELS / "remarks.safetensors", "--similar", "c.txt", "--top", "2"]
    one = command(*model, cwd=tmp_path, input=lines("remarks"))
    several = command(*model, "--jobs", "2", "--batch-size", "3", cwd=tmp_path, input=lines("remarks"))
    assert one.returncode == several.returncode == 0, several.stderr
    assert several.stdout == one.stdout


# similar texts


def test_the_most_similar_are_those_of_all_cosines() -> None:
    draw = np.random.default_rng(1)
    held, asked = draw.normal(size=(300, 7)).astype(np.float32), draw.normal(size=(70, 7)).astype(np.float32)
    held[200] = held[10]  # the first of two that are alike comes first
    asked[3], asked[5] = held[10], 0.0
    found = Candidates.of(held, 4).similar(asked)
    wide = [
        x.astype(np.float64) / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
        for x in (held, asked + (asked == 0))
    ]
    cosines = wide[1] @ wide[0].T
    for i, near_ones in enumerate(found):
        if i == 5:
            assert near_ones == []
            continue
        assert [at for _, at in near_ones] == np.argsort(-np.round(cosines[i], 6), kind="stable")[:4].tolist()
        np.testing.assert_allclose([s for s, _ in near_ones], cosines[i][[at for _, at in near_ones]], atol=1e-6)
        assert Candidates.of(held, 4).similar(asked[i : i + 1]) == [near_ones]
    assert [at for _, at in found[3][:2]] == [10, 200]
    assert len(Candidates.of(held[:2], 9).similar(asked[:1])[0]) == 2
    assert not units(np.zeros((1, 3), np.float32)).any()


def test_similar_lines(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("a fine film\n\nthe cat sat\nan awful mess\nthe cat sat\n")
    model = ["embed", "-m", MODELS / "remarks.safetensors", "--similar", "c.txt"]
    done = command(*model, "--top", "2", cwd=tmp_path, input="the cat sat\n\n")
    assert done.text == "1.0000\tthe cat sat\n1.0000\tthe cat sat\n0.0000\t-\n0.0000\t-\n", done.stderr
    found = json.loads(command(*model, "--top", "2", "--jsonl", cwd=tmp_path, input="the cat sat\n").text)
    assert [(s["text"], s["line"]) for s in found["seqcli"]["similar"]] == [("the cat sat", 3), ("the cat sat", 5)]
    few = command(*model, cwd=tmp_path, input="the cat sat\n").text.splitlines()
    assert (len(few), few[-1]) == (5, "0.0000\t-")  # as many as were asked for, whatever the file has
    (tmp_path / "c.jl").write_text('{"say": "the cat sat"}\n')
    keys = ["--input", "jsonl", "--field", "say", "--top", "1"]
    same = command(*model[:-1], "c.jl", *keys, cwd=tmp_path, input='{"say": "the cat sat"}\n')
    assert json.loads(same.text)["seqcli"]["similar"][0]["similarity"] == 1
    (tmp_path / "odd.txt").write_bytes(b"a fine film\nthe zonk\xe9\n")
    assert command(*model[:-1], "odd.txt", cwd=tmp_path, input="a\n").returncode == 1
    assert command(*model[:-1], "odd.txt", "--errors", "replace", cwd=tmp_path, input="a\n").returncode == 0
    strict = command(*model[:-1], "odd.txt", "--errors", "replace", "--unknown", "strict", cwd=tmp_path, input="a\n")
    assert "odd.txt:2:5: there is no symbol for" in strict.stderr
    (tmp_path / "c.csv").write_text("id,text\n1,a fine film\n2,the cat sat\n")
    (tmp_path / "q.csv").write_text("text\nthe cat sat\n")
    rows = command(*model[:-1], "c.csv", "--top", "1", "q.csv", cwd=tmp_path)
    assert rows.text == "text,similarity1,similar1\nthe cat sat,1.0000,the cat sat\n", rows.stderr
    (tmp_path / "empty.txt").write_text("\n")
    none = command(*model[:-1], "empty.txt", cwd=tmp_path, input="a\n")
    assert (none.returncode, none.stdout) == (1, b"")
    assert "contains no text to compare with" in none.stderr


# the table, files, mistakes


def test_the_table_of_words_is_read_again(tmp_path: Path) -> None:
    for name in ("pos", "remarks", "lm-words"):
        own = opened(name)
        done = command("embed", "-m", MODELS / f"{name}.safetensors", "--words", cwd=tmp_path)
        (tmp_path / "w.txt").write_text(done.text)
        found = read_vectors(tmp_path / "w.txt", (), keep_all=True)
        words = own.vocabulary.words if name != "lm-words" else list(own.tokenizer.vocabulary())
        rows = own.model.embedding[-len(words) :]
        if name == "lm-words":
            assert words[:2] == ["<unk>", "<eos>"]  # which are no words
            words, rows = words[2:], rows[2:]
        assert found.words == words
        np.testing.assert_allclose(found.matrix, rows, rtol=1e-5)
        head, *rest = done.text.splitlines()
        assert head == f"{len(words)} {rows.shape[1]}"
        assert {len(line.split(" ")) for line in rest} == {rows.shape[1] + 1}  # as other readers divide them


def test_empty_input_is_an_array_without_rows(tmp_path: Path) -> None:
    done = command("embed", "-m", MODELS / "remarks.safetensors", "-o", "v.npy", cwd=tmp_path, input="")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "v.npy").shape == (0, 16)


def test_a_mistake_leaves_no_array(tmp_path: Path) -> None:
    (tmp_path / "v.npy").write_bytes(b"as it was")
    (tmp_path / "bad.txt").write_bytes(b"the cat\nthe \xff dog\n")
    done = command("embed", "-m", MODELS / "remarks.safetensors", "-o", "v.npy", "bad.txt", cwd=tmp_path)
    assert done.returncode == 1
    assert "bad.txt:2:5" in done.stderr
    assert (tmp_path / "v.npy").read_bytes() == b"as it was"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.txt", "v.npy"]
    lost = command("embed", "-m", MODELS / "remarks.safetensors", "-o", "no/v.npy", cwd=tmp_path, input="a\n")
    assert lost.returncode == 1
    assert "error: cannot write no/v.npy: No such file or directory" in lost.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("the cat\n" * 3000)
    args = f"{sys.executable} -m seqcli -q embed -m {MODELS}/remarks.safetensors -o v.npy many.txt"
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 16; exec {args}"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "error: cannot write v.npy: File too large\n"
    assert [p.name for p in tmp_path.iterdir()] == ["many.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_closed_pipe_ends_it(tmp_path: Path) -> None:
    (tmp_path / "many.txt").write_text("the cat\n" * 30000)
    args = [sys.executable, "-m", "seqcli", "embed", "-m", MODELS / "remarks.safetensors", "many.txt"]
    with subprocess.Popen(args, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_heads_of_arrays_are_of_one_length(tmp_path: Path) -> None:
    for count in (0, 1, 12):
        with array_file(str(tmp_path / "v.npy"), 3) as write:
            for i in range(count):
                write(None, Found(np.full(3, i, np.float32)))
        assert np.load(tmp_path / "v.npy").tolist() == [[i] * 3 for i in range(count)]


MISTAKES = [
    ("remarks", "--per sentence", "--per sentence: expected text or word"),
    ("remarks", "--pool sum", "--pool sum: expected one of mean, last, max"),
    ("remarks", "--pool max --per word", "cannot be combined with --per word"),
    ("remarks", "--top 3", "--top needs --similar"),
    ("remarks", "-o v.npz", "vectors for each text are written as .npy"),
    ("remarks", "-o v.npy --per word", "vectors for each word are written as .npz"),
    ("remarks", "-o v.npy --jsonl", "--jsonl cannot be combined with it"),
    ("remarks", "-o v.npy --similar x", "--output cannot be combined with it"),
    ("remarks", "--per word --similar x", "--per cannot be combined with it"),
    ("remarks", "--similar -", "standard input already holds the records"),
    ("remarks", "--words --jsonl", "--words writes the model's table and reads nothing: --jsonl"),
    ("remarks", "--per word --input csv", "--per word: csv rows get one vector each"),
    ("remarks", "--input csv --jsonl", "csv comes back with further columns"),
    ("remarks", "--columns word,pos", "--columns"),
    ("remarks", "--input pcm", "unknown format 'pcm'"),
    ("pos", "--text x", "--text does not apply to"),
    ("pos", "--input odd", "unknown format 'odd'"),
    ("pos", "--separator tab", "--separator is for conll"),
    ("trees", "--pool mean", "reads trees: a record is one vector"),
    ("trees", "--per word", "reads trees: a record is one vector"),
]


@pytest.mark.parametrize(("name", "options", "said"), MISTAKES)
def test_what_does_not_go_together_is_refused(name: str, options: str, said: str, tmp_path: Path) -> None:
    done = command("embed", "-m", MODELS / f"{name}.safetensors", *options.split(), cwd=tmp_path, input="a\n")
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert said in done.stderr
    assert not any(tmp_path.iterdir())


def test_the_door_refuses_alike() -> None:
    with pytest.raises(seqcli.SeqcliError, match="one of mean, last, max"):
        opened("remarks").vectors(["a"], pool="sum")
    with pytest.raises(seqcli.SeqcliError, match="--per word"):
        Pooling.of("max", each=True)
