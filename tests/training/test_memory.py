"""A text larger than memory is prepared and trained on within a gigabyte of anonymous memory. Run with -m slow."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1 << 30  # bytes
RECIPE = """\
task: language-model
tokenizer: char
data: {train: big.txt, valid: 0.001, test: 0.01}
model: {cell: lstm, embedding: 32, hidden: 64}
train: {steps: 20, sequence_length: 64, batch_size: 32, threads: 2}
"""


def write_text(path: Path, size: int, separator: str) -> None:
    """Words of one to four bytes a character, the blocks in random order."""
    draw = random.Random(7)
    words = ["the", "cat", "über", "naïve", "日本語", "🙂", "sat", "on", "mat", "and"]
    blocks = []
    for _ in range(16):
        lines = (" ".join(draw.choice(words) for _ in range(12)) for _ in range(12_000))
        blocks.append((separator.join(lines) + separator).encode())
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(draw.choice(blocks))


class Watch(threading.Thread):
    """The largest RssAnon of a process, in bytes, looked at every 20 ms."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.status, self.peak = Path(f"/proc/{pid}/status"), 0

    def run(self) -> None:
        while True:
            try:
                found = re.search(r"RssAnon:\s+(\d+) kB", self.status.read_text())
            except OSError:
                return
            if not found:
                return
            self.peak = max(self.peak, int(found[1]) * 1024)
            time.sleep(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose large files do not outlive the test."""
    if not Path("/proc/self/status").is_file():
        pytest.skip("anonymous memory is read from /proc")
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size > 1 << 20:
            path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "separator"), [(2 << 30, "\n"), (1 << 30, " ")], ids=["lines", "one line"])
def test_memory_does_not_grow_with_the_text(folder, size, separator):
    write_text(folder / "big.txt", size, separator)
    recipe = RECIPE if separator == "\n" else RECIPE.replace("0.01}", "0.01, split_at: character}")
    (folder / "big.yaml").write_text(recipe)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SEQCLI_CACHE": str(folder / "cache")}
    for command in (["train", "big.yaml"], ["eval", "--window", "64", "--metric", "perplexity"]):
        if command[0] == "eval" and size > 1 << 30:
            continue  # the test split alone is 20 MB: the other text's is scored
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "seqcli", *command], cwd=folder, env=env, stderr=subprocess.PIPE, text=True
        )
        watch = Watch(process.pid)
        watch.start()
        _, said = process.communicate()
        assert process.returncode == 0, said
        watch.join()
        print(f"{command[0]}: peak RssAnon {watch.peak / 2**20:.0f} MiB, {time.monotonic() - began:.0f} s\n{said}")
        assert watch.peak < LIMIT
