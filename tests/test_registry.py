"""A folder is a registry: its files are found without being imported, and each keeps its folder's contract."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

import seqcli
from seqcli import metrics, registry
from seqcli.errors import UsageError
from seqcli.metrics import Offer
from seqcli.tokenizers import BaseTokenizer

ROOT = Path(seqcli.__file__).parent
FOLDERS = ("cells", "metrics", "models", "tokenizers")
ENTRIES = [(folder, name) for folder in FOLDERS for name in registry.names(folder)]


def test_names_are_the_files_with_hyphens() -> None:
    assert set(registry.names("cells")) >= {"rnn", "irnn", "lstm", "gru"}
    assert set(registry.names("models")) >= {"language-model", "ngram"}
    for folder in FOLDERS:
        names = registry.names(folder)
        assert list(names) == sorted(names)
        assert not [n for n in names if n.startswith(("-", "_"))]
        assert all((ROOT / folder / f"{n.replace('-', '_')}.py").is_file() for n in names)
    assert registry.names("no-such-folder") == ()


@pytest.mark.parametrize(("folder", "name"), ENTRIES)
def test_an_entry_loads_and_says_what_it_is(folder: str, name: str) -> None:
    module = registry.load(folder, name)
    assert module.__name__ == f"seqcli.{folder}.{name.replace('-', '_')}"
    line = registry.summary(folder, name)
    assert line
    assert not line.endswith(".")
    assert line == (module.__doc__ or "").partition("\n")[0].rstrip(".")


@pytest.mark.parametrize(
    ("folder", "name", "message", "hint"),
    [
        ("cells", "ltsm", "unknown cell 'ltsm'", "did you mean 'lstm'?"),
        ("models", "language_model", "unknown model 'language_model'", "did you mean 'language-model'?"),
        ("cells", "_config", "unknown cell '_config'", "known: "),
        ("cells", "../models/ngram", "unknown cell", "known: "),
        ("tokenizers", "words", "unknown tokenizer 'words'", "did you mean 'word'?"),
    ],
)
def test_an_unknown_entry_gets_a_suggestion(folder: str, name: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as error:
        registry.load(folder, name)
    assert message in error.value.message
    assert hint in error.value.hint


def test_names_and_summaries_import_nothing() -> None:
    program = """
import sys
from seqcli import registry
for folder in ("cells", "metrics", "models", "tokenizers", "cli"):
    for name in registry.names(folder):
        registry.summary(folder, name)
found = [m for m in sys.modules if m.startswith("seqcli.") and m not in ("seqcli.registry", "seqcli.errors")]
assert not found, found
assert "numpy" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT.parent, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()


# contracts


@pytest.mark.parametrize("name", registry.names("models"))
def test_a_model_offers_what_the_program_asks_of_it(name: str) -> None:
    kind = registry.load("models", name)
    assert issubclass(kind.Config, BaseModel)
    config: Any = kind.Config()  # every key has a default
    assert kind.Config.model_config.get("extra") == "forbid"
    assert config.kind == kind.Model.kind == name
    assert isinstance(kind.TASK, str)
    assert kind.TRAINED in ("gradient", "counted")
    assert dataclasses.is_dataclass(kind.Model)
    wanted = ["restore", "arrays", *(("create", "loss") if kind.TRAINED == "gradient" else ("fit",))]
    if kind.TASK == "language-model":
        wanted += ["initial_state", "score", "start", "step"]
    for method in wanted:
        assert callable(getattr(kind.Model, method)), method


