"""Lists of n best answers: three forms, however they come, and where they are wrong."""

from __future__ import annotations

import pytest

from seqcli import nbest
from seqcli.errors import SeqcliError, UsageError
from seqcli.nbest import Best
from seqcli.streams import Chunk

ROWS = "a\tone\t-1\t2\na\ttwo words\t-2.5\t1e1\nb\t\t0\t0\n"
MOSES = (
    "0 ||| a red house ||| d= -1 -2 lm= -3.5 ||| -7.25 ||| 0-0 1-1\n0 ||| a house ||| d= -2 0 lm= -3 ||| -8\n"
    "1 |||  ||| d= 0 0 lm= 0 ||| 0\n"
)
OBJECTS = (
    '{"source": "x", "seqcli": {"text": "y", "answers": [{"text": "y", "logprob": -1, "finished": true},'
    ' {"text": "z", "logprob": -2, "finished": false}]}}\n\n{"seqcli": {"answers": []}}\n'
)


def read(text: str, form: str | None = None, parts: int = 1) -> list[Best]:
    """The lists of a text that comes in so many parts."""
    reader, found, line = nbest.reader(form), [], 1
    for i in range(parts):
        part = text[i * len(text) // parts : (i + 1) * len(text) // parts]
        found += reader.feed(Chunk(part, "f", line, 1 if not i else 2))
        line += part.count("\n")
    return [*found, *reader.close()]


def test_rows() -> None:
    first, second = read(ROWS)
    assert (first.text, first.texts, first.names) == ("a", ["one", "two words"], ("score1", "score2"))
    assert [one.scores for one in first.hypotheses] == [[-1, 2], [-2.5, 10]]
    assert (second.text, second.texts, second.place()) == ("b", [""], "f:3:3")
    assert first.place(1) == "f:2:3"
    named = read("id\ttext\tam\n" + ROWS.replace("\t2\n", "\n").replace("\t1e1\n", "\n").replace("\t0\t0", "\t0"))
    assert named[0].names == named[0].usual == ("am",)
    assert read("a\tx\t1\n")[0].names == ("score",)


def test_rows_of_moses() -> None:
    first, second = read(MOSES)
    assert first.names == ("d1", "d2", "lm", "total")
    assert first.usual == ("total",)
    assert first.texts == ["a red house", "a house"]
    assert [one.scores for one in first.hypotheses] == [[-1, -2, -3.5, -7.25], [-2, 0, -3, -8]]
    assert second.texts == [""]
    assert first.chosen(["lm", "d1"]) == [2, 0]
    assert read("7 ||| x ||| -1 -2\n")[0].usual == ("score1", "score2")


def test_objects_that_generate_writes() -> None:
    first, blank, empty = read(OBJECTS)
    assert (first.texts, first.names, first.usual) == (["y", "z"], ("logprob",), ("logprob",))
    assert blank.hypotheses == empty.hypotheses == []
    assert blank.raw == ""


@pytest.mark.parametrize("text", [ROWS, MOSES, OBJECTS, ROWS.replace("\n", "\r\n"), "\ufeff" + MOSES])
def test_lists_are_the_same_in_whatever_parts_they_come(text: str) -> None:
    whole = read(text)
    assert len(whole) >= 2
    for form in (None, "moses" if "|||" in text else "jsonl" if "{" in text else "tsv"):
        reader, found = nbest.reader(form), []
        for i, line in enumerate(text.split("\n")[:-1], 1):
            found += reader.feed(Chunk(line + "\n", "f", i))
        assert [*found, *reader.close()] == whole


@pytest.mark.parametrize(
    ("text", "form", "said"),
    [
        ("a\tb\n", "tsv", "f:1:1: a row needs an id, an answer and a score"),
        ("a\tb\t1\na\tb\tx1\n", "tsv", "f:2:5: 'x1' is not a score"),
        ("a\tb\t1\na\tb\tnan\n", "tsv", "f:2:5: 'nan' is not a score"),
        ("a\tb\t1\na\tb\t1_0\n", "tsv", "f:2:5: '1_0' is not a score"),
        ("a\tb\t1\t2\na\tc\t1\n", "tsv", "f:2:1: 1 scores, where the first answer has 2"),
        ("a\tb\t1\nc\tb\t1\na\tb\t1\n", "tsv", "f:3:1: list 'a' begins again"),
        ("id\ttext\tlm\na\tb\t1\n", "tsv", "f:1:1: rename the score 'lm'"),
        ("0 ||| a\n", "moses", "f:1:1: a row needs an id, an answer and scores, with ||| between"),
        ("0 ||| a ||| x= 1 b= two\n", "moses", "f:1:21: 'two' is not a score"),
        ("0 ||| a ||| 1 ||| much\n", "moses", "f:1:19: 'much' is not a score"),
        ('{"seqcli": \n', "jsonl", "f:1:12: not a JSON object"),
        ('{"text": "x"}\n', "jsonl", "f:1:1: no list of answers under seqcli.answers"),
        ("[1]\n", "jsonl", "f:1:1: no list of answers"),
        ('{"seqcli": {"answers": [{"text": null}]}}\n', "jsonl", "f:1:1: an answer without a text"),
        ('{"seqcli": {"answers": [{"text": "a", "p": 1}, {"text": "b"}]}}\n', "jsonl", "f:1:1: an answer whose 'p'"),
    ],
)
def test_mistakes_have_their_place(text: str, form: str, said: str) -> None:
    with pytest.raises(SeqcliError) as error:
        read(text, form)
    assert error.value.message.startswith(said)
    assert error.value.status == 1


def test_a_score_that_is_not_there_and_a_form() -> None:
    with pytest.raises(SeqcliError, match="f:1:3: the answers have no score 'score3'"):
        read(ROWS)[0].chosen(["score3"])
    with pytest.raises(UsageError, match="unknown form 'mose'"):
        nbest.reader("mose")
