"""Mix several language models, and a cache, into one, with weights given or fitted on the validation split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqcli import console, ops, runs, scoring
from seqcli.decoding.cache import Cache
from seqcli.decoding.mixture import Mixture, fit, weighted
from seqcli.errors import UsageError
from seqcli.tasks.language_model.condition import Condition
from seqcli.tasks.language_model.data import open_corpus
from seqcli.tasks.language_model.predict import Generator
from seqcli.tasks.language_model.score import STRETCH

FITTED = 50_000  # tokens of the validation split that weights are fitted on, at most
FLATNESS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.8)  # tried if none is given


@dataclass(frozen=True)
class Mixing:
    """What is mixed with a model. Weights are shares of 1, of which the model gets the rest; None: fitted."""

    models: tuple[str, ...] = ()
    weights: tuple[float | None, ...] = ()  # one for each of `models`
    cache: int | None = None  # pairs that the cache keeps; None: no cache
    cache_weight: float | None = None
    flatness: float | None = None

    def __post_init__(self) -> None:
        if (self.cache_weight is not None or self.flatness is not None) and self.cache is None:
            raise UsageError("a weight or a flatness of a cache is given, but no cache")
        given = [w for w in self._weights if w is not None]
        if given and len(given) < len(self._weights):
            raise UsageError("only some weights are given: give all of them, or none to have them fitted")
        if not all(0 < w < 1 for w in given) or sum(given) >= 1:
            raise UsageError(f"weights must be above 0 and sum to less than 1, not {', '.join(map(str, given))}")

    @property
    def _weights(self) -> tuple[float | None, ...]:
        return (*self.weights, *([self.cache_weight] if self.cache is not None else []))

    def __bool__(self) -> bool:
        return bool(self.models) or self.cache is not None

    def shares(self) -> np.ndarray | None:
        """Return the weights of all members, the model's first, the cache's last; None if they are to be fitted."""
        given = [w for w in self._weights if w is not None]
        return np.array([1 - sum(given), *given]) if len(given) == len(self._weights) else None


def said(text: str) -> tuple[str, float | None]:
    """Parse a flag's value MODEL[=WEIGHT] into a model and its weight or None."""
    name, mark, number = text.rpartition("=")
    try:
        return (name, float(number)) if mark else (text, None)
    except ValueError:
        return text, None


def mixed(own: Generator, mixing: Mixing, base: Any = None) -> Generator:
    """Return the model mixed with others; `base` replaces its own model in the mixture. Weights that are not given
    are fitted on the validation split and reported. Raises UsageError for models that cannot be mixed."""
    if "forecast" in own.header:
        raise UsageError(f"{own.path} is a model of numbers: it cannot be mixed with others")
    if runs.is_reversed(own.header):
        raise UsageError(f"{own.path} reads lines backwards: it cannot be mixed with others")
    if Condition.of(own.header) is not None:
        raise UsageError(f"{own.path} writes under a condition: it cannot be mixed with others")
    others = [_other(own, name) for name in mixing.models]
    first = own.model if base is None else base
    if mixing.cache is not None and not hasattr(first, "scored"):
        raise UsageError(
            f"{own.path} is of the kind {own.model.kind}: a cache needs the hidden states of a network",
            hint="name the network with -m and the other with --mix",
        )
    cache = None if mixing.cache is None else Cache(mixing.cache, mixing.flatness or FLATNESS[0])
    models, shares = [first, *(other.model for other in others)], mixing.shares()
    if shares is None or (cache and mixing.flatness is None):
        cache, shares = _fitted(own, models, cache, mixing, shares)
    also = own.also + _called(others, shares, cache)
    files = (own.path, *(other.path for other in others))
    return replace(own, model=Mixture(tuple(models), shares, cache), files=files, also=also)


