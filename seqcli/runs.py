"""Run folders: what a training run writes, and how a verb finds its model when none is named."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqcli import artifact, console, registry
from seqcli.errors import SeqcliError, UsageError

ROOT = Path("runs")


def folder(name: str) -> Path:
    """Return the folder of a run. Raises UsageError for a name that cannot be one folder's."""
    if name in ("", ".", "..") or any(c in name for c in "/\\\0"):
        raise UsageError(f"{name!r} cannot name a run: its folder is {ROOT}/NAME", hint="give a name without slashes")
    return ROOT / name


@dataclass(frozen=True)
class Run:
    """The files of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.safetensors"

    def snapshot(self, step: int) -> Path:
        return self.path / "snapshots" / f"step-{step:08d}.safetensors"

    def exists(self) -> bool:
        """Whether the folder holds a run, finished or not. A recipe alone is a run that was never trained a step."""
        return any(f.exists() for f in (self.metrics, self.model, self.last))

    @contextmanager
    def claimed(self, *, overwrite: bool, resume: bool) -> Iterator[None]:
        """Make sure that a run can be written here, and by no other process; an existing run stays until `clear`.

        Raises UsageError if the folder holds another run, or none to resume; SeqcliError if it is not writable, or
        another process is writing it.
        """
        if resume and self.exists() and not self.last.exists():
            raise UsageError(
                f"{self.path} cannot be resumed: it has no {self.last.name}",
                hint="--overwrite starts it over, --name NAME keeps both",
            )
        if resume and not self.exists() and not self.recipe.exists():
            raise UsageError(f"there is no run {self.path} to resume", hint="leave out --resume to start it")
        if self.exists() and not (overwrite or resume):
            raise UsageError(
                f"{self.path} already holds a run",
                hint="--resume continues it, --overwrite starts it over, --name NAME keeps both",
            )
        lock = None
        try:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                lock = _locked(self.path)
                for left in (*self.path.glob(".*.tmp"), *self.path.glob("snapshots/.*.tmp")):  # left by a killed run
                    left.unlink()
                tempfile.TemporaryFile(dir=self.path).close()
            except OSError as error:
                full = error.errno == errno.ENOSPC
                raise SeqcliError(
                    f"cannot write into the run folder {self.path}: {error.strerror}",
                    hint="free some space" if full else "runs are written to ./runs in this folder",
                ) from None
            yield
        finally:
            if lock is not None:
                os.close(lock)

    def clear(self) -> None:
        """Remove the files of the run."""
        for file in (self.last, self.metrics, self.model, self.recipe):
            file.unlink(missing_ok=True)
        for file in (*self.path.glob("snapshots/step-*.safetensors"), *self.path.glob("events.out.tfevents.*")):
            file.unlink()

    def log(self, record: dict[str, Any]) -> int:
        """Append a record to metrics.jsonl and return the file's new length in bytes. Raises SeqcliError if it cannot
        be written."""
        try:
            with self.metrics.open("ab") as file:
                file.write((json.dumps(record) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
                return file.tell()
        except OSError as error:
            hint = "free some space, then continue with --resume" if error.errno == errno.ENOSPC else ""
            raise SeqcliError(f"cannot write {self.metrics}: {error.strerror}", hint=hint) from None

    def cut_log(self, length: int) -> None:
        """Truncate metrics.jsonl to a length in bytes: what a killed run logged after its last save will be logged
        again. An incomplete last line is removed as well."""
        if self.metrics.exists():
            with self.metrics.open("r+b") as file:
                whole = file.read(length)
                file.truncate(whole.rfind(b"\n") + 1)


def _locked(folder: Path) -> int | None:
    """Lock a folder and return its descriptor; the system releases the lock when the process ends, however it ends.
    Return None if the system has no such locks. Raises SeqcliError if another process holds the lock."""
    if os.name != "posix":  # a folder cannot be opened there
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    held = artifact.hold(descriptor)
    if held:
        return descriptor
    os.close(descriptor)
    if held is None:
        return None
    raise SeqcliError(
        f"another seqcli train is writing {folder}", hint="wait until it ends, or give this run another --name"
    )


def is_reversed(header: Mapping[str, Any]) -> bool:
    """Whether the header describes a language model that reads lines backwards."""
    return bool(header.get("data", {}).get("reversed"))


def verbs(header: dict[str, Any]) -> tuple[str, ...]:
    """Return the verbs that can use a file, as its kind of model declares; none if it is not a known kind of
    model."""
    kind = header.get("model", {}).get("kind") if header.get("kind", "model") == "model" else None
    known = isinstance(kind, str) and kind in registry.names("models")
    if known and is_reversed(header):
        return tuple(v for v in ("eval", "embed") if v in registry.load("models", kind).VERBS)  # type: ignore[arg-type]
    return registry.load("models", kind).VERBS if known else ()  # type: ignore[arg-type]


def serves(verb: str, header: dict[str, Any]) -> bool:
    """Whether a verb can use a model file."""
    known = verbs(header)
    of_task = bool(known) and verb in OF_TASKS and verb in registry.names(f"tasks/{header['task']}")
    return verb in ANY or verb in known or of_task


ANY = ("inspect", "look", "tokenize")
INSTEAD = {"embed": "only networks give vectors: train one on the same data (without model.kind)"}
OF_TASKS = ("select",)  # verbs for every model of a task that has a file of the verb's name
EXAMPLES = {  # recipes to start with
    "tag": ["pos-tagger"],
    "classify": ["sentiment"],
    "generate": ["charlm", "dates"],
    "rescore": ["charlm"],
    "select": ["pos-tagger", "sentiment"],
    "embed": ["sentiment"],
}


def newest(verb: str, accept: Callable[[dict[str, Any]], bool]) -> Path:
    """Return the model in ./runs that was created last, by its header, among those that `accept` takes."""
    found: list[tuple[str, Path]] = []
    broken: list[str] = []
    others = 0
    for path in sorted(ROOT.glob("*/model.safetensors")):
        try:
            header = artifact.read_header(path)
            fits = accept(header)
        except SeqcliError as error:
            broken.append(error.message)
            continue
        if fits:
            found.append((header.get("created", ""), path))
        else:
            others += 1
    if broken:
        more = f" (and {len(broken) - 1} more in ./runs)" if len(broken) > 1 else ""
        console.warn(f"{broken[0]}{more}: skipped")
    if not found:
        what = f"none of the {others} models in ./runs fits" if others else "there is no model in ./runs for"
        train = " or ".join(f"seqcli train {name}" for name in EXAMPLES.get(verb, ["charlm"]))
        raise UsageError(f"{what} `{verb}`", hint=f"name one with -m FILE, or train one: {train}")
    return max(found)[1]


def find_model(model: str | None, verb: str) -> Path:
    """Return the model file that -m names (a file, a run folder, or a run's name), or the newest that fits the
    verb."""
    if model is None:
        path = newest(verb, lambda header: serves(verb, header))
        console.say(f"using {path}")
        return path
    for candidate in (Path(model), Path(model) / "model.safetensors", ROOT / model / "model.safetensors"):
        if candidate.is_file():
            return candidate
    from seqcli.errors import did_you_mean

    for folder in (Path(model), ROOT / model):
        if (folder / "recipe.yaml").is_file() and (folder / "last.safetensors").is_file():
            raise UsageError(
                f"{folder} has no model yet: its training has not finished",
                hint=f"seqcli train {folder / 'recipe.yaml'} --resume",
            )
    if Path(model).is_dir():
        raise UsageError(f"no such model: {model} is a folder without a model.safetensors")
    known = [p.parent.name for p in ROOT.glob("*/model.safetensors")]
    hint = did_you_mean(Path(model).name, known) if known else f"there are no runs in {ROOT.resolve()}: give its path"
    raise UsageError(f"no such model: {model}", hint=hint)


def open_model(model: str | None, verb: str, needs: str = "") -> artifact.Artifact:
    """Open the model that a verb is to use. Raises UsageError if the verb cannot use it: it names the right verbs, or
    says what `needs` says ("--mix needs a language model") and the model's kind."""
    path = find_model(model, verb)
    opened = artifact.read(path)
    task = opened.header.get("task")
    if task is None:
        raise UsageError(f"{path} is a {opened.header.get('kind', 'file')}, not a model", hint="see: seqcli inspect")
    if not isinstance(opened.header.get("model", {}).get("kind"), str):
        raise SeqcliError(f"{path}: its header is damaged: it names no kind of model", hint="train it again")
    if not serves(verb, opened.header):
        right = " or ".join(f"seqcli {v}" for v in verbs(opened.header)) or "seqcli inspect"
        kind = opened.header.get("model", {}).get("kind")
        said = f"{path} is a model of the kind {kind}: `{verb}` cannot use it"
        if is_reversed(opened.header) and verb in registry.load("models", kind).VERBS:
            said = f"{path} reads lines from their ends (data.reversed): `{verb}` cannot use it"
        elif needs:
            raise UsageError(f"{needs}: {path} is a model of the kind {kind}")
        raise UsageError(said, hint=INSTEAD.get(verb) or f"use: {right} -m {path}")
    return opened
