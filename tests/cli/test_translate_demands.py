"""What `seqcli generate` can be asked that answers hold, do not hold, or are."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from seqcli import api
from seqcli.errors import SeqcliError, UsageError

TEXT = "abc\nfed\n\nfa\ncab\nbbd\nec\n"
ORDER = "call kamirolu\nsee tetekami and find zuzuzuzu\n"


def lines(text: str) -> list[str]:
    return text.split("\n")[:-1]


@pytest.mark.parametrize("model", ["back", "former", "blunt"])
def test_phrases_are_there_or_are_not(translate, model):
    """Characters; a recurrent model, a transformer, and one without attention."""
    plain = lines(translate(input=TEXT, model=model))
    for beam in (2, 5):
        asked = ("--beam", beam, "--must", "dd", "--must-not", "c")
        found = lines(translate(*asked, input=TEXT, model=model))
        assert found[2] == plain[2] == ""  # a blank source has a blank answer
        filled = [line for line in found if line]
        assert len(filled) == 6
        assert not any(re.search(r"\bc\b", line) for line in filled)
        assert all(line == "dd" for line in filled)  # there is no space in what it writes: the phrase is the word


def test_an_answer_that_is_so_already_stays(translate):
    plain = lines(translate("--n-best", 2, input="abc\n"))[0].split("\t")
    assert translate("--must", plain[0], input="abc\n") == plain[0] + "\n"
    assert translate("--must-not", plain[0], input="abc\n") != plain[0] + "\n"
    assert translate("--must-not", "xyz" if "xyz" not in plain[0] else "x", input=TEXT) == translate(input=TEXT)


@pytest.mark.parametrize("beam", [2, 5])
def test_words(translate, beam):
    """The words of an order; `grüße` and `und` are in the vocabulary, the names mostly are not: they are copied."""
    for found in lines(translate("--must", "grüße", "--beam", beam, input=ORDER, model="copies")):
        assert "grüße" in found.split()
    for found in lines(translate("--must", "und grüße", "--must-not", "rufe", input=ORDER, model="copies")):
        assert " und grüße " in f" {found} "
        assert "rufe" not in found.split()
    found = lines(translate("--must", "rufe", input=ORDER, model="lacks"))  # whose recipe has a beam of 1
    assert all("rufe" in line.split() for line in found)


def test_what_is_copied_is_kept(translate):
    found = lines(translate("--keep", r"\w*zu\w*|kamirolu", input=ORDER, model="copies"))
    assert found[0].split().count("kamirolu") == 1
    assert found[1].split().count("zuzuzuzu") == 1
    twice = translate("--keep", "zuzu|kami", input="call kami and find zuzu and see zuzu\n", model="copies").split()
    assert (twice.count("zuzu"), twice.count("kami")) == (2, 1)


def test_a_glossary(translate, tmp_path):
    (tmp_path / "terms.tsv").write_text("see\tgrüße\nand find\tund rufe\n\nfind\tsieh\nca\trufe\n")
    found = lines(translate("--glossary", tmp_path / "terms.tsv", input=ORDER, model="copies"))
    assert "grüße" not in found[0].split()  # `ca` is a part of a word there, `find` of a longer entry in the next
    assert "grüße" in found[1].split()
    assert " und rufe " in f" {found[1]} "


@pytest.mark.parametrize("asked", [(), ("--beam", 1), ("--temperature", 1.5, "--seed", 3), ("--n-best", 3)], ids=str)
@pytest.mark.parametrize("model", ["back", "former"])
def test_a_grammar(translate, asked, model):
    for line in lines(translate("--grammar", "(ab|ba|[c-e]{2}){1,3}f?", *asked, input=TEXT, model=model)):
        for answer in filter(None, line.split("\t")):
            assert re.fullmatch("(ab|ba|[c-e]{2}){1,3}f?", answer)


def test_a_grammar_of_words(translate):
    for line in lines(translate("--grammar", r"(rufe|sieh) \w+( und .*)?", input=ORDER, model="copies")):
        assert re.fullmatch(r"(rufe|sieh) \w+( und .*)?", line)


def test_ensembles(translate):
    found = lines(translate("--ensemble", "former", "--must", "ee", "--must-not", "b", input=TEXT))
    assert [line for line in found if line] == ["ee"] * 6


def test_batches_and_processes_change_nothing(translate, tmp_path):
    (tmp_path / "terms.tsv").write_text("call\tsieh\nfind\tgrüße und sieh\n")
    text = ORDER * 5 + "\ngreet mimimimi\n" * 3
    asked = ("--glossary", tmp_path / "terms.tsv", "--must-not", "rufe", "--keep", "mi[a-z]+", "--jsonl")
    one = translate(*asked, "--batch-size", 1, input=text, model="copies")
    assert len(lines(one)) == text.count("\n")
    for how in (("--batch-size", 7), ("--batch-size", 64), ("--jobs", 2, "--batch-size", 3)):
        assert translate(*asked, *how, input=text, model="copies") == one


def test_objects_with_alternatives(translate):
    found = json.loads(translate("--must", "dd", "--n-best", 3, "--jsonl", input="abc\n"))["seqcli"]
    assert 1 <= len(found["answers"]) <= 3
    assert all(re.search(r"(?<![a-z])dd(?![a-z])", a["text"]) and a["finished"] for a in found["answers"])
    assert "unmet" not in found


def test_records_have_their_own(translate):
    """JSON lines: under the keys that are said; a record without them is answered as ever."""
    rows = [
        {"source": "call kamirolu", "terms": ["grüße", "und sieh"], "avoid": "rufe"},
        {"source": "see tetekami"},
        {"source": "call kamirolu", "terms": None, "avoid": ["rufe"]},
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    how = ("--input", "jsonl", "--must-key", "terms", "--must-not-key", "avoid")
    for jobs in (1, 2):
        found = [json.loads(x) for x in lines(translate(*how, "--jobs", jobs, input=text, model="copies"))]
        assert [{k: v for k, v in row.items() if k != "seqcli"} for row in found] == rows
        answers = [row["seqcli"]["text"] for row in found]
        assert "grüße" in answers[0].split()
        assert " und sieh " in f" {answers[0]} "
        assert "rufe" not in (answers[0] + answers[2]).split()
        assert answers[1] == translate(input="see tetekami\n", model="copies").rstrip("\n")


# where it is not so


def test_what_does_not_fit_in_is_told_and_left_away(translators):
    """In a process of its own: the answers of the others are written, the status is 1."""
    command = [sys.executable, "-m", "seqcli", "-q", "generate", "-m", "back", "--max-tokens", "3"]
    asked = ["--must", "ddd", "--else", "?", "--keep", "f"]
    done = subprocess.run(
        [*command, *asked], cwd=translators, input="abc\nf\n", capture_output=True, text=True, check=False
    )
    assert done.stdout == "?\n?\n"
    assert done.returncode == 1
    assert "<stdin>:1:1: no answer was found that satisfies 'ddd' (--must)" in done.stderr
    assert "2 records have no answer that satisfies the constraints" in done.stderr
    assert "Traceback" not in done.stderr


def test_objects_say_what_is_unmet(fails_to_translate):
    out, err = fails_to_translate("--max-tokens", 2, "--must", "abab", "--jsonl", input="abc\n", status=1)
    found = json.loads(out)["seqcli"]
    assert found["text"] is None
    assert found["unmet"] == ["'abab' (--must)"]
    assert "1 record has no answer" in err
    assert "--max-tokens" in err


@pytest.mark.parametrize(
    ("asked", "model", "said"),
    [
        (("--must", "a", "--beam", 1), "back", "--must needs a beam of 2 or more"),
        (("--must", " "), "back", "--must: the phrase is empty"),
        (("--must", "a", "--temperature", 1), "back", "--must: what an answer must hold is found by a beam"),
        (("--must", "zebra"), "lacks", "no symbols that could write 'zebra' (--must)"),
        (("--must", "Z"), "back", "no symbols that could write 'Z' (--must)"),
        (("--grammar", "[A-Z]+"), "back", "no symbols that could write '[A-Z]+' (--grammar)"),
        (("--grammar", "(a"), "back", "--grammar: '(a' cannot be read"),
        (("--keep", "(a"), "back", "--keep: '(a' is not a regular expression"),
        (("--must-not", "a", "--replace-unknown"), "lacks", "--must-not does not apply"),
    ],
)
def test_what_does_not_go_together(fails_to_translate, asked, model, said):
    out, err = fails_to_translate(*asked, input="abc\n", model=model)
    assert out == ""
    assert said in err


@pytest.mark.parametrize(
    ("value", "said"), [("[1]", ":1:23: 'm' holds 1, not a phrase"), ('" "', ":1:22"), ('["a", ""]', ":1:28")]
)
def test_phrases_that_are_none(fails_to_translate, value, said):
    text = '{"source": "a", "m": ' + value + "}\n"
    _, err = fails_to_translate("--input", "jsonl", "--must-key", "m", input=text, status=1)
    assert "not a phrase" in err
    assert said in err


def test_keys_are_of_objects(fails_to_translate):
    assert "add --input jsonl" in fails_to_translate("--must-key", "m", input="abc\n")[1]
    how = ("--input", "jsonl", "--must-key", "m", "--beam", 1)
    assert "--must-key needs a beam" in fails_to_translate(*how, input='{"source": "a"}\n')[1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\tb\nsee grüße\n", "terms.tsv:2:1: 1 cells in a line of a glossary"),
        ("a\tb\tc\n", "terms.tsv:1:1: 3 cells"),
        ("a\tb\n\n\t c\n", "terms.tsv:3:1: an empty cell"),
        ("a\tb\na\tb\na\tc\n", "terms.tsv:3:1: 'a' is 'c' here, but 'b' in line 1"),
        ("\n", "terms.tsv: the glossary is empty"),
    ],
)
def test_a_bad_glossary(fails_to_translate, tmp_path, text, said):
    (tmp_path / "terms.tsv").write_text(text)
    out, err = fails_to_translate("--glossary", tmp_path / "terms.tsv", input="abc\n", status=1)
    assert out == ""
    assert said in err.replace(f"{tmp_path}/", "")


def test_a_glossary_that_is_not_there(fails_to_translate):
    _, err = fails_to_translate("--glossary", "nowhere.tsv", input="abc\n", status=1)
    assert "nowhere.tsv" in err


def test_from_python(translators):
    model = api.load(translators / "runs/copies")
    found = model.translate(ORDER.split("\n")[0], must="grüße", must_not=["rufe"], keep="kamirolu")
    assert {"grüße", "kamirolu"} <= set(found.split())
    assert model.translate("call kamirolu", grammar="sieh .*").startswith("sieh ")
    with pytest.raises(SeqcliError, match=r"found no answer that meets the demands: 'grüße' \(--must\)"):
        model.translate("call kamirolu", must="grüße", max_tokens=1)
    with pytest.raises(UsageError, match="found by a beam, not by drawing"):
        model.translate("call kamirolu", must="grüße", temperature=2)
