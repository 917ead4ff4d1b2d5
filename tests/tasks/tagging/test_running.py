"""Running text: the same windows and sentences however it arrives, offsets and places that are right, and training
paragraphs whose labels give the treebank back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.conll18 import raw, scores, spans
from support.examples import examples

from seqcli.metrics.divisions import Metric
from seqcli.records import TAGGED, Answer, Options, Sentence, conllu
from seqcli.records import text as plain
from seqcli.restoration import sentences
from seqcli.streams import BOM, Chunk
from seqcli.tasks.tagging import running
from seqcli.tasks.tagging.paragraphs import paragraphs

TREEBANK = """\
# newdoc
# newpar
# text = I'm here...well
1-2	I'm	_	_	_	_	_	_	_	_
1	I	I	PRON	_	_	2	x	_	_
2	'm	be	AUX	_	_	0	root	_	_
3	here	here	ADV	_	_	2	x	_	SpaceAfter=No
4	...	...	PUNCT	_	_	2	x	_	SpaceAfter=No
5	well	well	ADV	_	_	2	x	_	SpaceAfter=No

# text = (So? du pain!)
1	(	(	PUNCT	_	_	2	x	_	SpaceAfter=No
2	So	so	ADV	_	_	0	root	_	SpaceAfter=No
3	?	?	PUNCT	_	_	2	x	_	_
4-5	du	_	_	_	_	_	_	_	_
4	de	de	ADP	_	_	2	x	_	_
5	le	le	DET	_	_	2	x	_	_
6	pain	pain	NOUN	_	_	2	x	_	SpaceAfter=No
7-8	!)	_	_	_	_	_	_	_	_
7	!	!	PUNCT	_	_	2	x	_	_
8	)	)	PUNCT	_	_	2	x	_	_

# newpar
# text = Ok
1	Ok	ok	INTJ	_	_	0	root	_	SpaceAfter=No

"""
PIECES = [*"a.! \n\t", "\n\n", "\r\n", "e\u0301", " \u0301", "\u3000", "🇩🇪", "👩‍💻", "Mr. X", "。", "\ud800", "\x1c"]
TEXT = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)


def of_treebank(text: str) -> list[Sentence]:
    """The sentences of CoNLL-U."""
    reader = conllu.Reader(Options(TAGGED, gold=False))
    return [*reader.feed(Chunk(text, "f", 1)), *reader.close()]


def chunks(text: str, cuts: Sequence[int]) -> Iterator[Chunk]:
    """A text cut anywhere, as a pipe may bring it."""
    ends = [0, *sorted({cut % (len(text) + 1) for cut in cuts} - {0, len(text)}), len(text)]
    for begin, end in pairwise(ends):
        before = text[:begin]
        column = begin - (before.rfind("\n") + 1) + 1 - (before[:1] == BOM and "\n" not in before)
        yield Chunk(text[begin:end], "f", 1 + before.count("\n"), column)


def windows(text: str, cuts: Sequence[int] = (), **how: Any) -> list[Sentence]:
    """What a text is read as."""
    reader = running.Reader(**how)
    return [w for chunk in chunks(text, cuts) for w in reader.feed(chunk)] + [*reader.close()]


def label(units: Sequence[str]) -> list[str]:
    """Sentences end behind ! and ., a token ends before them."""
    return [
        "S" if unit in ".!" else "W" if after in (".", "!") else "-"
        for unit, after in zip(units, [*units[1:], ""], strict=True)
    ]


def found(read: Sequence[Sentence], by: Callable[[Sequence[str]], list[str]] = label, **how: Any) -> list[Sentence]:
    """The sentences of windows."""
    own = running.Sentences(lambda text: [(0, len(text))], finer=how.get("finer", True))
    return [s for w in read for s in own.of(w, Answer(by(w.words)))]


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few units."""
    monkeypatch.setattr(running, "CORE", 7)
    monkeypatch.setattr(running, "CONTEXT", 3)


@given(text=TEXT, cuts=st.lists(st.integers(0, 1000), max_size=8), line_ends=st.booleans())
@example(text="\ufeffa b.\n\nc", cuts=[1, 2], line_ends=False)
@settings(max_examples=examples(300), deadline=None)
def test_sentences_are_the_same_however_the_text_arrives(text: str, cuts: list[int], line_ends: bool) -> None:
    whole, cut = windows(text, line_ends=line_ends), windows(text, cuts, line_ends=line_ends)
    assert [(w.words, w.raw[:4], list(w.places)) for w in cut] == [
        (w.words, w.raw[:4], list(w.places)) for w in whole
    ]
    ours, theirs = ([(s.text, s.raw, s.words, s.offsets, [*s.places]) for s in found(read)] for read in (cut, whole))
    assert ours == theirs
    assert all(len(w.words) <= running.CORE + 2 * running.CONTEXT for w in whole)
    # the units are those that a model was trained on
    units: list[str] = []
    for w in whole:
        units += w.words[w.raw.first : w.raw.end]
        if w.raw.last:
            assert units == sentences.observe("".join(units))
            units = []
    assert "".join("".join(s.text.split()) for s in found(whole)) == "".join(text.removeprefix(BOM).split())


@given(text=TEXT)
@settings(max_examples=examples(200), deadline=None)
def test_offsets_and_places_are_those_of_the_source(text: str) -> None:
    source, lines = text.removeprefix(BOM), text.removeprefix(BOM).split("\n")
    for s in found(windows(text)):
        place = s.raw
        assert " ".join(source[place.start : place.end].split()) == s.text
        assert s.text == s.text.strip()
        for word, (line, column), (begin, end) in zip(s.words, s.places, s.spread(), strict=True):
            assert s.text[begin:end] == word
            assert lines[line - 1][column - 1 :].startswith(word)


