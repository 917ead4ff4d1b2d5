"""Distillation: models from which a language model learns."""

from __future__ import annotations

from typing import Any

from seqcli import layers, ops, runs, tokenizers
from seqcli.errors import UsageError
from seqcli.tasks.language_model.predict import Generator


def teacher(name: str, tokenizer: tokenizers.BaseTokenizer) -> Any:
    """Open a teacher. Raises UsageError for a model that cannot teach a model over these symbols."""
    own = Generator.open(runs.open_model(name, "generate", "model.teacher needs a language model"))
    if not hasattr(own.model, "probabilities"):
        raise UsageError(f"model.teacher: {own.path} is of the kind {own.model.kind}; a teacher must be recurrent")
    if own.tokenizer.fingerprint() != tokenizer.fingerprint():
        raise UsageError(
            f"model.teacher: {own.path} has other symbols",
            hint="train both on the same text with the same tokenizer",
        )
    return own.model


def beside(own: Any, model: Any) -> Any:
    """Return a teacher on the model's device, in its precision."""
    arrays = {name: ops.put(ops.to_numpy(a), model.embedding) for name, a in own.arrays().items()}
    return layers.replace(own, arrays)


def taught(teachers: tuple[Any, ...], inputs: Any, states: Any) -> tuple[Any, Any]:
    """Return the mean of the teachers' probabilities (T, B, V), and their last states."""
    with ops.no_gradients(teachers[0].embedding):
        found = [one.probabilities(inputs, state) for one, state in zip(teachers, states, strict=True)]
        return sum(p for p, _ in found) / len(found), tuple(state for _, state in found)
