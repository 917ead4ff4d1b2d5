"""One process of several threads against several of one: `python tests/benchmarks/bench_processes.py [--processes 2]`.

Steps of the training loop by recipes that ship, in turns, --rounds of them: tokens a second of one process with --processes
threads, of as many processes with one thread each, and of one process with one thread. Some recipes look for their data
through SEQCLI_DATA. Prints the fastest round of each, for other work on the machine only slows, and the range of the
rounds' ratios; and what free processors could gain at most, whatever else runs: the processor time of a step of one
thread over that of a step of the first process.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import begin

RECIPES = ("charlm", "charlm+model.layers=2+model.hidden=512", "ewt-upos", "trec", "multi30k-en-de")
WARM = 5  # steps before the clock runs: kernels are made for each shape


def main() -> None:
    """One of the processes that are measured: prints tokens a second, and a step's milliseconds, by the clock and of processor time."""
    recipe, seconds, folder, *changes = sys.argv[1:]
    from contextlib import nullcontext

    from seqcli import console
    from seqcli.recipe.load import load_recipe
    from seqcli.runs import Run
    from seqcli.training import session
    from seqcli.training.group import Group, one_of_several
    from seqcli.training.loop import Trainer
    from seqcli.training.processes import joined

    console.verbosity = console.SILENT
    with joined() if one_of_several() else nullcontext(Group()) as group:
        run = Run(Path(folder))
        made = session.prepare(load_recipe(recipe, changes), run, session.Options(), group)
        assert made.recipe.train is not None
        trainer = Trainer(made.task, made.recipe.train, run, made.header, group)
        for _ in range(WARM):
            trainer.step()
        before, steps, began, processor = trainer.progress.tokens, 0, time.perf_counter(), time.process_time()
        while group.agreed(time.perf_counter() - began > float(seconds), 0) == (False, 0):
            trainer.step()
            steps += 1
        spent, processor = time.perf_counter() - began, time.process_time() - processor
    if group.first:
        print(json.dumps([(trainer.progress.tokens - before) / spent, 1e3 * spent / steps, 1e3 * processor / steps]))


def measured(recipe: str, processes: int, threads: int, seconds: float) -> list[float]:
    """What `main` prints, of a recipe with its changes."""
    name, *changes = recipe.split("+")
    with tempfile.TemporaryDirectory() as folder:
        arguments = [name, str(seconds), folder, f"train.threads={threads}", *changes]
        code = "import sys; sys.path[0] = sys.argv.pop(1); from bench_processes import main\n"
        code += "from seqcli.training.processes import start\nif __name__ == '__main__': "
        code += "main()" if processes == 1 else f"sys.exit(start({processes}, main, sys.argv[1:]))"
        here = Path(__file__).resolve().parent
        env = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        env["PYTHONPATH"] = os.pathsep.join(map(str, (here, here.parents[1])))
        command = [sys.executable, "-c", code, str(here), *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout)


def compare() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--recipes", default=",".join(RECIPES), help="separated by commas; changes behind +")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10.0)
    options, figures = begin(parser)
    ways = {"one process": (1, options.processes), "processes": (options.processes, 1), "one thread": (1, 1)}
    found: dict[str, dict[str, list[list[float]]]] = {}
    for recipe in options.recipes.split(","):
        found[recipe] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, (processes, threads) in ways.items():
                found[recipe][way].append(measured(recipe, processes, threads, options.seconds))
    print({"cores": os.cpu_count(), "processes": options.processes, "load": os.getloadavg()})
    print(
        f"{'recipe':<42}{'1 x ' + str(options.processes):>10}{str(options.processes) + ' x 1':>10}{'1 x 1':>10}   ratio"
    )
    for recipe, by in found.items():
        best = {way: max(f[0] for f in by[way]) for way in ways}
        ratios = sorted(both[0] / one[0] for both, one in zip(by["processes"], by["one process"], strict=True))
        most = min(f[2] for f in by["one thread"]) / min(f[2] for f in by["processes"])
        shown = "".join(f"{speed:>10,.0f}" for speed in best.values())
        ratio = best["processes"] / best["one process"]
        print(
            f"{recipe:<42}{shown}   {ratio:.2f} (rounds {ratios[0]:.2f} .. {ratios[-1]:.2f}); at most {most:.2f} of 1 x 1"
        )
        for way, speed in best.items():
            figures.add(f"{recipe}: {way}", speed, "tokens/s")
        figures.add(f"{recipe}: processes over one process", ratio, "times")
        figures.add(f"{recipe}: processes over one thread, at most", most, "times")
    figures.end()


if __name__ == "__main__":
    compare()
