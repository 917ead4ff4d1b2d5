"""The predictor, a model in use: the contract on which the filters, `eval` and the Python API stand.

Each task has one, `Predictor` in `tasks/<task>/predict.py`. A record is read and `prepare`d by the process that reads
and writes; made `ready` and answered by the process that holds the model, which may be another one; and written by a
`forms.Writer` (`show.py`). `score` measures answers on records that have gold answers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np

from seqcli import artifact, registry, runs
from seqcli.artifact import Artifact
from seqcli.errors import SeqcliError, UsageError, did_you_mean
from seqcli.forms import Writer
from seqcli.layers.pooling import WHOLE, Pooling, whole
from seqcli.records import Kind, Options, Reader, open_format
from seqcli.streams import Chunk

if TYPE_CHECKING:
    from seqcli.inference.live import Live
    from seqcli.report import Report

Predictor = TypeVar("Predictor", bound="BasePredictor")
LINES = 512  # how many lines `filter` answers together


class Answering(ABC):
    """The interface of an object that answers records in the filter loop."""

    small: ClassVar[int] = 0  # inputs of fewer characters are not worth another process
    complete = False  # whether it has a symbol for every input, so that nothing is ever lacking

    def quick(self, asked: Any) -> bool:
        """Whether, under the settings `asked`, answering takes less time than sending records to another process."""
        return False

    @abstractmethod
    def packed(self) -> Callable[[], Answering]:
        """Return a function that opens it again in another process."""

    def prepare(self, record: Any, asked: Any) -> Any:
        """Return a record, checked; called in the order of the input. `asked` are the settings. Raises SeqcliError if
        the record lacks something."""
        return record

    def light(self, record: Any) -> Any:
        """Return a record without the parts that only its writer needs, to be sent to another process."""
        return record

    def ready(self, record: Any) -> Any:
        """Return a record in the form that the model reads."""
        return record

    def made_ready(self, record: Any) -> Any:
        """Return `ready(record)`. Raises SeqcliError that names the record's place."""
        try:
            return self.ready(record)
        except SeqcliError as error:
            place = record.place(getattr(error, "offset", 0))
            raise SeqcliError(f"{place}: {error.message}", hint=error.hint) from None

    def lacking(self, record: Any) -> Sequence[tuple[int, str]]:
        """Return the parts of a ready record that the model has no symbol for: (number, text) each."""
        return ()

    def holds(self, path: str | Path) -> list[str] | None:
        """Return the records, as a line names them, that a file itself is (such as a recording); None for a file of
        records."""
        return None

    def where(self, record: Any, number: int) -> int:
        """Return the position in a ready record of the part `number`, as the record's `place` takes it."""
        return number

    @abstractmethod
    def answer(self, records: Sequence[Any], asked: Any) -> list[Any]:
        """Return an answer for each ready record, in their order; none depends on another record, to the last bit."""

    def pieces(self, record: Any, asked: Any, carried: Any = None) -> Generator[Any, None, Any]:
        """Yield the answer to a ready record piece by piece. `carried` is the state that an earlier answer of the
        same stream returned at its end. By default the whole answer is the one piece, and no state is carried."""
        yield from self.answer([record], asked)


