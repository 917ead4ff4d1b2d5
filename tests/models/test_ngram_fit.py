"""Fitting `ngram-linear`: labels, several at once, probabilities, class weights, and what cannot be fitted."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from support.questions import TEXTS, labelled, lines, toy

from seqcli.errors import SeqcliError
from seqcli.models.ngram_linear import Config, Model

pytest.importorskip("scipy", reason="fitting needs SciPy, of the extra `train`")


def test_two_labels_are_a_softmax_of_two_as_well_as_one_column() -> None:
    model = toy(2)
    assert model.weights.shape[1] == 1
    scores = model.logits(lines(*(text for text, _ in TEXTS)))
    assert (scores[:, 0] == -scores[:, 1]).all()
    assert (scores.argmax(1) == [label % 2 for _, label in TEXTS]).all()


def test_it_learns_and_the_same_data_give_the_same_bytes() -> None:
    one, two = toy(), toy()
    assert (one.logits(lines(*(text for text, _ in TEXTS))).argmax(1) == [label for _, label in TEXTS]).all()
    for name, array in one.arrays().items():
        assert array.tobytes() == two.arrays()[name].tobytes()
    assert one.logits(lines("Who was the moon"))[0].argmax() == 0  # who decides


def test_the_order_of_words_is_seen() -> None:
    texts = ["dog bites man", "man bites dog"] * 3
    model = Model.fit(lines(*texts), np.array([0, 1] * 3), labelled(2), Config())
    assert model.logits(lines(*texts[:2])).argmax(1).tolist() == [0, 1]
    blind = Model.fit(lines(*texts), np.array([0, 1] * 3), labelled(2), Config(words=1, opening=0))
    rows = blind.logits(lines(*texts[:2]))
    assert (rows[0] == rows[1]).all()


def test_many_labels_at_once() -> None:
    texts = ["red car", "blue car", "red hat", "blue hat", "car", "hat", "red", "green"] * 2
    names = ["red", "car", "hat"]
    targets = np.array([[name in text for name in names] for text in texts])
    for vocabulary in (labelled(3), labelled(2), labelled(1)):
        k = len(vocabulary.labels)
        model = Model.fit(lines(*texts), targets[:, :k], vocabulary, Config(), multi_label=True)
        assert model.weights.shape[1] == k
        assert ((model.logits(lines(*texts)) > 0) == targets[:, :k]).all()
        again = Model.restore(model.config, vocabulary, model.arrays())
        assert (again.logits(lines(*texts)) == model.logits(lines(*texts))).all()


def test_probabilities_as_targets() -> None:
    """A text whose targets are 3 to 1 gets about these odds; whole numbers as rows are labels."""
    targets = np.array([[0.75, 0.25, 0], [0, 0.5, 0.5]] * 4)
    model = Model.fit(lines(*["a b", "c d"] * 4), targets, labelled(3), Config(l2=1e-7, iterations=500))
    p = np.exp(model.logits(lines("a b"))[0].astype(float))
    assert p / p.sum() == pytest.approx([0.75, 0.25, 0], abs=0.03)
    rows = np.eye(3)[[label for _, label in TEXTS]]
    whole = Model.fit(lines(*(text for text, _ in TEXTS)), rows, labelled(3), Config())
    assert (whole.weights == toy().weights).all()


def test_class_weights() -> None:
    """The same texts with both labels: the odds are those of the counts times the weights."""
    texts, targets = lines(*["a b"] * 40), np.array([0] * 30 + [1] * 10)

    def odds(**more: object) -> float:
        config = Config(iterations=500, l2=1e-6)
        model = Model.fit(texts, targets, labelled(2), config, **more)  # type: ignore[arg-type]
        rows = model.logits(lines("a b"))[0]
        return float(np.exp(rows[1] - rows[0]))

    assert odds() == pytest.approx(1 / 3, rel=0.02)
    assert odds(class_weights=np.array([1.0, 3.0])) == pytest.approx(1, rel=0.02)
    assert odds(class_weights=np.array([2.0, 6.0])) == pytest.approx(1, rel=0.02)
    each = np.stack([targets == 0, targets == 1], axis=1)
    model = Model.fit(
        texts,
        each,
        labelled(2),
        Config(iterations=500, l2=1e-6),
        multi_label=True,
        class_weights=np.array([1.0, 3.0]),
    )
    assert model.logits(lines("a b"))[0] == pytest.approx([np.log(3), 0], abs=0.03)


def test_a_label_without_examples_is_never_likely() -> None:
    model = Model.fit(lines("a b", "c d"), np.array([0, 1]), labelled(4), Config())
    rows = model.logits(lines("a b", "c d", "unseen"))
    assert (rows[:, 2:].max(1) < rows[:, :2].max(1)).all()


def test_progress_and_its_end() -> None:
    told: list[int] = []
    toy(3, Config(iterations=4), advance=told.append)
    assert told == [1] * 4


def test_what_is_rare_is_left_out_and_what_is_zero_is_not_stored() -> None:
    all_, often = toy(3), toy(3, Config(min_count=3))
    assert len(often.ids) < len(all_.ids) / 4
    assert often.weights.any(axis=1).all()
    assert set(often.ids.tolist()) <= set(all_.ids.tolist())
    assert len(toy(3, Config(buckets=10)).ids) <= 10


def test_what_cannot_be_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(texts: list[str], targets: object, labels: int, config: Config | None = None, **more: object) -> None:
        Model.fit(lines(*texts), np.array(targets), labelled(labels), config or Config(), **more)  # type: ignore[arg-type]

    failures: list[tuple[Callable[[], None], type[Exception], str]] = [
        (lambda: fit([], [], 2), SeqcliError, "no texts"),
        (lambda: fit(["a"], [0], 1), SeqcliError, "fewer than two labels"),
        (lambda: fit(["a", "b"], [0, 1], 2, Config(min_count=9)), SeqcliError, "no n-gram"),
        (lambda: fit(["a", "b"], [0, 2], 2), ValueError, "must lie in"),
        (lambda: fit(["a", "b"], [-1, 0], 2), ValueError, "must lie in"),
        (lambda: fit(["a", "b"], [0], 2), ValueError, "do not fit"),
        (lambda: fit(["a"], [[0, 1]], 3), ValueError, "do not fit"),
        (lambda: fit(["a"], [0], 3, multi_label=True), ValueError, "do not fit"),
        (lambda: fit(["a"], [[0.5, 1.5]], 2), ValueError, "probabilities"),
        (lambda: fit(["a"], [0], 2, class_weights=np.ones(3)), ValueError, "class_weights"),
        (lambda: fit(["a"], [0], 2, class_weights=-np.ones(2)), ValueError, "class_weights"),
    ]
    for failing, kind, message in failures:
        with pytest.raises(kind, match=message):
            failing()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(SeqcliError, match="SciPy") as caught:
        fit(["a", "b"], [0, 1], 2)
    assert "seqcli[train]" in (caught.value.hint or "")
