"""One stream of generation, side by side: `python tests/benchmarks/bench_generate.py [--layers 2 --hidden 512]`.

Measures, in one process and in turns, tokens a second of

- seqcli: the stepper of a recurrent language model, the path of `seqcli generate`, without sampling;
- floor: the matrix-vector products alone that the model's equations ask of one step (input, recurrent, output);
- cell: a loop of `torch.nn.LSTMCell` and `torch.nn.Linear`;
- lstm: the plain loop of `torch.nn.LSTM`, one step a call, and `torch.nn.Linear`.

Each gets the number of threads it is fastest with. The figures to reach are 0.70 of the floor, 6 times the cell
loop and 20 times the plain loop.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from figures import begin

from seqcli import layers, threads
from seqcli.models import language_model


def rate(step: Callable[[], object], seconds: float = 1.0) -> float:
    """Steps a second."""
    for _ in range(5):
        step()
    began, steps = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(10):
            step()
        steps += 10
    return steps / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--vocabulary", type=int, default=65)
    parser.add_argument("--rounds", type=int, default=5)
    a, figures = begin(parser)
    H, L, V = a.hidden, a.layers, a.vocabulary
    config = language_model.Config(cell="lstm", embedding=H, hidden=H, layers=L)
    model = language_model.Model.create(config, V, np.random.default_rng(0))
    ids = np.array([1])

    _, own = model.start(np.zeros(0, np.int64))
    box = [own]

    def seqcli_step() -> None:
        _, box[0] = model.step(ids, None, box[0])

    products = [w for cells in model.stack.cells for w in (cells[0].weight_ih, cells[0].weight_hh)]
    products.append(model.output_weight)
    vectors = [np.random.default_rng(1).standard_normal(w.shape[1]).astype(np.float32) for w in products]
    outs = [np.empty(len(w), np.float32) for w in products]

    def floor_step() -> None:
        for w, x, y in zip(products, vectors, outs, strict=True):
            np.dot(w, x, out=y)

    torch.set_grad_enabled(False)
    weights = {n: torch.from_numpy(w) for n, w in layers.arrays(model).items()}
    embedding, linear = torch.nn.Embedding(V, H), torch.nn.Linear(H, V)
    embedding.weight.copy_(weights["embedding"])
    cells = [torch.nn.LSTMCell(H, H) for _ in range(L)]
    lstm = torch.nn.LSTM(H, H, L)
    token = torch.tensor([1])
    states = [(torch.zeros(1, H), torch.zeros(1, H)) for _ in range(L)]

    def cell_step() -> None:
        x = embedding(token)
        for i, cell in enumerate(cells):
            states[i] = cell(x, states[i])
            x = states[i][0]
        linear(x)

    hidden = [(torch.zeros(L, 1, H), torch.zeros(L, 1, H))]

    def lstm_step() -> None:
        y, hidden[0] = lstm(embedding(token)[None], hidden[0])
        linear(y)

    numpy_threads = {}
    for name, step in (("seqcli", seqcli_step), ("floor", floor_step)):
        found = {}
        for n in (1, 2):
            limiter = threads.limit(n)
            found[n] = rate(step, 0.3)
            limiter.restore_original_limits()
        numpy_threads[name] = max(found, key=lambda n: found[n])
    torch_threads = {}
    for name, step in (("cell", cell_step), ("lstm", lstm_step)):
        found = {}
        for n in (1, 2):
            torch.set_num_threads(n)
            found[n] = rate(step, 0.3)
        torch_threads[name] = max(found, key=lambda n: found[n])

    seen: dict[str, list[float]] = {"seqcli": [], "floor": [], "cell": [], "lstm": []}
    for _ in range(a.rounds):
        for name, step in (("seqcli", seqcli_step), ("floor", floor_step)):
            limiter = threads.limit(numpy_threads[name])
            seen[name].append(rate(step))
            limiter.restore_original_limits()
        for name, step in (("cell", cell_step), ("lstm", lstm_step)):
            torch.set_num_threads(torch_threads[name])
            seen[name].append(rate(step))
    medians = {name: statistics.median(values) for name, values in seen.items()}
    print(f"{L} x {H} LSTM, embedding {H}, vocabulary {V}; medians of {a.rounds}")
    for name, value in medians.items():
        n = (numpy_threads | torch_threads)[name]
        print(f"  {name:<7} {value:9.0f} tokens/s  {n} threads  seqcli / {name} = {medians['seqcli'] / value:.2f}")
        figures.add(f"{name}, {L}x{H} LSTM", value, "tokens/s")
        if name != "seqcli":
            figures.add(f"seqcli over {name}, {L}x{H} LSTM", medians["seqcli"] / value, "times")
    figures.end()


if __name__ == "__main__":
    main()