@dataclass(frozen=True)
class BasePredictor(Answering):
    """A model together with everything that turns texts into its input and its output into answers."""

    task: ClassVar[str]
    kind: ClassVar[Kind]  # of record
    least: ClassVar[str] = ""  # the least that can be scored, as a hint
    settings: ClassVar[type]  # the settings of answers; its defaults are those of the command line

    header: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False, compare=False)
    files: tuple[Path, ...] = field(default=(), kw_only=True, compare=False)  # it was opened from these
    counted: Counter[str] = field(default_factory=Counter, kw_only=True, repr=False, compare=False)

    @classmethod
    def open(cls, stored: Artifact, *others: Artifact) -> Self:
        """Open the model of a file; with `others`, several models decide together. Raises SeqcliError."""
        with artifact.restoring(stored.path):
            for opened in (stored, *others):
                _check(opened.header)
            return cls._restored(stored, *others)

    @classmethod
    @abstractmethod
    def _restored(cls, stored: Artifact, *others: Artifact) -> Self:
        """Do the work of `open`; any error in the file may be raised as it is."""

    def packed(self) -> Callable[[], BasePredictor]:
        """Return a function that opens the same files."""
        return partial(_opened, type(self), self.files)

    def recast(self, kind: type[Predictor]) -> Predictor:
        """Return the same model as another class of predictor that has the same fields and answers differently."""
        return kind(**{own.name: getattr(self, own.name) for own in fields(self)})

    def __reduce__(self) -> tuple[Any, ...]:
        return self.packed(), ()  # pickled as its files: a worker opens them again

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path if self.files else 'of arrays'}>"

    def asked(self, **options: Any) -> Any:
        """Return settings with these options, the others at the command line's defaults. Raises UsageError for an
        option that there is not."""
        known = [own.name for own in fields(self.settings)]
        if odd := next((name for name in options if name not in known), None):
            raise UsageError(f"no such setting: {odd}", hint=f"known: {', '.join(known)}")
        return self.settings(**options)

    def reader(self) -> Reader:
        """Return a reader of lines of plain text."""
        return open_format(self.kind, self.kind.plain).Reader(Options(self.kind, gold=False))

    def writer(self) -> Writer:
        """Return the writer that the verb uses without options."""
        return registry.load(f"tasks/{self.task}", "show").Writer()

    def score(self, records: Any, **how: Any) -> Report:
        """Return the report on records with gold answers; see `evaluate` in the task's `score.py`."""
        return registry.load(f"tasks/{self.task}", "score").evaluate(self, records, **how)

    # vectors

    @property
    def vectoring(self) -> Any:
        """The task's `vectors.py`, which makes vectors. Raises UsageError for a model that has none."""
        if "embed" not in runs.verbs(dict(self.header)):
            kind = self.header["model"]["kind"]
            raise UsageError(f"{self.path}: a model of the kind {kind} has no vectors", hint=runs.INSTEAD["embed"])
        return registry.load(f"tasks/{self.task}", "vectors")

    def encoded(self, records: Sequence[Any], asked: Pooling = WHOLE) -> list[np.ndarray]:
        """Return the vector (C,) of each ready record, zeros for a blank one; or the vectors of its words, (T, C), if
        `asked.each`. None depends on another record, to the last bit. Raises UsageError for a model that has none."""
        how = self.vectoring
        if asked == WHOLE and hasattr(how, "summary"):
            return how.summary(self, records)
        found = how.states(self, records)
        if asked.each:
            return found
        kind, both = asked.kind or "mean", getattr(getattr(self.model, "stack", None), "both", False)  # type: ignore[attr-defined]
        way = -1 if runs.is_reversed(self.header) else 1  # the last word is the one that was read last
        return [whole(kind, x[::way], both=both) for x in found]

    # the Python API

    def vectors(self, texts: Iterable[Any], *, pool: str | None = None, each: bool = False) -> Any:
        """Return the vectors (N, C) float32 of texts or records, as `seqcli embed` gives them; with `each`, a list of
        the vectors of each text's words, (T, C). `pool` is one of POOLS. Raises SeqcliError for a model that has
        none."""
        asked, own, found, how = Pooling.of(pool, each=each), replace(self, counted=Counter()), [], self.vectoring
        settings, source = self.asked(), iter(texts)
        while part := list(islice(source, LINES)):
            records = [own.prepare(x if hasattr(x, "raw") else how.record(own, x), settings) for x in part]
            found += own.encoded([own.made_ready(record) for record in records], asked)
        return found if each else np.stack(found) if found else np.zeros((0, own.width(asked)), np.float32)

    def width(self, asked: Pooling = WHOLE) -> int:
        """Return C, the size of a vector."""
        return self.encoded([self.made_ready(self.vectoring.record(self, ""))], asked)[0].shape[-1]

    @property
    def path(self) -> Path:
        """The file that it was opened from."""
        return self.files[0]

    def filter(self, lines: Iterable[str], *, ahead: int = LINES, **asked: Any) -> Iterator[str]:
        """Yield one line for each line read, as the command line writes it; `asked` are the task's settings.

        It reads up to `ahead` lines before it answers the first of them, together; with 1, each at once, the answers
        are the same. Raises SeqcliError that names the line, also for a line end within a line, which would make two
        of it.
        """
        own, settings, source = replace(self, counted=Counter()), self.asked(**asked), iter(lines)
        reader, writer, first = self.reader(), self.writer(), 1
        while part := [line.removesuffix("\n") for line in islice(source, ahead)]:
            if (odd := next((i for i, line in enumerate(part) if "\n" in line), None)) is not None:
                hint = "answers would no longer match lines: split it, or replace the line end by a space"
                raise SeqcliError(f"<lines>:{first + odd}: the line contains a line end", hint=hint)
            text = "".join(f"{line}\n" for line in part)
            records = [own.prepare(record, settings) for record in reader.feed(Chunk(text, "<lines>", first))]
            answers = own.answer([own.made_ready(record) for record in records], settings)
            yield from (writer.line(*pair).removesuffix("\n") for pair in zip(records, answers, strict=True))
            first += len(part)

    def live(self) -> Live:
        """Return an object whose `feed` answers one record of frames while it still arrives. Raises UsageError for a
        model that cannot answer before it has read the whole record."""
        try:
            if "frames" not in self.header:
                raise UsageError("it reads text", hint="only models of frames (recordings or numbers) can")
            return registry.load(f"tasks/{self.task}", "live").Live(self)
        except UsageError as error:
            raise UsageError(
                f"{self.path} cannot answer while its input arrives: {error.message}", hint=error.hint
            ) from None

    def evaluate(self, files: str | Path | Sequence[str | Path] | None = None, **asked: Any) -> Report:
        """Return the report on files, or on a split of its own data (`split="test"`).

        `asked` holds the options that say how files are read (`input`, `text`, `label` …, as in `seqcli eval`), and
        those that `score` takes. Raises SeqcliError.
        """
        listed = [str(f) for f in ([files] if isinstance(files, str | Path) else files or ())]
        from seqcli.scoring import scored  # imports recipes and data sets, which a filter does not need

        return scored(self, listed, asked)


