"""Data sets by name: where they are looked for, and what is said when they are not there."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from seqcli.datasets import catalog
from seqcli.errors import SeqcliError, UsageError
from seqcli.recipe.paths import looks_like_name
from seqcli.tasks.language_model.data import Config, open_corpus

CATALOG = sorted(Path(catalog.__file__).with_name("catalog").glob("*.yaml"))


@pytest.fixture
def folders(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """($SEQCLI_DATA, the cache's data folder), both empty."""
    data, cache = tmp_path / "data", tmp_path / "cache"
    data.mkdir()
    monkeypatch.setenv("SEQCLI_DATA", str(data))
    monkeypatch.setenv("SEQCLI_CACHE", str(cache))
    return data, cache / "data"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Iterator[Path]:
    """A cache for all data sets, removed in the end: one of recordings takes 100 MB."""
    yield (folder := tmp_path_factory.mktemp("made"))
    shutil.rmtree(folder)


def put(home: Path, files: dict[str, str], entry: str | None = None) -> None:
    home.mkdir(parents=True)
    for name, text in files.items():
        (home / name).write_text(text)
    if entry is not None:
        (home / "data.yaml").write_text(entry)


@pytest.mark.parametrize("path", CATALOG, ids=lambda p: p.stem)
def test_entries_say_what_they_must(path):
    entry = yaml.safe_load(path.read_text())
    assert entry["summary"]
    assert entry["licence"]
    assert entry["source"]
    assert ("builtin" in entry) != ("files" in entry)
    assert set(entry) <= {
        *("summary", "format", "folder", "files", "shares", "split_at", "encoding", "options", "builtin"),
        *("licence", "source", "sha256"),
    }
    if "files" in entry:
        assert "train" in entry["files"]


OPENED = [path for path in CATALOG if path.stem not in ("dates", "reverse", "scenes")]  # files of tests open those


@pytest.mark.parametrize("path", OPENED, ids=lambda p: p.stem)
def test_every_data_set_that_is_here_opens(path, data_folder, made, monkeypatch, capsys):
    monkeypatch.setenv("SEQCLI_DATA", str(data_folder))
    monkeypatch.setenv("SEQCLI_CACHE", str(made))
    try:
        found = catalog.find(path.stem)
    except SeqcliError as error:
        pytest.skip(error.message)
    if found.format == "text" and not found.options:
        corpus = open_corpus(Config(train=path.stem), Path())
        assert corpus.name == path.stem
        assert "valid" in corpus.splits
    assert capsys.readouterr().err == ""  # no warning: the files are the published ones


def test_python_docs_need_no_file(folders):
    corpus = open_corpus(Config(train="python-docs"), Path())
    assert set(corpus.splits) == {"train", "valid", "test"}
    text = "".join("".join(corpus.texts(s, "")) for s in corpus.splits)
    assert len(text) > 300_000
    from pydoc_data.topics import topics

    assert topics["yield"].strip() in text
    before = [p.stat().st_mtime_ns for p in folders[1].iterdir()]
    open_corpus(Config(train="python-docs"), Path())
    assert [p.stat().st_mtime_ns for p in folders[1].iterdir()] == before  # written once


def test_python_source_has_no_tests_and_no_installed_packages(folders):
    files = catalog.find("python-source").files["train"]
    assert len(files) > 100
    assert not [p for p in files if "site-packages" in p.parts or "test" in p.parts]
    assert any(p.name == "argparse.py" for p in files)


@pytest.mark.parametrize("where", [0, 1])
def test_both_homes_are_looked_in(folders, where):
    put(folders[where] / "ptb", {f"ptb.{s}.txt": f"{s} text\n" for s in ("train", "valid", "test")})
    corpus = open_corpus(Config(train="ptb"), Path())
    assert ["".join(corpus.texts(s, "")) for s in corpus.splits] == ["train text\n", "valid text\n", "test text\n"]


def test_a_file_that_is_not_the_published_one_is_said(folders, capsys):
    put(folders[0] / "tinyshakespeare", {"input.txt": "To be, or not to be\n" * 20})
    corpus = open_corpus(Config(train="tinyshakespeare"), Path())
    assert "is not the published tinyshakespeare" in capsys.readouterr().err
    assert "".join(corpus.texts("train", ""))[-5:] != "be\n"  # cut at a character, as the catalog says


def test_a_file_that_is_lacking_among_many_is_said(folders, capsys):
    put(folders[0] / "names-by-language", {"Czech.txt": "Abl\n"})
    assert [p.name for p in catalog.find("names-by-language").files["train"]] == ["Czech.txt"]
    err = capsys.readouterr().err
    assert "names-by-language lacks Polish.txt of the published names-by-language" in err
    assert "Czech.txt is not the published names-by-language" in err


@pytest.mark.parametrize("where", [0, 1])
def test_a_data_set_in_the_folder_of_another(folders, where):
    home = folders[where] / "sst"
    put(home, {f"stsa.binary.{split}": "1 good\n" for split in ("train", "dev", "test")})
    found = catalog.find("sst2")
    assert found.name == "sst2"
    assert found.files == {
        "train": [home / "stsa.binary.train"],
        "valid": [home / "stsa.binary.dev"],
        "test": [home / "stsa.binary.test"],
    }
    with pytest.raises(SeqcliError, match=r"the data set 'sst5' lacks stsa\.fine\.train in .*sst$"):
        catalog.find("sst5")


def test_a_data_set_in_a_folder_that_is_not_there(folders):
    (folders[0] / "sst2").mkdir()  # a folder of its name is not the one that is meant
    with pytest.raises(SeqcliError) as caught:
        catalog.find("sst2")
    assert "the data set 'sst2' is not on this machine" in caught.value.message
    assert caught.value.message.endswith(f"looked for {folders[0] / 'sst'}, {folders[1] / 'sst'}")
    assert "Socher" in caught.value.hint


def test_a_data_yaml_may_name_another_folder(folders):
    """Two entries for one release: the second lies in a folder of its own that holds its data.yaml alone."""
    put(folders[0] / "release", {"a.txt": "1 a\n", "b.txt": "2 b\n"}, "files: {train: a.txt}\n")
    put(folders[1] / "second", {}, "folder: release\nfiles: {train: b.txt}\nformat: label-text\n")
    assert catalog.find("release").files == {"train": [folders[0] / "release" / "a.txt"]}
    assert catalog.find("second").files == {"train": [folders[0] / "release" / "b.txt"]}
    assert {"release", "second"} <= set(catalog.names())


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "[a]", "3", "''", "."])
def test_a_folder_is_a_name(folders, folder):
    put(folders[0] / "mine", {"a.txt": "text\n"}, f"files: {{train: a.txt}}\nfolder: {folder}\n")
    with pytest.raises(
        SeqcliError, match=r"data\.yaml:2: folder: (.* is not the name of a folder|must be text, not)"
    ):
        catalog.find("mine")


