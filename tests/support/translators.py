"""Pairs of texts, tokenizers learnt from them, and translators whose models nobody has trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from support.transformers import cast

from seqcli import artifact, layers, registry, tokenizers
from seqcli.models.seq2seq import Config, Model
from seqcli.tasks.sequence_to_sequence.codec import Codec
from seqcli.tasks.sequence_to_sequence.predict import Translator

SOURCES = ["the cat sat", "a dog ran home", "the dog", "cats and dogs", "he said: no", "it is five o'clock"]
TARGETS = ["le chat dort", "un chien court", "le chien", "des chats", "il dit non", "à cinq heures"]
KINDS: dict[str, dict[str, Any]] = {
    "char": {"unk": True},
    "byte": {},
    "word": {},
    "sentencepiece": {"size": 300},
}


def learn(kind: str, texts: list[str], **options: Any) -> tokenizers.BaseTokenizer:
    module = registry.load("tokenizers", kind)
    return module.Tokenizer.learn((t + "\n" for t in texts), module.Config(**{**KINDS[kind], **options}))


def codec(kind: str = "char", other: str | None = None, longest: int = 50) -> Codec:
    """One tokenizer for both sides, or another for the targets."""
    if other is None:
        return Codec(learn(kind, SOURCES + TARGETS), None, longest)
    return Codec(learn(kind, SOURCES), learn(other, TARGETS), longest)


def config(**keys: Any) -> Config:
    return Config(**{"embedding": 5, "hidden": 4, **keys})


def model(of: Codec, seed: int = 0, bias: dict[int, float] | None = None, **keys: Any) -> Model:
    """Every weight drawn, large: answers differ. `bias` is added to the logits of target symbols."""
    rng = np.random.default_rng(seed)
    fresh = Model.create(config(**keys), of.sizes, rng)
    drawn = cast(fresh, lambda a: a + rng.normal(0, 0.7, a.shape).astype(np.float32))
    output = drawn.output_bias.copy()
    for id, more in (bias or {}).items():
        output[id] += more
    return layers.replace(drawn, {"output_bias": output})


def translator(of: Codec, seed: int = 0, ratio: float = 1.0, **keys: Any) -> Translator:
    return Translator(model(of, seed, **keys), of, ratio)


def write(path: Path, of: Codec, own: Model, keys: dict[str, Any], ratio: float = 2.0) -> artifact.Artifact:
    """A model's file, as a run writes it."""
    header: dict[str, Any] = {
        "kind": "model",
        "task": "sequence-to-sequence",
        "model": config(**keys).model_dump(mode="json"),
        "vocabulary": of.sizes._asdict(),
        "data": {"longest": of.longest, "answer_ratio": ratio},
        "scores": {},
    }
    header["tokenizer"], arrays = tokenizers.to_artifact(of.source)
    if of.own_target is not None:
        header["target_tokenizer"], more = tokenizers.to_artifact(of.own_target, "target_tokenizer")
        arrays |= more
    artifact.write(path, header, arrays | {f"model.{n}": a for n, a in own.arrays().items()})
    return artifact.read(path)
