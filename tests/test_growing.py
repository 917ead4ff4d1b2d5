"""Growing: every old row stays and means what it meant, and before any training the answers are the old ones."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support.inprocess import seqcli

from seqcli import artifact, layers, registry, schemes
from seqcli.artifact import Artifact
from seqcli.decoding.beam import Search
from seqcli.former import Former
from seqcli.growing import Rows, of_labels
from seqcli.layers.crf import FORBIDDEN
from seqcli.recipe.load import load_recipe
from seqcli.tasks.sequence_to_sequence.predict import Settings, Translator

pytest.importorskip("torch")

TAGGED = "the/DET cat/NOUN sat/VERB on/ADP the/DET mat/NOUN\na/DET dog/NOUN ran/VERB\n" * 8
MORE_TAGGED = "zu/X Zebras/NOUN sat/VERB\nthe/DET émigré/Y ran/VERB a/DET dog/NOUN\n" * 8
SPANS = "w\tp\tt\nAda\tN\tB-PER\nLove\tN\tI-PER\nsaw\tV\tO\nRome\tN\tB-LOC\n\nBob\tN\tB-PER\nsat\tV\tO\n\n"
MORE_SPANS = "Zoë\tX\tB-ORG\nInc\tX\tI-ORG\nsaw\tV\tO\nRome\tN\tB-LOC\n\n"
LEMMAS = "cats\tN\tcat\nran\tV\trun\nmats\tN\tmat\n\ndogs\tN\tdog\nsat\tV\tsit\nran\tV\trun\nsat\tV\tsit\n\n"
MORE_LEMMAS = "oxen\tN\tox\nwent\tX\tgo\noxen\tN\tox\nwent\tX\tgo\ncats\tN\tcat\n\n"
TREES = "(1 (0 bad) (1 film))\n(2 (2 good) (1 film))\n(0 (0 bad) (0 (1 old) (1 film)))\n" * 6
MORE_TREES = "(3 (3 superb) (1 film))\n(2 (2 good) (1 über))\n" * 6
TEXTS = "good the cat sat\nbad no cat sat on it\ngood a mat\nfair the dog ran off\n" * 8
MORE_TEXTS = "odd über zebras\ngood the cat\nbad new words here\n" * 8
PAIRS = "a b\tb a\na b c\tc b a\nc\tc\nb d a\ta d b\n" * 8
MORE_PAIRS = "a e\te a\nf b\tb f\nc\tg c\n" * 8
COLUMNS = "walk\tV;PST\twalked\ngo\tV;PRS\tgo\ntalk\tV;PST\ttalked\n" * 8
MORE_COLUMNS = "jump\tV;GER\tjumping\nzip\tV;PST\tzipped\n" * 8
LINES = "the cat sat on the mat\na dog ran\n" * 20
MORE_LINES = "zu viele zebras\nthe cat ran\n" * 20

TAGGER = {"cell": "lstm", "embedding": 5, "hidden": 6, "characters": {"kind": "cnn", "filters": 3}}
SMALL = {"embedding": 6, "hidden": 6}
CASES: dict[str, tuple[str, str, str, str, dict[str, Any]]] = {  # task, file, text, further text, parts of the recipe
    "tags": ("tagging", "a.txt", TAGGED, MORE_TAGGED, {"data": {"format": "word-tag"}, "model": TAGGER}),
    "no chain": (
        "tagging",
        "a.txt",
        TAGGED,
        MORE_TAGGED,
        {"data": {"format": "word-tag"}, "model": {**TAGGER, "head": "softmax", "word_dropout": 0.2}},
    ),
    "spans": (
        "tagging",
        "a.conll",
        SPANS[6:] * 6,
        MORE_SPANS * 6,
        {"data": {"columns": ["word", "p", "t"], "tag": "t"}, "model": {**TAGGER, "features": ["p"]}},
    ),
    "targets": (
        "tagging",
        "a.conll",
        SPANS[6:] * 6,
        MORE_SPANS * 6,
        {"data": {"columns": ["word", "p", "t"], "tag": ["p", "t"]}, "model": {**TAGGER, "characters": "rnn"}},
    ),
    "attending": (
        "tagging",
        "a.txt",
        TAGGED,
        MORE_TAGGED,
        {"data": {"format": "word-tag"}, "model": {"kind": "transformer-tagging", "size": 8, "heads": 2}},
    ),
    "lemmas": (
        "tagging",
        "a.conll",
        LEMMAS * 6,
        MORE_LEMMAS * 6,
        {"data": {"columns": ["word", "p", "lemma"], "tag": ["p", "lemma"]}, "model": TAGGER},
    ),
    "trees": (
        "classification",
        "a.trees",
        TREES,
        MORE_TREES,
        {"tokenizer": {"kind": "word"}, "data": {"format": "trees"}, "model": {"kind": "recursive", **SMALL}},
    ),
    "words": ("classification", "a.txt", TEXTS, MORE_TEXTS, {"tokenizer": {"kind": "word"}, "model": SMALL}),
    "bag": (
        "classification",
        "a.txt",
        TEXTS,
        MORE_TEXTS,
        {"tokenizer": {"kind": "char"}, "model": {"kind": "bag", "embedding": 5}},
    ),
    "characters": ("language-model", "a.txt", LINES, MORE_LINES, {"tokenizer": {"kind": "char"}, "model": SMALL}),
    "with unknown": (
        "language-model",
        "a.txt",
        LINES,
        MORE_LINES,
        {"tokenizer": {"kind": "char", "unk": True}, "model": {**SMALL, "tied": True}},
    ),
    "word by word": (
        "language-model",
        "a.txt",
        LINES,
        MORE_LINES,
        {"tokenizer": {"kind": "word"}, "model": {"kind": "transformer-language-model", "size": 8, "heads": 2}},
    ),
    "pairs": ("sequence-to-sequence", "a.tsv", PAIRS, MORE_PAIRS, {"tokenizer": {"kind": "word"}, "model": SMALL}),
    "two tokenizers": (
        "sequence-to-sequence",
        "a.tsv",
        PAIRS,
        MORE_PAIRS,
        {
            "tokenizer": {"kind": "word"},
            "target_tokenizer": {"kind": "char"},
            "model": {"kind": "transformer", "size": 8, "heads": 2, "tied": "output"},
        },
    ),
    "all tied": (
        "sequence-to-sequence",
        "a.tsv",
        PAIRS,
        MORE_PAIRS,
        {"tokenizer": {"kind": "char"}, "model": {**SMALL, "tied": "all", "copy_source": True}},
    ),
    "columns": (
        "sequence-to-sequence",
        "a.tsv",
        COLUMNS,
        MORE_COLUMNS,
        {
            "tokenizer": {"kind": "char"},
            "data": {"source": [1, {"column": 2, "tokenizer": {"kind": "word", "split": ";"}}], "target": 3},
            "model": SMALL,
        },
    ),
    "edits": (
        "sequence-to-sequence",
        "a.tsv",
        COLUMNS,
        MORE_COLUMNS,
        {
            "tokenizer": {"kind": "char"},
            "data": {"source": [1, {"column": 2, "tokenizer": {"kind": "word", "split": ";"}}], "target": 3},
            "model": {"kind": "transducer", **SMALL},
        },
    ),
    "steps": (
        "sequence-to-sequence",
        "a.tsv",
        PAIRS,
        MORE_PAIRS,
        {"tokenizer": {"kind": "word"}, "model": {"kind": "ctc", **SMALL}},
    ),
}
NAMES = list(CASES)
TRAIN = {"steps": 4, "batch_size": 6, "sequence_length": 7, "schedule": "constant", "evaluate_every": 2}
TRAIN |= {"device": "cpu", "precision": "float32", "threads": 1}


def write(folder: Path, name: str) -> str:
    """The files of a case and its recipe; what the training file is called."""
    task, file, text, more, keys = CASES[name]
    (folder / file).write_text(text)
    (folder / f"more-{file}").write_text(more)
    data = {"train": file, "valid": 0.25, **keys.get("data", {})}
    train = {k: v for k, v in TRAIN.items() if task == "language-model" or k != "sequence_length"}
    (folder / "r.yaml").write_text(yaml.safe_dump({"task": task, **keys, "data": data, "train": train}))
    return file


def ok(*args: object, cwd: Path) -> Any:
    done = seqcli(*args, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`trained(case)`: a folder with a run `base` of it."""
    made: dict[str, Path] = {}

    def of(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name.replace(" ", "-"))
            write(made[name], name)
            ok("train", "r.yaml", "--name", "base", cwd=made[name])
        return made[name]

    return of


