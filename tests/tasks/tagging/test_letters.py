"""A tagger answers in the letters of its data: IOBES, BILOU, BMES, BMEWO; IOB2 beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seqcli import schemes
from seqcli.layers.crf import CRF
from seqcli.records import Sentence
from seqcli.tasks.tagging.forced import Forced
from seqcli.tasks.tagging.predict import Settings
from seqcli.tasks.tagging.score import answers_judged, evaluate

PARTS = {"iobes": ["B-X", "E-X", "I-X", "O", "S-X"], "iob2": ["B-X", "I-X", "O"]}
SPANS = ["B-X", "I-X", "I-X", "O", "B-X", "B-X", "I-X"]
WRITTEN = {
    "iob2": "B-X I-X I-X O B-X B-X I-X",
    "iobes": "B-X I-X E-X O S-X B-X E-X",
    "bilou": "B-X I-X L-X O U-X B-X L-X",
    "bmes": "B-X M-X E-X O S-X B-X E-X",
    "bmewo": "B-X M-X E-X O W-X B-X E-X",
}


@pytest.mark.parametrize("inside", PARTS)
@pytest.mark.parametrize("outside", WRITTEN)
def test_tags_are_written_in_the_letters_of_the_data(lab: Any, inside: str, outside: str) -> None:
    gold, labels = WRITTEN[outside].split(), PARTS[inside]
    assert schemes.recognise([gold]) == outside
    sure = lab.sure_of(schemes.convert(SPANS, "iob2", inside), labels)
    own = lab.lookup(sure, labels, inside, outside, CRF.create(len(labels), np.random.default_rng(0)))
    sentences = lab.split(gold, [len(gold)])
    answer = own.answer(sentences, Settings(least=0.5, n_best=2))[0]
    assert answer.tags == (answer.alternatives or [])[0][0] == gold
    assert own.tags == sorted(set(gold))
    assert all(map(own.knows, [*gold, "X"]))
    assert [tuple(span[:3]) for span in answer.spans or []] == [tuple(span) for span in schemes.spans(SPANS)]
    report = evaluate(own, sentences, unknown="error")
    assert report.metrics["accuracy"] == report.metrics["span-f1"] == report.metrics["span-f1-strict"] == 1
    assert all(right for _, right in answers_judged(own, sentences))


@pytest.mark.parametrize("outside", schemes.LETTERS)
def test_forced_tags_are_read_in_the_letters_of_the_data(lab: Any, outside: str) -> None:
    """A last part right after what is given as outside, and a first one right before it, may be any part."""
    own = lab.fixed(PARTS["iobes"], "iobes", outside)
    first, inner, last, alone = (f"{letter}-X" for letter in schemes.LETTERS[outside])
    forced = Forced("tag", "conll", True)
    cut = Sentence(words=list("abcdef"), tags=["O", last, "O", first, "O", alone])
    whole = Sentence(words=list("abc"), tags=[first, inner, last])
    allowed = [forced.allowed(s, outside) for s in (cut, whole)]
    assert allowed[0] == [["O"], ["X"], ["O"], ["X"], ["O"], [alone]]
    tags = [answer.tags for answer in own.answer([cut, whole], allowed=allowed)]
    assert tags == [["O", alone, "O", alone, "O", alone], [first, inner, last]]


@pytest.mark.parametrize("inside", PARTS)
@pytest.mark.parametrize("outside", WRITTEN)
def test_forced_tags_of_one_kind_of_span_need_no_name(lab: Any, inside: str, outside: str) -> None:
    """A part that cannot stand beside an `O` or an end of the sentence may be any part, as with names."""
    own = lab.fixed([part.removesuffix("-X") for part in PARTS[inside]], inside, outside)
    first, inner, *_ = schemes.LETTERS.get(outside, "BI")
    forced, alone = Forced("tag", "conll", True), schemes.LETTERS.get(outside, "B")[-1]
    sentences = [Sentence(words=list("abcde"), tags=[inner, "O", inner, "O", first])]
    allowed = [forced.allowed(s, outside) for s in sentences]
    assert own.answer(sentences, allowed=allowed)[0].tags == [alone, "O", alone, "O", alone]


@pytest.mark.parametrize("outside", schemes.LETTERS)
def test_a_model_stored_with_other_letters_keeps_them(lab: Any, outside: str) -> None:
    """Models of BILOU or BMES data were once stored as of IOBES, in whose letters they go on to answer."""
    gold, labels = WRITTEN[outside].split(), PARTS["iobes"]
    own = lab.lookup(lab.sure_of(WRITTEN["iobes"].split(), labels), labels, "iobes", "iobes")
    sentences = lab.split(gold, [len(gold)])
    assert own.answer(sentences)[0].tags == WRITTEN["iobes"].split()
    assert evaluate(own, sentences, unknown="error").metrics["accuracy"] == 1
