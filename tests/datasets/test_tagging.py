"""Tagged corpora: formats, schemes, shares, pieces, what is made from plain text, and mistakes with their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from seqcli import registry, schemes
from seqcli.errors import SeqcliError, UsageError
from seqcli.records import Sentence
from seqcli.tasks.tagging.data import Config, Corpus, fingerprint, guess, open_corpus

POS = [("the", "DET"), ("cat", "NOUN"), ("sat", "VERB"), (".", "PUNCT")]
TEN = [[(f"w{i}", "AA" if i % 2 else "BB"), ("end", "CC")] for i in range(10)]


def conll(sentences: list[list[tuple[str, str]]]) -> str:
    return "".join("".join(f"{w}\t{t}\n" for w, t in s) + "\n" for s in sentences)


def word_tag(sentences: list[list[tuple[str, str]]]) -> str:
    return "".join(" ".join(f"{w}/{t}" for w, t in s) + "\n" for s in sentences)


def jsonl(sentences: list[list[tuple[str, str]]]) -> str:
    return "".join(json.dumps({"tokens": [w for w, _ in s], "tags": [t for _, t in s]}) + "\n" for s in sentences)


def conllu(sentences: list[list[tuple[str, str]]]) -> str:
    rows = [[f"{i}\t{w}\t_\t{t}\t_\t_\t0\t_\t_\t_\n" for i, (w, t) in enumerate(s, 1)] for s in sentences]
    return "".join("".join(row) + "\n" for row in rows)


WRITE = {"conll": conll, "word-tag": word_tag, "jsonl": jsonl, "conllu": conllu}


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[..., Corpus]:
    """`corpus(text, name="t.txt", **keys)`: the corpus of a training file with that text."""

    def make(text: str = "", name: str = "t.txt", **keys: Any) -> Corpus:
        (tmp_path / name).write_bytes(text.encode())
        return open_corpus(Config(**{"train": f"./{name}", **keys}), tmp_path)

    return make


def read(own: Corpus, split: str = "train") -> list[list[tuple[str, str]]]:
    return [list(zip(s.words, s.tags or [], strict=True)) for s in own.splits[split]]


# formats


@pytest.mark.parametrize("format_name", WRITE)
def test_a_format_that_is_named_is_read(corpus: Callable[..., Corpus], format_name: str) -> None:
    own = corpus(WRITE[format_name]([POS, *TEN]), format=format_name)
    assert read(own) == [POS, *TEN]
    assert own.format == format_name
    assert own.name == "t.txt"


@pytest.mark.parametrize(
    ("format_name", "name"),
    [
        ("conll", "t.conll"),
        ("conll", "t.bio"),
        ("conll", "t.tsv"),
        ("conllu", "t.conllu"),
        ("jsonl", "t.jsonl"),
        *((name, "t.txt") for name in WRITE),
    ],
)
def test_a_format_is_guessed_by_name_or_text(corpus: Callable[..., Corpus], format_name: str, name: str) -> None:
    own = corpus(WRITE[format_name]([POS, *TEN]), name)
    assert (own.format, read(own)) == (format_name, [POS, *TEN])


def test_a_format_that_nothing_tells_is_asked_for(corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"t\.txt: cannot tell the format of this file") as error:
        corpus("just some words\nand more of them\n")
    assert "data.format" in error.value.hint
    assert "word-tag" in error.value.hint
    assert "spans" not in error.value.hint
    (tmp_path / "x.conll").touch()
    assert guess(tmp_path / "x.conll") == "conll"


def test_columns_separators_and_comments(corpus: Callable[..., Corpus]) -> None:
    text = "# a comment\nN|the|x|DT|B-NP\nN|cat|x|NN|I-NP\n\nN|it|x|PR|B-NP\n"
    keys = {"columns": ["_", "word", "-", "pos", "chunk"], "tag": "chunk", "separator": "|", "comments": "#"}
    own = corpus(text, format="conll", **keys)
    assert read(own) == [[("the", "B-NP"), ("cat", "I-NP")], [("it", "B-NP")]]
    assert [s.features for s in own.splits["train"]] == [{"pos": ["DT", "NN"]}, {"pos": ["PR"]}]
    assert own.options.tag == "chunk"
    other = corpus(text, format="conll", **{**keys, "tag": "pos"})
    assert other.splits["train"][0].tags == ["DT", "NN"]
    assert other.splits["train"][0].features == {"chunk": ["B-NP", "I-NP"]}
    own = corpus('{"ws": ["a"], "ts": ["X"]}\n', format="jsonl", field="ws", tag="ts")
    assert read(own) == [[("a", "X")]]


def test_files_and_encoding(corpus: Callable[..., Corpus], tmp_path: Path) -> None:
    (tmp_path / "a.bio").write_text(conll([POS]))
    (tmp_path / "b.bio").write_text(conll(TEN)[:-1])  # lacks its last line end
    (tmp_path / "c.bio").write_bytes("café\tN\n".encode("latin-1"))
    own = open_corpus(Config(train=["a.bio", "b.bio"], valid="a.bio", test=["b*.bio", "a.bio"]), tmp_path)
    assert (read(own), read(own, "valid"), read(own, "test")) == ([POS, *TEN], [POS], [*TEN, POS])
    assert list(own.splits) == ["train", "valid", "test"]
    assert own.name == "a.bio, b.bio"
    assert [p.name for p in own.files["test"]] == ["b.bio", "a.bio"]
    latin = open_corpus(Config(train="./c.bio", encoding="latin-1"), tmp_path)
    assert read(latin) == [[("café", "N")]]
    with pytest.raises(SeqcliError, match=r"c\.bio:1:4: byte 0xe9"):
        open_corpus(Config(train="./c.bio"), tmp_path)


def test_blank_records_are_no_sentences(corpus: Callable[..., Corpus]) -> None:
    assert read(corpus("\n\na/X b/Y\n\n\nc/X\n\n", format="word-tag")) == [[("a", "X"), ("b", "Y")], [("c", "X")]]


# shares


@given(
    count=st.integers(3, 200),
    valid=st.floats(0.01, 0.6),
    test=st.one_of(st.none(), st.floats(0.01, 0.39)),
)
def test_shares_are_cut_off_the_end_by_sentences(
    tmp_path_factory: pytest.TempPathFactory, count: int, valid: float, test: float | None
) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "shares.txt").write_text("".join(f"w{i}/X\n" for i in range(count)))
    sizes = [round(valid * count), round((test or 0) * count)]
    config = Config(train="./shares.txt", valid=valid, test=test, format="word-tag")
    if not sizes[0] or (test is not None and not sizes[1]) or sum(sizes) >= count:
        with pytest.raises(SeqcliError, match="split has no words"):
            open_corpus(config, folder)
        return
    own = open_corpus(config, folder)
    names = ["train", "valid"] if test is None else ["train", "valid", "test"]
    assert list(own.splits) == names
    assert [len(own.splits[n]) for n in names[1:]] == sizes[: len(names) - 1]
    joined = [w for n in names for s in own.splits[n] for w in s.words]
    assert joined == [f"w{i}" for i in range(count)]


def test_shares_that_leave_nothing(corpus: Callable[..., Corpus]) -> None:
    with pytest.raises(UsageError, match="leave nothing to train on"):
        corpus(conll(TEN), valid=0.5, test=0.5)
    with pytest.raises(SeqcliError, match="the valid split has no words") as error:
        corpus(conll(TEN), valid=0.01)
    assert error.value.hint == "give it a larger share, or files of its own"
    with pytest.raises(SeqcliError, match="the train split has no words") as error:
        corpus("\n\n", format="word-tag")
    assert "read as word-tag" in error.value.hint


# schemes


SPANS = [["B-X", "I-X", "O", "B-X", "B-X", "O", "B-Y"], ["O", "B-Y", "I-Y", "I-Y", "O", "O"]]


def tagged(sequences: list[list[str]]) -> str:
    return conll([[(f"w{i}", tag) for i, tag in enumerate(tags)] for tags in sequences])


@pytest.mark.parametrize("scheme", schemes.SCHEMES)
def test_a_scheme_is_recognised(
    corpus: Callable[..., Corpus], scheme: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = corpus(tagged([schemes.convert(tags, "iob2", scheme) for tags in SPANS]), "t.conll")
    assert own.scheme == scheme
    assert capsys.readouterr().err == ""


def test_bilou_is_recognised_and_tags_stay_as_written(corpus: Callable[..., Corpus]) -> None:
    own = corpus(tagged([["B-X", "L-X", "O", "U-X"]]), "t.conll")
    assert own.scheme == "bilou"
    assert own.splits["train"][0].tags == ["B-X", "L-X", "O", "U-X"]


def test_a_scheme_may_be_said_or_denied(corpus: Callable[..., Corpus], capsys: pytest.CaptureFixture[str]) -> None:
    text = tagged(SPANS)
    assert corpus(text, "t.conll", scheme="none").scheme is None
    assert corpus(conll([POS]), "t.conll").scheme is None
    assert capsys.readouterr().err == ""
    assert corpus(text, "t.conll", scheme="iob1").scheme == "iob1"
    broken = schemes.violations(SPANS, "iob1")
    said = " ".join(capsys.readouterr().err.split())
    assert f"{broken} tags of the training split break iob1" in said
    assert corpus(tagged([*SPANS, ["O", "I-X"]]), "t.conll").scheme == "iob2"
    assert "1 tags of the training split break iob2" in " ".join(capsys.readouterr().err.split())


# made from plain text


@pytest.mark.parametrize("kind", [kind for kind in registry.names("restoration") if kind != "sentences"])
def test_labels_are_made_from_plain_text(corpus: Callable[..., Corpus], kind: str) -> None:
    lines = ["Où est Jean?", "", "  a  B  ", "Łódź", "🙂 ok"]
    own = corpus("\n".join(lines) + "\n", restore=kind)
    restoration = registry.load("restoration", kind)
    made = [restoration.strip(line) for line in lines]
    assert [(s.words, s.tags) for s in own.splits["train"]] == [(w, t) for w, t in made if w]
    assert (own.format, own.scheme, own.restore) == ("text", None, kind)
    for s, line in zip(own.splits["train"], [x for x in lines if x], strict=True):
        assert restoration.restore(s.words, s.tags) == restoration.normalise(line)


# facts


def test_facts_are_sizes_and_hashes(corpus: Callable[..., Corpus]) -> None:
    facts = corpus(conll(TEN), "t.conll", valid=0.2).facts()
    assert facts["splits"]["train"]["sentences"] == 8
    assert facts["splits"]["train"]["tokens"] == 16
    assert facts["splits"]["valid"]["sentences"] == 2
    assert facts["scheme"] is None
    assert json.loads(json.dumps(facts))["options"]["gold"] is True


def test_the_hash_is_of_words_and_tags_whatever_the_format(corpus: Callable[..., Corpus]) -> None:
    hashes = {corpus(write(TEN), format=name).facts()["splits"]["train"]["sha256"] for name, write in WRITE.items()}
    assert len(hashes) == 1
    a, b, c = Sentence(words=["a"], tags=["X"]), Sentence(words=["a"], tags=["Y"]), Sentence(words=["b"], tags=["X"])
    different = [[a], [b], [c], [a, c], [c, a], [Sentence(words=["a", "b"], tags=["X", "X"])], []]
    assert len({fingerprint(sentences) for sentences in different}) == len(different)
    assert fingerprint(iter([a])) == fingerprint([a])


# mistakes


@pytest.mark.parametrize(
    ("text", "keys", "said"),
    [
        ("a\tX\nb\tY\tZ\n", {"format": "conll"}, r"t\.txt:2:1: 3 columns"),
        ("a\tX\n\nb\t\n", {"format": "conll"}, r"t\.txt:3:3: the tag is empty"),
        ("a\nb\n", {"format": "conll"}, r"t\.txt:1:1: one column"),
        ("a/X\nb\n", {"format": "word-tag"}, r"t\.txt:2:1"),
        ('{"tokens": ["a"], "tags": ["X"]}\n{"tokens": ["a"]\n', {"format": "jsonl"}, r"t\.txt:2:"),
        ('{"tokens": ["a"], "tags": ["X", "Y"]}\n', {"format": "jsonl"}, r"t\.txt:1:"),
        ("1\ta\t_\tX\n", {"format": "conllu"}, r"t\.txt:1:"),
        ("a\tX\n", {"format": "conll", "columns": ["word", "tag", "pos"]}, r"t\.txt:1:1: 2 columns, expected 3"),
    ],
)
def test_mistakes_in_the_data_have_their_place(
    corpus: Callable[..., Corpus], text: str, keys: dict[str, Any], said: str
) -> None:
    with pytest.raises(SeqcliError, match=said) as error:
        corpus(text, **keys)
    assert error.value.hint


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for files in ("./none.conll", ["./none.conll"], "none*.conll"):
        with pytest.raises(SeqcliError, match="none"):
            open_corpus(Config(train=files), tmp_path)
    with pytest.raises(UsageError, match="no data set is named 'conll200'") as error:
        open_corpus(Config(train="conll200"), tmp_path)
    assert "did you mean 'conll2000'?" in error.value.hint


def test_a_format_that_only_writes_is_no_format_of_data() -> None:
    with pytest.raises(ValidationError, match="'spans' is not a format with tags"):
        Config(train="x", format="spans")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"format": "conl"}, "'conl' is not a format with tags; known: conll"),
        ({"restore": "vowels"}, "cannot restore 'vowels'; known: case, diacritics, sentences, spaces"),
        ({"columns": ["word", "pos"], "tag": "chunk"}, "no column is named 'chunk'; columns: word, pos"),
        ({"scheme": "bioes"}, "scheme"),
        ({"longest": 0}, "longest"),
        ({"encoding": "utf-9"}, "unknown encoding 'utf-9'"),
        ({"encoding": "utf-16"}, "cannot be split into lines"),
        ({"valid": 1.5}, "valid"),
        ({"colums": ["word"]}, "colums"),
    ],
)
def test_mistakes_in_the_configuration(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Config(**{"train": "x", **keys})


@pytest.mark.parametrize("key", [{"format": "conll"}, {"columns": ["word", "tag"]}, {"tag": "upos"}])
def test_restoring_makes_its_own_labels(key: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="restore reads plain text"):
        Config(train="x", restore="spaces", **key)


def test_splits_in_another_scheme_are_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.conll").write_text("Jo B-PER\nDoe I-PER\nran O\n\n" * 3)
    (tmp_path / "b.conll").write_text("Jo B-PER\nDoe E-PER\nran O\nAnn S-PER\n\n" * 3)
    config = Config(train="a.conll", test="b.conll", format="conll", columns=["word", "ner"], tag="ner")
    corpus = open_corpus(config, tmp_path)
    assert corpus.splits["test"][0].tags == ["B-PER", "I-PER", "O", "B-PER"]
    assert "test: spans are written in iobes; they are read as iob2" in capsys.readouterr().err
    assert corpus.facts()["splits"]["test"]["name"] == "b.conll"


def test_spans_in_conllu_need_no_outside(tmp_path: Path) -> None:
    rows = ["1\tJo\t_\t_\t_\t_\t_\t_\t_\tNER=B-PER", "2\tran\t_\t_\t_\t_\t_\t_\t_\t_"]
    (tmp_path / "a.conllu").write_text("\n".join(rows) + "\n\n")
    corpus = open_corpus(Config(train="a.conllu", test="a.conllu", tag="misc.NER"), tmp_path)
    assert corpus.scheme == "iob2"
    assert corpus.splits["train"][0].tags == corpus.splits["test"][0].tags == ["B-PER", "O"]


def test_a_fingerprint_covers_the_columns_that_are_read(tmp_path: Path) -> None:
    found = []
    for pos in ("N", "V"):
        (tmp_path / "a.conll").write_text(f"Jo {pos} B-PER\nran V O\n\n")
        config = Config(train="a.conll", format="conll", columns=["word", "pos", "ner"], tag="ner")
        sentences = open_corpus(config, tmp_path).splits["train"]
        found.append((fingerprint(sentences), fingerprint(sentences, ["pos"])))
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]
