"""Answer the lines of a file with Ray Data, using a model in each of two actors.

python examples/ray_data.py MODEL INPUT OUTPUT
"""

import itertools
import sys
from pathlib import Path
from typing import Any

import pyarrow
import ray
import ray.data

BLOCK = 10_000  # lines

model, source, target = sys.argv[1:]


class Answering:
    """An actor that opens the model once and answers batches."""

    def __init__(self, path: str) -> None:
        import seqcli

        self.model = seqcli.load(path)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return the answers to a batch of lines, one for each."""
        return {"answer": list(self.model.filter(batch["line"].tolist()))}


ray.init(num_cpus=3, include_dashboard=False, logging_level="warning")
context = ray.data.DataContext.get_current()
context.execution_options.preserve_order = True  # otherwise blocks arrive as they finish
context.enable_progress_bars = False

# read_text would drop blank lines, and end a line at each of the ten line ends of Python's splitlines.
with Path(source).open(encoding="utf-8", newline="\n") as file:
    lines = (line.removesuffix("\n") for line in file)
    tables = [pyarrow.table({"line": list(part)}) for part in iter(lambda: tuple(itertools.islice(lines, BLOCK)), ())]

answers = ray.data.from_arrow(tables).map_batches(
    Answering, fn_constructor_args=(model,), concurrency=2, batch_size=None, num_cpus=1
)
with Path(target).open("w", encoding="utf-8", newline="\n") as file:
    for row in answers.iter_rows():
        file.write(row["answer"] + "\n")
ray.shutdown()
