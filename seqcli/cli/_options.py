"""Options in groups, and the refusal of given options that do not apply.

A group is a dataclass whose fields are Typer options; the first line of its docstring is its heading in `--help`.
`@grouped` makes a command of a function that takes groups; an option of all filters is one field of `Filtering`.
`For` beside an option says where it applies: the tasks whose models it serves, the input formats that it is about,
the option that it requires. `Given` knows which options were given, and refuses by name those that do not fit the
opened model or the input format."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_type_hints

import typer

from seqcli import registry, streams
from seqcli.cli._complete import runs
from seqcli.errors import SeqcliError, UsageError

if TYPE_CHECKING:
    from seqcli.artifact import Artifact


class For(NamedTuple):
    """Where an option applies; by default everywhere."""

    tasks: tuple[str, ...] = ()
    has: str = ""  # an entry that the task's `HAS` must contain
    formats: tuple[str, ...] = ()
    needs: str = ""  # the flag of an option that it requires


LANGUAGE, TAGGING, CLASSIFICATION = For(("language-model",)), For(("tagging",)), For(("classification",))
SEQUENCE = For(("sequence-to-sequence",))
IN_ROWS = For(formats=("tsv", "csv"))
NAMED = For(formats=("tsv", "csv", "jsonl"))
OBJECTS = For(formats=("jsonl",))
IN_COLUMNS = For(formats=("conll",))


class Given:
    """The options that were given on the command line, and where they apply."""

    def __init__(self, context: typer.Context, serving: Mapping[str, tuple[str, list[For]]]):
        self._context = context
        self._serving = {name: said for name, said in serving.items() if _is_given(context, name)}
        flags = [flag for flag, _ in self._serving.values()]
        for flag, said in self._serving.values():
            for needed in (f.needs for f in said if f.needs):
                if needed not in flags:
                    raise UsageError(f"{flag} needs {needed}")

    def __contains__(self, name: str) -> bool:
        return name in self._serving

    def __iter__(self) -> Iterator[str]:
        return iter(self._serving)

    def help(self) -> int:
        """Print the verb's help on stderr where nothing was asked; return the exit status 2. Raises SeqcliError if
        options were given, or standard input is closed."""
        hint = f"name files, pipe text in, or give - to type lines; see: {self._context.command_path} --help"
        if sys.stdin is None or sys.stdin.closed:
            raise SeqcliError("standard input is closed", hint=hint)
        if self._serving:
            raise UsageError("there is nothing to read", hint=hint)
        print(self._context.get_help(), file=sys.stderr)
        return 2

    def flags(self, names: Iterable[str]) -> list[str]:
        """Return the flags of those options in `names` that were given."""
        return [self._serving[name][0] for name in names if name in self._serving]

    def check_model(self, stored: Artifact) -> None:
        """Raise UsageError for an option that does not apply to the model's task."""
        task, kind = stored.header["task"], stored.header["model"]["kind"]
        has = registry.constant("tasks", task, "HAS")
        for flag, said in self._serving.values():
            if any((f.tasks and task not in f.tasks) or (f.has and f.has not in has) for f in said):
                raise UsageError(f"{flag} does not apply to {stored.path}, a model of the kind {kind}")

    def check_format(self, read: str) -> None:
        """Raise UsageError for an option about formats other than the one that is read."""
        for flag, said in self._serving.values():
            for formats in (f.formats for f in said if f.formats):
                if read not in formats:
                    raise UsageError(
                        f"{flag} is for {', '.join(formats)}, but {read} is read",
                        hint=f"add --input {' or '.join(formats)}",
                    )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def grouped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a Typer command of a function whose parameters may be groups, and one of them `Given`."""
    own = inspect.signature(function, eval_str=True).parameters
    groups: dict[str, list[str]] = {}
    serving: dict[str, tuple[str, list[For]]] = {}
    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, parameter in own.items():
        if dataclasses.is_dataclass(parameter.annotation):
            added = list(_fields(parameter.annotation))
            groups[name] = [p.name for p in added]
        elif parameter.annotation is Given:
            continue
        else:
            added = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]
        parameters += added
        for p in added:
            info, said = _option(p.annotation)
            if isinstance(info, typer.models.OptionInfo):
                serving[p.name] = _flag(p.name, info), said

    def command(context: typer.Context, **values: Any) -> Any:
        arguments: dict[str, Any] = {}
        for name, parameter in own.items():
            if name in groups:
                arguments[name] = parameter.annotation(**{field: values[field] for field in groups[name]})
            else:
                arguments[name] = Given(context, serving) if parameter.annotation is Given else values[name]
        return function(**arguments)

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _fields(group: Any) -> Iterable[inspect.Parameter]:
    """Yield the fields of a group as parameters, whose options are shown under its heading."""
    heading, hints = (group.__doc__ or "").partition("\n")[0].rstrip("."), get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        kind, *extras = get_args(hints[field.name])
        extras += [getattr(group, "SERVES", For())]
        shown = [copy.copy(extra) for extra in extras]
        for extra in shown:
            if isinstance(extra, typer.models.OptionInfo):
                extra.rich_help_panel = heading
        yield inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=Annotated[(kind, *shown)],  # type: ignore[valid-type]
        )


def _option(annotation: Any) -> tuple[Any, list[For]]:
    """Return the option or argument of a parameter, and where it applies."""
    extras = getattr(annotation, "__metadata__", ())
    info = next((e for e in extras if isinstance(e, typer.models.ParameterInfo)), None)
    return info, [e for e in extras if isinstance(e, For)]


def _flag(name: str, info: typer.models.OptionInfo) -> str:
    """Return the name of an option in messages: its long flag."""
    said = [info.default, *(info.param_decls or ())]
    long = [flag for flag in said if isinstance(flag, str) and flag.startswith("--")]
    return long[0].partition("/")[0] if long else "--" + name.strip("_").replace("_", "-")


# options that several verbs share


def option(help: str, *flags: str, **how: Any) -> Any:
    """Return a Typer option with its help, its flags if they differ from the field's name, and further settings."""
    return typer.Option(*flags, help=help, **how)