def grown(folder: Path, file: str) -> tuple[Any, Any]:
    """The task of a run whose weights say something, and of the same one grown by further text, both untrained."""
    stored = artifact.read(folder / "runs/base/model.safetensors")
    rng = np.random.default_rng(5)
    noisy = {
        n: (a + rng.normal(0, 0.7, a.shape)).astype(a.dtype) if n.startswith("model.") and a.dtype.kind == "f" else a
        for n, a in stored.arrays.items()
    }
    stored = Artifact(stored.path, stored.header, noisy)
    prepare = registry.load(f"tasks/{stored.header['task']}", "train").Task.prepare
    before = load_recipe(folder / "r.yaml")
    after = load_recipe(folder / "r.yaml", [f"data.train=more-{file}"])
    former = Former(stored, grow=True)
    return prepare(before, None, stored, Former(stored)), prepare(after, None, stored, former)


@pytest.fixture(params=NAMES)
def both(request: pytest.FixtureRequest, trained: Any) -> tuple[str, Any, Any]:
    """A case, its task and the grown one."""
    folder = trained(request.param)
    return (request.param, *grown(folder, CASES[request.param][1]))


def rows(task: Any) -> dict[str, dict[Any, Any]]:
    """What the rows of a task's tables are of, by the tables' names."""
    found: dict[str, dict[Any, Any]] = {}
    if hasattr(task, "codec"):
        codec = task.codec
        target = {**dict(enumerate(codec.target.vocabulary())), codec.bos: "BOS", codec.eos: "EOS"}
        V, kind = codec.sizes.target, task.recipe.model.kind
        if kind == "transducer":
            edits = {c: ("insert", t) for c, t in target.items()}
            edits |= {V + c: ("substitute", t) for c, t in target.items()} | {2 * V: "delete", 2 * V + 1: "copy"}
            target = edits
        found["target_embedding"] = target
        found["output"] = {**target, V - 2: "blank"} if kind == "ctc" else target
        if kind == "ctc":
            del found["output"][V - 1]
        source = codec.reads.parts if codec.columns else [codec.source]
        symbols = [(i, s) for i, part in enumerate(source) for s in part.vocabulary()]
        found["source_embedding"] = dict(enumerate([*symbols, "BOS", "EOS"]))
    elif hasattr(task, "tokenizer"):
        found["embedding"] = found["output"] = dict(enumerate(task.tokenizer.vocabulary()))
    else:
        v = task.vocabulary
        found["embedding"] = dict(enumerate(["?", *v.words]))
        found["characters.embedding"] = dict(enumerate([*range(4), *v.characters]))
        found |= {f"features.{i}": dict(enumerate(["?", *own])) for i, own in enumerate(v.features.values())}
        each = {name: v.only(name).labels for name in v.slices}
        found["output"] = dict(enumerate((name, label) for name, own in each.items() for label in own))
        for i, labels in enumerate(each.values()):
            for part in ("start", "end"):
                found[f"crf.{part}" if i == 0 else f"further_crfs.{i - 1}.{part}"] = dict(enumerate(labels))
    return found | {"output_weight": found["output"], "output_bias": found["output"]}