def _called(others: Sequence[Generator], shares: np.ndarray, cache: Cache | None) -> str:
    """Return what is mixed in, for a signature."""
    weights, found = [f"{w:.4f}" for w in shares[1:]], ""
    if others:
        named = (f"{o.model.kind}:{o.header['checksum'][:8]}:{w}" for o, w in zip(others, weights, strict=False))
        found = f"+mix({','.join(named)})"
    return found + (f"+cache({cache.size},{cache.flatness:g},{weights[-1]})" if cache else "")


def _other(own: Generator, name: str) -> Generator:
    """Open another model. Raises UsageError if its symbols differ."""
    other = Generator.open(runs.open_model(name, "generate", "--mix needs a language model"))
    if other.tokenizer.fingerprint() != own.tokenizer.fingerprint():
        raise UsageError(
            f"{other.path} has other symbols than {own.path}: their probabilities are for different tokens",
            hint="train both with the same tokenizer on the same text",
        )
    return other


def training_ids(own: Generator, split: str = "train") -> np.ndarray:
    """Return the tokens (N,) of a split of the data that a model was trained on, memory-mapped. Raises SeqcliError if
    its files are gone, UsageError if there is no such split."""
    recipe = scoring.recipe_of(own.header, own.path)
    corpus = open_corpus(recipe.data, recipe.base)
    if split not in corpus.splits:
        raise UsageError(
            f"{own.path} was trained without a validation split: there is nothing to fit weights on",
            hint="give the weights: --mix MODEL=0.2, --cache-weight 0.1 with --cache-flatness 0.3",
        )
    return corpus.tokens(split, own.tokenizer)


def _fitted(
    own: Generator, models: Sequence[Any], cache: Cache | None, mixing: Mixing, shares: np.ndarray | None
) -> tuple[Cache | None, np.ndarray]:
    """Fit the cache's flatness and the weights to the fewest nats on the validation split; given values stay."""
    ids = np.asarray(training_ids(own, "valid")[: FITTED + 1], np.int64)[None]
    inputs, targets = ids[:, :-1], ids[:, 1:]
    with console.progress("fitting weights on valid", len(models) * inputs.size, " tokens") as advance:
        seen: list[np.ndarray] | None = None if cache is None else []
        first = _scores(models[0], inputs, targets, advance, seen)
        found = [first, *(_scores(model, inputs, targets, advance) for model in models[1:])]
    best = fit(np.array(found))
    alone = -float(found[0].mean())
    if cache is not None:
        states, tried = np.concatenate(seen or [], axis=1), []
        for flatness in FLATNESS if mixing.flatness is None else (mixing.flatness,):
            one = Cache(cache.size, flatness)
            logp, _ = one.score(one.begin(1, states.shape[2]), states, targets)
            scores = np.array([*found, logp[0]])
            weights, left = fit(scores) if shares is None else (shares, -float(weighted(scores, shares).mean()))
            tried.append((left, one, weights))
        left, cache, weights = min(tried, key=lambda t: t[0])
        best = weights, left
    names = [*mixing.models, *(["cache"] if cache else [])]
    told = "  ".join(f"{name} {w:.4f}" for name, w in zip(names, best[0][1:], strict=True))
    flat = f" (flatness {cache.flatness:g})" if cache else ""
    console.say(
        f"weights fitted on valid: own {best[0][0]:.4f}  {told}{flat}: {alone:.4f} -> {best[1]:.4f} nats/token"
    )
    return cache, best[0]


def _scores(
    model: Any,
    inputs: np.ndarray,
    targets: np.ndarray,
    advance: Callable[[float], None],
    seen: list[np.ndarray] | None = None,
) -> np.ndarray:
    """Return the log-probabilities (T,) of a model; append its softmax's inputs to `seen`, (1, t, H) at a time."""
    state, found = model.initial_state(1), []
    for at in range(0, inputs.shape[1], STRETCH):
        given = inputs[:, at : at + STRETCH], targets[:, at : at + STRETCH], state
        for h, logp, after in [(None, *model.score(*given))] if seen is None else model.scored(*given):
            found.append(logp[0])
            advance(logp.size)
            if seen is not None:
                seen.append(ops.to_numpy(h))
            state = after
    return np.concatenate(found)
