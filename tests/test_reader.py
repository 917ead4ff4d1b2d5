"""Language models that read for taggers and classifiers: their states against their own equations, one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.inprocess import seqcli

from seqcli import artifact, load, ops
from seqcli.errors import UsageError
from seqcli.reader import Reader, left, line_hash, line_hashes, placed
from seqcli.records import Example, Sentence

TEXT = "the dog barks.\na cat doesn't bark!\nthe cats and dogs sleep, all of them.\n" * 12
LM = """task: language-model
tokenizer: {kind: char, unk: true}
data: {train: a.txt}
model: {cell: gru, embedding: 6, hidden: 10}
train: {steps: 12, sequence_length: 16, batch_size: 4, threads: 1}
"""
TAG = """task: tagging
data: {train: train.conll, valid: valid.conll}
model: {embedding: 8, hidden: 8, characters: null, reader: [runs/f, runs/b]}
train: {steps: 30, batch_size: 4, learning_rate: 2e-2, evaluate_every: 10, threads: 1}
"""
CLASSIFY = """task: classification
tokenizer: word
data: {train: train.tsv, valid: valid.tsv}
model: {embedding: 8, hidden: 8, reader: runs/f}
train: {steps: 30, batch_size: 4, learning_rate: 2e-2, evaluate_every: 10, threads: 1}
"""
TAGS = {"the": "DET", "a": "DET", "dog": "NOUN", "cat": "NOUN", "barks": "VERB", "sleeps": "VERB"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found, rng = tmp_path_factory.mktemp("reader"), np.random.default_rng(1)
    (found / "a.txt").write_text(TEXT)
    for name, text in (("lm", LM), ("tag", TAG), ("classify", CLASSIFY)):
        (found / f"{name}.yaml").write_text(text)
    for split, count in (("train", 40), ("valid", 10)):
        sentences = [rng.choice([*TAGS], rng.integers(1, 7)).tolist() for _ in range(count)]
        blocks = ["".join(f"{w}\t{TAGS[w]}\n" for w in words) for words in sentences]
        (found / f"{split}.conll").write_text("\n".join(blocks) + "\n")
        labelled = [f"{' '.join(words)}\t{'yes' if 'dog' in words else 'no'}\n" for words in sentences]
        (found / f"{split}.tsv").write_text("text\tlabel\n" + "".join(labelled))
    trained(found, "lm", "f")
    trained(found, "lm", "b", "data.reversed=true")
    trained(found, "lm", "pieces", "tokenizer={kind: sentencepiece, size: 275}")
    trained(found, "tag", "tag")
    trained(found, "classify", "classify")
    return found


def trained(folder: Path, recipe: str, name: str, *sets: str) -> str:
    done = seqcli("train", f"{recipe}.yaml", "--name", name, *(a for s in sets for a in ("--set", s)), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def sentence(text: str, *places: tuple[int, int]) -> Sentence:
    return Sentence([text[a:b] for a, b in places], offsets=[*places], text=text)


RECORDS = [
    sentence("the dog doesn't bark.", (0, 3), (4, 7), (8, 12), (12, 15), (16, 20), (20, 21)),
    Sentence(["a", "cat"]),
    sentence("Ünknown ☃ dogs", (0, 7), (8, 9), (10, 14)),
    Sentence([]),
    Sentence(["x" * 70]),
]


def by_hand(part: Any, text: str, place: tuple[int, int]) -> np.ndarray:
    """The state (S,) once the model has read a line's end and the text as far as the word's other end, as it trains:
    of pieces, those that begin before it."""
    start, end = place
    text, end = (text[::-1], len(text) - start) if part.header["reversed"] else (text, end)
    ids, spans = part.tokenizer.read(text)[0].tolist(), part.tokenizer.offsets(text)
    ids = [i for i, (a, _) in zip(ids, spans, strict=True) if a < end]
    if part.tokenizer.newline_id is not None:
        ids.insert(0, part.tokenizer.newline_id)
    h, _ = part.model.hidden(np.array(ids)[:, None], part.model.initial_state(1))
    return np.asarray(h)[-1, 0]


@pytest.mark.parametrize("names", [["runs/f"], ["runs/b"], ["runs/f", "runs/b"], ["runs/pieces", "runs/f"]])
def test_states_are_those_of_the_models_at_the_ends_of_words(here: Path, names: list[str]) -> None:
    reader = Reader.named(names)
    for record, states in zip(RECORDS, reader(RECORDS), strict=True):
        assert states.shape == (len(record.words), reader.width == len(names) * 10 and reader.width)
        text, places = placed(record)
        for row, place in zip(states, places, strict=True):
            wanted = np.concatenate([by_hand(part, text, place) for part in reader.parts])
            np.testing.assert_allclose(row, wanted, atol=1e-5)


def test_states_depend_on_nothing_beside_them(here: Path) -> None:
    reader = Reader.named(["runs/f", "runs/b"])
    together = reader(RECORDS * 9)
    for i, record in enumerate(RECORDS * 9):
        np.testing.assert_array_equal(together[i], reader([record])[0])


def test_characters_without_a_symbol_are_left_out(here: Path) -> None:
    trained(here, "lm", "known", "tokenizer={kind: char}")
    reader = Reader.named(["runs/known"])
    odd, plain = sentence("a ☃ dog☃", (0, 1), (2, 3), (4, 8)), sentence("a  dog", (0, 1), (1, 2), (3, 6))
    np.testing.assert_array_equal(reader([odd])[0], reader([plain])[0])
    assert reader([sentence("☃☃", (0, 2))])[0].shape == (1, 10)


def test_a_corpus_is_read_once(here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEQCLI_CACHE", str(tmp_path))
    reader, records = Reader.named(["runs/f"]), [sentence("the dog", (0, 3), (4, 7)), Sentence([]), Sentence(["cat"])]
    wanted = reader(records)
    for damage in (False, True):
        for record in records:
            record.states = None
        reader.attach({"train": records[:2], "valid": records[2:]})
        for record, own in zip(records, wanted, strict=True):
            np.testing.assert_array_equal(record.states, own)
        (kept,) = (tmp_path / "states").glob("*.bin")
        written = kept.stat().st_mtime_ns
        if damage:
            break
        kept.write_bytes(kept.read_bytes()[:-1])
    assert kept.stat().st_mtime_ns == written
    reader.attach({"train": records[:2], "valid": records[2:]})
    assert kept.stat().st_mtime_ns == written


def test_a_tagger_scores_alike_in_training_and_in_use(here: Path) -> None:
    from seqcli.recipe.load import load_recipe
    from seqcli.tasks.tagging.train import Task

    task = Task.prepare(load_recipe("tag.yaml"), artifact.read("runs/tag/model.safetensors"), None)
    own = load("runs/tag")
    batch = task.batch(0, 0)
    x, lengths = own.model.inputs(batch)
    wide = own.model.scores(x, batch["features"], lengths)
    for b, s in enumerate(task.buckets.batch(0, 0)):
        s.states = None
        ((_, emissions, _, _),) = own.scores([s])
        np.testing.assert_allclose(emissions[0], wide[: len(s.words), b], atol=1e-4)


@pytest.mark.parametrize("verb", ["tag", "classify"])
def test_filters_give_what_a_line_alone_gives(folder: Path, verb: str) -> None:
    lines = ["the dog barks", "a cat", "", "the the the dog sleeps ☃", "doesn't the dog bark?"]
    done = seqcli(verb, "-m", f"runs/{verb}", input="\n".join(lines) + "\n", cwd=folder)
    assert done.returncode == 0, done.stderr
    alone = [seqcli(verb, "-m", f"runs/{verb}", input=f"{line}\n", cwd=folder).text for line in lines]
    assert done.text == "".join(alone)
    objects = seqcli(verb, "-m", f"runs/{verb}", "--jsonl", "--explain", input="the dog barks\n", cwd=folder)
    assert objects.returncode == 0, objects.stderr
    assert json.loads(objects.text)


def test_the_file_holds_its_readers(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alone.safetensors").write_bytes((folder / "runs/tag/model.safetensors").read_bytes())
    done = seqcli("tag", "-m", "alone.safetensors", input="the dog\n", cwd=tmp_path)
    assert done.text == seqcli("tag", "-m", "runs/tag", input="the dog\n", cwd=folder).text
    about = seqcli("inspect", "alone.safetensors", cwd=tmp_path).text
    assert "runs/f, gru, char, forward" in about
    assert "runs/b, gru, char, from the end" in about
    stored = artifact.read(tmp_path / "alone.safetensors")
    fewer = {n: a for n, a in stored.arrays.items() if not n.startswith("reader1.")}
    header = {k: v for k, v in stored.header.items() if k != "checksum"}
    artifact.write(tmp_path / "less.safetensors", {**header, "reader": header["reader"][:1]}, fewer)
    done = seqcli("tag", "-m", "less.safetensors", input="the dog\n", cwd=tmp_path)
    assert done.returncode == 1
    assert "less.safetensors" in done.stderr
    assert "Traceback" not in done.stderr


def test_training_goes_on_with_the_readers_of_the_file(folder: Path) -> None:
    whole = trained(folder, "tag", "whole")
    done = seqcli("train", "tag.yaml", "--name", "part", "--set", "train.steps=15", cwd=folder)
    assert done.returncode == 0
    begun = artifact.read(folder / "runs/whole/model.safetensors").arrays
    again = seqcli("train", "tag.yaml", "--name", "tuned", "--init-from", "runs/whole", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert "reader" not in again.stderr
    tuned = artifact.read(folder / "runs/tuned/model.safetensors").arrays
    for name in (n for n in begun if n.startswith("reader")):
        np.testing.assert_array_equal(begun[name], tuned[name])
    assert "best accuracy" in whole


def test_texts_that_a_reader_has_seen_are_counted(folder: Path) -> None:
    seen = "the cats and dogs sleep , all of them ."
    words = "".join(f"{w}\tX\n" for w in seen.split())
    (folder / "seen.conll").write_text(words + "\nthe\tX\ndog\tX\n")
    said = trained(folder, "tag", "seen", "data.valid=seen.conll", "data.train=[train.conll, seen.conll]")
    assert "runs/f was trained on 1 of the 1 long texts of the valid split" in said
    assert artifact.read(folder / "runs/seen/model.safetensors").header["reader"][0]["seen"] == {"valid": 1}
    assert "1 texts of valid were in its training text" in seqcli("inspect", "runs/seen", cwd=folder).text


def test_characters_that_a_reader_lacks_are_told(folder: Path) -> None:
    (folder / "greek.conll").write_text("λόγος\tX\n\n" * 3 + "the\tX\n\n")
    said = trained(folder, "tag", "greek", "data.train=greek.conll")
    assert "model.reader: runs/f has no symbol for 83% of the training text" in said
    assert "has no symbol for" not in trained(folder, "tag", "latin")


def test_lines_are_told_apart_however_they_are_spaced() -> None:
    line = "a line of some words, and more"
    assert line_hash(line) == line_hash(line.replace(" ", "")) != line_hash(line + "!")
    assert line_hash("too short to tell") is None
    found = line_hashes([f"{line}\nshort\n", f"{line}!\n{line}\n"])
    assert found.tolist() == sorted(found.tolist())
    assert set(found.tolist()) == {line_hash(line), line_hash(f"{line}!")}


def test_a_text_without_some_of_its_words_keeps_its_spaces() -> None:
    own = RECORDS[0]
    assert left(own, range(6)) == (own.text, own.offsets)
    assert left(own, [1, 2, 4, 5]) == ("dog does bark.", [(0, 3), (4, 8), (9, 13), (13, 14)])
    assert left(own, []) == ("", [])
    both = sentence("au lit", (0, 2), (0, 2), (3, 6))  # two words of one token
    assert left(both, [0, 1, 2]) == ("au lit", [(0, 2), (0, 2), (3, 6)])
    assert left(both, [1, 2]) == ("au lit", [(0, 2), (3, 6)])


def test_long_sentences_are_cut_with_their_states(folder: Path) -> None:
    trained(folder, "tag", "cut", "data.longest=3")


def test_classifiers_count_what_a_reader_has_seen(folder: Path) -> None:
    line = "the cats and dogs sleep , all of them ."
    (folder / "seen.tsv").write_text(f"text\tlabel\n{line}\tno\nthe dog\tyes\n")
    said = trained(folder, "classify", "seen2", "data.valid=seen.tsv")
    assert "runs/f was trained on 1 of the 1 long texts of the valid split" in said


@pytest.mark.parametrize("mode", ["why", "gates", "flow"])
@pytest.mark.parametrize(("name", "data"), [("classify", "valid.tsv"), ("tag", "valid.conll")])
def test_networks_with_a_reader_can_be_looked_at(folder: Path, mode: str, name: str, data: str) -> None:
    done = seqcli("look", mode, "-m", f"runs/{name}", data, cwd=folder)
    assert done.returncode == 0, done.stderr


def test_what_is_explained_is_read_as_it_stands(here: Path) -> None:
    own = load("runs/classify")
    (answer,) = own.answer([own.ready("the  dog, barks")], own.asked(explain=True))
    assert answer.explained[-1].read == pytest.approx(answer.ranking[0][1], abs=1e-6)
    own = load("runs/tag")
    record = sentence("the dog doesn't bark.", (0, 3), (4, 7), (8, 12), (12, 15), (16, 20), (20, 21))
    (answer,) = own.answer([record], own.asked(explain=True, confidence=True))
    read = [rows[1][-1] for rows in answer.explained]
    assert read == pytest.approx(answer.probabilities, abs=1e-5)


def test_damaged_readers_are_told(here: Path, tmp_path: Path) -> None:
    stored = artifact.read("runs/tag/model.safetensors")
    header = {k: v for k, v in stored.header.items() if k != "checksum"}
    first, second = header["reader"]
    for odd in (5, {"a": 1}, [first, {**second, "reversed": 3}], [first, {**second, "checksum": None}], [first, {}],
                [first, {**second, "tokenizer": {**second["tokenizer"], "characters": "abc"}}]):  # fmt: skip
        artifact.write(tmp_path / "odd.safetensors", {**header, "reader": odd}, stored.arrays)
        done = seqcli("tag", "-m", tmp_path / "odd.safetensors", input="the dog\n", cwd=here)
        again = seqcli("train", "tag.yaml", "--name", "odd", "--init-from", tmp_path / "odd.safetensors", cwd=here)
        for found in (done, again):
            assert found.returncode == 1, found.stderr
            assert "odd.safetensors" in found.stderr
            assert "bug" not in found.stderr


def test_models_that_read_the_other_way_are_not_taken_together(here: Path) -> None:
    (here / "z.txt").write_text("the dog\nabcdefZ\n")
    trained(here, "lm", "strict", "data.reversed=true", "tokenizer={kind: char}")
    done = seqcli("eval", "-m", "runs/strict", "z.txt", cwd=here)
    assert "z.txt:2:7: the character 'Z'" in done.stderr
    done = seqcli("eval", "-m", "runs/b", "--mix", "runs/f=0.5", "a.txt", cwd=here)
    assert "it cannot be mixed with others" in done.stderr
    with pytest.raises(UsageError, match="backwards"):
        load("runs/b").generate("the")
    done = seqcli("train", "lm.yaml", "--name", "o", "--init-from", "runs/b", "--set", "data.reversed=true", cwd=here)
    assert done.returncode == 0, done.stderr
    done = seqcli(
        "train", "lm.yaml", "--name", "o2", "--init-from", "runs/f", "--set", "data.reversed=true", cwd=here
    )
    assert "in the other direction" in done.stderr


def test_a_tuned_model_knows_the_lines_of_its_first_text(here: Path) -> None:
    (here / "short.txt").write_text("the dog\n" * 40)
    done = seqcli(
        "train", "lm.yaml", "--name", "f2", "--init-from", "runs/f", "--set", "data.train=short.txt", cwd=here
    )
    assert done.returncode == 0, done.stderr
    lines = [artifact.read(f"runs/{name}/model.safetensors").arrays["lines"].tolist() for name in ("f", "f2")]
    assert lines[0] == lines[1] != []


@pytest.mark.parametrize(
    ("recipe", "sets", "said"),
    [
        ("tag", ["model.reader=runs/none"], "no such model"),
        ("tag", ["model.reader=runs/tag"], "is of the kind tagger"),
        ("tag", ["model.reader=runs/ngram"], "is of the kind ngram"),
        ("classify", ["model.reader=runs/f", "data.text=[text, label]"], "reads the words of one text"),
        ("lm", ["data.reversed=maybe"], "data.reversed"),
    ],
)
def test_what_cannot_read_is_refused(folder: Path, recipe: str, sets: list[str], said: str) -> None:
    if not (folder / "runs/ngram").exists():
        trained(folder, "lm", "ngram", "model=ngram", "train=null")
    done = seqcli("train", f"{recipe}.yaml", "--name", "no", *(a for s in sets for a in ("--set", s)), cwd=folder)
    assert done.returncode in (1, 2)
    assert said in done.stderr


def test_a_model_that_reads_from_the_end_writes_nothing(folder: Path) -> None:
    done = seqcli("generate", "-m", "runs/b", "--prompt", "the", cwd=folder)
    assert done.returncode == 2
    assert "seqcli eval" in done.stderr
    assert seqcli("eval", "-m", "runs/b", "a.txt", cwd=folder).returncode == 0


def test_a_reversed_model_reads_lines_from_their_ends(here: Path) -> None:
    own = load("runs/b")
    turned = "".join(f"{line[::-1]}\n" for line in TEXT.splitlines())
    (here / "turned.txt").write_text(turned)
    forward = seqcli("train", "lm.yaml", "--name", "t", "--set", "data.train=turned.txt", cwd=here)
    assert forward.returncode == 0
    other = load("runs/t")
    for name, array in own.model.arrays().items():
        np.testing.assert_array_equal(ops.to_numpy(other.model.arrays()[name]), array)
    assert own.evaluate(files="a.txt").metrics == other.evaluate(files="turned.txt").metrics
    assert own.evaluate(TEXT).metrics == other.evaluate(turned).metrics


def test_examples_know_where_their_words_stand(here: Path) -> None:
    own = load("runs/classify")
    ready = own.ready("the  dog, barks")
    assert isinstance(ready, Example)
    assert ready.offsets is not None
    assert [ready.text[a:b] for a, b in ready.offsets] == ready.words