def test_paragraphs_and_documents() -> None:
    read = [*windows("one. two\nthree\n \n\nfour.five\n\n"), *windows("six\nseven")]
    texts = [(s.text, s.raw.paragraph, s.raw.blank, s.raw.joined) for s in found(read)]
    assert texts == [
        ("one.", True, True, False),
        ("two three", False, False, False),
        ("four.", True, True, True),
        ("five", False, False, False),
        ("six seven", True, True, False),
    ]
    assert [s.raw.document for s in found(read)] == ["f", None, None, None, "f"]
    assert [s.text for s in found(windows("a\nb. c\n\nd", line_ends=True))] == ["a", "b.", "c", "d"]
    assert [s.raw.blank for s in found(windows("a\nb\n\nd", line_ends=True))] == [True, False, True]


def test_a_sentence_that_never_ends_is_ended_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "LONGEST", 10)
    ended = found(windows("ab cde fghi " + "x" * 25), lambda units: ["-"] * len(units))
    assert [s.text for s in ended] == ["ab cde", "fghi", "x" * 9, "x" * 16]  # with the last window


@pytest.mark.parametrize(
    ("units", "labels", "words", "tokens"),
    [
        (["a", "b", ".", " ", "c"], "-W---", ["ab", ".", "c"], []),
        (list("don't!"), "-M--WS", ["do", "n't", "!"], [(0, 2)]),
        (list("x a'b-c"), "--M-M--", ["x", "a", "'b", "-c"], [(1, 4)]),
        ([" \u0301", " ", "a"], "M--", ["\u0301", "a"], []),
    ],
)
def test_words_of_labels(units: Any, labels: str, words: Any, tokens: Any) -> None:
    text = "".join(units)
    offsets, several = running.divided(units, list(labels))
    assert [text[a:b] for a, b in offsets] == words
    assert several == tokens


def test_labels_of_a_treebank() -> None:
    one, two = paragraphs(of_treebank(TREEBANK))
    shown = "".join(u + ("" if t == "-" else f"<{t}>") for u, t in zip(one.words, one.tags or (), strict=True))
    assert shown == "I<M>'m here<W>...<W>well<S>(<W>So<W>? du pain<W>!<M>)<S>"
    assert (two.text, two.tags) == ("Ok", ["-", "S"])
    (joined,) = paragraphs(of_treebank(TREEBANK), joined=1.0)
    assert joined.text == "I'm here...well(So? du pain!) Ok"


def test_gold_labels_give_the_treebank_back() -> None:
    """By way of raw text, windows, sentences and CoNLL-U; but a word that is not in its token as it stands (du)."""
    gold = {p.text: p.tags for p in paragraphs(of_treebank(TREEBANK))}
    whole = {"".join(w.words): w for w in windows(raw(TREEBANK))}
    assert len(whole) > 2  # narrow windows
    running.CORE = 1000
    read = windows(raw(TREEBANK))
    own = running.Sentences(lambda text: [], finer=True)
    writer = conllu.Writer(Options(TAGGED))
    written = "".join(
        writer.write(s, Answer([""] * len(s.words))) for w in read for s in own.of(w, Answer(gold[w.text] or []))
    )
    assert spans(written) == spans(TREEBANK)
    assert scores(TREEBANK, written) == {"sentences": 1.0, "tokens": 1.0, "words": 1.0}
    assert raw(written) == raw(TREEBANK)
    assert written.startswith("# newdoc id = f\n# newpar\n# sent_id = 1\n# text = I'm here...well\n1-2\tI'm\t")
    script = pytest.importorskip("udtools.udeval")
    gold_ud, ours = (script.load_conllu(io.StringIO(text), "", {}) for text in (TREEBANK, written))
    assert script.evaluate(gold_ud, ours)["Sentences"].f1 == 1.0
    assert script.evaluate(gold_ud, ours)["Tokens"].f1 == 1.0


def test_plain_text_is_a_sentence_a_line() -> None:
    reader = plain.Reader(Options(TAGGED, gold=False))
    read = [*reader.feed(Chunk("One.\n two  parts\n\n\n我。\n你\n", "f", 1)), *reader.close()]
    one, two = paragraphs(read)
    assert (one.text, "".join(one.tags or ())) == ("One. two parts", "---S---------S")
    assert (two.text, two.tags) == ("我。你", ["-", "S", "S"])


def test_divisions_by_hand() -> None:
    """a b. c|: of gold sentences (a b.)(c), (a b.c) is none; tokens a, b, ., c."""
    metric, units = Metric(), list("a b. c")
    metric.update(list("--WS--"), list("--WS-S"), units)
    assert metric.result()["sentence-f1"] == 1.0  # the end of a paragraph ends it
    metric.update(list("------"), list("--WS-S"), units)
    found = metric.result()
    assert found["sentence-precision"] == pytest.approx(2 / 3)
    assert found["sentence-recall"] == pytest.approx(1 / 2)
    assert found["token-f1"] == pytest.approx(2 * 6 / (7 + 8))
    assert Metric.of(restore="spaces") is None
    alone = Metric()
    assert alone.result() == {}
    alone.update(["-", "S"], ["-", "S"], ["a", "b"])
    assert alone.result() == {"sentence-f1": 1.0, "sentence-precision": 1.0, "sentence-recall": 1.0}
