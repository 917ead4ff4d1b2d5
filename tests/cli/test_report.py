"""`seqcli report`: one page of whatever task's runs, that needs nothing else."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

VOID = {"meta", "br"}
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """The tags of a page, checked to be closed in order, and its text."""

    def __init__(self, html: str):
        super().__init__()
        self.open, self.seen, self.text, self.addresses = [], [], "", []
        self.feed(html)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        self.addresses += [v for k, v in attrs if k in ("href", "src", "xlink:href") and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def copied(request, tmp_path):
    """`copied(fixture, run)`: a folder with copies of a fixture's data and run, to write into."""

    def make(fixture, *runs):
        source = request.getfixturevalue(fixture)
        shutil.copytree(source, tmp_path / "all", dirs_exist_ok=True, ignore=lambda d, n: ["runs"])
        for run in runs:
            shutil.copytree(source / "runs" / run, tmp_path / "all" / "runs" / run)
        return tmp_path / "all"

    return make


KINDS = [
    ("home", "tiny", ["validation text", "sample 1"]),
    ("home", "counted", ["validation text"]),
    ("taggers", "pos", ["Scores of each label", "Confusion matrix", "the most confident ones", "wrong answers"]),
    (
        "classifiers",
        "remarks",
        ["Orange words support the predicted label", "nats per text", "Confusion matrix", "by predicted probability"],
    ),
    ("classifiers", "linear", ["Orange words support the predicted label"]),
    ("classifiers", "trees", ["Confusion matrix"]),
    ("translators", "back", ["Attention of its answers", "exact-match", "share of wrong answers"]),
    ("translators", "former", ["Attention of its answers", "exact-match"]),
]


@pytest.mark.parametrize(("fixture", "run", "parts"), KINDS, ids=[f"{f}-{r}" for f, r, _ in KINDS])
def test_a_page_of_every_task(forks, copied, fixture, run, parts):
    folder = copied(fixture, run)
    done = forks.ok("report", run, "-o", "page.html", cwd=folder)
    assert done.stdout == "page.html\n"
    html = (folder / "page.html").read_text()
    page = Page(html)
    assert "script" not in page.seen
    assert all(address.startswith("#") for address in page.addresses)
    assert not re.search(r"url\(|@import|https?://", html)
    for part in parts:
        assert part in page.text, part
    assert len(html.encode()) < 2_000_000
    assert "svg" in page.seen or run in ("counted", "linear")


def test_answers_are_kept_and_used_again(forks, copied):
    folder = copied("classifiers", "remarks")
    forks.ok("report", "remarks", cwd=folder)
    kept = folder / "runs/remarks/answers-valid.json"
    content = json.loads(kept.read_text())
    assert len(content["shown"]["judged"]) == 80
    content["report"]["accuracy"] = 0.123456
    kept.write_text(json.dumps(content))
    forks.ok("report", "remarks", cwd=folder)
    assert "0.1235" in (folder / "report.html").read_text()  # it was not scored again
    content["checksum"] = "of another model"
    kept.write_text(json.dumps(content))
    forks.ok("report", "remarks", cwd=folder)
    assert "0.1235" not in (folder / "report.html").read_text()
    kept.write_text('{"checksum": 3')  # cut off
    forks.ok("report", "remarks", cwd=folder)
    assert json.loads(kept.read_text())["shown"]["judged"]


def test_what_runs_differ_in_comes_first(forks, copied):
    folder = copied("classifiers", "remarks", "bag")
    html = forks.ok("report", "remarks", "bag", "-o", "-", cwd=folder).stdout
    page = Page(html)
    assert page.text.index("Where the recipes differ") < page.text.index("Training") < page.text.index("Scores on")
    assert "model.kind" in page.text
    assert html.count("<polyline") >= 8  # both runs in each chart


def test_a_run_without_its_data_has_a_page_without_answers(forks, copied):
    folder = copied("taggers", "pos")
    for path in folder.glob("pos-*.txt"):
        path.unlink()
    done = forks.ok("report", "pos", "-o", "-", cwd=folder)
    assert "no answers in the report" in done.stderr
    assert "Learning rate" in done.stdout
    assert "Scores on" not in done.stdout


def test_text_of_the_data_is_no_markup(forks, copied):
    folder = copied("classifiers", "remarks")
    lines = (folder / "remarks-valid.tsv").read_text().splitlines()
    text, label = lines[1].rsplit("\t", 1)
    other = {line.rsplit("\t", 1)[1] for line in lines[1:]} - {label}
    lines[1] = f"<b onclick='x'>{text}</b>\t{other.pop()}"
    (folder / "remarks-valid.tsv").write_text("\n".join(lines) + "\n")
    html = forks.ok("report", "remarks", "-o", "-", cwd=folder).stdout
    assert "<b onclick" not in html


def test_mistakes_are_said(forks, copied, tmp_path):
    folder = copied("classifiers", "remarks")
    done = forks("report", "remarks", "--split", "dev", cwd=folder)
    assert done.returncode == 2
    assert "train, valid or test" in done.stderr
    done = forks("report", "remarks", "-o", "none/page.html", cwd=folder)
    assert done.returncode == 1
    assert "none/page.html" in done.stderr
    (folder / "runs/remarks/metrics.jsonl").write_text('{"step": 1}\n{"st')
    done = forks("report", "remarks", cwd=folder)
    assert done.returncode == 1
    assert "metrics.jsonl:2" in done.stderr


def test_without_jinja_nothing_is_scored(tmp_path, monkeypatch):
    import sys

    from support import inprocess

    model = shutil.copy(ROOT / "tests/net/models/remarks.safetensors", tmp_path)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    done = inprocess.seqcli("report", model, cwd=tmp_path)
    assert done.returncode == 1
    assert "pip install 'seqcli[report]'" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["remarks.safetensors"]