Model = Annotated[
    str | None,
    option("A model file, run folder or run name. Default: the newest run.", "-m", "--model", autocompletion=runs),
]
FieldOption = option("The key of the text in input lines that are JSON objects; implies --input jsonl.")
TextOption = option(
    "The text's column, by name or number (tsv, csv), or key (jsonl); for several texts: title,body.",
    metavar="COLUMN",
)
DelimiterOption = option("tsv, csv: the separator of columns.")
HeaderOption = option("tsv, csv: whether the first row names the columns.", "--header/--no-header")
LM = For(needs="--lm")
ERRORS, UNKNOWN = ("strict", "replace"), ("answer", "strict")


@dataclasses.dataclass(frozen=True)
class Lines:
    """Running."""

    errors: Annotated[
        str,
        option(
            "Bytes that are not UTF-8: stop at them, or read them as U+FFFD and count them.", metavar="strict|replace"
        ),
    ] = "strict"
    unknown: Annotated[
        str,
        option(
            "Text that the model has no symbol for: answer all the same and count it, or stop at it.",
            metavar="answer|strict",
        ),
    ] = "answer"
    jobs: Annotated[int, option("Number of processes; the output is the same.", min=1)] = 1
    longest: Annotated[
        int, option("Refuse records of more characters than this, which would take gigabytes.", min=1)
    ] = 2_000_000

    def __post_init__(self) -> None:
        for flag, value, known in (("--errors", self.errors, ERRORS), ("--unknown", self.unknown, UNKNOWN)):
            if value not in known:
                raise UsageError(f"{flag} {value}: expected one of {', '.join(known)}")


