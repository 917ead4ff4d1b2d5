"""Training throughput, in turns: `python tests/benchmarks/bench_train.py [--shapes gru-2x512,…] [--against CHECKOUT]`.

Language models of random ids, a process for each measurement, --rounds of them in turns:

- seqcli: a step of the training loop (bfloat16, gradients clipped, AdamW);
- bfloat16, float32: the plain loop of torch.nn (embedding, recurrent layers, linear, cross-entropy, the same clipping
  and optimizer), under autocast and without;
- floor: the products of such a step alone, each timed at its own shape in bfloat16.

With --against, another checkout of seqcli (an older one): the recipes of --recipes by both, a step of the training loop
of each, in turns; the data are looked for through SEQCLI_DATA. Prints tokens a second (medians), ratios and their
range over the rounds, and the processor.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import Figures, begin

SHAPES = {  # cell, layers, units, embedding, symbols, batch, steps of time
    "gru-2x512": ("gru", 2, 512, 512, 104, 32, 64),
    "lstm-2x512": ("lstm", 2, 512, 512, 104, 32, 64),
    "lstm-1x768": ("lstm", 1, 768, 768, 104, 32, 64),
    "lstm-2x650-words": ("lstm", 2, 650, 650, 10000, 20, 35),
}
RECIPES = {  # those that --against runs, and what is changed
    "ewt-upos": [],
    "multi30k-en-de": [],
    "g2p-french": [],
    "trec": [],
}
KINDS = ("seqcli", "bfloat16", "float32", "floor")


def seconds(step: Callable[[], object], budget: float, least: int = 5) -> float:
    """The median time of a call, over a budget of seconds."""
    for _ in range(3):
        step()
    found: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < budget or len(found) < least:
        start = time.perf_counter()
        step()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def ours(shape: tuple[Any, ...]) -> Callable[[], object]:
    import numpy as np
    import torch

    from seqcli.models import language_model
    from seqcli.recipe.schema import TrainConfig
    from seqcli.training import device, optimizers

    cell, layers, hidden, embedding, symbols, batch, steps = shape
    device.keep_freed_memory()
    config = language_model.Config(cell=cell, embedding=embedding, hidden=hidden, layers=layers)
    model = language_model.Model.create(config, symbols, np.random.default_rng(0))
    weights = device.leaves(model, "cpu")
    optimizer = optimizers.build(TrainConfig(steps=1, device="cpu"), weights)
    x, y = torch.randint(symbols, (2, steps, batch))
    generator = torch.Generator()

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        bound = device.bind(model, weights, "bfloat16")
        loss, _ = bound.loss(x, y, bound.initial_state(batch), generator)
        loss.backward()
        loss.item()
        parameters = list(weights.values())
        length = torch.nn.utils.get_total_norm([w.grad for w in parameters if w.grad is not None])
        if length.item() > 1:
            torch.nn.utils.clip_grads_with_norm_(parameters, 1.0, length)
        optimizer.step()

    return step


def plain(shape: tuple[Any, ...], *, half: bool) -> Callable[[], object]:
    import torch
    from torch import nn

    cell, layers, hidden, embedding, symbols, batch, steps = shape
    table, head = nn.Embedding(symbols, embedding), nn.Linear(hidden, symbols)
    recurrent = getattr(nn, cell.upper())(embedding, hidden, layers)
    parameters = [*table.parameters(), *recurrent.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, fused=True)
    x, y = torch.randint(symbols, (2, steps, batch))

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            h, _ = recurrent(table(x))
            loss = nn.functional.cross_entropy(head(h).flatten(0, 1), y.flatten())
        loss.backward()
        loss.item()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def floor(shape: tuple[Any, ...], budget: float) -> float:
    """Seconds of a step's products, each timed alone, times how often it occurs."""
    import torch

    cell, layers, hidden, embedding, symbols, batch, steps = shape
    gates, tokens, total = {"gru": 3, "lstm": 4}[cell] * hidden, batch * steps, 0.0
    products: dict[tuple[int, int, int, str], int] = {}

    def count(rows: int, inputs: int, outputs: int, times: int) -> None:
        """A product forward, and the two that its gradients are."""
        for key in ((rows, inputs, outputs, "nt"), (rows, outputs, inputs, "nn")):
            products[key] = products.get(key, 0) + times

    for layer in range(layers):
        count(tokens, embedding if not layer else hidden, gates, 1)
        count(batch, hidden, gates, steps)
        for inputs in (embedding if not layer else hidden, hidden):
            key = (gates, tokens, inputs, "tn")
            products[key] = products.get(key, 0) + 1
    count(tokens, hidden, symbols, 1)
    products[symbols, tokens, hidden, "tn"] = 1
    for (rows, inner, columns, how), times in products.items():
        a = torch.randn((inner, rows) if how == "tn" else (rows, inner)).bfloat16()
        b = torch.randn((columns, inner) if how == "nt" else (inner, columns)).bfloat16()
        a, b = (a.t() if how == "tn" else a), (b.t() if how == "nt" else b)
        total += times * seconds(lambda a=a, b=b: a @ b, budget / len(products), 20)
    return total


