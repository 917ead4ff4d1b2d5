"""The recursive network: its loss by hand, its two forward passes, what a batch holds, what falls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from support.examples import examples as tried

from seqcli import console, layers, ops
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.errors import SeqcliError
from seqcli.layers.tree import CELLS
from seqcli.models import recursive
from seqcli.models.recursive import NAMES, Config, Model, prepare_batch
from seqcli.records import Example, Sentence
from seqcli.records.trees import Tree, balanced, parse, right_branching

torch = pytest.importorskip("torch")

LABELS = ["bad", "good", "so-so"]
TREES = [
    "(good (so-so It) (good (so-so was) (good great)))",
    "(bad (bad dull) (so-so film))",
    "(good nice)",
    "(bad (so-so the) (bad (bad (so-so plot) (bad drags)) (bad badly)))",
]
WORDS: list[str] = ["It", "was", "great", "dull", "film", "nice", "the", "plot", "drags", "badly"]
SMALL = {"embedding": 5, "hidden": 4}


@pytest.fixture(autouse=True)
def fresh_remarks() -> None:
    recursive._once.cache_clear()


def example(text: str, labels: list[str] | None = None) -> Example:
    tree = parse(text)
    return Example(text=" ".join(tree.leaves()), labels=labels or [tree.label], words=tree.leaves(), tree=tree)


def examples() -> list[Example]:
    return [example(text) for text in TREES]


def vocabulary(*, vectors: int = 2) -> Vocabulary:
    found = Vocabulary.learn([Sentence(words=WORDS)], [LABELS], by_character=False)
    known = found.words[::2]
    matrix = np.random.default_rng(8).standard_normal((len(known), vectors)).astype(np.float32)
    return replace(found, vector_words=known if vectors else [], vectors=matrix)


def make(own: Vocabulary | None = None, seed: int = 0, **keys: Any) -> Model:
    """A model whose every weight is drawn."""
    own = own or vocabulary()
    fresh = Model.create(Config(**{**SMALL, **keys}), own, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    return layers.replace(
        fresh, {n: rng.normal(0, 0.4, a.shape).astype(np.float32) for n, a in fresh.arrays().items()}
    )


def place(label: str) -> int:
    return LABELS.index(label) if label in LABELS else -1


def batch_of(
    model: Model, chosen: Sequence[Example], weights: np.ndarray | None = None, rng: Any = None
) -> dict[str, np.ndarray]:
    return prepare_batch(chosen, place, model.vocabulary, rng, config=model.config, label_weights=weights)


def double(model: Model) -> Model:
    return layers.replace(model, {n: torch.from_numpy(a.astype(np.float64)) for n, a in model.arrays().items()})


def bound(model: Model) -> tuple[Model, dict[str, Any]]:
    leaves = {n: torch.from_numpy(a.astype(np.float64)).requires_grad_() for n, a in model.arrays().items()}
    return layers.replace(model, leaves), leaves


def put(model: Any, batch: dict[str, np.ndarray]) -> dict[str, Any]:
    return {n: ops.put(a, model.embedding) for n, a in batch.items()}


def one_by_one(model: Any, chosen: Sequence[Example]) -> list[tuple[Any, Tree, bool]]:
    """(log p (K,), node, whether it is a root) of every node, by a loop over nodes in torch with autograd."""
    v, cell, found = model.vocabulary, model.tree, []
    for e in chosen:
        states: list[Any] = []
        assert e.tree is not None
        for node in e.tree.nodes():
            if node.word is not None:
                vector = ops.put(v.vector_rows([node.word]), model.embedding)
                own = model.leaves(torch.from_numpy(v.word_ids([node.word])), vector)
            else:
                n = len(node.children)
                below, states = states[-n:], states[:-n]
                children = [torch.cat([state[k] for state in below]) for k in range(cell.states)]
                z = children[0].reshape(-1, cell.weight_h.shape[1]) @ cell.weight_h.T
                own = cell.combine(z, tuple(children[1:]), torch.tensor([0]), cell.bias)
            states.append(own)
            found.append((model.scores(own[0])[0].log_softmax(-1), node, node is e.tree))
    return found


CASES: list[dict[str, Any]] = [
    *({"cell": cell} for cell in CELLS),
    {"label_smoothing": 0.2},
    {"node_loss": 0.3},
    {"node_loss": 0.0},
]


@pytest.mark.parametrize("keys", CASES, ids=str)
@pytest.mark.parametrize("by_label", [{}, {"bad": 2.5}], ids=str)
def test_the_loss_is_that_of_all_nodes(by_label: dict[str, float], keys: dict[str, Any]) -> None:
    """The mean of the nodes' nats by their weights; its gradient by a loop without batches."""
    model = make(**keys)
    weights = np.array([by_label.get(label, 1.0) for label in LABELS], np.float32) if by_label else None
    config, chosen = model.config, [*examples(), example("(good (odd was) (bad film))")]
    wide, leaves = bound(model)
    total: Any = 0.0
    weight = 0.0
    for log_p, node, is_root in one_by_one(wide, chosen):
        if node.label not in LABELS:
            continue
        own = (1.0 if is_root else config.node_loss) * by_label.get(node.label, 1.0)
        e = config.label_smoothing
        total = total - own * ((1 - e) * log_p[place(node.label)] + e * log_p.mean())
        weight += own
    wanted = total / weight
    batch = batch_of(model, chosen, weights)
    loss = wide.loss(put(wide, batch))
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-7)  # the weights of nodes are float32
    assert model.loss(batch) == pytest.approx(wanted.item(), abs=1e-5)
    found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    by_loop = torch.autograd.grad(wanted, list(leaves.values()), allow_unused=True)
    for name, a, b in zip(leaves, found, by_loop, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-7, err_msg=name)
        assert bool(a.any()), name


