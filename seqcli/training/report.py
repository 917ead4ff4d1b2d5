"""Report what a run is about to do and how its training went, for every task."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from seqcli import console, layers
from seqcli.datasets.replay import share_of
from seqcli.datasets.sources import describe
from seqcli.facts import cell_name
from seqcli.recipe.dump import dump_yaml

if TYPE_CHECKING:
    from seqcli.training.progress import Progress
    from seqcli.training.session import Session


def opening(session: Session) -> None:
    """Report what is about to be trained, on what."""
    console.say(session.task.opening())
    for line in growing(session.task):
        console.say(line)
    for doubt in session.task.doubts():
        console.warn(doubt)
    config = session.recipe.model
    if session.task.model is None:
        about = ", ".join(f"{k} {v}" for k, v in config.model_dump(exclude_defaults=False).items() if k != "kind")
        console.say(f"model: {config.kind}, {about}")
        return
    train = session.recipe.train
    assert train is not None
    console.say(
        f"model: {_shape(config)},"
        f" {layers.parameters(session.task.model):,} parameters; {train.precision} on {train.device},"
        f" {_several(session.group.size)}{train.threads} thread{'s' * (train.threads != 1)}, seed {train.seed}"
    )


def growing(task: Any) -> list[str]:
    """Return lines that say what a continued model grows by, and which earlier data is replayed."""
    if task.former is None:
        return []
    lines = [f"grown: {told} get rows in {task.former.name}"] if task.growth and (told := task.growth.told()) else []
    lines += ["grown: the training split has nothing new"] if task.growth and not lines else []
    if share := share_of(task.recipe.data):
        files = task.recipe.data.replay["train"]
        what = describe(files) if files else f"data that {task.former.name} was trained on"
        lines.append(f"replay: {share:.0%} of each epoch comes from {what}")
    return lines


def _several(processes: int) -> str:
    return f"{processes} processes of " if processes > 1 else ""


def _shape(config: Any) -> str:
    """Return a short description of a model's size and parts."""
    if not hasattr(config, "hidden"):
        if not hasattr(config, "size"):
            return f"{config.kind}, {config.embedding} wide"
        decoder = getattr(config, "decoder_layers", 0)
        of_both = f" and {decoder or config.layers}" if decoder != 0 else ""
        return f"{config.kind}, {config.layers}{of_both} layers, {config.size} wide"
    cell = cell_name(config.cell)
    if not hasattr(config, "layers"):
        return f"{config.kind} {config.hidden} {cell}"
    both = ", both directions" if getattr(config, "bidirectional", False) else ""
    pooled = f", {config.pooling} pooling" if hasattr(config, "pooling") else ""
    pair = f", pair: {config.pair}" if getattr(config, "pair", "joined") != "joined" else ""
    return f"{config.layers} x {config.hidden} {cell}{both}{pooled}{pair}"


def training(progress: Progress, session: Session) -> None:
    """Report how the training went."""
    speed = console.count(progress.tokens / progress.seconds) if progress.seconds else "?"
    console.say(
        f"trained {progress.step:,} steps, {console.count(progress.tokens)} tokens in"
        f" {console.duration(progress.seconds)} ({speed} tokens/s)"
    )
    if progress.best is not None:
        unit = f" nats/{session.task.judged}" if session.task.watched.endswith("_loss") else ""
        name = session.task.watched.removesuffix("_loss") + (" loss" if unit else " on valid")
        where = f", of the mean of {progress.mean_of} snapshots," if progress.mean_of else ","
        console.say(f"best {name} while training: {progress.best:.4f}{unit}{where} at step {progress.best_step:,}")
    watched = session.task.watched
    kept = "that best model" if watched.endswith("_loss") else f"the model with the best {watched}"
    kept = "the mean of snapshots" if progress.mean_of else kept
    if note := overfit(progress.history, kept):
        console.say(note)


def overfit(history: list[dict[str, Any]], kept: str = "that best model") -> str | None:
    """Return a message if the validation loss rose again while the training loss still fell, else None."""
    scored = [h for h in history if h.get("valid_loss") is not None]
    if len(scored) < 3:
        return None
    best = min(scored, key=lambda h: h["valid_loss"])
    last = scored[-1]
    rise = last["valid_loss"] - best["valid_loss"]
    if last["step"] > best["step"] and rise > 0.002 * best["valid_loss"] and last["train_loss"] < best["train_loss"]:
        return (
            f"over-fitting began after epoch {best['epoch']:.2f} (step {best['step']:,}): valid rose from"
            f" {best['valid_loss']:.4f} to {last['valid_loss']:.4f} while train fell; {kept} was kept"
        )
    return None


def dry_run(session: Session) -> None:
    """Print the resolved recipe, the parameters and the memory a run would need; write nothing."""
    print(dump_yaml(session.recipe), end="")
    task = session.task
    for line in (*task.details(), *growing(task)):
        print(f"# {line}")
    if task.model is None:
        return
    config = session.recipe.train
    assert config is not None
    print(f"# {task.batches / config.accumulate:,.0f} steps an epoch")
    rows = [(name, str(array.shape), f"{array.size:,}") for name, array in layers.arrays(task.model).items()]
    for line in console.table(("parameters", "shape", "numbers"), rows, right=(2,)):
        print(f"#   {line}")
    total = layers.parameters(task.model)
    slots = {"adamw": 2, "rmsprop": 1}.get(config.optimizer, 1 if config.momentum else 0) + bool(config.average)
    activations = task.activations() * (2 if config.precision == "bfloat16" else 4)
    weights = total * 4 * (2 + slots)
    print(f"# {total:,} parameters; {total * 4 / 1e6:.1f} MB as a file")
    print(
        f"# memory: about {weights / 1e6:,.0f} MB weights, gradients and optimizer,"
        f" {activations / 1e6:,.0f} MB activations"
    )
    sys.stdout.flush()
