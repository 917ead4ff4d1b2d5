"""Tags that are known in part: what they allow, how they are read, learnt from and scored, and what is refused."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.inprocess import seqcli

from seqcli import load, schemes
from seqcli.datasets.reading import Reading
from seqcli.errors import SeqcliError
from seqcli.recipe.load import load_recipe
from seqcli.records import is_open
from seqcli.schemes import Span
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging import page
from seqcli.tasks.tagging.labels import Labels
from seqcli.tasks.tagging.partial import Meaning
from seqcli.tasks.tagging.score import answers_judged
from seqcli.tasks.tagging.train import Task

NAMES = ["B-LOC", "B-PER", "E-LOC", "E-PER", "I-LOC", "I-PER", "O", "S-LOC", "S-PER"]
WORDS = {"DET": ["the", "a", "every"], "NOUN": ["dog", "tree", "town"], "VERB": ["sees", "likes", "has"]}
RECIPE = """task: tagging
data: {train: train.conll, valid: valid.conll, partial: true, columns: [word, tag]}
model: {embedding: 8, characters: none, hidden: 8}
train: {steps: 36, evaluate_every: 18, batch_size: 16, learning_rate: 4e-2, threads: 1}
"""


def furnish(folder: Path, hidden: float = 0.5) -> None:
    rng = random.Random(1)
    for split, count in (("train", 96), ("valid", 16)):
        rows, full = [], []
        for _ in range(count):
            tags = ["DET", "NOUN", "VERB", "DET", "NOUN"]
            words = [rng.choice(WORDS[tag]) for tag in tags]
            shown = [tag if rng.random() > hidden else rng.choice(["_", "_", f"{tag}|X", "!PUNCT"]) for tag in tags]
            rows.append("".join(f"{w}\t{t}\n" for w, t in zip(words, shown, strict=True)) + ".\tPUNCT\n")
            full.append("".join(f"{w}\t{t}\n" for w, t in zip(words, tags, strict=True)) + ".\tPUNCT\n")
        (folder / f"{split}.conll").write_text("\n".join(rows))
        (folder / f"{split}-full.conll").write_text("\n".join(full))
    (folder / "part.yaml").write_text(RECIPE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("partial")
    furnish(found)
    for name, changes in {"crf": [], "softmax": ["--set", "model.head=softmax"]}.items():
        done = seqcli("train", "part.yaml", "--name", name, *changes, cwd=found)
        assert done.returncode == 0, done.stderr
    return found


def task_of(folder: Path, train: str, more: str = "", *changes: str) -> Task:
    """A task without a validation split, of columns word and tag."""
    (folder / "train.conll").write_text(train.replace("/", "\t").replace(" ", "\n"))
    recipe = RECIPE.replace(", valid: valid.conll", "").replace("partial: true", "partial: true" + more)
    (folder / "part.yaml").write_text(recipe)
    return Task.prepare(load_recipe(folder / "part.yaml", changes), None, None)


# what tags allow

LETTERS = {"iob1": "BIBI", "iob2": "BIBI", **schemes.LETTERS}


def labels(inside: str, kinds: list[str]) -> list[str]:
    return sorted(["O", *(f"{p}-{k}" if k else p for k in kinds for p in ("BIES" if inside == "iobes" else "BI"))])


@st.composite
def opened(draw: st.DrawFn) -> tuple[Labels, list[str], list[str]]:
    """A model's labels, tags in any order, valid or not, and the same with some of them open."""
    inside, outside = draw(st.sampled_from(["iobes", "iob2"])), draw(st.sampled_from(sorted(LETTERS)))
    kinds = draw(st.sampled_from([["PER", "LOC"], ["T-cell", "cell", "B-cell"], [""]]))
    whole = sorted({"O", *(f"{p}-{k}" if k else p for k in kinds for p in LETTERS[outside])})
    tags = draw(st.lists(st.sampled_from(whole), min_size=1, max_size=7))
    found = []
    for tag in tags:
        own = schemes.divide(tag)[1] if tag != "O" else None
        others = [k for k in kinds if k and k != own]
        way = draw(st.integers(0, 5))
        if way == 0:
            tag = "_"
        elif way == 1:
            tag = "|".join(draw(st.permutations([tag, draw(st.sampled_from(whole)), "O"])))
        elif way == 2 and others:
            tag = "!" + "|".join(others)
        elif way == 3 and own:
            tag = f"{own}|O"
        found.append(tag)
    return Labels(labels(inside, kinds), inside, outside), tags, found


