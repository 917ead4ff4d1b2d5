"""`tag` of running text: sentences a line, as objects, as CoNLL-U; for another tagger; whatever the pipes and jobs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support import inprocess
from support.conll18 import spans

TREEBANK = """\
# newdoc
# text = He can't.
1	He	he	PRON	_	_	2	x	_	_
2-3	can't	_	_	_	_	_	_	_	SpaceAfter=No
2	ca	can	AUX	_	_	0	root	_	_
3	n't	not	PART	_	_	2	x	_	_
4	.	.	PUNCT	_	_	2	x	_	_

# text = So!
1	So	so	ADV	_	_	0	root	_	SpaceAfter=No
2	!	!	PUNCT	_	_	1	x	_	_

"""
TEXT = "He can. So!\nhe can't\n\n\nNo. He!He"
LINES = ["He can.", "So!", "he can't", "", "No.", "He!", "He"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Counted models: `cut` of CoNLL-U (a stop ends a sentence, `a` a word), `lines` of plain text, `tags`."""
    folder = tmp_path_factory.mktemp("sentences")
    (folder / "ud.conllu").write_text(TREEBANK)
    (folder / "plain.txt").write_text("He can.\nSo!\n\nHe.\n")
    (folder / "text.txt").write_text(TEXT)
    for name, data in (
        ("cut", "train: ud.conllu, test: ud.conllu, restore: sentences"),
        ("lines", "train: plain.txt, restore: sentences"),
        ("tags", "train: ud.conllu"),
    ):
        recipe = f"task: tagging\ndata: {{{data}}}\nmodel: {{kind: frequency-tagger}}\n"
        (folder / f"{name}.yaml").write_text(recipe)
        ok("train", f"{name}.yaml", cwd=folder)
    return folder


def ok(*args: object, cwd: Path, input: str = "") -> str:
    """What a command that succeeds writes."""
    done = inprocess.seqcli("-q", *args, cwd=cwd, input=input)
    assert done.returncode == 0, done.stderr
    return done.text


@pytest.mark.parametrize("more", [(), ("--batch-size", 1), ("--jobs", 2)])
def test_a_sentence_a_line(place: Path, more: tuple[Any, ...]) -> None:
    both = ok("tag", "-m", "cut", *more, "text.txt", "text.txt", cwd=place).split("\n")
    assert both == [*LINES, "", *LINES, ""]


def test_standard_input_and_another_model(place: Path) -> None:
    assert ok("tag", "-m", "cut", cwd=place, input=TEXT).split("\n") == [*LINES, ""]
    assert ok("tag", "-m", "lines", "text.txt", cwd=place).split("\n") == [*LINES, ""]
    assert ok("tag", "-m", "cut", cwd=place, input="") == ""


def test_objects_with_offsets(place: Path) -> None:
    found = [json.loads(line) for line in ok("tag", "-m", "cut", "--jsonl", cwd=place, input=TEXT).splitlines()]
    assert [record["text"] for record in found] == list(filter(None, LINES))
    for record in found:
        own = record["seqcli"]
        assert " ".join(TEXT[own["start"] : own["end"]].split()) == record["text"]
        assert [record["text"][t["start"] : t["end"]] for t in own["tokens"]] == [t["text"] for t in own["tokens"]]
    assert found[0]["seqcli"]["probability"] > 0.5
    assert "probability" not in found[2]["seqcli"]  # the paragraph ends it
    assert [t["text"] for t in found[2]["seqcli"]["tokens"]] == ["he", "ca", "n't"]


def test_line_ends(place: Path) -> None:
    lines = ok("tag", "-m", "cut", "--line-ends", cwd=place, input="He can\nso\n\nNo. He\n").split("\n")
    assert lines == ["He can", "so", "", "No.", "He", ""]


