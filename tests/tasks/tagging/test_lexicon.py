"""Lexicons: what is read, and where a mistake is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models import tagger as recurrent
from seqcli.records import Sentence
from seqcli.tasks.tagging.lexicon import read_lexicon
from seqcli.tasks.tagging.predict import Tagger


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    words = ["walk", "run", "dog", ","]
    vocabulary = Vocabulary.learn([Sentence(words=words)], [["NOUN", "VERB", "ADJ", ",", "NOUN-X"]])
    config = recurrent.Config(embedding=3, hidden=2, characters=None)
    return Tagger(recurrent.Model.create(config, vocabulary, np.random.default_rng(1)), vocabulary, None)


def write(folder: Path, text: str) -> str:
    path = folder / "lexicon.tsv"
    path.write_bytes(text.encode())
    return str(path)


def test_words_and_their_tags(tmp_path: Path, tagger: Tagger) -> None:
    path = write(
        tmp_path, "\ufeffwalk\tNOUN VERB\r\n\n  \nred car\tNOUN,ADJ\nwalk\t  ADJ \nx\tNOUN, VERB\n,\t,\nlast\tVERB"
    )
    assert read_lexicon(path, tagger) == {
        "walk": ["NOUN", "VERB", "ADJ"],
        "red car": ["NOUN", "ADJ"],
        "x": ["NOUN", "VERB"],
        ",": [","],
        "last": ["VERB"],
    }
    assert read_lexicon(write(tmp_path, ""), tagger) == {}


@pytest.mark.parametrize(
    ("text", "place", "said", "hint"),
    [
        ("walk\tNOUN\nrun\tVREB\n", "2:5", "'VREB'", "did you mean 'VERB'?"),
        ("walk\tNOUN-X NOUN XNOUN NOU\n", "1:18", "'XNOUN'", "did you mean 'NOUN'?"),
        ("walk\tNOUN,NOU\n", "1:11", "'NOU'", "did you mean 'NOUN'?"),
        ("\nwalk NOUN\n", "2:1", "expected a word, a tab and tags", "walk<TAB>NOUN VERB"),
        ("walk\t\n", "1:1", "expected a word", "<TAB>"),
        ("walk\t  \n", "1:1", "expected a word", "<TAB>"),
        ("\tNOUN\n", "1:1", "expected a word", "<TAB>"),
    ],
)
def test_mistakes_have_their_place(
    tmp_path: Path, tagger: Tagger, text: str, place: str, said: str, hint: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SeqcliError) as caught:
        read_lexicon(path, tagger)
    assert caught.value.message.startswith(f"{path}:{place}: ")
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_what_cannot_be_read(tmp_path: Path, tagger: Tagger) -> None:
    with pytest.raises(SeqcliError, match=r"nowhere\.tsv"):
        read_lexicon(str(tmp_path / "nowhere.tsv"), tagger)
    path = tmp_path / "latin.tsv"
    path.write_bytes(b"walk\tNOUN\ncaf\xe9\tNOUN\n")
    with pytest.raises(SeqcliError, match=r"latin\.tsv:2:4: byte 0xe9"):
        read_lexicon(str(path), tagger)


def test_a_lexicon_binds_the_answers(tmp_path: Path, tagger: Tagger) -> None:
    known = read_lexicon(write(tmp_path, "walk\tADJ\nrun\tVERB ,\n"), tagger)
    words = ["walk", "dog", "run"]
    free, bound = (
        tagger.answer([Sentence(words=words)], allowed=allowed)[0].tags
        for allowed in ((), [[known.get(w) for w in words]])
    )
    assert bound[0] == "ADJ"
    assert bound[2] in ("VERB", ",")
    assert len(free) == len(bound) == 3