def test_options_come_with_the_name(folders):
    put(folders[0] / "trec", {"TREC.train": "DESC:manner How ?\n", "TREC.test": "NUM:count How many ?\n"})
    found = catalog.find("trec")
    assert (found.format, found.encoding, found.shares) == ("label-text", "latin-1", {"valid": 0.1})
    assert found.options == {"label_until": ":"}
    put(folders[0] / "names-by-language", {"Czech.txt": "Abl\n", "Polish.txt": "Bosko\n"})
    found = catalog.find("names-by-language")
    assert [p.stem for p in found.files["train"]] == ["Czech", "Polish"]
    assert found.options == {"label_from": "file"}


def test_a_folder_with_a_data_yaml_is_a_data_set(folders, capsys):
    text = "one line\n" * 100
    digest = hashlib.sha256(text.encode()).hexdigest()
    put(
        folders[0] / "mine",
        {"a.txt": text},
        f"summary: mine\nfiles: {{train: '*.txt'}}\nshares: {{valid: 0.2}}\nsha256: {{a.txt: {digest}}}\n",
    )
    assert "mine" in catalog.names()
    corpus = open_corpus(Config(train="mine"), Path())
    assert corpus.facts()["splits"]["valid"]["bytes"] == 180
    own = open_corpus(Config(train="mine", valid=0.5), Path())
    assert own.facts()["splits"]["valid"]["bytes"] == 450  # the recipe's word counts
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("just text", "data.yaml:1: must be keys with values, not 'just text'"),
        ("summary: x", "files: names no file or glob for train"),
        ("files: a.txt", "data.yaml:1: files: must be keys with values, not 'a.txt'"),
        ("files: {valid: a.txt}", "files: names no file or glob for train"),
        ("files: {train: [", "data.yaml:1:17: a value is missing here"),
        ("files: {train: /etc/hosts}", "data.yaml:1: files.train: '/etc/hosts' is not a file or glob inside"),
        ("files: {train: ../a.txt}", "data.yaml:1: files.train: '../a.txt' is not a file or glob inside"),
        ("files: {train: ''}", "data.yaml:1: files.train: '' is not a file or glob inside"),
        ("files: {train: a.txt}\nencoding: 5", "data.yaml:2: encoding: must be text, not 5"),
        ("files: {train: a.txt}\nencoding: zlib", "data.yaml:2: encoding: unknown encoding 'zlib'"),
        ("files: {train: a.txt}\nshares: {valid: 5}", "data.yaml:2: shares.valid: must be a number of at least 0"),
        ("files: {train: a.txt}\nfomrat: text", "data.yaml:2: fomrat: unknown key; did you mean 'format'?"),
        ("[" * 5000, "data.yaml:1: nested too deeply"),
        ("files: {train: b.txt}", "the data set 'mine' lacks b.txt"),
        ("files: {train: a.txt}\nformat: columns", "the data set 'mine' is columns, not plain text"),
    ],
)
def test_a_data_yaml_that_is_wrong(folders, entry, words):
    put(folders[0] / "mine", {"a.txt": "text\n"}, entry)
    with pytest.raises(SeqcliError) as caught:
        open_corpus(Config(train="mine"), Path())
    assert words in caught.value.message


def test_names_that_nothing_knows(folders):
    with pytest.raises(UsageError) as caught:
        open_corpus(Config(train="tinyshakespere"), Path())
    assert caught.value.message == "no data set is named 'tinyshakespere'"
    assert "did you mean 'tinyshakespeare'?" in caught.value.hint
    assert "./tinyshakespere.txt" in caught.value.hint
    with pytest.raises(SeqcliError) as caught:
        open_corpus(Config(train="ptb"), Path())
    assert "the data set 'ptb' is not on this machine" in caught.value.message
    assert all(str(f / "ptb") in caught.value.message for f in folders)
    assert "SEQCLI_DATA" in caught.value.hint


def test_a_folder_without_a_data_yaml(folders):
    put(folders[0] / "loose", {"a.txt": "text\n"})
    with pytest.raises(SeqcliError, match=r"loose has no data\.yaml"):
        open_corpus(Config(train="loose"), Path())


def test_a_file_of_that_name_comes_first(folders, tmp_path):
    (tmp_path / "ptb").write_text("a file, not the data set\n")
    assert open_corpus(Config(train="ptb"), tmp_path).facts()["splits"]["train"]["bytes"] == 25


@pytest.mark.parametrize("text", ["./a", "a.txt", "a/b", "*", "-", "a[1]", "a?"])
def test_paths_are_no_names(text):
    assert not looks_like_name(text)
    assert looks_like_name("python-docs")
