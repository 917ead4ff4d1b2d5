"""Answers against all label paths of small sentences, and against their own batch; what is left away; raw words."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from seqcli import artifact, schemes
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.models import tagger as recurrent
from seqcli.records import Answer, Sentence
from seqcli.tasks.tagging import chains
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.raw import Words
from seqcli.words import Rule

IOBES = ["B-X", "E-X", "I-X", "O", "S-X"]
ALL = Settings(confidence=True)
TAGGERS = [
    "parts of speech",
    "no chain",
    "iobes",
    "iobes in iob2",
    "iobes in iob1",
    "iob2",
    "iob2 in iob1",
    "iob2 in iobes",
]
PATHS = TAGGERS[:-1]  # of which each label is written as one tag


def of(*words: str) -> Sentence:
    return Sentence(words=list(words), text=" ".join(words))


@pytest.mark.parametrize("name", PATHS)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(12))
def test_tags_and_probabilities_are_those_of_all_paths(lab: Any, name: str, seed: int) -> None:
    """A tag's probability is that of every label written as it; in IOB1, where I-X begins a span too unless one
    stands before it, that of its part in the span: what IOB2 would write."""
    own, sentence = lab.taggers[name], lab.draw(np.random.default_rng(seed))
    paths = lab.posterior(own, sentence)
    best = next(iter(paths))
    (answer,) = own.answer([sentence], ALL)
    assert answer.tags == lab.outside(own, best)
    assert set(answer.tags) <= set(own.tags)
    literal = replace(own, scheme="iob2") if own.scheme == "iob1" else own
    wanted = [
        sum(p for path, p in paths.items() if lab.outside(literal, path)[t] == lab.outside(literal, best)[t])
        for t in range(len(best))
    ]
    assert answer.probabilities == pytest.approx(wanted, abs=1e-9)
    assert own.answer([sentence])[0].probabilities is None


@pytest.mark.parametrize("name", [n for n in TAGGERS if "iob" in n])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=examples(12))
def test_spans_and_their_probabilities_are_those_of_all_paths(lab: Any, name: str, seed: int) -> None:
    own, sentence = lab.taggers[name], lab.draw(np.random.default_rng(seed))
    paths = lab.posterior(own, sentence)
    (answer,) = own.answer([sentence], ALL)
    assert answer.spans is not None
    assert [tuple(s[:3]) for s in answer.spans] == [tuple(s) for s in schemes.spans(answer.tags)]
    for span in answer.spans:
        wanted = sum(p for path, p in paths.items() if span[:3] in schemes.spans(lab.labels_of(own, path)))
        assert span.probability == pytest.approx(wanted, abs=1e-9)
    (bare,) = own.answer([sentence])
    assert bare.spans is not None
    assert [s.probability for s in bare.spans] == [None] * len(answer.spans)


@pytest.mark.parametrize("name", PATHS)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 12))
@settings(max_examples=examples(10))
def test_the_n_best_are_the_n_most_probable(lab: Any, name: str, seed: int, n: int) -> None:
    own, sentence = lab.taggers[name], lab.draw(np.random.default_rng(seed), 3)
    paths = list(lab.posterior(own, sentence).items())[:n]
    (answer,) = own.answer([sentence], Settings(n_best=n))
    assert answer.alternatives is not None
    assert [tags for tags, _ in answer.alternatives] == [lab.outside(own, path) for path, _ in paths]
    assert [p for _, p in answer.alternatives] == pytest.approx([p for _, p in paths], abs=1e-9)
    assert answer.alternatives[0][0] == answer.tags
    assert own.answer([sentence])[0].alternatives is None


def test_a_model_without_a_chain_keeps_the_scheme_too(lab: Any) -> None:
    """The best of all label sequences that the scheme allows, though each label is scored by itself."""
    own = lab.fixed(IOBES, "iobes", "iob2", crf=False)
    rng, odd = np.random.default_rng(5), 0
    for _ in range(30):
        s = lab.draw(rng, 4)
        emissions = own.model.emissions([s.words])[0]
        scored = {
            path: sum(float(emissions[t, k]) for t, k in enumerate(path))
            for path in itertools.product(range(emissions.shape[1]), repeat=len(s.words))
            if not schemes.violations([lab.labels_of(own, list(path))], "iobes")
        }
        best = lab.labels_of(own, list(max(scored, key=lambda path: scored[path])))
        odd += best != lab.labels_of(own, emissions.argmax(axis=1).tolist())
        answer = own.answer([s], Settings(confidence=True, n_best=3))[0]
        assert answer.tags == schemes.convert(best, "iobes", "iob2")
        assert [a[:3] for a in answer.spans or []] == schemes.spans(best)
        tags = [tuple(tags) for tags, _ in answer.alternatives or []]
        assert len(set(tags)) == len(tags)
    assert odd > 3


def test_temperature_flattens_and_changes_no_tag(lab: Any) -> None:
    sentence, seen = of("w1", "w2", "w3"), []
    for temperature in (0.25, 1.0, 4.0):
        own = replace(lab.taggers["iob2"], temperature=temperature)
        seen.append(own.answer([sentence], ALL)[0])
    assert seen[0].tags == seen[1].tags == seen[2].tags
    assert all(a > b > c for a, b, c in zip(*(a.probabilities or [] for a in seen), strict=True))


# batches


def trained_like(outside: str | None = "iob2") -> Tagger:
    """A recurrent model of drawn weights."""
    words = ["".join(w) for w in itertools.product("abc", repeat=3)]
    vocabulary = Vocabulary.learn([of(*words)], [IOBES], scheme="iobes")
    config = recurrent.Config.model_validate(
        {"embedding": 8, "hidden": 6, "characters": {"kind": "cnn", "filters": 5}}
    )
    model = recurrent.Model.create(config, vocabulary, np.random.default_rng(2))
    return Tagger(model, vocabulary, outside, 1.3)


@given(seed=st.integers(0, 2**32), group=st.sampled_from([1, 7, 40, 8192]))
@settings(max_examples=examples(25))
def test_no_answer_depends_on_its_batch_to_the_last_bit(seed: int, group: int) -> None:
    rng, own = np.random.default_rng(seed), trained_like()
    sentences = [of(*("".join(rng.choice(list("abcd"), 3)) for _ in range(rng.integers(0, 12)))) for _ in range(25)]
    asked = Settings(confidence=True, n_best=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "GROUP", group)
        whole = own.answer(sentences, asked)
    for i in rng.permutation(25)[:6]:
        assert trained_like().answer([sentences[i]], asked) == [whole[i]]  # floats compared exactly
    some = rng.permutation(25)[:10]
    assert own.answer([sentences[i] for i in some], asked) == [whole[i] for i in some]


def test_a_sentence_without_words_gets_no_tags(lab: Any) -> None:
    own = lab.taggers["iob2"]
    for answer in own.answer([of(), of("w1"), of()], ALL)[::2]:
        assert answer == Answer(tags=[], probabilities=[], spans=[])
    assert own.answer([]) == []


def test_groups_hold_no_more_words_than_they_may(lab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "GROUP", 20)
    rng = np.random.default_rng(3)
    sentences = [lab.draw(rng, 30) for _ in range(40)]
    seen: list[int] = []
    for group, emissions, lengths, mask in lab.taggers["parts of speech"].scores(sentences):
        assert mask is None
        assert lengths.tolist() == [len(sentences[i].words) for i in group]
        assert len(group) == 1 or emissions.shape[0] * emissions.shape[1] <= 20
        assert emissions.shape[1] == lengths.max()
        seen += group
    assert sorted(seen) == list(range(40))


# what is left away


@pytest.mark.parametrize("name", TAGGERS)
@pytest.mark.parametrize("least", [0.3, 0.6, 0.9, 1.0])
def test_what_is_less_probable_is_left_away(lab: Any, name: str, least: float) -> None:
    own, rng = lab.taggers[name], np.random.default_rng(6)
    sentences = [lab.draw(rng, 8) for _ in range(40)]
    left = 0
    for s, full, kept in zip(
        sentences, own.answer(sentences, ALL), own.answer(sentences, Settings(least=least)), strict=True
    ):
        if own.scheme is None:
            pairs = zip(full.tags, full.probabilities or [], strict=True)
            assert kept.tags == [tag if p >= least else "" for tag, p in pairs]
            left += "" in kept.tags
            continue
        assert kept.spans == [a for a in full.spans or [] if (a.probability or 0) >= least]
        assert [tuple(a) for a in schemes.spans(kept.tags)] == [a[:3] for a in kept.spans]
        assert schemes.violations([kept.tags], own.scheme) == 0
        assert len(kept.tags) == len(s.words)
        left += len(kept.spans) < len(full.spans or [])
    assert left or least < 1 / 3


# words


def test_words_are_found_in_raw_text() -> None:
    words = Words(Rule(), {"cannot": ["cannot"], "a/b": ["a", "/", "b"]})
    text = "I cannot a/b it."
    found = words.find(Sentence(text=text, split=False))
    assert found.words == ["I", "cannot", "a", "/", "b", "it", "."]
    assert found.offsets is not None
    assert [text[a:b] for a, b in found.offsets] == found.words
    given = of("I cannot")
    assert words.find(given) is given
    assert words.find(Sentence(text="")).words == []
    assert words.odd("well a/b") == "a/b"
    assert words.odd("well") is None
    restoring = Words(None, {}, "case")
    assert restoring.find(Sentence(text="aB")).words == ["a", "b"]
    stored = {"rule": Rule(hyphens=True).to_dict(), "differing": {"x": ["x"]}, "agreement": 1.0}
    assert Words.of({"splitting": stored}) == Words(Rule(hyphens=True), {"x": ["x"]})
    assert Words.of({"splitting": {"restore": "case"}}) == restoring


def test_the_warning_of_a_chunk_that_is_cut_otherwise(lab: Any, capsys: pytest.CaptureFixture[str]) -> None:
    own = replace(lab.taggers["iob2"], words=Words(Rule(), {"cannot": ["can", "not"]}))
    own.warn_of_splitting("cannot")
    said = " ".join(capsys.readouterr().err.split())
    assert "'cannot' is split into 'can not'" in said
    assert "--input tokens" in said


def test_a_tagger_from_its_file(tmp_path: Any) -> None:
    own = trained_like()
    config = {"kind": "tagger", "embedding": 8, "hidden": 6, "characters": {"kind": "cnn", "filters": 5}}
    header = {
        "kind": "model", "task": "tagging", "model": config, "vocabulary": own.vocabulary.header(),
        "data": {"scheme": "iob2"}, "decoding": {"temperature": 1.3}, "splitting": {"rule": Rule().to_dict()},
    }  # fmt: skip
    arrays = {f"model.{n}": a for n, a in own.model.arrays().items()}  # type: ignore[attr-defined]
    arrays |= {f"vocabulary.{n}": a for n, a in own.vocabulary.arrays().items()}
    path = tmp_path / "m.safetensors"
    artifact.write(path, header, arrays)
    again = Tagger.open(artifact.read(path))
    assert (again.scheme, again.temperature, again.words, again.features) == ("iob2", 1.3, Words(Rule(), {}), [])
    sentences = [of("abc", "bca", "xyz"), of("a")]
    assert again.answer(sentences, ALL) == own.answer(sentences, ALL)
    artifact.write(path, {k: v for k, v in header.items() if k != "decoding"}, arrays)
    assert Tagger.open(artifact.read(path)).temperature == 1.0


@pytest.mark.parametrize(
    ("features", "said"),
    [
        ({}, "no column 'pos', which the model reads"),
        ({"pos": ["N"]}, "1 values of 'pos' for 2 words"),
        ({"pos": ["N"] * 3}, "3 values of 'pos' for 2 words"),
    ],
)
def test_columns_that_the_model_reads_must_be_there_for_every_word(features: dict[str, list[str]], said: str) -> None:
    """One value too few would move the next sentence's, unseen."""
    known = Sentence(words=["a", "b"], features={"pos": ["N", "V"]})
    vocabulary = Vocabulary.learn([known], [["X", "Y"]], ["pos"])
    config = recurrent.Config(embedding=2, hidden=2, characters=None, features=["pos"])
    own = Tagger(recurrent.Model.create(config, vocabulary, np.random.default_rng(1)), vocabulary, None)
    odd = Sentence(words=["a", "b"], features=features, source="f", places=[(7, 2), (8, 2)])
    with pytest.raises(SeqcliError, match=rf"^f:7:2: {said}"):
        own.answer([known, odd])
    assert len(own.answer([known, Sentence()])) == 2
