"""A tagger with several targets: each as if it were alone, together in every form, scored, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from net import make_models
from support.alike import alike
from support.inprocess import seqcli

from seqcli import edit_trees, layers, load, ops
from seqcli.errors import SeqcliError, UsageError
from seqcli.metrics import Measures
from seqcli.recipe.load import load_recipe
from seqcli.records import TAGGED, Options, Sentence, conll, jsonl
from seqcli.streams import Chunk
from seqcli.tasks.tagging import data as dataset
from seqcli.tasks.tagging.labels import Edits
from seqcli.tasks.tagging.predict import Settings, Tagger
from seqcli.tasks.tagging.score import evaluate

MODEL = Path(make_models.__file__).parent / "models/forms.safetensors"
NAMES = ["upos", "feats", "lemma", "misc.NER"]
SURE = Settings(confidence=True, n_best=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("forms")
    make_models.furnish(found)
    return found


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return load(MODEL)


@pytest.fixture(scope="module")
def sentences(folder: Path) -> list[Sentence]:
    config = dataset.Config(train="forms-test.conllu", tag=NAMES)
    return [*dataset.open_corpus(config, folder).splits["train"], Sentence(text="")]


# answers


def test_each_target_answers_as_it_does_alone(tagger: Tagger, sentences: list[Sentence]) -> None:
    assert list(tagger.targets) == NAMES
    together = tagger.answer(sentences, SURE)
    for name in NAMES:
        alone = tagger.of(name).answer(sentences, SURE)
        own = [a.further[name] if name in a.further else replace(a, further={}) for a in together]
        assert alike(own, alone)
        assert tagger.of(name).packed()().answer(sentences, SURE) == alone  # as another process opens it
    with pytest.raises(UsageError, match="no target 'lema'"):
        tagger.of("lema")


def test_an_empty_treebank_is_filled_in_as_it_was(folder: Path, tagger: Tagger) -> None:
    gold = (folder / "forms-test.conllu").read_text()
    rows = [line.split("\t") for line in gold.splitlines()]
    empty = ["\t".join([*r[:2], *["_"] * 7, r[9].replace("NER=S-LOC", "X=1")]) if len(r) > 1 else r[0] for r in rows]
    done = seqcli("-q", "tag", "-m", MODEL, "--format", "conllu", cwd=folder, input="\n".join(empty) + "\n")
    filled = [line.split("\t") for line in done.text.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [r[:9] for r in filled] == [r[:9] for r in rows]
    ner = [[pair for pair in r[9].split("|") if pair.startswith("NER=")] for r in filled if len(r) > 1]
    assert ner == [["NER=S-LOC" if "NER" in r[9] else "NER=O"] for r in rows if len(r) > 1]
    text = "".join(line[9:] + "\n" for line in gold.splitlines() if line.startswith("# text"))
    raw = seqcli("-q", "tag", "-m", MODEL, cwd=folder, input=text)  # CoNLL-U, as what it was trained on
    columns = [r[:6] for r in rows if len(r) > 1]
    assert [line.split("\t")[:6] for line in raw.text.splitlines() if "\t" in line] == columns
    one = seqcli("-q", "tag", "-m", MODEL, "--tag", "lemma", cwd=folder, input=text).text
    words = [" ".join(f"{w}/{t}" for w, t, _ in tagger.of("lemma").tag(line)) for line in text.splitlines()]
    assert one.splitlines() == words


def test_columns_and_objects_hold_all_targets(folder: Path, tagger: Tagger) -> None:
    line = "Dogs like Rome .\n"
    done = seqcli(
        "-q", "tag", "-m", MODEL, "--format", "conll", "--confidence", "--input", "tokens", cwd=folder, input=line
    )
    rows = [row.split("\t") for row in done.text.splitlines() if row]
    assert rows[0][1::2] == ["NOUN", "Number=Plur", "dog", "O"]
    p = [tagger.of(name).tag(line.split()) for name in NAMES]
    assert [[float(x) for x in row[2::2]] for row in rows] == [[round(each[t][2], 4) for each in p] for t in range(4)]
    given = "dogs\tX\tY\tL\tN\n"
    columns = ("--columns", ",".join(["word", *NAMES]), "--replace")
    done = seqcli("-q", "tag", "-m", MODEL, "--format", "conll", *columns, cwd=folder, input=given)
    assert done.text == "dogs\tNOUN\tNumber=Plur\tdog\tO\n"
    found = json.loads(seqcli("-q", "tag", "-m", MODEL, "--jsonl", cwd=folder, input=line).text)["seqcli"]
    first = found["tokens"][0]
    assert first["label"] == "NOUN"
    assert {name: own["label"] for name, own in first["further"].items()} == dict(
        zip(NAMES[1:], rows[0][3::2], strict=True)
    )
    assert found["further"]["misc.NER"]["spans"][0]["text"] == "Rome"
    assert json.loads(next(tagger.filter([line])))["seqcli"]["tokens"][0]["further"]["lemma"] == {"label": "dog"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--format", "word-tag"], "one tag a word: this model gives upos, feats, lemma, misc.NER"),
        (["--force", "upos", "--format", "conllu"], "--force is for one target"),
        (["--explain", "--jsonl"], "--explain is for one target"),
        (["--target-precision", "0.9"], "--target-precision is for one target"),
        (["--tag", "xpos"], "no target 'xpos'"),
        (["--tag", "lemma", "--explain", "--jsonl"], "--explain is for labels: those of this target are edits"),
    ],
)
def test_what_is_of_one_target_is_refused_with_several(folder: Path, options: list[str], said: str) -> None:
    done = seqcli("tag", "-m", MODEL, *options, cwd=folder, input="dogs like Rome\n")
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("", [], "<stdin>: nothing to score"),
        ("1\tx\tx\tQ\t_\t_\t0\troot\t_\t_\n\n", ["--unknown-label", "skip"], "left out every sentence"),
        (None, ["--metric", "accuracy"], "hint: --tag upos scores one target alone"),
    ],
)
def test_what_cannot_be_scored_of_several_targets_is_said(
    folder: Path, text: str | None, options: list[str], said: str
) -> None:
    given = text if text is not None else (folder / "forms-test.conllu").read_text()
    done = seqcli("eval", "-m", MODEL, "-", "--input", "conllu", *options, cwd=folder, input=given)
    assert (done.returncode, done.stdout) == (1, b"")
    assert said in done.stderr


# edits


def test_an_edit_that_does_not_apply_gives_way_to_the_best_that_does() -> None:
    plural, past = edit_trees.scripts(["dogs", "went"], ["dog", "go"])
    own = Edits([plural, past, edit_trees.UNCHANGED], None, None)
    paths, scores = np.array([[0, 0, 1]]), {0: [3.0, 1, 2], 1: [3.0, 1, 2], 2: [2.0, 3, 1]}
    own.applied(paths, lambda b, t: np.array(scores[t]), [["trees", "tree", "cats"]])
    assert own.written(paths[0], ["trees", "tree", "cats"]) == ["tree", "tree", "cat"]


def test_edits_that_make_the_same_share_their_probability() -> None:
    whole = '["lower",["dogs","dog"]]'
    own = Edits([whole, edit_trees.script("dogs", "dog"), edit_trees.UNCHANGED], None, None)
    path, p = own.merged(np.array([0]), np.array([[0.5, 0.25, 0.25]]), ["dogs"])
    assert path.tolist() == [1]
    assert p.tolist() == [[0.0, 0.75, 0.25]]


# scores


def test_scores_are_each_target_s_and_those_together(tagger: Tagger, sentences: list[Sentence]) -> None:
    odd = [replace(s, tags=["NOUN"] * len(s.words)) for s in sentences]
    report = evaluate(tagger, odd)
    alone = {name: evaluate(tagger.of(name), odd) for name in NAMES}
    assert all(alike(report.targets[name].metrics, r.metrics) for name, r in alone.items())
    decide = [alone[name].metrics["span-f1" if name == "misc.NER" else "accuracy"] for name in NAMES]
    assert report.metrics["targets-mean"] == pytest.approx(np.mean(decide))
    answers = [a for a in tagger.answer(odd) if a.tags]
    right = [
        all(own[t] == gold[t] for own, gold in zip(
            [a.tags, *(f.tags for f in a.further.values())], [s.tags or [], *(s.features[n] for n in NAMES[1:])], strict=True
        ))
        for s, a in zip(odd, answers, strict=False) for t in range(len(s.words))
    ]  # fmt: skip
    assert report.metrics["targets-all"] == pytest.approx(np.mean(right))
    assert 0.1 < np.mean(right) < 0.9
    with pytest.raises(UsageError, match="no 'feats' to score against"):
        evaluate(tagger, [Sentence(words=["a"], tags=["NOUN"])])


def test_eval_scores_all_or_one(folder: Path, tagger: Tagger) -> None:
    file = folder / "forms-test.conllu"
    shown = seqcli("-q", "eval", "-m", MODEL, file, cwd=folder)
    assert shown.returncode == 0, shown.stderr
    assert ["upos", "feats", "lemma", "misc.NER"] in [line.split() for line in shown.text.splitlines()]
    report = json.loads(seqcli("-q", "eval", "-m", MODEL, "--json", file, cwd=folder).text)
    assert report["targets"]["lemma"]["accuracy"] == report["targets-all"] == 1.0
    one = json.loads(seqcli("-q", "eval", "-m", MODEL, "--json", "--tag", "lemma", file, cwd=folder).text)
    assert one["accuracy"] == 1.0
    assert tagger.evaluate(file, tag="lemma").metrics["accuracy"] == 1.0
    refused = seqcli("-q", "eval", "-m", MODEL, "--confusion", file, cwd=folder)
    assert "--confusion is for a single target" in refused.stderr


def test_units_right_in_all_targets() -> None:
    measured = Measures(["targets"], decide={"a": 0.5, "b": 1.0})
    (metric,) = measured.metrics
    assert metric.result() == {}
    metric.update([True, False, True, True])
    assert metric.result() == {"targets-mean": 0.75, "targets-all": 0.75}


# training


def prepared(folder: Path, **changes: Any) -> Any:
    from seqcli.tasks.tagging.train import Task

    recipe = load_recipe(folder / "forms.yaml", [f"{key}={value}" for key, value in changes.items()])
    return Task.prepare(recipe, None, None)


def test_the_loss_is_the_weighted_sum_of_the_targets(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    task = prepared(folder)
    batch, model = task.batch(0, 0), task.model
    batch["further"][1][0, :3] = -1  # rare edits
    x, lengths = model.inputs(batch)
    scores = model.scores(x, batch["features"], lengths)
    tags = [batch["tags"], *batch["further"]]
    each = {name: scores[..., own] for name, own in model.vocabulary.slices.items()}
    inside = np.arange(len(batch["tags"]))[:, None] < batch["lengths"]
    for i, name in ((1, "feats"), (2, "lemma")):
        x = each[name].astype(np.float64)
        nats = np.log(np.exp(x).sum(-1)) - np.take_along_axis(x, np.maximum(tags[i], 0)[..., None], -1)[..., 0]
        own = model.only(name)._nats(each[name], tags[i], batch["lengths"])
        assert float(own) == pytest.approx(nats[inside & (tags[i] >= 0)].sum() / inside.sum(), rel=1e-5)
    parts = [model.only(n)._nats(each[n], t, batch["lengths"]) for n, t in zip(NAMES, tags, strict=True)]
    assert model.only("upos").crf is not None
    assert model.only("feats").crf is None
    loss = model.loss(batch)
    assert float(loss) == pytest.approx(float(parts[0] + parts[1] + 2 * parts[2] + parts[3]), rel=1e-5)
    bound = layers.replace(
        model, {n: torch.from_numpy(a.astype(np.float64)) for n, a in layers.arrays(model).items()}
    )
    same = bound.loss({n: ops.put(a, bound.output_bias) for n, a in batch.items()})
    assert float(same) == pytest.approx(float(loss), rel=1e-4)


def test_rare_edits_are_no_labels_and_wrong_where_they_are_gold(folder: Path) -> None:
    task = prepared(folder)
    assert set(task.vocabulary.further["lemma"].labels) == {
        edit_trees.UNCHANGED, *edit_trees.scripts(["Dog", "dogs"], ["dog", "dog"])
    }  # fmt: skip
    rare = Sentence(words=["mice"], tags=["NOUN"], features={"feats": ["_"], "lemma": ["mouse"], "misc.NER": ["O"]})
    assert task._labels(rare)[2] == [-1]
    assert task.predictor(None).schemes == {"feats": None, "lemma": None, "misc.NER": "iobes"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data.tag": "[upos, upos]"}, "'upos' is named twice"),
        ({"data": "{train: pos-train.txt, format: word-tag, tag: [a, b]}"}, "word-tag has no 'b'"),
        ({"data.tag": "upos", "data.edits": "[lemma]"}, "'lemma' is not one of the targets"),
        ({"data.scheme": "iob2"}, "with several targets each has its own"),
        ({"model.targets": "{lema: {weight: 2}}"}, "there is no target 'lema'"),
        ({"data.tag": "upos"}, "the data has one target"),
        ({"model.targets": "{lemma: {head: crf}}"}, "a CRF cannot predict edits"),
        ({"model.features": "[lemma]"}, "lemma is a target"),
        ({"model": "{kind: frequency-tagger}", "train": "null"}, "a frequency-tagger has one target, not 4"),
        ({"model.targets": "{lemma: {weight: 0}}"}, "greater than 0"),
    ],
)
def test_mistakes_of_recipes(folder: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(SeqcliError, match=said):
        prepared(folder, **changes)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (conll, "dogs\tNOUN\tdog\n\n"),
        (jsonl, '{"tokens": ["dogs"], "upos": ["NOUN"], "lemma": ["dog"]}\n'),
    ],
)
def test_other_formats_have_several_targets_too(reader: Any, text: str) -> None:
    options = Options(TAGGED, columns=("word", "upos", "lemma"), tag="upos", further_tags=("lemma",))
    (found,) = [s for s in reader.Reader(options).feed(Chunk(text, "x", 1)) if s.record]
    assert (found.tags, found.features["lemma"]) == (["NOUN"], ["dog"])
    with pytest.raises(SeqcliError, match="deprel"):
        list(reader.Reader(replace(options, further_tags=("deprel",))).feed(Chunk(text, "x", 1)))