class HasTargets(ABC):
    """A predictor whose model may have several targets; `of` returns the predictor of one of them alone."""

    vocabulary: Any
    target: str = ""  # which of a model's several targets this is

    @cached_property
    def targets(self) -> dict[str, Self]:
        """The predictors of each target alone, sharing the layers; empty for a model with one target."""
        return {name: self._only(name) for name in self.vocabulary.slices} if self.vocabulary.further else {}

    def of(self, name: str) -> Self:
        """Return the predictor of one target alone. Raises UsageError for a target that the model does not have."""
        if name not in self.targets:
            hint = did_you_mean(name, self.targets) if self.targets else "the model has a single target"
            raise UsageError(f"the model has no target {name!r}", hint=hint)
        return self.targets[name]

    @property
    def first(self) -> Self:
        """The predictor of the first of several targets; itself if there is one."""
        return next(iter(self.targets.values()), self)

    @abstractmethod
    def _only(self, name: str) -> Self:
        """Return the predictor of a target alone."""

    def packed(self) -> Callable[[], BasePredictor]:
        """Return a function that opens the same files and the same target."""
        opened = super().packed()  # type: ignore[misc]
        return partial(_aimed, opened, self.target) if self.target else opened


def _aimed(opened: Callable[[], Any], target: str) -> BasePredictor:
    return opened().of(target)


def _check(header: Mapping[str, Any]) -> None:
    """Raise ValueError if a part of a header that answers depend on has a wrong type or value."""
    for (section, name), fits in PARTS.items():
        part = header.get(section)
        if isinstance(part, dict) and name in part and not fits(part[name]):
            raise ValueError(f"{section}.{name} is {str(part[name])[:40]!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(member, str) for member in value)


def _is_target(value: Any) -> bool:
    """Whether a value describes the labels of a further target."""
    own = value if isinstance(value, dict) else {}
    fits = (
        own.keys() == {"labels", "scheme", "edits"} and _are_texts(own["labels"]) and isinstance(own["edits"], bool)
    )
    return fits and (own["scheme"] is None or isinstance(own["scheme"], str))


def _are_columns(options: Mapping[str, Any]) -> bool:
    """Whether a source with several columns names them by texts."""
    return not options.get("parts") or (isinstance(options.get("source"), str) and _are_texts(options["parts"]))


PARTS: dict[tuple[str, str], Callable[[Any], bool]] = {  # parts of a header, of any task: whether a value fits
    ("vocabulary", "labels"): _are_texts,
    ("vocabulary", "scheme"): lambda v: v is None or isinstance(v, str),
    ("vocabulary", "edits"): lambda v: isinstance(v, bool),
    ("vocabulary", "further"): lambda v: isinstance(v, dict) and all(map(_is_target, v.values())),
    ("data", "scheme"): lambda v: v is None or isinstance(v, str),
    ("data", "schemes"): lambda v: isinstance(v, dict) and all(s is None or isinstance(s, str) for s in v.values()),
    ("data", "options"): lambda v: not isinstance(v, dict) or _are_columns(v),
    ("data", "longest"): lambda v: isinstance(v, int) and v > 0,
    ("data", "answer_ratio"): lambda v: _is_number(v) and 0 < v < 1e6,
    ("tokenizer", "words"): _are_texts,
    ("tokenizer", "unk"): lambda v: isinstance(v, bool),
    ("decoding", "temperature"): lambda v: _is_number(v) and v > 0,
    ("decoding", "temperatures"): lambda v: isinstance(v, dict) and all(_is_number(t) and t > 0 for t in v.values()),
    ("decoding", "linear_share"): _is_number,
    ("decoding", "linear_shares"): lambda v: isinstance(v, dict) and all(map(_is_number, v.values())),
    ("decoding", "confidence"): lambda v: isinstance(v, list) and len(v) == 3 and all(map(_is_number, v)),
    ("decoding", "label_thresholds"): lambda v: isinstance(v, dict) and all(map(_is_number, v.values())),
    ("splitting", "differing"): lambda v: isinstance(v, dict) and all(map(_are_texts, v.values())),
    ("splitting", "restore"): lambda v: v is None or isinstance(v, str),
}


def _opened(kind: type[BasePredictor], paths: Sequence[Path]) -> BasePredictor:
    return kind.open(*map(artifact.read, paths))


def load(stored: Artifact, *others: Artifact) -> Any:
    """Return the predictor of a model file."""
    return registry.load(f"tasks/{stored.header['task']}", "predict").Predictor.open(stored, *others)
