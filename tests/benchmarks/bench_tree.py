"""Trees a second, batched by height beside node by node: `SEQCLI_DATA=... python tests/benchmarks/bench_tree.py`.

Trains the same recursive network on the same batches of 25 trees of the Stanford Sentiment Treebank, in turns, on one
thread: forward, backward, clipping and AdamW's step.

- batched: `Model.loss`, all nodes of one height together;
- loop: the same cell a node at a time, by autograd alone; the words of a tree are looked up at once;
- lean loop: the words of the whole batch are looked up at once, and the labels of all nodes scored in one product.
  The gradient of the table of words, which is as large as the table, is then made once a batch, as in `batched`.

Losses and gradients are compared first. Also the trees a second of inference in NumPy, many at once and one by one.
The figure to reach is 10 times the loop.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from figures import begin
from threadpoolctl import threadpool_limits

from seqcli import layers, ops
from seqcli.datasets.vocabulary import Vocabulary
from seqcli.layers.tree import CELLS
from seqcli.models.recursive import Config, Model, prepare_batch
from seqcli.records import Example, Sentence
from seqcli.records.trees import Tree, parse

LABELS = [str(k) for k in range(5)]


def examples(path: Path) -> list[Example]:
    """The trees of a file."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        tree = parse(line)
        found.append(Example(text=line, labels=[tree.label], words=tree.leaves(), tree=tree))
    return found


def looked_up(model: Any, words: Sequence[str], rng: Any) -> Iterator[Any]:
    """What words are, each (1, E)."""
    x = ops.embedding(torch.from_numpy(model.vocabulary.word_ids(words)), model.embedding)
    if rng is not None:
        x = x * ops.dropout_mask(tuple(x.shape), model.config.dropout, rng, x)
    return iter(x.split(1))


def node_by_node(cell: Any, tree: Tree, x: Iterator[Any]) -> Iterator[Any]:
    """h (1, H) of each node, in post-order."""
    first = torch.zeros(1, dtype=torch.int64)
    states: list[Any] = []
    for node in tree.nodes():
        if node.word is not None:
            states.append(cell.leaf(next(x)))
        else:
            n = len(node.children)
            below = [torch.cat(parts) for parts in zip(*states[-n:], strict=True)]
            z = ops.linear(below[0].reshape(-1, cell.weight_h.shape[1]), cell.weight_h)
            states[-n:] = [cell.combine(z, tuple(below[1:]), first, cell.bias)]
        yield states[-1][0]


def loop(model: Any, chosen: Sequence[Example], rng: Any) -> Any:
    """The loss of `Model.loss`, a tree and a node at a time."""
    total, nodes = 0.0, 0
    for example in chosen:
        assert example.tree is not None
        x = looked_up(model, example.tree.leaves(), rng)
        for node, h in zip(example.tree.nodes(), node_by_node(model.tree, example.tree, x), strict=True):
            total = total + ops.cross_entropy(model.scores(h, rng), torch.tensor([int(node.label)])).sum()
            nodes += 1
    return total / nodes


def lean_loop(model: Any, chosen: Sequence[Example], rng: Any) -> Any:
    """The same with what needs no order done for the whole batch."""
    trees = [example.tree for example in chosen if example.tree is not None]
    x = looked_up(model, [word for tree in trees for word in tree.leaves()], rng)
    rows = [h for tree in trees for h in node_by_node(model.tree, tree, x)]
    labels = torch.tensor([int(node.label) for tree in trees for node in tree.nodes()])
    return ops.cross_entropy(model.scores(torch.cat(rows), rng), labels).mean()


def batched(model: Any, chosen: Sequence[Example], rng: Any) -> Any:
    """The loss as training computes it, the batch made ready included."""
    batch = prepare_batch(chosen, LABELS.index, model.vocabulary, config=model.config)
    return model.loss({n: ops.put(a, model.embedding) for n, a in batch.items()}, rng)


LOSSES: dict[str, Callable[..., Any]] = {"batched": batched, "loop": loop, "lean loop": lean_loop}


def trained(fresh: Model) -> tuple[Any, Any, list[Any]]:
    """The model with torch's leaves, and its optimizer."""
    leaves = {n: torch.from_numpy(a.copy()).requires_grad_() for n, a in fresh.arrays().items()}
    weights = list(leaves.values())
    return layers.replace(fresh, leaves), torch.optim.AdamW(weights, lr=1e-3, fused=True), weights


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell", choices=list(CELLS), action="append")
    parser.add_argument("--embedding", type=int, default=300)
    parser.add_argument("--hidden", type=int, default=150)
    parser.add_argument("--batch", type=int, default=25)
    parser.add_argument("--rounds", type=int, default=6)
    a, figures = begin(parser)
    torch.set_num_threads(1)
    folder = Path(os.environ["SEQCLI_DATA"]) / "sst"
    train, dev = examples(folder / "train.txt"), examples(folder / "dev.txt")
    v = Vocabulary.learn([Sentence(words=e.words or []) for e in train], [LABELS], by_character=False)
    for cell in a.cell or CELLS:
        config = Config.model_validate({"cell": cell, "embedding": a.embedding, "hidden": a.hidden, "dropout": 0.5})
        fresh = Model.create(config, v, np.random.default_rng(1))
        model, _, weights = trained(fresh)
        chosen = train[: a.batch]
        losses = [loss(model, chosen, None) for loss in LOSSES.values()]
        grads = [torch.autograd.grad(loss, weights) for loss in losses]
        apart = max(float((x - y).abs().max()) for g in grads[1:] for x, y in zip(grads[0], g, strict=True))
        values = " ".join(f"{loss.item():.6f}" for loss in losses)
        print(f"{cell}: losses {values}, gradients apart by {apart:.1e} at most")
        seconds: dict[str, list[float]] = {name: [] for name in LOSSES}
        contenders = {name: trained(fresh) for name in LOSSES}
        for number in range(a.rounds + 1):
            chosen = train[number * a.batch : (number + 1) * a.batch]
            for name, (own, optimizer, leaves) in contenders.items():
                rng = torch.Generator().manual_seed(number)
                began = time.perf_counter()
                optimizer.zero_grad()
                LOSSES[name](own, chosen, rng).backward()
                torch.nn.utils.clip_grad_norm_(leaves, 1.0)
                optimizer.step()
                if number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - began)
        rates = {name: a.batch / float(np.median(times)) for name, times in seconds.items()}
        print(f"  training: {rates['batched']:,.0f} trees/s batched")
        figures.add(f"{cell}: training", rates["batched"], "trees/s")
        for name in ("loop", "lean loop"):
            share = float(np.median(np.array(seconds[name]) / np.array(seconds["batched"])))
            print(f"    {name}: {rates[name]:,.1f} trees/s, batched is {share:.1f} times as fast")
            figures.add(f"{cell}: training over a {name}", share, "times")
        with threadpool_limits(1, user_api="blas"):
            began = time.perf_counter()
            fresh.logits(dev)
            many = len(dev) / (time.perf_counter() - began)
            began = time.perf_counter()
            for example in dev[:200]:
                fresh.logits([example])
            single = 200 / (time.perf_counter() - began)
        print(f"  inference in NumPy: {many:,.0f} trees/s together, {single:,.0f} one by one")
        figures.add(f"{cell}: answering together", many, "trees/s")
        figures.add(f"{cell}: answering one by one", single, "trees/s")
    figures.end()


if __name__ == "__main__":
    main()