def test_every_old_row_stays_with_what_it_was_of(both: tuple[str, Any, Any]) -> None:
    name, old, new = both
    was, now = layers.arrays(old.model), layers.arrays(new.model)
    assert was.keys() == now.keys()
    before, after, bigger = rows(old), rows(new), 0
    for key, array in was.items():
        if key in before and (len(before[key]) == len(array) or key.startswith("output")):
            places = {what: i for i, what in after[key].items()}
            assert len(places) == len(now[key]), key
            for i, what in before[key].items():
                assert np.array_equal(array[i], now[key][places[what]]), (key, what)
            bigger += len(now[key]) > len(array)
        elif key.endswith("transitions"):
            n = len(array)
            assert np.array_equal(array, now[key][:n, :n])
            assert len(now[key]) >= n
        else:
            assert np.array_equal(array, now[key]), key
    assert bigger >= 2, name
    assert new.growth.told()
    assert all(np.isfinite(a).all() for a in now.values())


def test_before_any_training_old_text_has_the_old_answers(both: tuple[str, Any, Any]) -> None:
    _, old, new = both
    if hasattr(old, "tokenizer"):
        same_stream(old, new)
        return
    was, now = old.predictor(old.model), new.predictor(new.model)
    records = old.splits["valid"] + old.splits["train"]
    if hasattr(old, "codec"):
        greedy = Settings(Search(beam=1))
        ratio = old.header["data"]["answer_ratio"]  # how long an answer may be hangs on the training pairs
        a, b = (Translator(t.model, t.codec, ratio).answer(records, greedy) for t in (old, new))
        assert [own[0].text for own in a] == [own[0].text for own in b]
        return
    if hasattr(old.recipe.data, "tag") or old.recipe.tokenizer.kind in ("word", "char"):
        records += new.splits["train"]  # what is new begins as what was read in its place
    a, b = (p.answer([p.ready(r) for r in records]) for p in (was, now))
    if hasattr(a[0], "tags"):
        assert [x.tags for x in a] == [x.tags for x in b]
        assert [x.further for x in a] == [x.further for x in b]
    else:
        assert [x.labels[0] for x in a] == [x.labels[0] for x in b]


