"""Numbers as records write them: every way gives the same array, and what is wrong is told with what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.inprocess import seqcli

from seqcli.errors import SeqcliError
from seqcli.frames import Frames, content, located
from seqcli.frames.values import Config, read
from seqcli.records import Example, Sentence

MODELS = Path(__file__).parents[1] / "net" / "models"
ARRAY = np.array([[1.5, -4], [2, 5], [3, 6]], np.float32)
LISTED = "[[1.5, -4], [2, 5], [3, 6]]"


def array(text: str, source: str | Path = "") -> np.ndarray:
    return read(located(text, str(source)), Config())


def fails(text: str, source: str | Path = "", like: Frames | None = None) -> str:
    own = like or Frames(Config(), 0, 0, np.zeros(0), np.ones(0))
    with pytest.raises(SeqcliError) as caught:
        own(Example(text=text, source=str(source)))
    return str(caught.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder `data` of arrays beside the current one."""
    data = tmp_path / "data here"
    data.mkdir()
    np.save(data / "one.npy", ARRAY)
    np.save(data / "a b #2.npy", ARRAY)
    np.save(data / "many.npy", np.stack([ARRAY, ARRAY + 1]))
    np.savez(data / "one.npz", x=ARRAY)
    np.savez(data / "many.npz", **{"x": ARRAY, "y": ARRAY + 1, "z.wav": ARRAY + 2})
    return data


@pytest.mark.parametrize(
    "text",
    [
        LISTED,
        " [[1.5,-4],\t[2,5],[3,6]] ",
        "1.5 2 3:-4 5 6",
        "1.5,2,3:-4,5,6",
        "1.5 , 2,3 : -4\t5,6,",
        "15e-1 +2.0 3.:-4 5 6",
    ],
)
def test_every_way_of_writing_numbers(text):
    found = array(text)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ARRAY)


@pytest.mark.parametrize("text", ["1.5 2 3", "1.5,2,3", "[1.5, 2, 3]", "1.5, 2, 3,"])
def test_a_series_of_numbers(text):
    np.testing.assert_array_equal(array(text), ARRAY[:, 0])


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("one.npy", 0),
        (" one.npy ", 0),
        ("a b #2.npy", 0),
        ("many.npy#0", 0),
        ("many.npy#1", 1),
        ("one.npz", 0),
        ("one.npz#x", 0),
        ("many.npz#y", 1),
        ("many.npz#z.wav", 2),  # a name that ends as a file's does
    ],
)
def test_files_stand_beside_what_names_them(folder, text, more, monkeypatch):
    np.testing.assert_array_equal(array(text, folder / "list.txt"), ARRAY + more)
    np.testing.assert_array_equal(array(text, folder), ARRAY + more)
    monkeypatch.chdir(folder)
    np.testing.assert_array_equal(array(text, "<stdin>"), ARRAY + more)
    monkeypatch.chdir(folder.parent)
    np.testing.assert_array_equal(array(f"data here/{text.strip()}", "elsewhere/list.txt"), ARRAY + more)


def test_a_file_that_changes_is_read_again(folder):
    assert array("one.npy", folder).sum() == ARRAY.sum()
    before = content(Example(text="one.npy", source=str(folder)))
    (folder / "one.npy").unlink()
    np.save(folder / "one.npy", ARRAY * 2)
    assert array("one.npy", folder).sum() == 2 * ARRAY.sum()
    assert content(Example(text="one.npy", source=str(folder))) != before


