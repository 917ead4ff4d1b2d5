"""Answers: probabilities by hand, what is given, blank texts, attention, and the way through a model's file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli import artifact, tokenizers
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import UsageError
from seqcli.models import classifier as kind
from seqcli.records import Example
from seqcli.records.trees import parse
from seqcli.tasks.classification.predict import HALF, Classifier, Settings
from seqcli.tasks.classification.reading import Reading

ROWS = [[0.0, 2.0, -1.0], [5.0, 5.0, 0.0], [-800.0, 900.0, 0.0]]


@given(seed=st.integers(0, 2**32), temperature=st.floats(0.25, 4))
def test_probabilities_are_softmax_or_sigmoids(lab: Any, seed: int, temperature: float) -> None:
    rows = np.random.default_rng(seed).normal(0, 30, (7, 3)).astype(np.float32)
    examples = lab.texts([None] * 7)
    z = rows.astype(np.float64) / temperature
    one = lab.lookup(rows, temperature=temperature).probabilities(examples)
    wanted = np.exp(z - np.log(np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)) - z.max(1, keepdims=True))
    np.testing.assert_allclose(one, wanted, rtol=1e-9)
    np.testing.assert_allclose(one.sum(axis=1), 1, rtol=1e-12)
    several = lab.lookup(rows, temperature=temperature, multi_label=True).probabilities(examples)
    np.testing.assert_allclose(several, 1 / (1 + np.exp(-z)), rtol=1e-6, atol=1e-15)


def test_the_most_probable_label_is_given_the_first_of_equals(lab: Any) -> None:
    own, examples = lab.lookup(ROWS), lab.texts([None] * 3)
    answers = own.answer(examples)
    assert [a.labels for a in answers] == [["good"], ["bad"], ["good"]]
    assert [[label for label, _ in a.ranking] for a in answers] == [
        ["good", "bad", "so-so"],
        ["bad", "good", "so-so"],
        ["good", "bad", "so-so"],
    ]
    p = own.probabilities(examples)
    assert answers[0].ranking == [("good", p[0, 1]), ("bad", p[0, 0]), ("so-so", p[0, 2])]
    assert all(a.attention is None for a in answers)
    assert own.answer([]) == []


def test_what_is_too_improbable_is_not_given(lab: Any) -> None:
    own, examples = lab.lookup(ROWS), lab.texts([None] * 3)
    assert [a.labels for a in own.answer(examples, Settings(least=0.6))] == [["good"], [], ["good"]]
    exact = own.probabilities(examples)[0, 1]
    assert own.answer(examples[:1], Settings(least=float(exact)))[0].labels == ["good"]
    assert own.answer(examples, Settings(least=0.6))[1].ranking == own.answer(examples)[1].ranking


def test_several_labels_are_given_from_their_thresholds_on(lab: Any) -> None:
    own, examples = lab.lookup(ROWS, multi_label=True), lab.texts([None] * 3)
    assert own.probabilities(examples)[0, 0] == HALF
    assert [a.labels for a in own.answer(examples)] == [["good", "bad"], ["bad", "good", "so-so"], ["good", "so-so"]]
    fitted = replace(own, thresholds=np.array([0.6, 0.999, 0.2]))
    assert [a.labels for a in fitted.answer(examples)] == [["so-so"], ["bad", "so-so"], ["good", "so-so"]]
    assert fitted.answer(examples[:1], Settings(least=0.3))[0].labels == []


def test_a_blank_text_has_no_answer(lab: Any) -> None:
    own, blank = lab.lookup(ROWS), [Example(""), Example(" \t "), Example("0")]
    assert [(a.labels, a.ranking) for a in own.answer(blank)][:2] == [([], []), ([], [])]
    assert own.answer(blank)[2].labels == ["good"]


def test_a_linear_models_logits_are_added(lab: Any) -> None:
    other = [[1.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 3.0]]
    own, examples = lab.lookup(ROWS, beside=lab.Table(np.array(other)), share=0.5), lab.texts([None] * 3)
    np.testing.assert_array_equal(own.logits(examples), np.array(ROWS) + 0.5 * np.array(other))
    assert own.answer(examples)[1].labels == ["good"]
    np.testing.assert_array_equal(replace(own, share=0.0).logits(examples), np.array(ROWS))


# attention


def test_attention_is_told_by_place(lab: Any) -> None:
    reading = Reading(lab.learn("word", ["a film"], split="punctuation"), 4)
    own = Classifier(lab.Table(np.zeros((1, 3)), "attention"), Vocabulary([], [], {}, lab.labels), reading)
    examples = [own.ready(Example(text)) for text in ("a  film,\nso good", "", "fine")]
    first, blank, last = own.answer(examples, Settings(attention=True))
    assert [(a, b) for a, b, _ in first.attention or []] == [(0, 1), (3, 7), (7, 8), (9, 11)]
    assert [w for *_, w in first.attention or []] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert (blank.attention, last.attention) == ([], [(0, 4, 1.0)])
    tree = parse("(1 (2 do) (0 (1 n't) (1 go!)))")  # more words to the tokenizer than there are leaves
    example = own.ready(Example("do n't go!", words=tree.leaves(), tree=tree))
    assert [(a, b) for a, b, _ in own.answer([example], Settings(attention=True))[0].attention or []] == [
        (0, 2),
        (3, 6),
        (7, 10),
    ]


def test_a_model_without_attention_says_so(lab: Any) -> None:
    with pytest.raises(UsageError, match="does not weigh its tokens") as error:
        lab.lookup(ROWS).answer(lab.texts([None]), Settings(attention=True))
    assert "pooling: attention" in error.value.hint


# a real model


def real(lab: Any, multi_label: bool = False) -> tuple[Classifier, kind.Config]:
    tokenizer = lab.learn("word", ["a fine film", "so dull it is"], split="rule", lowercase=True)
    vocabulary = Vocabulary(tokenizer.words, [], {}, lab.labels, fold_digits=False)
    config = kind.Config(embedding=4, hidden=3, pooling="attention")
    model = kind.Model.create(config, vocabulary, np.random.default_rng(1))
    return Classifier(model, vocabulary, Reading(tokenizer, 50), multi_label), config


@given(data=st.data())
def test_an_answer_is_its_own_texts(lab: Any, data: st.DataObject) -> None:
    own, _ = real(lab)
    texts = data.draw(st.lists(st.text("ab film.,\n", max_size=30), min_size=1, max_size=12))
    settings = Settings(attention=data.draw(st.booleans()))
    examples = [own.ready(Example(text)) for text in texts]
    together = own.answer(examples, settings)
    place = data.draw(st.integers(0, len(texts) - 1))
    assert own.answer([examples[place]], settings)[0] == together[place]


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_models_file_is_opened(lab: Any, tmp_path: Any, multi_label: bool) -> None:
    own, config = real(lab, multi_label)
    own = replace(own, temperature=1.5, thresholds=np.array([0.1, 0.2, 0.3]) if multi_label else None)
    assert own.reading.tokenizer is not None
    header, arrays = tokenizers.to_artifact(own.reading.tokenizer)
    decoding: dict[str, Any] = {"temperature": 1.5}
    if multi_label:
        decoding["label_thresholds"] = {"good": 0.2, "so-so": 0.3, "bad": 0.1}
    path = tmp_path / "m.safetensors"
    artifact.write(
        path,
        {
            "kind": "model",
            "task": "classification",
            "model": config.model_dump(mode="json"),
            "tokenizer": header,
            "vocabulary": own.vocabulary.header(),
            "data": {"longest": 50, "multi_label": multi_label},
            "decoding": decoding,
        },
        arrays
        | {f"vocabulary.{n}": a for n, a in own.vocabulary.arrays().items()}
        | {f"model.{n}": a for n, a in own.model.arrays().items()},  # type: ignore[attr-defined]
    )
    again = Classifier.open(artifact.read(path))
    assert (again.labels, again.temperature, again.multi_label) == (lab.labels, 1.5, multi_label)
    examples = [own.ready(Example(text)) for text in ("A fine film.", "what?", "", "It's so dull")]
    assert [again.ready(Example(e.text)) for e in examples] == examples
    assert again.answer(examples, Settings(attention=True)) == own.answer(examples, Settings(attention=True))