def same_stream(old: Any, new: Any) -> None:
    """A language model's old symbols keep their order, and new ones have at most 1 of V each."""
    text = LINES[:300]
    ids = old.tokenizer.encode(text).astype(np.int64)
    assert np.array_equal(ids, new.tokenizer.encode(text))
    V, W = old.tokenizer.size, new.tokenizer.size
    assert W > V
    state = [t.model.initial_state(1) for t in (old, new)]
    for id in ids.tolist():
        for i, t in enumerate((old, new)):
            logits, state[i] = t.model.step(np.array([id]), None, state[i])
            if i == 0:
                was = logits[0]
        now = logits[0]
        np.testing.assert_allclose(now[:V], was, atol=2e-5)
        p = np.exp(now - now.max()) / np.exp(now - now.max()).sum()
        assert (p[V:] <= 1 / (V - (old.tokenizer.unk_id is not None)) + 1e-6).all()


@pytest.mark.parametrize("seed", range(12))
def test_no_path_through_new_labels_is_better_than_all_old_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scheme = ["iobes", "iob2", None][seed % 3]
    kinds = ["A", "B"][: 1 + seed % 2]
    letters = "BIES" if scheme == "iobes" else "BI"
    old = ["O", *(f"{p}-{k}" for k in kinds for p in letters)] if scheme else ["X", "Y", "Z"]
    new = [*old, *(f"{p}-{k}" for k in ("C", "D") for p in letters)] if scheme else [*old, "U", "V"]
    new = new[: len(old) + (4 if seed < 6 else 8)]
    if scheme and seed < 6:
        new = [*old, *(f"{p}-C" for p in letters)]
    grown_rows, K = of_labels(old, new, scheme), len(old)
    T = 3 if scheme == "iobes" else 4
    emissions, chain = rng.normal(0, 2, (T, K)), rng.normal(0, 2, (K, K))
    start, end = rng.normal(0, 2, K), rng.normal(0, 2, K)

    def best(emissions: Any, chain: Any, start: Any, end: Any, labels: list[str]) -> tuple[float, tuple[int, ...]]:
        limits = schemes.limits(labels, scheme) if scheme else None
        if limits is not None:
            start, chain, end = (
                a + np.where(ok, 0, FORBIDDEN) for a, ok in zip((start, chain, end), limits, strict=True)
            )
        scored = []
        for path in product(range(len(labels)), repeat=T):
            s = start[path[0]] + end[path[-1]] + sum(emissions[t, k] for t, k in enumerate(path))
            scored.append((s + sum(chain[a, b] for a, b in pairwise(path)), path))
        return max(scored, key=lambda found: (round(found[0], 6), [-k for k in found[1]]))  # of equals the first

    was = best(emissions, chain, start, end, old)
    now = best(
        grown_rows.grown(emissions, 1),
        grown_rows.pairs(chain),
        grown_rows.grown(start),
        grown_rows.grown(end),
        new,
    )
    assert now[0] == pytest.approx(was[0])
    assert now[1] == was[1]


