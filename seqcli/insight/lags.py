"""Compare cells: networks learn tasks with lags, and are tested on longer sequences."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from seqcli import artifact, registry
from seqcli.artifact import replacing
from seqcli.datasets import lags
from seqcli.datasets.lags import CLASSES, TAGS, TASKS, TESTED, Made
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.runs import Run, folder

LENGTHS = (20, *TESTED)  # symbols; training sequences have up to 40
ASKED, SEED = 250, 1_000_000  # sequences of each length, made with a seed that no data set has
SLOW = ("parity", "s3", "copy")  # tasks that get LONGER times the minutes
LONGER = 5
ATTENDING, TRANSFORMER = "+attention", "transformer"
_SIZE = "kind: transformer, size: 128, heads: 4, layers: 2"
TRANSFORMERS = {
    "lags": f"{{{_SIZE}, embedding: 32, characters: null, head: softmax, lowercase: false, fold_digits: false}}",
    "lags-label": f"{{{_SIZE}, embedding: 32, pooling: last}}",
    "lags-copy": f"{{{_SIZE}}}",
}  # the model section, by recipe


class Trial(NamedTuple):
    """A network that is to learn a task."""

    task: str
    network: str  # a cell, for copy CELL+attention, or transformer
    minutes: float
    seed: int

    @property
    def run(self) -> Run:
        return Run(folder(f"lag-{self.task}-{self.network}-{self.minutes:g}min-seed{self.seed}"))

    @property
    def command(self) -> list[str]:
        """The arguments of seqcli that train it."""
        form = "lags" if self.task in TAGS else "lags-label" if self.task in CLASSES else "lags-copy"
        values = {"data.train": f"lag-{self.task}", "train.minutes": f"{self.minutes:g}", "train.seed": self.seed}
        if self.network == TRANSFORMER:
            values |= {"model": TRANSFORMERS[form], "train.learning_rate": "1e-3", "train.warmup": 100}
        else:
            values["model.cell"] = self.network.removesuffix(ATTENDING)
            if self.network.endswith(ATTENDING):
                values["model.attention"] = "general"
        changes = [f"--set={key}={value}" for key, value in values.items()]
        return ["train", form, *changes, "--name", self.run.path.name]


def trials(tasks: Sequence[str], networks: Sequence[str], minutes: float, seed: int) -> list[Trial]:
    """Return each task with each network that can learn it. Raises UsageError for unknown names."""
    for name in tasks:
        if name not in TASKS:
            raise UsageError(f"unknown lag task {name!r}", hint=did_you_mean(name, TASKS))
    for network in networks:
        if network != TRANSFORMER:
            registry.load("cells", network.removesuffix(ATTENDING))
    return [
        Trial(task, network, minutes * (LONGER if task in SLOW else 1), seed)
        for task in tasks
        for network in networks
        if task not in TAGS | CLASSES or not network.endswith(ATTENDING)
    ]


def scored(trial: Trial) -> dict[int, float] | None:
    """Return the share of right answers by length, if the trial was carried out before, else None."""
    try:
        found = json.loads((trial.run.path / "lags.json").read_text())
    except (OSError, ValueError):
        return None
    return {int(length): share for length, share in found.items()}


def carried_out(trial: Trial, load: Callable[[Run], Any]) -> dict[int, float]:
    """Train the network in its own process, test it, and return the share of right answers by length; `load` opens a
    run's model as its predictor. An interrupted run is resumed; a trained one whose scoring failed is tested all the
    same. Raises SeqcliError with the last lines of that process."""
    run = trial.run
    more = ["--resume"] if run.last.exists() else ["--overwrite"] if run.exists() else []
    done = subprocess.run(
        [sys.executable, "-m", "seqcli", *trial.command, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if done.returncode and not _trained(run):
        said = done.stderr.decode(errors="replace").strip().split("\n")
        raise SeqcliError(f"{run.path}: training ended with status {done.returncode}\n" + "\n".join(said[-5:]))
    shares = asked(load(run), trial.task)
    with replacing(run.path / "lags.json") as file:
        file.write((json.dumps(shares) + "\n").encode())
    return shares


def _trained(run: Run) -> bool:
    """Whether the training of a run is finished."""
    try:
        return bool(artifact.read_header(run.last)["progress"]["finished"]) and run.model.exists()
    except SeqcliError:
        return False


def asked(own: Any, task: str) -> dict[int, float]:
    """Return the share of sequences that a predictor answers right (for tags, the last tag), by length."""
    shares = {}
    for length in LENGTHS:
        records = lags.made(task, [length] * ASKED, SEED + length)
        lines = own.filter([" ".join(symbols) for symbols, _ in records])
        try:
            shares[length] = sum(_is_right(task, *pair) for pair in zip(lines, records, strict=True)) / ASKED
        except SeqcliError:  # the model's numbers overflow
            shares[length] = 0.0
    return shares


def _is_right(task: str, line: str, record: Made) -> bool:
    if task in TAGS:
        return line.rpartition("/")[2] == record[1][-1]
    return line.partition("\t")[0] == " ".join(record[1])


def floors(task: str) -> dict[int, float]:
    """Return the share that the most frequent answer of each length gets right."""
    found = {}
    for length in LENGTHS:
        made = lags.made(task, [length] * ASKED, SEED + length)
        answers = Counter(a[-1] if task in TAGS else " ".join(a) for _, a in made)
        most = answers.most_common(1)[0][1]
        found[length] = most / ASKED if most > 1 else 0.0
    return found


def draw(path: str, tables: Mapping[str, Mapping[str, Mapping[int, float]]]) -> None:
    """Write a picture of the tables: a block for each task, a row for each network, a column for each length."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from seqcli.insight._picture import DPI, save

    across = min(len(tables), 5)
    down, most = -(-len(tables) // across), max(map(len, tables.values()))
    figure = Figure(figsize=(3.1 * across + 1, (0.27 * most + 0.9) * down), dpi=DPI, facecolor="white",
                    layout="constrained")  # fmt: skip
    FigureCanvasAgg(figure)
    for place, (task, rows) in enumerate(tables.items(), 1):
        axes = figure.add_subplot(down, across, place)
        values = [[100 * shares[length] for length in LENGTHS] for shares in rows.values()]
        axes.imshow(values, cmap="YlGn", vmin=0, vmax=100, aspect="auto")
        axes.set_xticks(range(len(LENGTHS)), list(map(str, LENGTHS)), size=8)
        axes.set_yticks(range(len(rows)), list(rows), size=8)
        axes.tick_params(length=0)
        axes.set_title(task, size=10)
        for y, row in enumerate(values):
            for x, value in enumerate(row):
                axes.text(x, y, f"{value:.0f}", ha="center", va="center", size=8,
                          color="white" if value > 70 else "black")  # fmt: skip
    save(figure, path)
