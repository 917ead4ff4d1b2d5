"""Tags that are forced against all paths that are allowed; gold tags in the scheme of the data."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import schemes
from seqcli.errors import SeqcliError
from seqcli.layers.crf import FORBIDDEN
from seqcli.tasks.tagging.predict import Settings

ALL = Settings(confidence=True)
PATHS = ["parts of speech", "no chain", "iobes", "iobes in iob2", "iobes in iob1", "iob2", "iob2 in iob1"]


# forced tags


@pytest.mark.parametrize("name", PATHS)
@given(seed=st.integers(0, 2**32), data=st.data())
@settings(max_examples=examples(15))
def test_forced_answers_are_those_of_the_paths_that_are_allowed(
    lab: Any, name: str, seed: int, data: st.DataObject
) -> None:
    own, sentence = lab.taggers[name], lab.draw(np.random.default_rng(seed))
    n = len(sentence.words)
    allowed = data.draw(
        st.lists(st.one_of(st.none(), st.lists(st.sampled_from(own.tags), max_size=3)), min_size=n, max_size=n)
    )

    def may(k: int, tags: Sequence[str] | None) -> bool:
        """Whether a label can be written so: in IOB1 a span begins with B or I, by what stands before it."""
        label = own.vocabulary.labels[k]
        prefix, kind = schemes.divide(label)
        forms = {"B": ["B"], "S": ["B"], "I": ["I"], "E": ["I"]}
        if own.scheme == "iob1":
            forms |= {"B": ["B", "I"], "S": ["B", "I"]}
        if own.scheme in ("iob1", "iob2") and kind:
            return not tags or any(f"{p}-{kind}" in tags for p in forms[prefix])
        return not tags or label in tags

    paths = {
        path: p for path, p in lab.posterior(own, sentence).items() if all(map(may, path, allowed))
    }  # most probable first
    (answer,) = own.answer([sentence], ALL, [allowed])
    if not paths:
        assert len(answer.tags) == n  # contradictory: some answer, and no error
        return
    z = sum(paths.values())
    best = next(iter(paths))
    assert answer.tags == lab.outside(own, best)
    literal = replace(own, scheme="iob2") if own.scheme == "iob1" else own
    wanted = [
        sum(p for path, p in paths.items() if lab.outside(literal, path)[t] == lab.outside(literal, best)[t]) / z
        for t in range(n)
    ]
    assert answer.probabilities == pytest.approx(wanted, abs=1e-9)


def test_a_contradiction_breaks_as_little_as_it_can(lab: Any) -> None:
    """I-X cannot begin a sentence, nor follow O: what is forced is kept where the limits could be kept instead."""
    own = lab.taggers["iob2"]
    (answer,) = own.answer([lab.of("w1", "w2", "w3")], ALL, [[["O"], ["I-X"], None]])
    assert len(answer.tags) == 3
    by_hand = {}
    e = own.model.emissions([["w1", "w2", "w3"]])[0]
    allowed = [[4], [2], range(5)]
    for path in itertools.product(range(5), repeat=3):
        chain = own.model.chain
        assert chain is not None
        broken = sum(k not in may for k, may in zip(path, allowed, strict=True))
        score = float(chain.start[path[0]]) + float(chain.end[path[-1]]) + sum(e[t, k] for t, k in enumerate(path))
        score += sum(float(chain.transitions[a, b]) for a, b in itertools.pairwise(path))
        by_hand[path] = score + FORBIDDEN * broken
    best = max(by_hand, key=lambda path: by_hand[path])
    assert answer.tags == lab.labels_of(own, best)
    assert all(0 <= p <= 1 for p in answer.probabilities or [])


def test_forcing_one_sentence_leaves_the_others_alone(lab: Any) -> None:
    own, rng = lab.taggers["iobes in iob2"], np.random.default_rng(9)
    sentences = [lab.draw(rng) for _ in range(12)]
    free = own.answer(sentences, ALL)
    allowed = [[["O"]] * len(s.words) if i == 4 else [] for i, s in enumerate(sentences)]
    forced = own.answer(sentences, ALL, allowed)
    assert set(forced[4].tags) == {"O"}
    assert forced[:4] + forced[5:] == free[:4] + free[5:]
    assert own.answer(sentences, ALL, [[None] * len(s.words) for s in sentences]) == free


def test_a_label_stands_for_all_its_parts(lab: Any) -> None:
    own = lab.taggers["iobes in iob2"]
    assert own.tags == ["B-X", "I-X", "O"]
    assert all(map(own.knows, ["X", "B-X", "I-X", "O", "S-X", "E-X"]))
    assert not any(map(own.knows, ["Y", "B-Y", "L-X", ""]))
    (answer,) = own.answer([lab.of("w1", "w2", "w3")], allowed=[[["X"]] * 3])
    assert all(schemes.divide(tag)[1] == "X" for tag in answer.tags)
    assert lab.taggers["iob2 in iobes"].knows("B-X")


def test_an_unknown_tag_that_is_forced_is_named_at_its_word(lab: Any) -> None:
    sentence = lab.of("w1", "w2", source="f.txt", places=[(3, 1), (4, 1)], tag_places=[(3, 9), (4, 9)])
    with pytest.raises(SeqcliError, match=r"^f\.txt:4:1: the model does not know the tag 'NUON'") as error:
        lab.taggers["no chain"].answer([sentence], allowed=[[None, ["NUON"]]])
    assert error.value.hint == "did you mean 'NOUN'?"


# gold tags


def test_gold_labels_are_read_in_the_data_s_scheme(lab: Any) -> None:
    iob1 = lab.taggers["iobes in iob1"]
    gold = iob1.gold(lab.of("a", "b", "c", "d", tags=["I-X", "B-X", "I-X", "O"]))
    assert gold is not None
    assert lab.labels_of(iob1, gold) == ["S-X", "B-X", "E-X", "O"]
    bilou = lab.taggers["iobes"].gold(lab.of("a", "b", "c", tags=["U-X", "B-X", "L-X"]))
    assert lab.labels_of(iob1, bilou or []) == ["S-X", "B-X", "E-X"]
    assert iob1.gold(lab.of("a", "b", tags=["I-Z", "O"])) is None
    assert lab.taggers["no chain"].gold(lab.of("a", tags=["NOUN"])) == [1]
    assert lab.taggers["no chain"].gold(lab.of("a", tags=["X"])) is None


@pytest.mark.parametrize("name", PATHS)
def test_nats_of_gold_tags_are_those_of_their_path(lab: Any, name: str) -> None:
    own, rng = lab.taggers[name], np.random.default_rng(11)
    sentences, wanted = [], []
    for _ in range(10):
        s = lab.draw(rng)
        paths = lab.posterior(own, s)
        path = list(paths)[rng.integers(len(paths))]
        s.tags = lab.outside(own, path)
        sentences.append(s)
        wanted.append(-np.log(paths[path]))
    sentences.append(lab.of("w1", tags=["strange"]))
    found = {}
    for group, chain in own.chains(sentences):
        best, nats = own.paths(chain, [sentences[i] for i in group])
        for row, i in enumerate(group):
            found[i] = own.labels.written(best[row, : len(sentences[i].words)]), nats[row]
    assert [found[i][1] for i in range(10)] == pytest.approx(wanted, abs=1e-9)
    assert found[10][1] is None
    assert [found[i][0] for i in range(11)] == [a.tags for a in own.answer(sentences)]