def test_rows_move_and_new_ones_are_means() -> None:
    moved = Rows(np.array([0, 1, 3]), {2: np.array([0, 1])})
    array = np.array([[1.0, 2], [3, 4], [5, 6]], np.float32)
    assert moved.grown(array).tolist() == [[1, 2], [3, 4], [2, 3], [5, 6]]
    assert moved.grown(array.T, 1).tolist() == [[1, 3, 2, 5], [2, 4, 3, 6]]
    assert moved.grown(array).dtype == np.float32


# real runs


@pytest.mark.parametrize("name", ["spans", "words", "characters", "pairs"])
def test_a_grown_run_with_replay_resumes_with_the_same_bits(name: str, trained: Any, tmp_path: Path) -> None:
    folder, file = trained(name), CASES[name][1]
    args = ["train", "r.yaml", "--init-from", "base", "--grow", "--set", f"data.train=more-{file}"]
    args += ["--set", "data.replay=0.4"]
    ok(*args, "--name", "whole", "--set", "train.steps=8", cwd=folder)
    ok(*args, "--name", "part", cwd=folder)
    ok("train", "runs/part/recipe.yaml", "--resume", "--set", "train.steps=8", cwd=folder)
    whole, part = (artifact.read(folder / f"runs/{run}/last.safetensors") for run in ("whole", "part"))
    assert whole.arrays.keys() == part.arrays.keys()
    for key, array in whole.arrays.items():
        assert np.array_equal(array, part.arrays[key]), key
    headers = [artifact.read_header(folder / f"runs/{run}/model.safetensors") for run in ("whole", "part")]
    assert headers[0]["origin"] == headers[1]["origin"]
    assert headers[0]["scores"] == headers[1]["scores"]
    assert headers[0]["data"] == headers[1]["data"]


@pytest.mark.parametrize("name", ["tags", "words", "characters", "pairs"])
def test_the_file_says_what_it_began_from_and_both_are_scored(name: str, trained: Any) -> None:
    folder, file = trained(name), CASES[name][1]
    args = ["train", "r.yaml", "--init-from", "base", "--grow", "--set", f"data.train=more-{file}"]
    done = ok(*args, "--name", "said", cwd=folder)
    header = artifact.read_header(folder / "runs/said/model.safetensors")
    base = artifact.read_header(folder / "runs/base/model.safetensors")
    assert header["origin"]["name"] == "base"
    assert header["origin"]["checksum"] == base["checksum"]
    assert header["origin"]["file"] == "../base/model.safetensors"
    assert sum(header["origin"]["added"].values()) > 0
    scores, metric = header["scores"], header["scores"]["old"]["metric"]
    if name == "characters":  # other tokens than before: a figure that does not hang on them
        assert metric == "bits-per-character"
    assert scores["old"]["before"] == base["scores"]["valid"][metric]
    assert scores["new"]["after"] == scores["valid"][metric]
    assert "before (base)" in done.stderr
    assert "grown: " in done.stderr
    shown = ok("inspect", "runs/said", cwd=folder).text
    assert "began from  base of" in shown
    assert f"old data    {metric}" in shown