@pytest.mark.parametrize("cell", CELLS)
def test_half_precision(cell: str) -> None:
    """bfloat16 keeps some three digits; the loss itself is float32."""
    model = make(cell=cell)
    leaves = {n: torch.from_numpy(a).bfloat16().requires_grad_() for n, a in model.arrays().items()}
    half = layers.replace(model, leaves)
    batch = batch_of(model, examples())
    loss = half.loss(put(half, batch))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(float(model.loss(batch)), rel=0.02)
    exact, wide = bound(model)
    ours = torch.autograd.grad(loss, list(leaves.values()))
    theirs = torch.autograd.grad(exact.loss(put(exact, batch)), list(wide.values()))
    for name, a, b in zip(leaves, ours, theirs, strict=True):
        assert float((a.double() - b).norm() / b.norm()) < 0.05, name


@pytest.mark.parametrize("cell", CELLS)
def test_logits_are_those_of_torch_at_the_roots(cell: str) -> None:
    model, chosen = make(cell=cell), examples()
    found = model.logits(chosen)
    assert found.dtype == np.float32
    assert found.shape == (4, 3)
    rows = one_by_one(double(model), chosen)
    wanted = np.stack([log_p.numpy() for log_p, _, is_root in rows if is_root])
    np.testing.assert_allclose(ops.log_softmax(found), wanted, rtol=0, atol=1e-5)
    at = 0
    for row, e in zip(found, chosen, strict=True):
        nodes = model.node_logits(e)
        assert e.tree is not None
        assert [n for n, _ in nodes] == e.tree.nodes()
        np.testing.assert_array_equal(nodes[-1][1], row)
        for _, logits in nodes:
            np.testing.assert_allclose(ops.log_softmax(logits), rows[at][0].numpy(), rtol=0, atol=1e-5)
            at += 1


@settings(max_examples=tried(20))
@given(seed=st.integers(0, 2**32), cell=st.sampled_from(list(CELLS)))
def test_logits_depend_on_nothing_but_their_example(seed: int, cell: str) -> None:
    rng = np.random.default_rng(seed)
    model = make(cell=cell, hidden=int(rng.choice([4, 70])))
    pool = [Example(text=" ".join(rng.choice([*WORDS, "new"], n))) for n in rng.integers(0, 40, 20)] + examples()
    chosen = [pool[i] for i in rng.permutation(len(pool))[: rng.integers(1, len(pool))]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recursive, "TOGETHER", int(rng.choice([1, 30, 4096])))
        found = model.logits(chosen)
    for row, e in zip(found, chosen, strict=True):
        np.testing.assert_array_equal(row, model.logits([e])[0])


def test_no_examples_no_logits() -> None:
    assert make().logits([]).shape == (0, 3)


def test_labels_are_not_read() -> None:
    """Neither logits nor what the network reads change with the labels of a tree."""
    model = make()
    for e in examples():
        assert e.tree is not None
        bare = str(e.tree)
        for label in LABELS:
            bare = bare.replace(f"({label} ", "(? ")
        other = Example(text=e.text, tree=parse(bare))
        np.testing.assert_array_equal(model.logits([other]), model.logits([e]))
        theirs, ours = batch_of(model, [other]), batch_of(model, [e])
        assert all(np.array_equal(theirs[n], ours[n]) for n in NAMES[: NAMES.index("nodes")])


# what a batch holds


