"""`seqcli eval` with several targets a source: in every format the same figures, those of sacrebleu."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.inprocess import Done, seqcli

sacrebleu = pytest.importorskip("sacrebleu")

MODELS = Path(__file__).resolve().parents[1] / "net/models"
ROWS = [  # source, target, further targets: of some records none
    ("abc", "cba", "cab", "c b a"),
    ("fed", "fed", "def", ""),
    ("aabb", "bbaa x", "", "bbaa"),
    ("dd", "d", "dd", "ddd"),
    ("cafe", "efac", "", ""),
]


def written() -> dict[str, str]:
    """Files of several formats that say the same."""
    tables = {f"rows.{f}": [("source", "target", "more", "third"), *ROWS] for f in ("tsv", "csv")}
    files = {
        n: "".join(n[-3:].replace("tsv", "\t").replace("csv", ",").join(r) + "\n" for r in t)
        for n, t in tables.items()
    }
    files["bare.tsv"] = "".join("\t".join(row) + "\n" for row in ROWS)
    for i, end in enumerate(("en", "de", "de2", "other")):
        files[f"x.{end}"] = "".join(row[i] + "\n" for row in ROWS)
    keys = ("source", "target", "more", "third")
    files["keys.jsonl"] = "".join(json.dumps(dict(zip(keys, row, strict=True))) + "\n" for row in ROWS)
    lists = [{"source": s, "target": [t, *(x for x in more if x)]} for s, t, *more in ROWS]
    files["lists.jsonl"] = "".join(json.dumps(row) + "\n" for row in lists)
    return files


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("references")
    (folder / "runs/back").mkdir(parents=True)
    shutil.copy(MODELS / "back.safetensors", folder / "runs/back/model.safetensors")
    for name, text in written().items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def score(there: Path) -> Callable[..., Done]:
    def run(*args: Any, status: int = 0) -> Done:
        done = seqcli("eval", "-m", "back", *args, cwd=there)
        assert done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


ASKED = {
    "rows.tsv": ("--reference", "more", "--reference", "third"),
    "rows.csv": ("--reference", "more", "--reference", "4"),
    "bare.tsv": ("--source", "1", "--target", "2", "--reference", "3", "--reference", "4"),
    "x.en": ("--input", "lines", "--target", "de", "--reference", "de2", "--reference", "x.other"),
    "keys.jsonl": ("--reference", "more", "--reference", "third"),
    "lists.jsonl": (),
}


@pytest.mark.parametrize("name", ASKED)
def test_figures_are_those_of_sacrebleu_in_every_format(score, there, name) -> None:
    report = json.loads(score(name, *ASKED[name], "--json", "--metric", "bleu", "--metric", "chrf", "--metric", "ter",
                              "--metric", "exact-match", "--metric", "edit-distance").text)  # fmt: skip
    sources = "".join(row[0] + "\n" for row in ROWS)
    answers = seqcli("generate", "-m", "back", cwd=there, input=sources).text.splitlines()
    golds = [[row[i] or None for row in ROWS] for i in (1, 2, 3)]
    assert report["bleu"] == sacrebleu.corpus_bleu(answers, golds, force=True).score
    assert report["chrf"] == sacrebleu.corpus_chrf(answers, golds).score
    assert report["ter"] == sacrebleu.corpus_ter(answers, golds).score
    right = [a.split() in [r.split() for r in row[1:] if r] for a, row in zip(answers, ROWS, strict=True)]
    assert report["exact-match"] == sum(right) / len(ROWS)
    assert "bleu: nrefs:var|case:mixed" in report["signature"]


def test_more_references_are_another_signature_and_no_worse(score) -> None:
    one = json.loads(score("rows.tsv", "--json").text)
    more = json.loads(score("rows.tsv", *ASKED["rows.tsv"], "--json").text)
    assert one["signature"].splitlines()[0] != more["signature"].splitlines()[0]
    assert "nrefs:1|" in one["signature"]
    assert more["exact-match"] >= one["exact-match"]
    assert more["edit-distance"] <= one["edit-distance"]
    same = json.loads(score("lists.jsonl", "--json").text)
    assert same["signature"] == json.loads(score("rows.csv", *ASKED["rows.csv"], "--json").text)["signature"]
    assert {k: v for k, v in same.items() if k != "text"} == {k: v for k, v in more.items() if k != "text"}


@pytest.mark.parametrize(
    ("args", "said", "status"),
    [
        (("rows.tsv", "--reference", "mor"), "rows.tsv:1:1: no column 'mor' for --reference", 1),
        (("rows.tsv", "--reference", "5"), "rows.tsv:1:1: no column '5' for --reference", 1),
        (("keys.jsonl", "--reference", "mor"), "keys.jsonl:1:1: the object has no 'mor'", 1),
        (("x.en", "--input", "lines", "--target", "de", "--reference", "fr"), "no such file: x.fr", 1),
        (("x.en", "--input", "lines", "--target", "de", "--reference", "short"), "x.short has 1", 1),
        (("empty.jsonl",), "empty.jsonl:1:29: 'target' holds [], not a text", 1),
        (("odd.jsonl",), "odd.jsonl:1:34: 'target' holds 3, not a string", 1),
        (("rows.tsv", "--per-line", "--reference", "more"), "cannot be combined with --reference", 2),
        (("--reference", "more"), "--reference is about FILES", 2),
        (("s.txt", "--input", "scan", "--reference", "x"), "--reference: a line of scan has one target", 2),
    ],
)
def test_mistakes(score, there, args, said, status) -> None:
    (there / "x.short").write_text("a\n")
    (there / "s.txt").write_text("IN: a OUT: b\n")
    (there / "empty.jsonl").write_text('{"source": "ab", "target":  []}\n')
    (there / "odd.jsonl").write_text('{"source": "ab", "target": ["x", 3]}\n')
    assert said in score(*args, status=status).stderr


def test_from_python(there, monkeypatch) -> None:
    from seqcli import load

    monkeypatch.chdir(there)
    found = load("back").evaluate("rows.tsv", reference=["more", "third"])
    assert found.metrics == load("back").evaluate("lists.jsonl").metrics


# two models


def test_two_models_and_how_sure_their_difference_is(there) -> None:
    """The measured values are those of each alone; the interval is that of sacrebleu's own figure of drawn pairs."""
    import random

    (there / "runs/digits").mkdir(exist_ok=True)
    shutil.copy(MODELS / "digits.safetensors", there / "runs/digits/model.safetensors")
    draw = random.Random(3)
    texts = ["".join(draw.choice("abcdef") for _ in range(draw.randint(1, 7))) for _ in range(60)]
    (there / "pairs.tsv").write_text("".join(f"{t}\t{t[::-1]}\t{t}\n" for t in texts))
    asked = ["pairs.tsv", "--source", "1", "--target", "2", "--reference", "3"]
    metrics = ["--metric", "exact-match", "--metric", "chrf", "--metric", "edit-distance"]
    both = [*asked, *metrics, "--json", "--beam", "1"]
    found = json.loads(seqcli("eval", "--compare", "back", "digits", *both, cwd=there).text)
    for model, key in (("back", "first"), ("digits", "second")):
        alone = json.loads(seqcli("eval", "-m", model, *both, cwd=there).text)
        assert {name: row[key] for name, row in found["metrics"].items()} == pytest.approx(
            {name: alone[name] for name in found["metrics"]}
        )
    answers = [
        seqcli(
            "generate", "-m", m, "--beam", "1", cwd=there, input="".join(t + "\n" for t in texts)
        ).text.splitlines()
        for m in ("back", "digits")
    ]
    drawn = []
    for _ in range(300):
        own = draw.choices(range(60), k=60)
        golds = [[texts[i][::-1] for i in own], [texts[i] for i in own]]
        a, b = (sacrebleu.corpus_chrf([given[i] for i in own], golds).score for given in answers)
        drawn.append(a - b)
    row = found["metrics"]["chrf"]
    drawn.sort()
    assert (row["low"], row["high"]) == pytest.approx((drawn[7], drawn[-8]), abs=2.5)
    assert row["low"] < row["difference"] < row["high"]
    lines = seqcli("eval", "--compare", "back", "back", *asked, cwd=there).text.splitlines()
    assert lines[3].startswith("  difference +0.0000, 95 % interval +0.0000 to +0.0000, p 1.0000")
    assert lines[-1].endswith(found["signature"].split(", ")[-1])
    refused = seqcli("eval", "--compare", "back", "digits", *asked, "--metric", "brier", cwd=there)
    assert (refused.returncode, refused.text) == (2, "")
    assert "brier is not a sum over records" in refused.stderr
