"""Pages in Chromium, where there is one: what is typed, pressed and changed while the model works."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from seqcli import artifact, predictor
from seqcli.export import page, smaller
from seqcli.export.graphs import Options, recorded
from seqcli.export.graphs import test as graph_test
from seqcli.tasks.classification import export
from seqcli.tokenizers import byte

MODELS = Path(__file__).parents[1] / "net/models"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to open a page in")


@needs_chromium
@pytest.mark.parametrize("name", ["lm", "pos", "remarks"])
def test_a_browser_opens_it_and_finds_it_right(name: str, tmp_path: Path) -> None:
    stored = artifact.read(MODELS / f"{name}.safetensors")
    page.write(stored, tmp_path / "page.html", Options("float16", viterbi=name == "pos", scored=False))
    text = (tmp_path / "page.html").read_text(encoding="utf-8").replace("</textarea>", "the cat sat</textarea>")
    shown = browsed(text, tmp_path)
    assert "Checked: this browser computes what seqcli computed" in shown
    answer = shown.partition('id="answer"')[2].partition("</section>")[0]
    assert {"lm": 'title="', "pos": "DET", "remarks": "positive"}[name] in answer


def browsed(text: str, folder: Path) -> str:
    """What a page has become when Chromium has run it."""
    (folder / "browsed.html").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", (folder / "browsed.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def driven(text: str, folder: Path, script: str) -> dict[str, Any]:
    """What a script says that uses a page, `said`; every step of the page's work yields to it."""
    begun = (Path(__file__).parents[1] / "support/drive.js").read_text(encoding="utf-8")
    added = f"<script>{begun}\n(async () => {{ {script} }})().catch(failed).then(tell);</script></body>"
    shown = browsed(text.replace("</body>", added), folder)
    said = json.loads(unescape(shown.partition('id="said">')[2].partition("</pre>")[0]))
    assert not said.pop("failed"), said
    return said


@needs_chromium
def test_a_text_that_changes_while_the_model_works(tmp_path: Path) -> None:
    page.write(artifact.read(MODELS / "lm.safetensors"), tmp_path / "page.html", Options("float16", scored=False))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    said = driven(text, tmp_path, """
      const [unit, length] = document.querySelectorAll("[type=number]"), colour = document.querySelector("select");
      const written = () => document.getElementsByClassName("made").length, step = own.step;
      const spans = () => [...document.querySelectorAll("#answer .text span")];
      const [more, stop] = document.querySelectorAll("#controls button");
      type("the cat sat on the mat again"); more.click(); await wait(20); type("the dog ran"); await settled();
      said.typed = [shown(), written()];
      type("the cat ran"); await settled();
      const bits = own.read("the cat ran").parts.map(({ bits }) => bits === null ? "" : `${bits.toFixed(2)} bits`);
      said.edited = spans().every((span, i) => span.title.startsWith(bits[i]));
      let steps = 0;
      own.step = (...given) => { steps++; return step.apply(own, given); };
      length.value = 20; more.click(); await settled();
      said.written = [written(), steps, shown().startsWith("the cat ran")];
      length.value = 100000; more.click(); await wait(100); stop.click(); await settled();
      said.stopped = [written() > 0 && written() < 90000, more.disabled, stop.disabled];
      more.click(); await wait(100); type("the"); await settled();
      said.overtaken = [shown(), written(), document.querySelector("#answer > .soft").textContent];
      length.value = ""; more.click(); await settled();
      said.empty = written();
      colour.value = "unit"; colour.dispatchEvent(new Event("change"));
      const painted = () => spans().filter((span) => span.style.background).length;
      said.unit = [painted()];
      for (const value of ["", "99", "1.5"]) {
        unit.value = value;
        unit.dispatchEvent(new Event("input"));
        said.unit.push(painted());
      }
      said.titles = document.querySelector("#answer .text").innerHTML.match(/undefined|NaN/g);
    """)  # fmt: skip
    assert said == {
        "typed": ["the dog ran", 0], "edited": True, "written": [20, 20, True], "stopped": [True, False, True],
        "overtaken": ["the", 0, ""], "empty": 0, "unit": [3, 0, 0, 0], "titles": None,
    }  # fmt: skip


@needs_chromium
def test_it_continues_an_empty_text_as_what_follows_a_line_end(tmp_path: Path) -> None:
    stored = artifact.read(MODELS / "lm.safetensors")
    page.write(stored, tmp_path / "page.html", Options("float16", scored=False))
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    said = driven(text, tmp_path, """
      const [, length] = document.querySelectorAll("[type=number]"), [more] = document.querySelectorAll("#controls button");
      document.querySelector("[type=range]").value = 0;
      length.value = 30; more.click(); await settled();
      said.text = shown();
    """)  # fmt: skip
    own = predictor.load(smaller.smaller(stored, "float16"))
    assert said["text"].replace("⏎", "") == own.generate("", temperature=0, max_tokens=30)


@needs_chromium
def test_a_label_is_chosen_by_keyboard_and_each_character_stands_once(tmp_path: Path) -> None:
    stored = artifact.read(MODELS / "remarks.safetensors")
    own = predictor.load(stored)
    own, blob = replace(own, reading=replace(own.reading, tokenizer=byte.Tokenizer())), page.Blob()
    parts, graphs, model = recorded(own, Options("float16"))
    data = {
        "task": "classification",
        **page.shaped(export.on_page(own), blob),
        "graphs": {name: page.packed(graph, blob) for name, graph in graphs.items()},
        "test": {name: graph_test(part, model) for name, part in parts.items()},
    }
    text = page.html(stored, data, blob.text(), [], smaller.Scores({}, {}))
    said = driven(text, tmp_path, """
      type("é 漢!"); await settled();
      said.shown = shown();
      const other = document.querySelector("#answer button[aria-pressed=false]"), label = other.textContent;
      other.focus(); other.click(); await settled();
      said.kept = document.activeElement.textContent === label && document.activeElement.ariaPressed;
    """)  # fmt: skip
    assert said == {"shown": "é 漢!", "kept": "true"}