@pytest.mark.parametrize("jobs", [1, 2])
def test_raw_text_to_conllu_with_two_models(place: Path, jobs: int) -> None:
    """Sentences and words of one, tags of the other; what is read again is the text that was."""
    command = ("tag", "-m", "tags", "--sentences", "cut", "--format", "conllu", "--jobs", jobs)
    out = ok(*command, cwd=place, input=TEXT)
    assert out.startswith(
        "# newdoc\n# newpar\n# sent_id = 1\n# text = He can.\n1\tHe\t_\tPRON\t_\t_\t0\troot\t_\t_\n"
    )
    assert "2-3\tcan't\t_\t_\t_\t_\t_\t_\t_\t_\n2\tca\t_\tAUX\t_\t_\t1\tdep\t_\t_\n3\tn't\t_\tPART\t" in out
    assert "# newpar\n# sent_id = 4\n# text = No.\n" in out
    assert "# sent_id = 2\n# text = So!\n1\tSo\t_\tADV\t_\t_\t0\troot\t_\tSpaceAfter=No\n2\t!\t" in out
    assert "# sent_id = 5\n# text = He!\n1\tHe!\t_\tPUNCT\t_\t_\t0\troot\t_\tSpaceAfter=No\n\n" in out
    assert out.count("# text = ") == out.count("\n\n") == 6
    assert len(spans(out)["tokens"]) == 10
    named = ok("tag", "-m", "tags", "--sentences", "cut", "--format", "conllu", "text.txt", cwd=place)
    assert named == out.replace("# newdoc\n", "# newdoc id = text.txt\n")
    assert ok("tag", "-m", "cut", "--format", "conllu", cwd=place, input=TEXT).count("\n\n") == 6


def test_words_are_the_taggers_where_labels_say_none(place: Path) -> None:
    out = ok("tag", "-m", "tags", "--sentences", "lines", cwd=place, input="he can't. So!")
    assert out == "he/PUNCT ca/AUX n't/PART ./PUNCT\nSo/ADV !/PUNCT\n"
    assert ok("tag", "-m", "lines", "--format", "conllu", cwd=place, input="He can't. So!").count("\tdep\t") == 4


def test_it_is_scored(place: Path) -> None:
    assert json.loads(ok("eval", "-m", "cut", "--json", cwd=place))["sentence-f1"] == 1.0
    (place / "other.conllu").write_text(TREEBANK.replace("SpaceAfter=No\n2\t!", "_\n2\t!").replace("So!", "So !"))
    scores = json.loads(ok("eval", "-m", "cut", "--json", "other.conllu", cwd=place))
    assert (scores["sentence-f1"], scores["token-f1"], scores["word-f1"]) == (1.0, 1.0, 1.0)
    (place / "other.txt").write_text("He can. So\n!\n\n\nHe.\n")
    scores = json.loads(ok("eval", "-m", "lines", "--json", "other.txt", cwd=place))
    assert scores["sentence-f1"] == pytest.approx(1 / 3)
    assert "token-f1" not in scores


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tag -m cut --n-best 2 --jsonl", "--n-best is for tags: runs/cut/model.safetensors finds sentences"),
        ("tag -m cut --sentences cut", "--sentences finds sentences in running text for a tagger, but runs/cut"),
        ("tag -m tags --sentences tags", "runs/tags/model.safetensors finds no sentences"),
        ("tag -m tags --sentences cut --input conllu", "for a tagger, but conllu is read"),
        ("tag -m tags --line-ends", "--line-ends is for running text"),
    ],
)
def test_what_does_not_go_together_is_said(place: Path, command: str, said: str) -> None:
    done = inprocess.seqcli(*command.split(), cwd=place, input="He")
    assert done.returncode == 2
    assert said in done.stderr


def test_a_mistake_is_told_behind_what_precedes_it(place: Path) -> None:
    done = inprocess.seqcli(
        "tag", "-q", "-m", "tags", "--sentences", "cut", "--unknown", "strict", cwd=place, input="So!\nSo x !"
    )
    assert (done.returncode, done.text) == (1, "So/ADV !/PUNCT\n")
    assert "<stdin>:2:4: there is no symbol for 'x'" in done.stderr
