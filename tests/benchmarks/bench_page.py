"""A model as a page in Chromium beside `seqcli` on the same rounded weights: the same answers? how fast?

    python tests/benchmarks/bench_page.py RUN           a language model: 500 symbols, greedily
    python tests/benchmarks/bench_page.py RUN < LINES   the others: the answers to lines

Prints the page's size, symbols or lines a second in Chromium and of `seqcli` in one process on one thread, and how many
answers differ. Each side answers once before it is timed.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from figures import begin

from seqcli import predictor, runs, threads
from seqcli.decoding.beam import Search
from seqcli.export import page, smaller
from seqcli.export.graphs import Options

SYMBOLS = 500
SCRIPT = """<script>
const made = document.createElement("pre"), given = %s;
const work = {
  "language-model": () => {
    const ids = [], first = [own.first];
    for (let known = own.read(""); ids.length < given; known = own.step(ids.at(-1), known.state)) ids.push(own.drawn(known.logits, { temperature: 0 }));
    return ids.map((id, i) => joined(own.tokenizer, [...first, ...ids.slice(0, i)], id)).join("");
  },
  tagging: () => given.map((text) => own.tag(text).map((word) => word.label)),
  classification: () => given.map((text) => own.classify(text)[0]?.label ?? null),
  "sequence-to-sequence": () => given.map((text) => own.translate(text).text),
}[stored.task];
work();
const began = performance.now(), answers = work();
made.id = "measured";
made.textContent = JSON.stringify({ seconds: (performance.now() - began) / 1000, answers });
document.body.append(made);
</script></body>"""
ASK = {
    "language-model": lambda own, count: own.generate("", temperature=0, max_tokens=count),
    "tagging": lambda own, lines: [[label for _, label, _ in own.tag(line)] for line in lines],
    "classification": lambda own, lines: [next(iter(own.classify(line)), None) for line in lines],
    "sequence-to-sequence": lambda own, lines: list(own.filter(lines, search=Search())),
}


def in_chromium(text: str, given: Any, browser: str, folder: Path) -> dict[str, Any]:
    """What the page's own scripts make of `given`, and in how many seconds."""
    path = folder / "measured.html"
    path.write_text(text.replace("</body>", SCRIPT % json.dumps(given).replace("<", "\\u003c")), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    done = subprocess.run([browser, *flags, path.as_uri()], capture_output=True, text=True, check=True)
    found = re.search(r'<pre id="measured">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr
    plain = found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u00a0").replace("&amp;", "&")
    return json.loads(plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--browser", default="chromium")
    given, figures = begin(parser)
    held = threads.limit(1)  # noqa: F841
    stored = runs.open_model(given.model, "inspect")
    task = stored.header["task"]
    asked: Any = SYMBOLS if task == "language-model" else [line.strip() for line in sys.stdin if line.strip()]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "page.html"
        page.write(stored, path, Options("float16", viterbi=task == "tagging", scored=False))
        figures.add("page", path.stat().st_size, "bytes")
        theirs = in_chromium(path.read_text(encoding="utf-8"), asked, given.browser, Path(name))
    own = predictor.load(smaller.smaller(stored, "float16"))
    ASK[task](own, asked)
    begun = time.perf_counter()
    answers = ASK[task](own, asked)
    seconds = time.perf_counter() - begun
    count, unit = (asked, "symbols/s") if isinstance(asked, int) else (len(asked), "lines/s")
    figures.add("Chromium", count / theirs["seconds"], unit)
    figures.add("seqcli", count / seconds, unit)
    figures.add("Chromium to seqcli", seconds / theirs["seconds"], "times")
    pairs = zip(answers, theirs["answers"], strict=True)
    figures.add(
        "answers that differ", sum(a != b for a, b in pairs), "symbols" if isinstance(asked, int) else "lines"
    )
    for row in figures.record["figures"]:
        print(f"{row['name']}: {row['value']:,} {row['unit']}")
    figures.end()


if __name__ == "__main__":
    main()