@settings(max_examples=examples(300))
@given(opened())
def test_what_is_open_allows_what_is_true_and_what_is_known_says_what_it_always_said(case: Any) -> None:
    own, tags, found = case
    inside, outside = own.inside, own.outside
    true = [own.names.index(label) for label in schemes.convert(tags, outside, inside)]
    part = Meaning(own).of(found)
    assert part.allowed[np.arange(len(true)), true].all()
    assert part.told.tolist() == [not is_open(tag) for tag in found]
    start, moves, end = schemes.limits(own.names, inside)  # and that is a path that the scheme allows
    assert [start[true[0]], end[true[-1]], *(moves[a, b] for a, b in itertools.pairwise(true))].count(False) == 0
    whole = Meaning(own).of(tags)
    assert whole.allowed.sum(1).tolist() == [1] * len(tags)
    assert whole.allowed.argmax(1).tolist() == true
    assert whole.tags == own.spelt(tags)
    spans = schemes.spans(tags)
    assert whole.spans == spans
    assert {*part.spans} <= {*spans}  # what is certain is true
    for start in range(len(tags)):
        for stop in range(start + 1, len(tags) + 1):
            for kind in {k for p, k in map(schemes.divide, own.names) if p not in ("", "O")}:
                span = Span(start, stop, kind)
                assert whole.judged(span) == (span in spans)
                assert part.judged(span) in ((True, None) if span in spans else (False, None))


@pytest.mark.parametrize(
    ("outside", "tags", "meant"),
    [
        ("iobes", "_ O _", ["O"]),
        ("iob2", "O B-PER _", ["B-PER", "S-PER"]),
        ("iob2", "O B-PER O", ["S-PER"]),
        ("iob2", "_ I-PER O", ["E-PER", "S-PER"]),
        ("iob2", "!PER I-PER _", ["B-PER", "S-PER"]),  # nothing to go on with
        ("iob2", "B-PER I-PER LOC|O", ["E-PER"]),
        ("iob1", "_ I-PER _", ["B-PER", "E-PER", "I-PER", "S-PER"]),
        ("iobes", "_ S-PER _", ["S-PER"]),
        ("iobes", "O O|S-PER _", ["O", "S-PER"]),
        ("iobes", "_ PER|LOC _", [n for n in NAMES if n != "O"]),
        ("iobes", "_ !PER _", ["B-LOC", "E-LOC", "I-LOC", "O", "S-LOC"]),
        ("iobes", "_ !PER|LOC _", ["O"]),
        ("iobes", "_ !O _", [n for n in NAMES if n != "O"]),
    ],
)
def test_what_a_tag_allows_between_others(outside: str, tags: str, meant: list[str]) -> None:
    found = Meaning(Labels(NAMES, "iobes", outside)).of(tags.split()).allowed[1]
    assert [name for name, may in zip(NAMES, found, strict=True) if may] == meant


# what is learnt