def test_the_parts_of_a_batch() -> None:
    model, chosen = make(node_loss=0.5), examples()
    batch = batch_of(model, chosen)
    assert set(batch) == set(NAMES)
    v = model.vocabulary
    words = [w for e in chosen for w in e.words or []]
    np.testing.assert_array_equal(batch["ids"], v.word_ids(words))
    np.testing.assert_array_equal(batch["vectors"], v.vector_rows(words))
    labels = [node.label for e in chosen for node in e.tree.nodes()]  # type: ignore[union-attr]
    assert [LABELS[k] for k in batch["labels"]] == labels
    assert sorted(batch["nodes"].tolist()) == list(range(len(labels)))
    assert batch["weights"].dtype == np.float32
    ends = np.cumsum([5, 3, 1, 7]) - 1
    wanted = np.full(16, 0.5)
    wanted[ends] = 1.0
    np.testing.assert_allclose(batch["weights"], wanted / wanted.sum(), rtol=1e-6)


def test_a_node_without_a_known_label_has_no_loss() -> None:
    model = make()
    some = batch_of(model, [example("(good (odd It) (was great))")])
    assert [LABELS[k] for k in some["labels"]] == ["good"]
    assert some["weights"].tolist() == [1.0]
    none = batch_of(model, [Example(text="It was")])
    assert len(none["labels"]) == 0
    assert model.loss(none) == 0
    assert double(model).loss(put(double(model), none)).item() == 0


def test_the_label_of_the_example_is_its_roots() -> None:
    """The data set's, which may have renamed it."""
    model = make()
    e = example("(4 (bad It) (1 great))", labels=["good"])
    assert [LABELS[k] for k in batch_of(model, [e])["labels"]] == ["bad", "good"]
    plain = Example(text="It was great", labels=["so-so"])
    assert [LABELS[k] for k in batch_of(model, [plain])["labels"]] == ["so-so"]


