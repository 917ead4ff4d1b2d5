"""Sentences in the raw text of UD English-EWT: `SEQCLI_DATA=... python tests/benchmarks/bench_sentences.py SPLITTER...`.

SPLITTER is a run of `ewt-sentences`, or several (of other seeds). Prints F1 of sentences, tokens and words by the
definition of the CoNLL 2018 shared task, for paragraphs as the treebank has them and for documents alone; with --tagger,
a run of `ewt-upos`, also words a second from raw text to CoNLL-U with tags, a whole process less its start-up.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from figures import begin

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from support.conll18 import raw, scores  # noqa: E402


def tagged(text: str, *arguments: str) -> tuple[str, float]:
    """What `seqcli tag` makes of a text, and the seconds of the process."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "seqcli", "tag", "-q", "--format", "conllu", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout, time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="SPLITTER")
    parser.add_argument("--tagger")
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--times", type=int, default=8, help="how often the text is tagged to measure speed")
    options, figures = begin(parser)
    if "SEQCLI_DATA" not in os.environ:
        sys.exit("SEQCLI_DATA does not name the folder of data sets")
    path = Path(os.environ["SEQCLI_DATA"]) / f"ud-en-ewt/en_ewt-ud-{options.split}.conllu"
    gold = path.read_text(encoding="utf-8")
    for layout, paragraphs in (("paragraphs", True), ("documents", False)):
        text = raw(gold, paragraphs=paragraphs)
        found = [scores(gold, tagged(text, "-m", model)[0]) for model in options.models]
        for name in found[0]:
            own = [100 * score[name] for score in found]
            print(f"{layout}: {name} F1 {', '.join(f'{f:.2f}' for f in own)}; mean {statistics.mean(own):.2f}")
            figures.add(f"{layout}: {name} F1", statistics.mean(own), "share")
    if options.tagger:
        text = raw(gold) + "\n"
        command = ("-m", options.tagger, "--sentences", options.models[0])
        _, start = tagged("A line.\n", *command)
        for jobs in (1, 2):
            out, took = tagged(text * options.times, *command, "--jobs", str(jobs))
            words = sum(line[:1].isdigit() and "-" not in line.split("\t")[0] for line in out.split("\n"))
            print(f"raw text to CoNLL-U, {jobs} process{'es' * (jobs > 1)}: {words / (took - start):,.0f} words/s")
            figures.add(f"raw to CoNLL-U, {jobs} processes", words / (took - start), "words/s")
    figures.end()


if __name__ == "__main__":
    main()