def recipe(name: str, sets: list[str], budget: float) -> tuple[float, float]:
    """Seconds of a step of a recipe's training loop, and its tokens: the same batches in every checkout."""
    from seqcli.recipe.load import load_recipe
    from seqcli.runs import Run
    from seqcli.training import session
    from seqcli.training.loop import Trainer

    with tempfile.TemporaryDirectory() as folder:
        made = session.prepare(load_recipe(name, sets), Run(Path(folder) / "run"), session.Options())
        assert made.recipe.train is not None
        trainer = Trainer(made.task, made.recipe.train, made.run, made.header)
        for _ in range(5):
            trainer.step()
        before, began, steps = trainer.progress.tokens, time.perf_counter(), 0
        while steps < 60 or time.perf_counter() - began < budget:
            trainer.step()
            steps += 1
            if steps == 400:
                break
        return (time.perf_counter() - began) / steps, (trainer.progress.tokens - before) / steps


def worker(kind: str, what: str, threads: int, budget: float) -> None:
    """One measurement: prints seconds a step and tokens a step."""
    if kind == "recipe":
        name, *sets = what.split()
        took, tokens = recipe(name, [*sets, f"train.threads={threads}"], budget)
        print(took, tokens)
        return
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    shape = SHAPES[what]
    if kind == "floor":
        took = floor(shape, budget)
    else:
        took = seconds(ours(shape) if kind == "seqcli" else plain(shape, half=kind == "bfloat16"), budget)
    print(took, shape[-1] * shape[-2])


def measure(kind: str, what: str, given: argparse.Namespace, checkout: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, "--worker", kind, "--what", what, "--threads", str(given.threads)]
    env = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(given.threads)}
    done = subprocess.run(
        [*command, "--budget", str(given.budget)], env=env, check=True, text=True, stdout=subprocess.PIPE
    )
    took, tokens = map(float, done.stdout.split()[-2:])
    return took, tokens


def show(name: str, found: dict[str, list[tuple[float, float]]], base: str, figures: Figures) -> None:
    """A line a kind: tokens a second, and how many times as fast as the base in the same round."""
    for kind, rounds in found.items():
        rate = statistics.median(tokens / took for took, tokens in rounds)
        ratios = sorted(b[0] / a[0] for a, b in zip(rounds, found[base], strict=True))
        middle = statistics.median(ratios)
        figures.add(f"{name}: {kind}", rate, "tokens/s")
        if kind != base:
            figures.add(f"{name}: {kind} over {base}", middle, "times")
        print(
            f"{name:20} {kind:9} {rate:10,.0f} tokens/s; {middle:.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] times {base}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--against", type=Path, help="another checkout of seqcli")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--budget", type=float, default=4.0, help="seconds a measurement")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--what", help=argparse.SUPPRESS)
    given, figures = begin(parser)
    if given.worker:
        worker(given.worker, given.what, given.threads, given.budget)
        return
    here = Path(__file__).resolve().parents[2]
    print(f"{platform.processor() or platform.machine()}, {given.threads} threads, load {os.getloadavg()[0]:.1f}")
    if given.against:
        for name in given.recipes.split(","):
            what, found = " ".join([name, *RECIPES.get(name, [])]), {"before": [], "now": []}
            for _ in range(given.rounds):
                for kind, checkout in (("before", given.against.resolve()), ("now", here)):
                    found[kind].append(measure("recipe", what, given, checkout))
            show(name, found, "before", figures)
        figures.end()
        return
    for name in given.shapes.split(","):
        rounds: dict[str, list[tuple[float, float]]] = {kind: [] for kind in given.kinds.split(",")}
        for _ in range(given.rounds):
            for kind in rounds:
                rounds[kind].append(measure(kind, name, given, here))
        show(name, rounds, "bfloat16", figures)
    figures.end()


if __name__ == "__main__":
    main()