@pytest.mark.parametrize(
    "name", [n for n in registry.names("models") if registry.load("models", n).TASK == "language-model"]
)
def test_language_models_are_distributions_that_agree_with_their_steps(name: str) -> None:
    """Of any kind: log-probabilities add up to 1, score is what step says, the state carries everything."""
    kind, vocabulary, rng = registry.load("models", name), 7, np.random.default_rng(0)
    config = kind.Config()
    ids = rng.integers(0, vocabulary, 300)
    if kind.TRAINED == "gradient":
        model = kind.Model.create(config, vocabulary, rng)
    else:
        model = kind.Model.fit(ids, vocabulary, config)
    model = kind.Model.restore(kind.Config(**config.model_dump(mode="json")), vocabulary, model.arrays())
    assert model.vocabulary_size == vocabulary
    assert all(isinstance(a, np.ndarray) for a in model.arrays().values())
    inputs, targets = ids[:40].reshape(4, 10), ids[1:41].reshape(4, 10)
    scores, _ = model.score(inputs, targets, model.initial_state(4))
    assert scores.shape == (4, 10)
    for b in range(4):
        _, state = model.start(inputs[b, :0])
        for t in range(10):
            logits, state = model.step(inputs[b, t : t + 1], None, state)
            assert logits.shape == (1, vocabulary)
            logp = logits[0].astype(np.float64) - np.logaddexp.reduce(logits[0].astype(np.float64))
            assert logp[targets[b, t]] == pytest.approx(scores[b, t], abs=2e-5)
        _, read = model.start(inputs[b])
        again, _ = model.step(targets[b, -1:], None, read)
        np.testing.assert_allclose(again, model.step(targets[b, -1:], None, state)[0], atol=1e-5)
    none, _ = model.score(inputs[:, :0], targets[:, :0], model.initial_state(4))
    assert none.shape == (4, 0)


@pytest.mark.parametrize("name", registry.names("metrics"))
def test_a_metric_offers_names_with_unit_and_direction(name: str) -> None:
    family = registry.load("metrics", name)
    assert issubclass(family.Metric, metrics.BaseMetric)
    assert family.Metric.OFFERS
    for offered, offer in family.Metric.OFFERS.items():
        assert isinstance(offer, Offer)
        assert offered == offered.lower()
        assert offer.unit
        assert offer.meaning
        assert isinstance(offer.more_is_better, bool)
    fresh = family.Metric().result()  # before anything was measured: nothing to divide by
    assert isinstance(fresh, dict)
    assert fresh.keys() <= family.Metric.OFFERS.keys()


def test_metrics_are_found_by_name() -> None:
    known = metrics.offers()
    assert "perplexity" in known
    for name in registry.names("metrics"):  # what two files offer is the same
        assert registry.load("metrics", name).Metric.OFFERS.items() <= known.items()
    assert metrics.check("bits-per-byte") == "bits-per-byte"
    with pytest.raises(UsageError) as error:
        metrics.check("perplexty")
    assert error.value.hint == "did you mean 'perplexity'?"


@pytest.mark.parametrize("name", registry.names("tokenizers"))
def test_a_tokenizer_has_a_strict_configuration_and_its_class(name: str) -> None:
    kind = registry.load("tokenizers", name)
    assert issubclass(kind.Config, BaseModel)
    assert kind.Config.model_config.get("extra") == "forbid"
    config: Any = kind.Config()
    assert config.kind == kind.Tokenizer.kind == name
    assert issubclass(kind.Tokenizer, BaseTokenizer)


def test_what_a_format_says_of_itself_is_read_without_importing_it() -> None:
    """It is what the module holds; what is read is what tasks ask for, and a guess comes with how to make it."""
    for name in registry.names("records"):
        module = registry.load("records", name)
        said = {what: registry.constant("records", name, what) for what in ("READS", "GOLD", "WRITES", "SUFFIXES")}
        assert said == {what: getattr(module, what, ()) for what in said}
        assert {*said["GOLD"]} <= {*said["READS"]} <= {"tags", "labels", "pairs"}
        assert bool(said["READS"]) == hasattr(module, "Reader")
        assert bool(said["WRITES"]) == hasattr(module, "Writer")
        guessed = registry.constant("records", name, "GUESSED")
        assert (guessed == module.GUESSED and callable(module.looks)) if guessed else not hasattr(module, "looks")
