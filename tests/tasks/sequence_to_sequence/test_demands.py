"""What answers are asked to hold, whatever tokens the target side is written with; what a glossary finds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from support.translators import KINDS, SOURCES, codec, translator

from seqcli.decoding.beam import Search
from seqcli.records import Pair
from seqcli.tasks.sequence_to_sequence.answers import Settings
from seqcli.tasks.sequence_to_sequence.demands import Demands, Glossary, Rules


def stands(phrase: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beam", [2, 4])
def test_every_tokenizer(kind: str, beam: int) -> None:
    """Models that nobody has trained: what they would say is arbitrary."""
    own = translator(codec(kind), ratio=2.0)
    demands = Demands(
        must=("chien",), must_not=("le", "chat dort"), keep="cat|do[a-z]+", glossary=Glossary({"the": "à cinq"})
    )
    settings = Settings(Search(beam=beam, n_best=beam), demands=demands)
    pairs = [Pair(text) for text in SOURCES]
    found = own.answer(pairs, settings)
    for pair, answers in zip(pairs, found, strict=True):
        for answer in answers:
            assert answer.unmet == ()
            assert stands("chien", answer.text)
            assert not stands("le", answer.text)
            assert not stands("chat dort", answer.text)
            assert stands("à cinq", answer.text) or not stands("the", pair.text)
            for kept in re.findall("cat|do[a-z]+", pair.text):
                assert kept in answer.text
    alone = [own.answer([pair], settings)[0] for pair in pairs]
    assert [[(a.text, a.logprob) for a in answers] for answers in found] == [
        [(a.text, a.logprob) for a in answers] for answers in alone
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [{"beam": 1}, {"beam": 3}, {"sampling": True}], ids=str)
def test_a_grammar_for_every_tokenizer(kind: str, how: dict[str, Any]) -> None:
    from seqcli.decoding.sampling import Sampling

    own, expression = translator(codec(kind), ratio=3.0), "(il|le chat)( dit| dort){1,2}"
    settings = Settings(
        Search(beam=how.get("beam", 1)),
        sampling=Sampling(1.5) if "sampling" in how else None,
        demands=Demands(grammar=expression),
    )
    texts = [answers[0].text for answers in own.answer([Pair(text) for text in SOURCES], settings)]
    assert all(re.fullmatch(expression, text) for text in texts), texts


def test_a_phrase_is_taken_as_the_target_side_writes_it() -> None:
    from support.translators import learn

    from seqcli.tasks.sequence_to_sequence.codec import Codec

    rules = Rules(Codec(learn("word", ["Il dit : non !"], lowercase=True, split="punctuation"), None, 50))
    assert rules.plain("Il  dit: Non") == "il dit : non"
    (demand,) = rules.of(Pair("x"), Demands(must=("dit:", "DIT :")))
    assert demand.automaton.accepts("il dit : non")
    assert not demand.automaton.accepts("il dit non")


def test_what_is_kept_may_be_a_part_of_a_word_only_where_it_was_one() -> None:
    rules = Rules(codec("byte"))
    within, alone = (rules.of(Pair(text), Demands(keep="[0-9]+"))[0].automaton for text in ("a12b", "a 12 b"))
    assert within.accepts("c12d")
    assert not alone.accepts("c12d")
    assert alone.accepts("(12)")
    assert not alone.accepts("12 12")


def test_a_glossary_finds_the_longest_of_the_first() -> None:
    entries = {"new york": "NY", "york city": "Y", "new": "neu", "a": "ein", "猫": "Katze", "york": "Y"}
    glossary = Glossary(entries)
    assert glossary.targets("a new york city") == ["ein", "NY"]
    assert glossary.targets("york city, renewed banana news") == ["Y"]
    assert glossary.targets("黑猫a new") == ["Katze", "ein", "neu"]
    assert glossary.targets("") == []