@pytest.mark.parametrize("head", ["crf", "softmax"])
@pytest.mark.parametrize("known", [["NOUN", "VERB", "DET"], ["B", "I", "O"]])
def test_the_loss_is_of_all_paths_that_random_tags_allow(tmp_path: Path, head: str, known: list[str]) -> None:
    rng, (a, b, c) = random.Random(3), known
    ways = [*known, "_", f"{a}|{b}", f"{a}|{c}"]
    sentences = [" ".join(f"w{rng.randrange(9)}/{rng.choice(ways)}" for _ in range(4)) for _ in range(7)]
    sentences += [f"a/{a} b/{b} c/{c}", "w1/_ w2/_"]  # one whose tags are all known, and one that says nothing
    task = task_of(tmp_path, "  ".join(sentences), "", f"model.head={head}")
    batch, model = task.batch(0, 0), task.model
    emissions = np.asarray(model.scores(model.inputs(batch)[0], batch["features"], batch["lengths"]), np.float64)
    total, said = 0.0, 0
    for b, n in enumerate(batch["lengths"].tolist()):
        scores = {}
        for path in itertools.product(range(len(task.vocabulary.labels)), repeat=n):
            score = sum(emissions[t, b, k] for t, k in enumerate(path))
            if head == "crf":
                score += model.chain.start[path[0]] + model.chain.end[path[-1]]
                score += sum(model.chain.transitions[i, j] for i, j in itertools.pairwise(path))
            scores[path] = score
        may = batch["allowed"][:n, b]
        kept = [s for path, s in scores.items() if may[np.arange(n), list(path)].all()]
        total += np.logaddexp.reduce(list(scores.values())) - np.logaddexp.reduce(kept)
        said += int((~may.all(1)).sum())
    assert 0 < said < int(batch["lengths"].sum())
    assert task.weight(batch) == said
    assert total / said < 10  # no limit is broken
    assert float(model.loss(batch)) == pytest.approx(total / said, rel=1e-5)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_with_all_tags_known_the_loss_is_the_usual_one(folder: Path, head: str) -> None:
    sets = [f"model.head={head}", "data.train=train-full.conll", "data.valid=valid-full.conll"]
    losses = []
    for flag in ("true", "false"):
        task = Task.prepare(load_recipe(folder / "part.yaml", [*sets, f"data.partial={flag}"]), None, None)
        batch = task.batch(0, 0)
        assert ("allowed" in batch) == (flag == "true")
        losses.append(float(task.loss(task.model, batch, (), None)[0]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_spans_of_some_kinds_alone_leave_the_others_open(tmp_path: Path) -> None:
    task = task_of(tmp_path, "Ann/B-PER Lee/I-PER saw/O Rome/_  Rome/B-LOC saw/O Ann/B-PER", ", annotated: [PER]")
    assert task.corpus.scheme == "iob2"
    tags = [s.tags for s in task.corpus.splits["train"]]
    assert tags == [["B-PER", "I-PER", "!PER", "_"], ["B-LOC", "!PER", "B-PER"]]
    assert task.vocabulary.labels == NAMES
    assert np.isfinite(float(task.loss(task.model, task.batch(0, 0), (), None)[0]))


def test_the_scheme_is_seen_where_tags_are_open(tmp_path: Path) -> None:
    for train, scheme in [
        ("a/B-PER b/_ c/I-PER d/O", "iob2"),  # an I behind an open tag breaks nothing
        ("a/B-PER b/_ c/E-PER d/O", "iobes"),
        ("a/I-PER b/I-PER c/_ d/O", "iob1"),
        ("a/_ b/NOUN c/DET|NOUN", None),
    ]:
        assert task_of(tmp_path, train).corpus.scheme == scheme


def test_labels_of_sets_are_learnt_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert task_of(tmp_path, "a/NOUN b/NOUN|PROPN c/!NOUN").vocabulary.labels == ["NOUN", "PROPN"]
    assert "train.conll:2:3: 'PROPN' occurs only as one of several tags" in " ".join(capsys.readouterr().err.split())
    task = task_of(tmp_path, "a/B-B-cell b/B-cell|O c/T-cell|O d/O")  # kinds that look like parts of spans
    kinds = {schemes.divide(name)[1] for name in task.vocabulary.labels}
    assert kinds == {"", "B-cell", "T-cell"}


def test_the_baseline_counts_words_whose_label_is_certain(tmp_path: Path) -> None:
    task = task_of(tmp_path, "a/B-PER b/_ a/B-PER c/O", "", "model={kind: frequency-tagger}", "train=null")
    from seqcli.models import frequency_tagger

    counted = task.count(frequency_tagger)
    assert counted.words.counts.tolist() == [1, 1]  # not the first a, which may be all of a span or its beginning
    first = frequency_tagger.Model.fit([(["A", "A"], [None, 0])], 1, frequency_tagger.Config())
    assert not any(key.startswith("F") for key in first.endings.index)  # and so it is none at the beginning


# what is scored


@pytest.mark.parametrize("name", ["crf", "softmax"])
def test_half_of_the_tags_are_enough_where_the_rest_can_be_told(folder: Path, name: str) -> None:
    own = load(folder / "runs" / name)
    assert own.tags == ["DET", "NOUN", "PUNCT", "VERB", "X"]
    report = own.evaluate(folder / "valid-full.conll")
    assert report.metrics["accuracy"] == 1.0
    shown = own.evaluate(folder / "valid.conll")
    lines = (folder / "valid.conll").read_text().split("\n")
    unknown = sum(is_open(line.partition("\t")[2]) for line in lines if line)
    assert shown.counts["tokens with a tag known in part"] == unknown > 16
    assert shown.metrics["accuracy"] == 1.0
    assert shown.counts["tokens of unknown tags"] == 0
    assert own.temperature != 1.0


def test_scores_count_known_tokens_alone(folder: Path, tmp_path: Path) -> None:
    own = load(folder / "runs/crf")
    (tmp_path / "a.conll").write_text("the\tDET\ndog\tVERB\nsees\t_\nthe\t!NOUN\ndog\tNOUN|VERB\n.\tPUNCT\n")
    report = own.evaluate(tmp_path / "a.conll")
    assert report.metrics["accuracy"] == pytest.approx(2 / 3)
    assert report.counts["tokens with a tag known in part"] == 3
    (tmp_path / "b.conll").write_text("the\tDET\ndog\tNOUN|FOO\nsees\t_\nthe\tFOO|BAR\ndog\tVERB\n.\tPUNCT\n")
    report = own.evaluate(tmp_path / "b.conll")
    assert report.metrics["accuracy"] == pytest.approx(2 / 3)
    assert report.counts["tokens of unknown tags"] == 1
    assert "cross-entropy" not in report.metrics  # what the model cannot give
    with pytest.raises(SeqcliError, match=r"b.conll:4:5: the model does not know the tag 'FOO\|BAR'"):
        own.evaluate(tmp_path / "b.conll", unknown="error")
    records = dataset.read_scored(own.header, [tmp_path / "b.conll"], Reading())
    assert [right for _, right in answers_judged(own, records)] == [True, False, True]
    scored, shown = page.shown(own, records)
    assert [right for _, right in shown.judged] == [True, False, True]
    assert len(shown.errors) == 1
    assert scored.metrics == report.metrics


def test_the_cross_entropy_is_of_what_is_said(folder: Path, tmp_path: Path) -> None:
    own = load(folder / "runs/softmax")
    (tmp_path / "a.conll").write_text("the\tDET\ndog\tNOUN|VERB\nsees\t_\n")
    chain = next(own.chains(dataset.read_scored(own.header, [tmp_path / "a.conll"], Reading())))[1]
    p, at = chain.marginals()[0], own.vocabulary.label_ids
    expected = -np.log([p[0, at["DET"]], p[1, at["NOUN"]] + p[1, at["VERB"]]]).mean()
    assert own.evaluate(tmp_path / "a.conll").metrics["cross-entropy"] == pytest.approx(expected, rel=1e-6)


def test_spans_that_may_be_right_are_not_judged(tmp_path: Path) -> None:
    train = "  ".join(["Ann/B-PER Lee/I-PER saw/O Rome/B-LOC"] * 8)
    task_of(tmp_path, train, "", "train.steps=40")
    done = seqcli("train", "part.yaml", "--name", "ner", "--set", "data.valid=train.conll", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    own = load(tmp_path / "runs/ner")
    for tags, counts in {
        "B-PER I-PER O B-LOC": (2, 2, 2),
        "B-PER I-PER _ B-LOC": (1, 1, 1),  # the first may be longer
        "B-PER I-PER !PER B-LOC": (2, 2, 2),
        "_ I-PER O O": (0, 1, 0),  # Rome is none; the first may begin
        "!PER O O _": (0, 1, 0),
    }.items():
        rows = zip(["Ann", "Lee", "saw", "Rome"], tags.split(), strict=True)
        (tmp_path / "a.conll").write_text("".join(f"{word}\t{tag}\n" for word, tag in rows))
        found = own.evaluate(tmp_path / "a.conll").counts
        assert (found["right"], found["predicted"], found["gold"]) == counts, tags
        records = dataset.read_scored(own.header, [tmp_path / "a.conll"], Reading())
        judged = [right for _, right in answers_judged(own, records)]
        assert (sum(judged), len(judged)) == counts[:2]
        assert [right for _, right in page.shown(own, records)[1].judged] == judged
    # what a filter reads is as it stands: O is no open tag
    (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": ["Ann"], "tags": ["O"], "annotated": ["PER"]}))
    done = seqcli("tag", "-m", "runs/ner", "--force", "tags", "a.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b"Ann/O\n")


# what is read, and what is refused


def test_json_has_null_and_lists(tmp_path: Path) -> None:
    rows = [
        {"tokens": ["the", "dog", "sees"], "tags": ["DET", ["NOUN", "VERB"], None]},
        {"tokens": ["Ann", "saw", "Rome"], "tags": ["B-PER", "O", "O"], "annotated": ["PER"]},
        {"tokens": ["Ann"], "tags": ["O"], "annotated": []},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = dataset.Config(train="a.jsonl", partial=True, scheme="none")
    found = [s.tags for s in dataset.open_corpus(config, tmp_path).splits["train"]]
    assert found == [["DET", "NOUN|VERB", "_"], ["B-PER", "!PER", "!PER"], ["_"]]
    with pytest.raises(SeqcliError, match="not a string"):
        dataset.open_corpus(dataset.Config(train="a.jsonl", scheme="none"), tmp_path)
    (tmp_path / "b.jsonl").write_text(json.dumps(rows[1]))
    with pytest.raises(SeqcliError, match="only partly labelled data has this key") as caught:
        dataset.open_corpus(dataset.Config(train="b.jsonl", scheme="none"), tmp_path)
    assert caught.value.hint == "set data.partial: true"
    for odd, where in [({"tags": [[]]}, "30: "), ({"tags": [["!A", "B"]]}, "30: "), ({"annotated": "PER"}, "49: ")]:
        (tmp_path / "a.jsonl").write_text(json.dumps({"tokens": ["the"], "tags": ["O"]} | odd))
        with pytest.raises(SeqcliError, match=f"a.jsonl:1:{where}.* is not a list of"):
            dataset.open_corpus(config, tmp_path)


def test_a_treebank_s_sentence_may_have_no_tag_and_a_key_says_that_it_is_unknown(tmp_path: Path) -> None:
    rows = [f"{i}\t{w}\t_\t{t}" + "\t_" * 6 for i, (w, t) in enumerate([("a", "_"), ("b", "_")], 1)]
    (tmp_path / "a.conllu").write_text("\n".join([*rows, "", rows[0].replace("\t_\t_", "\t_\tDET", 1), "", ""]))
    config = dataset.Config(train="a.conllu", partial=True)
    assert [s.tags for s in dataset.open_corpus(config, tmp_path).splits["train"]] == [["_", "_"], ["DET"]]
    with pytest.raises(SeqcliError, match="no word of this sentence has a part of speech"):
        dataset.open_corpus(dataset.Config(train="a.conllu"), tmp_path)
    rows = [f"{i}\ta" + "\t_" * 7 + f"\t{misc}" for i, misc in enumerate(["NER=B-PER", "_", "NER=_", "X=1"], 1)]
    (tmp_path / "a.conllu").write_text("\n".join([*rows, "", ""]))
    config = dataset.Config(train="a.conllu", partial=True, tag="misc.NER")
    assert dataset.open_corpus(config, tmp_path).splits["train"][0].tags == ["B-PER", "O", "_", "O"]


REFUSED = [
    (["data.partial=false", "data.annotated=[PER]"], "", "set partial: true too"),
    (["data.annotated=[PER]"], "", "the tags mark no spans"),
    (["data.tag=[tag, word]"], "", "cannot be combined with several targets"),
    (["data.tag=tag", "data.edits=[tag]"], "", "cannot be combined with edits"),
    (["data.columns=[word, lemma]", "data.tag=[lemma]"], "", "cannot be combined with lemmas"),
    (["data.annotated=[PRE]"], "a/B-PER b/O", "no span of the kind 'PRE'"),
    ([], "a/_ b/A|B", "no word of the train split has a known tag"),
    (["data.valid=0.5"], "a/A  b/_", "no word of the valid split has a known tag"),
    ([], "a/A b/!NOUM", "train.conll:2:3: the training split has no tag 'NOUM' (in '!NOUM')"),
    ([], "a/A b/!A", "train.conll:2:3: '!A' excludes every label"),
    ([], "a/A b/A|", "train.conll:2:3: 'A|' is not a partly known tag"),
    ([], "a/A b/A|_", "train.conll:2:3: 'A|_' is not a partly known tag"),
    ([], "a/A b/!!A", "train.conll:2:3: '!!A' is not a partly known tag"),
    ([], "a/B-PER b/B-PER c/PER c/O", "train.conll:3:3: 'PER' is a kind of span, not a tag of one"),
    (
        ["data.format=conllu", "data.columns=null", "data.tag=feats.Number"],
        "1/a",
        "cannot be known in part in feats.Number",
    ),
]


@pytest.mark.parametrize(("changes", "train", "said"), REFUSED)
def test_what_does_not_go_together_is_refused(tmp_path: Path, changes: list[str], train: str, said: str) -> None:
    furnish(tmp_path)
    changes = [*changes, *(["data.valid=null"] if train and not any("valid" in c for c in changes) else [])]
    if train:
        (tmp_path / "train.conll").write_text(train.replace("/", "\t").replace(" ", "\n"))
    sets = [part for change in changes for part in ("--set", change)]
    done = seqcli("train", "part.yaml", "--name", "no", *sets, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert said in " ".join(done.stderr.split()), done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_keeps_its_labels_and_spans_their_scheme(folder: Path, tmp_path: Path) -> None:
    more = ["train", "part.yaml", "--init-from", "runs/crf", "--name", "more", "--set", "data.train=more.conll"]
    (folder / "more.conll").write_text("the\tDET\ndog\tNOUN|NEW\n")
    done = seqcli(*more, cwd=folder)
    assert "more.conll:2:5: runs/crf/model.safetensors has no tag 'NEW' (in 'NOUN|NEW')" in " ".join(
        done.stderr.split()
    )
    (folder / "more.conll").write_text("the\tDET\ndog\t_\nsees\tNOUN|VERB\n")
    done = seqcli(*more, cwd=folder)
    assert done.returncode == 0, done.stderr
    (tmp_path / "valid.conll").write_text("a\tS-PER\nb\tB-PER\nc\tE-PER\nd\t_\n")
    with pytest.raises(
        SeqcliError, match=r"valid.conll:1:3: .* writes its spans in iobes, the training split in iob2"
    ):
        dataset.open_corpus(
            dataset.Config(train="train.conll", valid="valid.conll", partial=True), spans_in(tmp_path)
        )


def spans_in(folder: Path) -> Path:
    (folder / "train.conll").write_text("a\tB-PER\nb\tI-PER\nc\tO\nd\t_\n")
    return folder


def test_a_slip_in_a_file_with_open_tags_is_told_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "valid.conll").write_text("a\tO\nb\tI-PER\nc\t_\nd\tB-PER\ne\tO\n")
    config = dataset.Config(train="train.conll", valid="valid.conll", partial=True)
    found = dataset.open_corpus(config, spans_in(tmp_path))
    assert found.splits["valid"][0].tags == ["O", "I-PER", "_", "B-PER", "O"]
    assert "1 tags break iob2" in capsys.readouterr().err


def test_letters_beside_open_tags_tell_the_scheme() -> None:
    assert schemes.recognise([[None, "S-PER", None], ["O", None]]) == "iobes"
    assert schemes.recognise([[None, "B-PER", None], ["O", None]]) == "iob2"


def test_a_validation_split_whose_spans_have_no_known_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "valid.conll").write_text("in\t_\nAnna\tB-PER\nto\t_\n")
    (spans_in(tmp_path) / "part.yaml").write_text(RECIPE)
    with pytest.raises(SeqcliError, match=r"valid.conll:2:6: no span of the validation split is known"):
        Task.prepare(load_recipe(tmp_path / "part.yaml", []), None, None)
    (tmp_path / "valid.conll").write_text("in\t_\nAnna\tB-PER\nto\tO\n")
    Task.prepare(load_recipe(tmp_path / "part.yaml", []), None, None)