def test_old_answers_are_scored_as_eval_scores_them(trained: Any, tmp_path: Path) -> None:
    folder = trained("tags")
    (folder / "held.txt").write_text("the/DET cat/NOUN ran/VERB\na/DET mat/NOUN sat/VERB on/ADP\n")
    held = ["--set", "data.test=held.txt"]
    ok("train", "r.yaml", "--name", "tested", *held, cwd=folder)
    grow = ["--init-from", "tested", "--grow", "--set", "data.train=more-a.txt"]
    ok("train", "r.yaml", "--name", "after", *grow, cwd=folder)
    old = artifact.read_header(folder / "runs/after/model.safetensors")["scores"]["old"]
    for run, key in (("tested", "before"), ("after", "after")):
        found = ok("eval", "-m", f"runs/{run}", "held.txt", "--json", cwd=folder).text
        assert yaml.safe_load(found)["accuracy"] == pytest.approx(old[key])


def test_without_grow_new_words_are_told_and_new_labels_refused(trained: Any) -> None:
    folder = trained("tags")
    done = seqcli(
        "train", "r.yaml", "--init-from", "base", "--name", "no", "--set", "data.train=more-a.txt", cwd=folder
    )
    assert done.returncode == 1
    assert "base does not know 3 words, " in done.stderr
    assert "more-a.txt:1:4: runs/base/model.safetensors has no label for the tag 'X'" in done.stderr
    assert "--grow adds new ones" in done.stderr


def test_without_grow_new_symbols_of_pairs_are_told(trained: Any) -> None:
    args = ["--init-from", "base", "--name", "plain", "--set", "data.train=more-a.tsv"]
    done = ok("train", "r.yaml", *args, cwd=trained("two tokenizers"))
    assert "base does not know 3 symbols (e, f, g) of the training split: --grow adds them" in done.stderr


def test_a_dry_run_tells_what_would_be_added(trained: Any) -> None:
    folder = trained("tags")
    args = ["--init-from", "base", "--grow", "--set", "data.train=more-a.txt", "--dry-run"]
    done = ok("train", "r.yaml", "--name", "dry", *args, cwd=folder)
    assert "# grown: 3 words, " in done.text
    assert "2 labels (X, Y) get rows in base" in done.text
    assert not (folder / "runs/dry").exists()


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["--name", "base", "--overwrite", "--init-from", "base"], 2, "--overwrite would remove runs/base/model"),
        (["--grow"], 2, "--grow needs a model to grow"),
        (["--grow", "--resume"], 2, "--resume cannot be combined with --grow"),
        (
            ["--set", "data.replay=0.2"],
            2,
            "data.replay needs the model that the run begins from, to know how earlier data are read",
        ),
        (["--set", "data.replay=1.5"], 2, "share: must be a number above 0 and below 1"),
        (["--set", "data.replay={shard: 0.5}"], 2, "unknown key 'shard'; did you mean 'share'"),
        (["--init-from", "base", "--set", "data.replay={share: 0.5, train: none.txt}"], 1, "no such file: none.txt"),
        (["--init-from", "base", "--set", "data.replay={share: 0.5, train: more-a.txt}"], 1, "no label for the tag"),
    ],
)
def test_mistakes(trained: Any, args: list[str], status: int, message: str) -> None:
    done = seqcli("train", "r.yaml", "--name", "wrong", *args, cwd=trained("tags"))
    assert done.returncode == status, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_numbers_cannot_grow(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" ".join(str(i % 17 / 4) for i in range(400)) + "\n")
    keys = {"tokenizer": {"kind": "bins", "size": 16}, "data": {"train": "a.txt"}, "model": SMALL, "train": TRAIN}
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"task": "language-model", **keys}))
    ok("train", "r.yaml", "--name", "base", cwd=tmp_path)
    done = seqcli("train", "r.yaml", "--name", "no", "--init-from", "base", "--grow", cwd=tmp_path)
    assert done.returncode == 2
    assert "--grow: a model of numbers cannot grow" in done.stderr


