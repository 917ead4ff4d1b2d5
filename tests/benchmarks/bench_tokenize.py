"""`seqcli tokenize` against a plain loop: `SEQCLI_DATA=... python tests/benchmarks/bench_tokenize.py [--text KIND]`.

Both are whole processes, from a file to a file, in turns; the best of the rounds counts. The loop reads a line, calls
the sentencepiece library and writes the pieces. Texts: `prose`, the corpora of SEQCLI_DATA (about 9 MB, German
among it), lines shuffled and repeated up to --megabytes; `source`, what Python's own library and the packages
installed beside it have in .py files, little of it twice. MB/s are given by the clock, and by the processor's time,
which a busy machine disturbs less. The figure to reach is a ratio of 1.5.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import begin

from seqcli import registry, tokenizers

ROOT = Path(__file__).resolve().parents[2]
PROSE = (
    "tinyshakespeare/input.txt",
    "ptb/ptb.train.txt",
    "multi30k-en-de/train.en",
    "multi30k-en-de/train.de",
)
LOOP = """
import sys, sentencepiece
processor = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
for line in sys.stdin:
    sys.stdout.write(" ".join(processor.encode(line.rstrip("\\n"), out_type=str)) + "\\n")
"""


def prose(size: int) -> str:
    """Lines of corpora in a fixed random order, as often as it takes."""
    folder = Path(os.environ["SEQCLI_DATA"])
    lines = [line for name in PROSE for line in (folder / name).read_text(encoding="utf-8").split("\n")]
    rng, text, length = random.Random(0), [], 0
    while length < size:
        rng.shuffle(lines)
        text += lines
        length += sum(map(len, lines)) + len(lines)
    return "\n".join(text)[:size] + "\n"


def source(size: int) -> str:
    """Files of Python code, one after the other; files met before are left out."""
    text, length, seen = [], 0, set()
    for folder in (Path(os.__file__).parent, Path(registry.__file__).parents[1], *map(Path, sys.path)):
        for file in sorted(folder.rglob("*.py")):
            if file.resolve() not in seen and length < size:
                seen.add(file.resolve())
                text.append(file.read_text(encoding="utf-8", errors="replace").replace("▁", "_"))
                length += len(text[-1])
    return "".join(text)[:size] + "\n"


def timed(command: list[str], read: Path, write: Path) -> tuple[float, float]:
    """Seconds of a process by the clock, and of the processor."""
    with read.open("rb") as stdin, write.open("wb") as stdout:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, env={**os.environ, "PYTHONPATH": str(ROOT)})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return seconds, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--text", choices=("prose", "source"), default="prose")
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    a, figures = begin(parser)
    text = {"prose": prose, "source": source}[a.text](int(a.megabytes * 1e6))
    with tempfile.TemporaryDirectory() as folder:
        file, out, reference = (Path(folder, name) for name in ("text", "out", "reference"))
        file.write_text(text, encoding="utf-8", newline="")
        megabytes = file.stat().st_size / 1e6
        print(f"{a.text}: {megabytes:.1f} MB, {text.count(chr(10)):,} lines, {len(set(text.split())):,} words differ")
        module = registry.load("tokenizers", "sentencepiece")
        for model_type in ("unigram", "bpe"):
            config = module.Config(model_type=model_type, size=a.size, sample=4)
            tokenizer = module.Tokenizer.learn([text], config)
            ours, theirs = Path(folder, "tok.safetensors"), Path(folder, "tok.model")
            tokenizers.save(tokenizer, ours)
            theirs.write_bytes(tokenizer.arrays()["model"].tobytes())
            python, jobs = sys.executable, ["--jobs", str(a.jobs)]
            commands = {
                "plain loop": ([python, "-c", LOOP, str(theirs)], reference),
                "seqcli": ([python, "-m", "seqcli", "tokenize", "-m", str(ours), *jobs], out),
            }
            best: dict[str, tuple[float, float]] = {}
            for _ in range(a.rounds):
                for name, (command, written) in commands.items():
                    found = timed(command, file, written)
                    best[name] = tuple(map(min, found, best.get(name, found)))  # type: ignore[assignment]
            for name, (clock, processor) in best.items():
                rates = f"{megabytes / clock:6.1f} MB/s by the clock, {megabytes / processor:6.1f} by the processor"
                print(f"  {model_type:8} {name:11} {rates}")
            ratios = [best["plain loop"][i] / best["seqcli"][i] for i in (0, 1)]
            got, expected = (path.read_bytes().split(b"\n") for path in (out, reference))
            plain = [(x, y) for x, y, line in zip(got, expected, text.split("\n"), strict=True) if line.isprintable()]
            same = sum(x.replace(b"\\\\", b"\\") == y for x, y in plain)
            print(f"  {model_type:8} ratio       {ratios[0]:6.2f}                  {ratios[1]:6.2f}")
            figures.add(f"{a.text}, {model_type}", megabytes / best["seqcli"][0], "MB/s")
            figures.add(f"{a.text}, {model_type}, over a plain loop", ratios[0], "times")
            print(f"  {model_type:8} the same pieces in {same:,} of {len(plain):,} printable lines")
    figures.end()


if __name__ == "__main__":
    main()
