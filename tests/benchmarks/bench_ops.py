"""Two operations of training beside what else there is: `python tests/benchmarks/bench_ops.py [scan] [cross-entropy]`.

scan, T 256, B 32, H 512, forward and backward, float32, in turns in one process: `ops.scan`; a loop over unbound steps
that autograd records; torch's `associative_scan`, where it runs.

cross-entropy, of rows (N, 512) and 10,000 or 100,000 symbols, forward and backward in bfloat16, each way in a process of
its own, in turns: `ops.linear_cross_entropy`; all logits at once; torch's `linear_cross_entropy` in chunks, where torch
has it. Prints medians, ratios with their range, and how much memory each process took at most above what the arrays
and their gradients take.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from figures import Figures, begin

from seqcli import ops

WAYS = ("seqcli", "at once", "in chunks")
SIZES = ((2048, 10_000), (2048, 100_000))
UNITS = 512


def took(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def scan(rounds: int, figures: Figures) -> None:
    shape = (256, 32, 512)
    a, b = torch.rand(shape, requires_grad=True), torch.randn(shape, requires_grad=True)
    start, given = torch.zeros(shape[1:], requires_grad=True), torch.randn(shape)

    def loop(a: Any, b: Any, h: Any) -> Any:
        found = []
        for factor, term in zip(a.unbind(0), b.unbind(0), strict=True):
            h = factor * h + term
            found.append(h)
        return torch.stack(found)

    def associative(a: Any, b: Any, h: Any) -> Any:
        from torch._higher_order_ops.associative_scan import associative_scan

        b = torch.cat([(b[0] + a[0] * h)[None], b[1:]])
        return associative_scan(lambda x, y: (x[0] * y[0], y[0] * x[1] + y[1]), (a, b), 0, combine_mode="generic")[1]

    ways: dict[str, Callable[..., Any]] = {
        "ops.scan": ops.scan,
        "unbound loop": loop,
        "associative_scan": associative,
    }
    expected, found = loop(a, b, start), {name: [] for name in ways}
    for name, way in list(ways.items()):
        try:
            torch.testing.assert_close(way(a, b, start), expected, rtol=1e-4, atol=1e-4)
        except Exception as error:  # what a version of torch cannot do is a result too
            print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}")
            del ways[name], found[name]
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(took(lambda way=way: torch.autograd.grad(way(a, b, start), (a, b, start), given)))
    show("scan", found, "unbound loop", figures)


def step(way: str, x: Any, weight: Any, bias: Any, targets: Any) -> Any:
    """The mean loss of bfloat16 copies of the leaves, whose gradients are float32."""
    half = [a.bfloat16() for a in (x, weight, bias)]
    if way == "seqcli":
        return ops.linear_cross_entropy(*half, targets).mean()
    if way == "at once":
        return torch.nn.functional.cross_entropy(torch.nn.functional.linear(*half).float(), targets)
    options = torch.nn.LinearCrossEntropyOptions()
    return torch.nn.functional.linear_cross_entropy(*half[:2], targets, linear_bias=half[2], options=options)


def worker(way: str, rows: int, symbols: int) -> None:
    """Prints seconds of a step, and bytes at most above the leaves and their gradients."""
    from seqcli.training import device

    device.keep_freed_memory()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    x, weight = torch.randn(rows, UNITS, requires_grad=True), torch.randn(symbols, UNITS, requires_grad=True)
    bias, targets = torch.zeros(symbols, requires_grad=True), torch.randint(symbols, (rows,))
    leaves = (x, weight, bias)
    for leaf in leaves:
        leaf.grad = torch.zeros_like(leaf)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = [took(lambda: step(way, *leaves, targets).backward()) for _ in range(4)]
    print(statistics.median(seconds[1:]), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def cross_entropy(rounds: int, figures: Figures) -> None:
    for rows, symbols in SIZES:
        found, memory = {way: [] for way in WAYS}, {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                command = [sys.executable, __file__, "--worker", way, "--sizes", str(rows), str(symbols)]
                done = subprocess.run(command, check=True, text=True, capture_output=True)
                seconds, kilobytes = map(float, done.stdout.split())
                found[way].append(seconds)
                memory[way].append(kilobytes / 1024)
        show(f"{rows:,} rows, {symbols:,} symbols", found, "at once", figures)
        for way in WAYS:
            figures.add(f"{rows:,} rows, {symbols:,} symbols: {way}, memory", statistics.median(memory[way]), "MB")
        print("  MB: " + ", ".join(f"{way} {statistics.median(memory[way]):,.0f}" for way in WAYS))


def show(what: str, found: dict[str, list[float]], base: str, figures: Figures) -> None:
    for name, seconds in found.items():
        ratios = sorted(b / a for a, b in zip(seconds, found[base], strict=True))
        figures.add(f"{what}: {name}", statistics.median(seconds) * 1e3, "ms")
        if name != base:
            figures.add(f"{what}: {name} over {base}", statistics.median(ratios), "times")
        middle = f"{statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}] times as fast as {base}"
        print(f"{what}: {name:18} {statistics.median(seconds) * 1e3:8.1f} ms; {middle}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", metavar="scan|cross-entropy", default="scan cross-entropy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--sizes", type=int, nargs=2, help=argparse.SUPPRESS)
    given, figures = begin(parser)
    if given.worker:
        worker(given.worker, *given.sizes)
        return
    threads = os.environ.setdefault("OMP_NUM_THREADS", "2")
    torch.set_num_threads(int(threads))
    print(f"{threads} threads, load {os.getloadavg()[0]:.1f}, torch {torch.__version__}")
    if "scan" in given.what:
        scan(3 * given.rounds, figures)
    if "cross-entropy" in given.what:
        cross_entropy(given.rounds, figures)
    figures.end()


if __name__ == "__main__":
    main()