def test_words_are_dropped_by_the_generator() -> None:
    model = make(word_dropout=0.5)
    long = [Example(text=" ".join(WORDS * 50), labels=["good"])]
    ids = batch_of(model, long)["ids"]
    assert ids.all()
    np.testing.assert_array_equal(batch_of(make(), long, rng=np.random.default_rng(1))["ids"], ids)
    dropped = [batch_of(model, long, rng=np.random.default_rng(seed))["ids"] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(dropped[0], dropped[1])
    assert (dropped[0] != dropped[2]).any()
    assert set(dropped[0] - ids) <= {0, *-ids}
    assert (dropped[0] == 0).mean() == pytest.approx(0.5, abs=0.1)


def test_dropout_is_the_generators_alone() -> None:
    model = double(make(dropout=0.5))
    batch = put(model, batch_of(model, examples()))

    def loss(seed: int | None) -> float:
        return model.loss(batch, None if seed is None else torch.Generator().manual_seed(seed)).item()

    assert loss(None) == loss(None)
    assert loss(1) == loss(1) != loss(2)
    assert loss(None) == double(make()).loss(batch, torch.Generator()).item()


# texts without trees, trees that do not fit


@pytest.mark.parametrize(("fallback", "shape"), [("balanced", balanced), ("right", right_branching)])
def test_text_without_a_tree_falls_back(fallback: str, shape: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model = make(fallback=fallback)
    text = " ".join(["a", *WORDS, ","])
    wanted = model.logits([Example(text=text, tree=shape(text.split()))])
    assert capsys.readouterr().err == ""
    found = model.logits([Example(text=text), Example(text="?", words=text.split())])
    np.testing.assert_array_equal(found, np.repeat(wanted, 2, axis=0))
    assert [str(n) for n, _ in model.node_logits(Example(text=text))][-1] == str(shape(text.split()))
    said = capsys.readouterr().err
    assert said.count("model.fallback") == 1
    assert ("balanced" in said) == (fallback == "balanced")


def test_an_empty_text_is_a_word_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    model = make()
    unknown = model.logits([Example(text="unheard-of", tree=Tree("", "unheard-of"))])
    for empty in (Example(text=""), Example(text=" "), Example(text="", words=[])):
        np.testing.assert_array_equal(model.logits([empty]), unknown)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("cell", CELLS)
def test_other_numbers_of_children_are_spoken_of_once(cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    odd = example("(good (bad (bad (so-so It))) (good was) (so-so great))")
    even = example("(good (bad It) (good (good was) (so-so great)))")
    model = make(cell=cell)
    batch = batch_of(model, [odd])
    said = capsys.readouterr().err
    batch_of(model, [odd, even])
    assert capsys.readouterr().err == ""
    if cell == "child-sum":
        assert said == ""
        assert len(set(batch["nodes"].tolist())) == 6
        return
    assert "one child or more than two" in said
    assert "child-sum" in said
    assert len(batch["nodes"]) == 6  # each with its own label, though three share a state
    assert len(set(batch["nodes"].tolist())) == 4
    assert [LABELS[k] for k in batch["labels"]] == ["so-so", "bad", "bad", "good", "so-so", "good"]
    recursive._once.cache_clear()
    batch_of(model, [even])
    assert capsys.readouterr().err == ""


def test_remarks_can_be_silenced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(console, "verbosity", -1)
    make().logits([Example(text="It was")])
    assert capsys.readouterr().err == ""


def test_a_text_of_four_thousand_words() -> None:
    """Right-branching: as many levels."""
    words = (WORDS * 1000)[:4_000]
    model = make(fallback="right")
    found = model.logits([Example(text="", words=words)])
    assert np.isfinite(found).all()
    assert len(model.node_logits(Example(text="", words=words))) == 7_999


# configuration, weights, storage


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"cell": "lstm"}, "binary"),
        ({"dropout": 1.0}, "dropout"),
        ({"hidden": 0}, "hidden"),
        ({"fallback": "left"}, "fallback"),
        ({"node_loss": -1}, "node_loss"),
        ({"class_weights": {"bad": 0}}, "class_weights"),
        ({"layers": 2}, "layers"),
    ],
)
def test_mistakes_are_named(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Config(**keys)
    assert said in str(caught.value)


def test_it_keeps_the_contract() -> None:
    about = (recursive.TASK, recursive.TRAINED, Model.kind, recursive.VERBS)
    assert about == ("classification", "gradient", "recursive", ("classify", "eval", "embed"))


@pytest.mark.parametrize("cell", CELLS)
def test_stored_and_restored(cell: str) -> None:
    model, own = make(cell=cell), vocabulary()
    again = Model.restore(model.config, own, model.arrays())
    np.testing.assert_array_equal(again.logits(examples()), model.logits(examples()))
    assert all(a.dtype == np.float32 for a in model.arrays().values())
    assert set(model.arrays()) >= {"embedding", "tree.weight_x", "tree.weight_h", "output_weight"}
    with pytest.raises(SeqcliError, match="output_weight"):
        Model.restore(model.config, replace(own, labels=[*LABELS, "Z"]), model.arrays())
    drawn = [Model.create(model.config, own, np.random.default_rng(seed)).arrays() for seed in (4, 4, 5)]
    assert all(np.array_equal(a, drawn[1][n]) for n, a in drawn[0].items())
    assert any((a != drawn[2][n]).any() for n, a in drawn[0].items())
    assert not drawn[0]["embedding"][0].any()


def test_it_learns_what_order_says() -> None:
    """`not` turns its phrase around: no sum over words tells `not good` from `not bad` and `good` from `bad`."""
    rng = np.random.default_rng(0)
    pool = []
    for _ in range(64):
        word = str(rng.choice(["good", "bad"]))
        tree, label = f"({word} {word})", word
        for _ in range(int(rng.integers(0, 3))):
            label = {"good": "bad", "bad": "good"}[label]
            tree = f"({label} (so-so not) {tree})"
        pool.append(example(tree))
    own = Vocabulary.learn([Sentence(words=["good", "bad", "not"])], [LABELS], by_character=False)
    fresh = Model.create(Config(embedding=8, hidden=8), own, np.random.default_rng(1))
    leaves = {n: torch.from_numpy(a).requires_grad_() for n, a in fresh.arrays().items()}
    model = layers.replace(fresh, leaves)
    optimizer = torch.optim.Adam(leaves.values(), lr=0.03)
    batch = put(model, batch_of(model, pool))
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(batch).backward()
        optimizer.step()
    plain = layers.replace(fresh, {n: ops.to_numpy(a) for n, a in leaves.items()})
    predicted = plain.logits(pool).argmax(1)
    assert [LABELS[k] for k in predicted] == [e.labels[0] for e in pool]  # type: ignore[index]


def test_real_trees(data_folder: Path) -> None:
    """The batched loss of 25 sentences of the Stanford Sentiment Treebank is that of the loop over nodes."""
    path = data_folder / "sst/dev.txt"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    chosen = [example(line) for line in path.read_text(encoding="utf-8").splitlines()[:25]]
    labels = [str(k) for k in range(5)]
    own = Vocabulary.learn([Sentence(words=e.words or []) for e in chosen[::2]], [labels], by_character=False)
    for cell in CELLS:
        model, leaves = bound(make(own, cell=cell))
        batch = prepare_batch(chosen, labels.index, own, config=model.config)
        loss = model.loss(put(model, batch))
        nodes = one_by_one(model, chosen)
        wanted = -torch.stack([log_p[int(node.label)] for log_p, node, _ in nodes]).mean()
        assert loss.item() == pytest.approx(wanted.item(), abs=1e-6)
        by = torch.autograd.grad(loss, list(leaves.values()))
        by_loop = torch.autograd.grad(wanted, list(leaves.values()))
        for a, b in zip(by, by_loop, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-7)
