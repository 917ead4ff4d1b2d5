"""What a run says at its beginning and its end: sizes, scores, baseline, sample, what to type next."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli import artifact, console, models, registry, threads
from seqcli.datasets import _parts
from seqcli.evaluation import Report, evaluate

if TYPE_CHECKING:
    from seqcli.training.loop import Progress
    from seqcli.training.session import Session

BASELINE_TOKENS = 2_000_000  # the n-gram baseline is counted on so many at most
SCORED_TOKENS = 300_000  # and the closing scores are measured on so many at most
BASELINE_ORDER = {"char": 6, "byte": 6}
OTHER_ORDER = 3  # of words and sub-words


def opening(session: Session) -> None:
    """What is about to happen."""
    splits = ", ".join(f"{split} {len(ids):,}" for split, ids in session.ids.items())
    console.say(
        f"{session.corpus.name}: {splits} tokens; {session.tokenizer.kind} vocabulary of {session.tokenizer.size:,}"
    )
    config = session.recipe.model
    if session.model is None:
        console.say(f"model: {config.kind} of order {config.order}")
        return
    from seqcli import layers

    train = session.recipe.train
    assert train is not None
    console.say(
        f"model: {config.layers} x {config.hidden} {config.cell['kind']},"
        f" {layers.parameters(session.model):,} parameters; {train.precision} on {train.device},"
        f" {train.threads} threads, seed {train.seed}"
    )


def training(progress: Progress, session: Session) -> None:
    """How the training went."""
    speed = console.count(progress.tokens / progress.seconds) if progress.seconds else "?"
    console.say(
        f"trained {progress.step:,} steps, {console.count(progress.tokens)} tokens in"
        f" {console.duration(progress.seconds)} ({speed} tokens/s)"
    )
    if progress.best is not None:
        name = "valid" if "valid" in session.ids else "train"
        console.say(
            f"best {name} loss while training: {progress.best:.4f} nats/token, at step {progress.best_step:,}"
        )
    if note := overfit(progress.history):
        console.say(note)


def overfit(history: list[dict[str, Any]]) -> str | None:
    """When the validation loss turned while the training loss still fell, if it did."""
    scored = [h for h in history if h["valid_loss"] is not None]
    if len(scored) < 3:
        return None
    best = min(scored, key=lambda h: h["valid_loss"])
    last = scored[-1]
    rise = last["valid_loss"] - best["valid_loss"]
    if last["step"] > best["step"] and rise > 0.002 * best["valid_loss"] and last["train_loss"] < best["train_loss"]:
        return (
            f"over-fitting began after epoch {best['epoch']:.2f} (step {best['step']:,}): valid rose from"
            f" {best['valid_loss']:.4f} to {last['valid_loss']:.4f} while train fell; that best model was kept"
        )
    return None


def closing(session: Session) -> None:
    """Score the kept model and the baseline, write the scores into the model, show a sample and the next commands."""
    stored = artifact.read(session.run.model)
    model = models.restore(stored)
    threads.choose_for(model)
    reports = {split: _score(session, model, split) for split in ("valid", "test") if split in session.ids}
    scores = {**stored.header["scores"], **{split: r.to_dict() for split, r in reports.items()}}
    for split, found in reports.items():
        _say_score(split, found)
    judged = "valid" if "valid" in reports else "test" if "test" in reports else None
    if judged:
        scores["baseline"] = _baseline(session, judged, reports[judged])
    artifact.write(session.run.model, {**stored.header, "scores": scores}, stored.arrays)
    _sample(model, session)
    _next_commands(session)
    print(session.run.model.as_posix())


def _score(session: Session, model: Any, split: str) -> Report:
    total = min(len(session.ids[split]), SCORED_TOKENS)
    with console.progress(f"scoring {split}", total, " tokens") as advance:
        chunks = _parts.chunks(session.corpus.splits[split], session.corpus.encoding)
        return evaluate(model, session.tokenizer, chunks, limit=SCORED_TOKENS, advance=advance)


def _say_score(split: str, found: Report) -> None:
    m, counts = found.metrics, found.counts
    first = f" (its first {SCORED_TOKENS:,} tokens)" if counts["tokens"] + 1 >= SCORED_TOKENS else ""
    per = "bits-per-character" if "bits-per-character" in m else "word-perplexity"
    console.say(
        f"{split}: {m['cross-entropy']:.4f} nats/token, perplexity {m['perplexity']:.2f},"
        f" {m[per]:.3f} {per}, {found.protocol}{first}"
    )


def _baseline(session: Session, split: str, own: Report) -> dict[str, Any]:
    """Count an n-gram model on the same split and say by how much it is beaten."""
    ngram = registry.load("models", "ngram")
    order = BASELINE_ORDER.get(session.tokenizer.kind, OTHER_ORDER)
    if session.recipe.model.kind == "ngram":
        order = 1
    train = np.asarray(session.ids["train"][:BASELINE_TOKENS])
    model = ngram.Model.fit(train, session.tokenizer.size, ngram.Config(order=order))
    found = _score(session, model, split)
    theirs, ours = found.metrics["cross-entropy"], own.metrics["cross-entropy"]
    margin = theirs - ours
    line = (
        f"the {order}-gram baseline ({theirs:.4f} on {split}, counted on {console.count(len(train))} tokens)"
        f" by {abs(margin):.4f} nats/token" + (f", {abs(margin) / theirs:.1%}" if theirs else "")
    )
    if margin > 0:
        console.say(f"beats {line}")
    else:
        console.warn(f"loses to {line}: train longer, on more text, or count (`seqcli train markov`)")
    return {
        "kind": "ngram",
        "order": order,
        "tokens": len(train),
        "split": split,
        "cross-entropy": theirs,
        "margin": margin,
    }


def _sample(model: Any, session: Session) -> None:
    """A sample, so that the first look at a model takes no command."""
    from seqcli.decoding.sampling import Sampling, sample
    from seqcli.decoding.text import stream_text

    tokenizer = session.tokenizer
    prompt = np.array([tokenizer.newline_id if tokenizer.newline_id is not None else int(session.ids["train"][0])])
    count = 60 if tokenizer.kind in ("word", "sentencepiece") else 240
    tokens = sample(model, prompt, Sampling(temperature=0.8), np.random.default_rng(0), count, logprobs=False)
    text = "".join(stream_text(tokens, tokenizer, prompt)).strip("\n")
    console.say(f"\na sample, at temperature 0.8:\n{_indented(text)}\n")


def _indented(text: str) -> str:
    printable = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return "\n".join(f"  {line}" for line in printable.split("\n"))


def _next_commands(session: Session) -> None:
    model = shlex.quote(session.run.path.as_posix())
    console.say(
        f'next:\n  seqcli generate -m {model} --prompt "{_prompt(session)}"\n'
        f"  seqcli eval -m {model} --metric perplexity\n  seqcli inspect {model}"
    )


def _prompt(session: Session) -> str:
    """A first word of the training text, to show how a prompt is given."""
    text = next(session.corpus.texts("train", ""))[:2000]
    word = next((w for w in text.split() if w.isalpha() and w.isascii()), "")
    return f"{word} " if f"{word} " in text else word[:1]


def dry_run(session: Session) -> None:
    """The resolved recipe, the parameters, the memory, the shapes of a batch; nothing is written."""
    from seqcli import layers
    from seqcli.recipe.dump import dump_yaml

    print(dump_yaml(session.recipe), end="")
    print(f"# vocabulary: {session.tokenizer.size:,} ({session.tokenizer.kind})")
    for split, ids in session.ids.items():
        print(f"# {split}: {len(ids):,} tokens")
    if session.model is None:
        return
    from seqcli.datasets._streams import Streams

    config, model = session.recipe.train, session.recipe.model
    assert config is not None
    streams = Streams(session.ids["train"], config.batch_size, config.sequence_length, config.seed)
    steps = streams.batches / config.accumulate
    print(f"# batches: inputs and targets {streams.batch(0, 0)[0].shape} (T, B), {steps:,.0f} steps an epoch")
    print("# parameters:")
    for name, array in layers.arrays(session.model).items():
        print(f"#   {name:<28} {array.shape!s:<16} {array.size:,}")
    total = layers.parameters(session.model)
    slots = {"adamw": 2, "rmsprop": 1}.get(config.optimizer, 1 if config.momentum else 0)
    width = 2 if config.precision == "bfloat16" else 4
    each = model.embedding + model.layers * 8 * model.hidden + 3 * session.tokenizer.size
    activations = config.sequence_length * streams.batch_size * each * width
    weights = total * 4 * (2 + slots)
    print(f"# {total:,} parameters; {total * 4 / 1e6:.1f} MB as a file")
    print(
        f"# memory: about {weights / 1e6:,.0f} MB weights, gradients and optimizer,"
        f" {activations / 1e6:,.0f} MB activations"
    )
    sys.stdout.flush()