def test_what_a_text_names_is_told_by_what_it_holds(folder):
    (a,), (b,) = (content(Example(text=f"many.npy#{i}", source=str(folder))) for i in (0, 1))
    assert a != b
    assert content(Example(text="1 2 3")) == content(Example(text="nowhere.npy")) == []
    assert content(Example(text="x" * 500 + ".npy")) == content(Example(text="\0.npy")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 ? 3", "value 2 is missing"),
        ("1,,3", "value 2 is missing"),
        (",1,2", "value 1 is missing"),
        ("1 2:3 x", "value 2 of dimension 2 is not a number: 'x'"),
        ("1 2:3", "dimension 2 has 1 values, the first 2"),
        ("1 nan 3", "value 2 is missing (NaN)"),
        ("1 2 -inf", "value 3 is not finite"),
        ("1 1e39 3", "value 2 is not finite"),  # of float32
        ("[1, NaN]", "value 2 is missing (NaN)"),
        ("[[1, 2], [3, 1e999]]", "value 2, 2 is not finite"),
        ("[1, null]", "it contains null"),
        ("[[1, 2], [3]]", "different lengths"),
        ('[1, "2"]', "something other than numbers"),
        ("[true, false]", "something other than numbers"),
        ('[{"a": 1}]', "something other than numbers"),
        ("[1, 2", "not a JSON array"),
        ("[" * 100_000, "not a JSON array"),
        ("[[[[1]]]]", "an array of 4 axes"),
        ("[]", "empty"),
        ("[[], []]", "empty"),
        (" ", "empty"),
        (":", "empty"),
        ("a text", "value 1 is not a number: 'a'"),
        ("one.wav", "a recording"),
        ("nowhere.npy", "No such file"),
        ("x" * 5000 + ".npy", "File name too long"),
        ("a\0b.npy", "not a NumPy file"),
    ],
)
def test_what_is_no_array_is_told(text, said):
    with np.errstate(all="raise"):
        message = fails(text)
    assert said in message
    assert "Traceback" not in message


def test_broken_files_are_told(folder):
    whole, packed = (folder / "one.npy").read_bytes(), (folder / "many.npz").read_bytes()
    cut = {
        "cut.npy": whole[:-3],
        "head.npy": whole[:20],
        "empty.npy": b"",
        "text.npy": b"1 2 3\n",
        "cut.npz": packed[:-30],
        "inside.npz": packed[:150] + bytes(40) + packed[190:],
        "empty.npz": b"",
    }
    for name, held in cut.items():
        (folder / name).write_bytes(held)
        assert "not a NumPy file, or a damaged one" in fails(name + ("#x" if name == "inside.npz" else ""), folder), (
            name
        )
    (folder / "folder.npy").mkdir()
    assert "Is a directory" in fails("folder.npy", folder)
    for name, save in (("o.npy", np.save), ("o.npz", np.savez)):
        save(folder / name, np.array(["a", "b"], object))
        assert "Python objects" in fails(name, folder)
    np.save(folder / "text.npy", np.array(["a", "b"]))
    assert "an array of <U1, not of numbers" in fails("text.npy", folder)
    np.save(folder / "none.npy", np.array(3.0))
    assert "an array of 0 axes" in fails("none.npy", folder)
    for name in ("many.npy#2", "many.npz#nothing"):
        assert "there is no member" in fails(name, folder)
    assert "'x' is not a member's number" in fails("many.npy#x", folder)
    assert "it holds 3 arrays\nname one by many.npz#NAME: x, y" in fails("many.npz", folder)


def test_frames_are_as_in_training():
    own = Frames(Config(), 2, 2, np.zeros(2, np.float32), np.ones(2, np.float32))
    assert "it has 3 numbers a step, not 2 as in training" in fails("1:2:3", like=own)
    assert "a series of numbers, not a series of vectors" in fails("1 2 3", like=own)
    assert "a picture, not a series of vectors" in fails("[[[1], [2]]]", like=own)
    with pytest.raises(SeqcliError, match="vector 2 has 3 numbers, the first 2"):
        own(Sentence(["1,2", "1,2,3"], text="1,2 1,2,3"))
    with pytest.raises(SeqcliError, match="'null' is not a number"):
        own(Sentence(["1,2", "1,null"], text="1,2 1,null"))