@dataclasses.dataclass(frozen=True)
class Filtering(Lines):
    """Running."""

    batch_size: Annotated[
        int | None,
        option("Answer at most this many records together; the output is the same.", min=1),
    ] = None
    threads: Annotated[
        int | None,
        option(
            "BLAS threads of each process. Default: 1; for a single stream, whichever a short probe finds faster.",
            min=1,
        ),
    ] = None


@dataclasses.dataclass(frozen=True)
class Fusing:
    """A language model beside a CTC model."""

    lm: Annotated[
        str | None,
        option("CTC models: add the scores of a language model of the targets.", metavar="MODEL"),
        SEQUENCE,
    ] = None
    lm_weight: Annotated[
        float | None, option("Its weight. Default: fitted on the validation split.", min=0), SEQUENCE, LM
    ] = None
    length_bonus: Annotated[float, option("CTC models: add this to the score for each symbol."), SEQUENCE] = 0.0


@dataclasses.dataclass(frozen=True)
class Mixed:
    """Language models combined with others (weights are fitted on valid by default)."""

    mix: Annotated[
        list[str] | None,
        option(
            "Mix in another model's probabilities, over the same symbols. Repeatable.", metavar="MODEL[=WEIGHT]",
            autocompletion=runs,
        ),
        LANGUAGE,
    ] = None  # fmt: skip
    cache: Annotated[
        int | None,
        option("Mix in what followed similar states among the last N tokens (a neural cache).", metavar="N", min=1),
        LANGUAGE,
    ] = None
    cache_weight: Annotated[float | None, option("Its weight.", min=0, max=1), LANGUAGE, For(needs="--cache")] = None
    cache_flatness: Annotated[
        float | None, option("How sharply the cache tells states apart.", min=0), LANGUAGE, For(needs="--cache")
    ] = None

    def mixed(self, predictor: Any, base: Any = None) -> Any:
        """Return the predictor mixed with other models and a cache; `base` takes the place of its model."""
        from seqcli.tasks.language_model.mixing import Mixing, mixed, said

        members = [said(text) for text in self.mix or ()]
        names, weights = tuple(name for name, _ in members), tuple(weight for _, weight in members)
        mixing = Mixing(names, weights, self.cache, self.cache_weight, self.cache_flatness)
        return mixed(predictor, mixing, base) if mixing else predictor


@dataclasses.dataclass(frozen=True)
class Confidence:
    """Confidence."""

    min_confidence: Annotated[float | None, option("Drop answers less probable than this.", min=0, max=1)] = None
    target_precision: Annotated[
        float | None,
        option("Take the --min-confidence that reached this precision on the validation split.", min=0, max=1),
    ] = None

    def __post_init__(self) -> None:
        if self.min_confidence is not None and self.target_precision is not None:
            raise UsageError("--min-confidence and --target-precision both set the threshold: give one")

    def least(self, predictor: Any) -> float:
        """Return the probability that an answer must have."""
        if self.target_precision is None:
            return self.min_confidence or 0.0
        from seqcli.scoring import threshold

        return threshold(self.target_precision, predictor)


def check_otherwise(text: str, what: str) -> None:
    """Raise UsageError for an --else that does not fit in a cell."""
    if any(c in text for c in "\t\n\r"):
        raise UsageError(f"--else: a tab or a line break cannot stand for {what}")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Columns of words (conll)."""

    columns: Annotated[
        str | None,
        option("The columns' names, such as word,pos,_. Default: the training data's.", metavar="A,B,…"),
        IN_COLUMNS,
    ] = None
    separator: Annotated[str | None, option("tab, space, or a text. Default: as in the first line.")] = None
    comments: Annotated[
        str | None, option("Lines that begin with this, such as '#', are comments.", metavar="TEXT"), IN_COLUMNS
    ] = None

    @property
    def names(self) -> list[str] | None:
        """The names of the columns."""
        return self.columns.split(",") if self.columns else None


def nothing_to_read() -> bool:
    """Whether standard input is a terminal."""
    return streams.stdin_is_interactive()
