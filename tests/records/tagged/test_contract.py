"""Every format of the registry: what goes in comes out, however the text is cut, and any record can be written."""

from __future__ import annotations

import json
import pickle
import sys
from subprocess import run
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli.errors import UsageError
from seqcli.records import TAGGED, Answer, Options, Sentence, cell, formats_of, open_format
from seqcli.streams import Chunk

READERS = tuple(n for n in formats_of(TAGGED) if n != "long")  # of series: tests/frames
WRITERS = formats_of(TAGGED, "WRITES")
BLOCKS, OF_LINES = {"conll", "conllu"}, {"text", "tokens", "word-tag", "jsonl"}
HOLD_TAGS = {"word-tag", "conll", "conllu"}

quick = settings(
    max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ODD = ["", " ", "/", "\\", "a/b", "\\/", "/\\", "\\_", "\t", "\n", "\r", "\r\n", "\0", "_", "#", "1", "O", "🙂", "👩‍👩‍👧"]  # fmt: skip
ODD += ["שלום", "مرحبا", "\u200f", "\u2028", "\x85", "\x0b\x0c", "\x1c", "\u00a0", "10\u00a0000", "\u3000", "e\u0301", '"', "{"]  # fmt: skip
odd = st.sampled_from(ODD)
words = st.lists(st.one_of(odd, st.text(st.characters(exclude_categories=["Cs"]), max_size=6)), max_size=6)
tags = st.sampled_from(["NN", "B-PER", "O", "PRP$", "/", "a b", "É"])


def sample(name: str) -> str:
    return {
        "text": "Hello, world.\n\n second line\nlast\n",
        "tokens": "Hello , world .\n\n a  b\t\nlast\n",
        "word-tag": "Hello/UH ,/, world/NN\n\n 1\\/2/CD \t x/NN \nlast/JJ\n",
        "jsonl": '{"id": 1.0, "tokens": ["a", "b/c"], "tags": ["X", "Y"]}\n\n{"tokens" :[],"tags":[]} \n{"text": "hi"}\n',
        "conll": "\n-DOCSTART- O\n\nHello UH\n, ,\n\n\nworld NN\n. .\n\n",
        "conllu": (
            "\n# sent_id = 1\n# text = du pain\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\tE\t_\t0\troot\t_\t_\n"
            "2\tle\tle\tDET\tD\tNumber=Sing\t1\tdet\t_\t_\n2.1\tx\tx\tX\tX\t_\t_\t_\t_\t_\n"
            "3\tpain\tpain\tNOUN\tN\t_\t1\tobj\t_\tSpaceAfter=No\n\n\n# text = ?\n1\t?\t?\tPUNCT\t.\t_\t0\troot\t_\t_\n\n"
        ),
    }[name]


def plain(sentence: Sentence) -> tuple[Any, ...]:
    s = sentence
    places = list(s.places), list(s.tag_places)
    return s.words, s.tags, s.features, s.source, s.line, places, s.text, s.offsets, s.split, s.record


def test_the_registry_holds_the_formats() -> None:
    assert set(WRITERS) == {"text", "tokens", "word-tag", "conll", "conllu", "jsonl", "spans"}
    assert set(READERS) == set(WRITERS) - {"spans"}
    with pytest.raises(UsageError, match="unknown format 'conlu'") as error:
        open_format(TAGGED, "conlu")
    assert "did you mean" in error.value.hint


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_gold_tags_written_back_are_the_same_bytes(
    read: Any, write: Any, name: str, ends: str, last: bool, bom: str
) -> None:
    text = bom + sample(name).replace("\n", ends)
    text = text if last else text.rstrip("\r\n")
    sentences = read(name, text)
    if name == "jsonl":  # a result is added: it is the last member, and what stands before it is untouched
        written = write(name, sentences)
        for before, after in zip(text.split("\n"), written.split("\n"), strict=True):
            assert after.startswith(before.rstrip("\r ")[:-1])
            assert after.endswith("\r") == before.endswith("\r")
    else:
        assert write(name, sentences, replace=True) == text
    assert all(word != "" and "\ufeff" not in word for s in sentences for word in s.words)


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
@quick
def test_records_do_not_depend_on_the_chunks(read: Any, name: str, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([sample(name), sample(name).rstrip("\n"), sample(name).replace("\n", "\r\n")]))
    cuts = data.draw(st.sets(st.integers(0, text.count("\n"))))
    assert [plain(s) for s in read(name, text, cuts)] == [plain(s) for s in read(name, text)]


@pytest.mark.parametrize("name", READERS)
def test_a_record_comes_as_soon_as_it_is_complete(chunked: Any, name: str) -> None:
    """A live pipe waits for it: one record is out before the line behind it is in."""
    text, count = sample(name), 0
    reader = open_format(TAGGED, name).Reader(Options(TAGGED, gold=False))
    for chunk in chunked(text, range(text.count("\n"))):
        found = list(reader.feed(chunk))
        blank = not chunk.text.strip()
        if name in OF_LINES:
            assert len(found) == 1
        elif found:
            assert blank
        count += len(found)
    assert list(reader.close()) == []
    assert count == (4 if name in OF_LINES else 2)


@pytest.mark.parametrize("source", READERS)
@pytest.mark.parametrize("target", WRITERS)
def test_as_many_records_come_out_as_went_in(read: Any, write: Any, source: str, target: str) -> None:
    sentences = read(source, sample(source) + "\n" * (source in BLOCKS))
    for sentence in sentences:
        if not sentence.split:
            sentence.fill(sentence.text.split(), [])
            found = 0
            for word in sentence.words:
                found = sentence.text.index(word, found)
                sentence.offsets = [*(sentence.offsets or []), (found, found + len(word))]
    real = [s for s in sentences if s.record]
    assert len(real) == (4 if source in OF_LINES else 2)
    written = write(target, real, "X")
    if target in BLOCKS:
        again = [s for s in read(target, written) if s.record]
        assert [s.words for s in again] == [s.words for s in real if s.words]  # a block without words cannot be told
        if target != "conllu":  # there only what has words is written
            assert written.count("\n\n") + written.startswith("\n") >= len(real) - 1
    else:
        assert written.count("\n") == len(real)
        if target in ("word-tag", "tokens"):
            assert [s.words for s in read(target, written)] == [s.words for s in real]


@pytest.mark.parametrize("target", WRITERS)
@given(words=words, data=st.data())
@quick
def test_any_word_can_be_written(read: Any, write: Any, target: str, words: list[str], data: st.DataObject) -> None:
    given_tags = data.draw(st.lists(tags, min_size=len(words), max_size=len(words)))
    sentence = Sentence(words, text=" ".join(words))
    written = write(target, [sentence], lambda s: Answer(given_tags, spans=[]))
    assert written.endswith("\n") or (target, words) == ("conllu", [])  # blank lines hold no sentence there
    if target in ("jsonl", "spans"):
        record = json.loads(written)
        assert record["text"] == sentence.text
        assert [t["text"] for t in record["seqcli"].get("tokens", [])] == (words if target == "jsonl" else [])
        assert all(record["text"][t["start"] : t["end"]] == t["text"] for t in record["seqcli"].get("tokens", []))
        return
    if target == "text":
        assert written.count("\n") == 1
        return
    # a first word that begins with a byte order mark is the one thing that a file cannot begin with
    again = [s for s in read(target, "\n" + written) if s.words]
    assert len(again) == bool(words)
    if not words:
        return
    blanks = target == "tokens"
    assert again[0].words == (words if target == "word-tag" else [cell(w, blanks=blanks) for w in words])
    if target in HOLD_TAGS:
        assert again[0].tags == (given_tags if target != "conllu" else [cell(t) for t in given_tags])


@pytest.mark.parametrize("name", READERS)
def test_sources_follow_each_other(read: Any, write: Any, name: str) -> None:
    """A record does not go from one file into the next, and the output of the first is ended where it was not."""
    text = sample(name).rstrip("\n")
    reader = open_format(TAGGED, name).Reader(Options(TAGGED, gold=False))
    found = list(reader.feed(Chunk(text, "a", 1))) + list(reader.feed(Chunk(text, "b", 1))) + list(reader.close())
    alone = [s for s in read(name, text) if s.record]
    assert [s.words for s in found if s.record] == [s.words for s in alone] * 2
    assert [s.line for s in found if s.record] == [s.line for s in alone] * 2
    assert {s.source for s in found} == {"a", "b"}
    if name != "jsonl":
        assert write(name, found, replace=True) == text + ("\n\n" if name in BLOCKS else "\n") + text
    again = reader.__class__(Options(TAGGED, gold=False))
    twice = [
        list(again.feed(Chunk(text, "a", 1))),
        list(again.feed(Chunk("\n", "a", 1))),
        list(again.feed(Chunk(text, "a", 1))),
    ]
    assert [s.words for part in [*twice, list(again.close())] for s in part if s.record] == [
        s.words for s in alone
    ] * 2


@pytest.mark.parametrize("name", READERS)
def test_a_line_may_come_in_parts(read: Any, name: str) -> None:
    """`read_chunks` cuts a very long line where it is allowed to."""
    first, _, rest = sample(name).lstrip("\n").partition("\n")
    text = f"{first}\n{rest}"
    reader = open_format(TAGGED, name).Reader(Options(TAGGED, gold=False))
    found = list(reader.feed(Chunk(first[:5], "f", 1))) + list(reader.feed(Chunk(first[5:] + "\n" + rest, "f", 1, 6)))
    assert [plain(s) for s in found + list(reader.close())] == [plain(s) for s in read(name, text)]


@pytest.mark.parametrize("name", READERS)
def test_records_travel_to_other_processes(read: Any, write: Any, name: str) -> None:
    sentences = read(name, sample(name))
    again = pickle.loads(pickle.dumps(sentences))
    assert [plain(s) for s in again] == [plain(s) for s in sentences]
    assert write(name, again, "X") == write(name, sentences, "X")


@pytest.mark.parametrize("name", READERS)
def test_formats_that_say_so_have_gold_tags(read: Any, name: str) -> None:
    assert (name in formats_of(TAGGED, "GOLD")) == any(s.tags for s in read(name, sample(name)))


def test_a_word_of_a_text_that_the_caller_splits_stands_in_its_line() -> None:
    sentence = Sentence(text="a  bc", source="f", line=3)
    assert sentence.place(0) == "f:3:1"
    sentence.fill(["a", "bc"], [(0, 1), (3, 5)])
    assert (sentence.place(1), sentence.place(1, tag=True)) == ("f:3:4", "f:3:4")


@pytest.mark.parametrize("name", READERS)
def test_nothing_in_nothing_out(read: Any, name: str) -> None:
    assert read(name, "") == []
    assert list(open_format(TAGGED, name).Reader(Options(TAGGED, gold=False)).close()) == []


@pytest.mark.parametrize("name", ["text", "tokens", "word-tag"])
def test_nul_is_a_character_like_others(read: Any, name: str) -> None:
    (sentence,) = read(name, "a\0b/X\n")
    assert "a\0b" in sentence.text


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_what_is_no_record_is_written_by_its_own_format_alone(read: Any, write: Any, name: str) -> None:
    sentences = read(name, sample(name) + "\n\n")
    assert [s.record for s in sentences] == [True, True, False]
    assert write(name, sentences, replace=True) == sample(name) + "\n\n"
    assert all(write(other, sentences[-1:]) == "" for other in WRITERS if other != name)


def test_torch_and_pydantic_stay_out() -> None:
    code = (
        "import sys; from seqcli import registry; [registry.load('records', n) for n in registry.names('records')];"
        "print(sorted({'torch', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