def test_a_folder_holds_records(folder):
    own = Frames(Config(), 2, 2, np.zeros(2, np.float32), np.ones(2, np.float32))
    (folder / "under").mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "list.txt").write_text("no record\n")
    assert own.holds(folder) == [
        "a b #2.npy", "many.npy#0", "many.npy#1", "many.npz#x", "many.npz#y", "many.npz#z.wav", "one.npy", "one.npz#x"
    ]  # fmt: skip
    for name in ("under/deeper", "under/.hidden"):
        (folder / name).mkdir()
        np.save(folder / name / "two.npy", np.ones((4, 2)))
    np.save(folder / "under" / "one.npy", np.ones((3, 2)))
    assert own.holds(folder)[-2:] == ["under/deeper/two.npy", "under/one.npy"]
    assert own.holds(folder / "under") == ["deeper/two.npy", "one.npy"]
    assert own(Example("deeper/two.npy", source=str(folder / "under"))).shape == (4, 2)
    assert own.holds(folder / "list.txt") is None
    assert own.holds(folder / "many.npy") == ["many.npy#0", "many.npy#1"]


FILTERS = {
    "classify": (["classify", "-m", "waves"], "0 1 2:1 0 1\n"),
    "tag": (["tag", "-m", "waves-tags"], "0,1 2,1\n"),
    "generate": (["generate", "-m", "beeps"], "0 0 1 1:1 1 0 0\n"),
    "ctc": (["generate", "-m", "beeps-ctc"], "0 0 1 1:1 1 0 0\n"),
}
JOBS = ["--jobs", "2", "--batch-size", "1"]


@pytest.mark.parametrize(("verb", "more"), [*((v, []) for v in FILTERS), ("classify", JOBS)])
@pytest.mark.parametrize(("bad", "said"), [("nowhere.npy", "nowhere.npy: No such file"), ("1 x", "'x'")])
def test_what_precedes_a_mistake_is_answered_first(tmp_path, verb, more, bad, said):
    """The two good records before it, a blank one among them, and none behind it."""
    args, good = FILTERS[verb]
    model = (MODELS / args[2]).with_suffix(".safetensors")
    whole = seqcli(*args[:2], model, cwd=tmp_path, input=good + "\n" + good)
    assert whole.returncode == 0, whole.stderr
    done = seqcli(*args[:2], model, *more, cwd=tmp_path, input=good + "\n" + good + bad + "\n" + good)
    assert done.returncode == 1
    assert done.stdout == whole.stdout
    assert "<stdin>:4:" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def test_blanks_are_a_blank_line(tmp_path):
    for args, _ in FILTERS.values():
        done = seqcli(*args[:2], (MODELS / args[2]).with_suffix(".safetensors"), cwd=tmp_path, input="  \n\n")
        assert done.returncode == 0, done.stderr
        assert len(done.text.splitlines()) == 2


def test_files_and_folders_are_records_of_a_filter(tmp_path, folder):
    """As names on lines, as arguments, and all of a folder: the same answers."""
    for extra in ("one.npz", "many.npz"):
        (folder / extra).unlink()
    model = MODELS / "waves.safetensors"
    (folder / "list").write_text("a b #2.npy\nmany.npy#0\nmany.npy#1\none.npy\n")
    listed = seqcli("classify", "-m", model, "data here/list", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert len(listed.text.splitlines()) == 4
    assert seqcli("classify", "-m", model, "data here", cwd=tmp_path).text == listed.text
    files = [f"data here/{name}" for name in ("a b #2.npy", "many.npy", "one.npy")]
    assert seqcli("classify", "-m", model, *files, cwd=tmp_path).text == listed.text
    model = MODELS / "waves-tags.safetensors"
    listed = seqcli("tag", "-m", model, "data here/list", "--input", "text", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert seqcli("tag", "-m", model, "data here", cwd=tmp_path).text == listed.text
    assert seqcli("tag", "-m", model, *files, cwd=tmp_path).text == listed.text
