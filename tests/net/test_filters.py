"""What every filter promises, for every verb alike: packed input, marks that are no text, the fields of others, bytes
that are not UTF-8, what a model has no symbol for, and options that do not apply."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from support.inprocess import Done, seqcli

VERBS = {
    "generate": "generate -m lm --temperature 0 --max-tokens 4",
    "per-line": "eval -m lm --per-line",
    "tokenize": "tokenize -m lm",
    "tag": "tag -m pos",
    "classify": "classify -m remarks",
    "translate": "generate -m back",
    "embed": "embed -m remarks",
}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
PLAIN = "the cat sat\n\na dog ran\n"

verbs = pytest.mark.parametrize("verb", VERBS)


@pytest.fixture
def filtered(folder: Path) -> Callable[..., Done]:
    """`filtered(verb, text, *options)`: the verb on standard input."""

    def run(verb: str, text: str | bytes, *options: object) -> Done:
        return seqcli(*shlex.split(VERBS[verb]), *options, cwd=folder, input=text)

    return run


@verbs
@pytest.mark.parametrize("name", PACKERS)
def test_packed_text_is_read_as_text(filtered, verb, name, tmp_path):
    plain, packed = tmp_path / "t.txt", tmp_path / f"t.txt.{name}"
    plain.write_text(PLAIN)
    packed.write_bytes(PACKERS[name](PLAIN.encode()))
    expected = filtered(verb, "", plain)
    assert (expected.returncode, expected.text.count("\n")) == (0, 3)
    assert filtered(verb, "", packed)[:2] == expected[:2]
    assert filtered(verb, packed.read_bytes())[:2] == expected[:2]  # standard input too
    packed.write_bytes(packed.read_bytes()[:-9])
    cut = filtered(verb, "", packed)
    assert (cut.returncode, "Traceback" in cut.stderr) == (1, False)
    assert packed.name in cut.stderr


@verbs
def test_a_byte_order_mark_and_carriage_returns_are_no_text(filtered, verb):
    expected = filtered(verb, PLAIN)
    marked = filtered(verb, "\ufeff" + PLAIN.replace("\n", "\r\n"))
    assert marked.returncode == expected.returncode == 0
    assert marked.text.replace("\r", "").replace("\ufeff", "") == expected.text


@verbs
def test_the_fields_of_others_come_back_byte_for_byte(filtered, verb):
    objects = [
        r'{"a": 1.0e2,  "é":"\u00e9", "b": 1e999, "key": "the cat", "n":[1,  2]',
        r'{"key" :"a dog" , "x": null ',
    ]
    done = filtered(verb, f"{objects[0]}}}\n\n{objects[1]}}}\n", "--field", "key")
    assert done.returncode == 0, done.stderr
    first, blank, second = done.text.splitlines()
    assert first.startswith(objects[0])
    assert second.startswith(objects[1].rstrip())
    assert blank == ""


@verbs
def test_bytes_that_are_no_utf_8(filtered, verb, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"the cat\nthe \xff\xff dog\nit ran\n")
    strict = filtered(verb, "", tmp_path / "bad.txt")
    assert strict.returncode == 1
    assert f"{tmp_path}/bad.txt:2:5" in strict.stderr
    assert strict.text.count("\n") == 1  # what precedes it is answered
    replaced = filtered(verb, "", "--errors", "replace", tmp_path / "bad.txt")
    assert (replaced.returncode, replaced.text.count("\n")) == (0, 3)
    assert "U+FFFD" in replaced.stderr


@verbs
def test_what_a_model_has_no_symbol_for(filtered, verb, tmp_path):
    (tmp_path / "odd.txt").write_text("the\nthe 日本 the\nthe\n")
    answered = filtered(verb, "", tmp_path / "odd.txt")
    assert (answered.returncode, answered.text.count("\n")) == (0, 3)
    assert "there is no symbol for" in answered.stderr
    strict = filtered(verb, "", "--unknown", "strict", tmp_path / "odd.txt")
    assert strict.returncode == 1
    assert f"{tmp_path}/odd.txt:" in strict.stderr


@pytest.mark.parametrize(
    "line",
    [
        "generate -m lm --beam 3 --prompt the",
        "generate -m lm --replace-unknown --prompt the",
        "generate -m back --next 3",
        "generate -m lm --next 2 -n 2",
        "eval -m lm --unknown-label skip",
        "eval -m pos --window 3",
        "eval -m remarks --per-line",
        "tag -m pos --input tokens --columns word,pos",
        "classify -m remarks --nodes",
        "tokenize -m lm --learn new --kind char",
    ],
)
def test_options_that_do_not_apply_are_refused(folder, line):
    done = seqcli(*shlex.split(line), cwd=folder, input=PLAIN)
    assert (done.returncode, done.stdout) == (2, b""), done.stderr
    assert "--" in done.stderr