def test_old_data_that_are_gone_are_said_to_be_and_the_run_goes_on(trained: Any, tmp_path: Path) -> None:
    file = write(tmp_path, "words")
    ok("train", "r.yaml", "--name", "base", cwd=tmp_path)
    (tmp_path / file).unlink()
    args = ["train", "r.yaml", "--init-from", "base", "--grow", "--set", f"data.train=more-{file}"]
    done = ok(*args, "--name", "more", cwd=tmp_path)
    assert "the data of base are not scored again: " in done.stderr
    assert "old" not in artifact.read_header(tmp_path / "runs/more/model.safetensors")["scores"]
    done = seqcli(*args, "--name", "again", "--set", "data.replay=0.2", cwd=tmp_path)
    assert done.returncode == 1
    assert "data.replay: the data of base cannot be read: " in done.stderr
    assert "{share: 0.25, train: FILES}" in done.stderr
    (tmp_path / "kept.txt").write_text(TEXTS)
    ok(*args, "--name", "files", "--set", "data.replay={share: 0.2, train: kept.txt}", cwd=tmp_path)
    (tmp_path / file).write_text(TEXTS + "good another cat\n")
    done = seqcli(*args, "--name", "again", "--set", "data.replay=0.2", cwd=tmp_path)
    assert "data.replay: the training data of base have changed since it was trained" in done.stderr


def test_a_condition_gets_new_values_behind_the_old(tmp_path: Path) -> None:
    rows = "label\ttext\nen\tthe cat sat\nfr\tle chat\n"
    (tmp_path / "a.tsv").write_text(rows + "en\ta dog ran\nfr\tun chien\n" * 12)
    (tmp_path / "b.tsv").write_text(rows + "de\tdie Katze\nde\tein Hund\n" * 12)
    keys = {"tokenizer": {"kind": "char"}, "data": {"train": "a.tsv", "condition": "label", "text": "text"}}
    (tmp_path / "r.yaml").write_text(
        yaml.safe_dump({"task": "language-model", **keys, "model": SMALL, "train": TRAIN})
    )
    ok("train", "r.yaml", "--name", "base", cwd=tmp_path)
    args = ["train", "r.yaml", "--init-from", "base", "--set", "data.train=b.tsv", "--name", "more"]
    assert seqcli(*args, cwd=tmp_path).returncode == 2
    ok(*args, "--grow", "--set", "data.replay=0.5", cwd=tmp_path)
    header = artifact.read_header(tmp_path / "runs/more/model.safetensors")
    assert header["data"]["condition"]["values"] == ["en", "fr", "de"]
    ok("generate", "-m", "runs/more", "--condition", "de", "--max-tokens", "5", cwd=tmp_path)
    ok("train", "runs/more/recipe.yaml", "--resume", "--set", "train.steps=6", cwd=tmp_path)


def test_grown_twice(trained: Any) -> None:
    folder = trained("with unknown")
    args = ["train", "r.yaml", "--grow", "--set", "data.replay=0.3"]
    ok(*args, "--init-from", "base", "--set", "data.train=more-a.txt", "--name", "once", cwd=folder)
    (folder / "third.txt").write_text("ça va? öde\n" * 30)
    ok(*args, "--init-from", "once", "--set", "data.train=third.txt", "--name", "twice", cwd=folder)
    a, b = (artifact.read_header(folder / f"runs/{run}/model.safetensors")["tokenizer"] for run in ("once", "twice"))
    assert b["characters"] == a["characters"]
    assert b["further"].startswith(a["further"])
    done = ok("generate", "-m", "runs/twice", "--prompt", "ça", "--max-tokens", "9", cwd=folder)
    assert len(done.text.replace("<unk>", "?")) == 9
