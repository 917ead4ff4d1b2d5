"""Options in groups; which of them do not apply is derived from where they are declared and whether they are given.

A group is a dataclass whose fields are Typer options; its first line of documentation is its heading in `--help`.
`@grouped` makes a command of a function that takes groups: an option of all filters is one field of `Filtering`. What
an option is good for is said beside it (`For`): the tasks whose models it serves, the formats that it says how to
read, the option without which it says nothing. `Given` knows which were given, and refuses by name those that do not
fit the model that was opened or the format that is read.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_type_hints

import typer
from typer.core import TyperCommand

from seqcli import registry, streams
from seqcli.cli._complete import runs
from seqcli.errors import UsageError

if TYPE_CHECKING:
    from seqcli.artifact import Artifact


class For(NamedTuple):
    """What an option is good for; nothing said: for all."""

    tasks: tuple[str, ...] = ()
    has: str = ""  # what the task must have: `HAS` in its folder
    formats: tuple[str, ...] = ()
    needs: str = ""  # the flag of the option that it goes with


LANGUAGE, TAGGING, CLASSIFICATION = For(("language-model",)), For(("tagging",)), For(("classification",))
SEQUENCE = For(("sequence-to-sequence",))
IN_ROWS = For(formats=("tsv", "csv"))
NAMED = For(formats=("tsv", "csv", "jsonl"))
OBJECTS = For(formats=("jsonl",))
IN_COLUMNS = For(formats=("conll",))


class Given:
    """Which options were given on the command line, and what they are good for."""

    def __init__(self, context: typer.Context, serving: Mapping[str, tuple[str, list[For]]]):
        self._context = context
        self._serving = {name: said for name, said in serving.items() if _is_given(context, name)}
        flags = [flag for flag, _ in self._serving.values()]
        for flag, said in self._serving.values():
            for needed in (f.needs for f in said if f.needs):
                if needed not in flags:
                    raise UsageError(f"{flag} goes with {needed}")

    def __contains__(self, name: str) -> bool:
        return name in self._serving

    def __iter__(self) -> Iterator[str]:
        return iter(self._serving)

    def help(self) -> int:
        """Print the verb's help on stderr; exit status 2."""
        print(self._context.get_help(), file=sys.stderr)
        return 2

    def flags(self, names: Iterable[str]) -> list[str]:
        """The flags of those of some options that were given."""
        return [self._serving[name][0] for name in names if name in self._serving]

    def check_model(self, stored: Artifact) -> None:
        """Raise UsageError for an option that does not serve the model's task."""
        task, kind = stored.header["task"], stored.header["model"]["kind"]
        has = registry.constant("tasks", task, "HAS")
        for flag, said in self._serving.values():
            if any((f.tasks and task not in f.tasks) or (f.has and f.has not in has) for f in said):
                raise UsageError(f"{flag} does not serve {stored.path}: it is a model of the kind {kind}")

    def check_format(self, read: str) -> None:
        """Raise UsageError for an option that says how to read other formats than the one that is read."""
        for flag, said in self._serving.values():
            for formats in (f.formats for f in said if f.formats):
                if read not in formats:
                    raise UsageError(
                        f"{flag} says how to read {', '.join(formats)}, but {read} is read",
                        hint=f"add --input {' or '.join(formats)}",
                    )


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def grouped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command for Typer whose parameters may be groups, and one of them `Given`."""
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
    """The fields of a group as parameters, whose options are shown under its heading."""
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
    """The option or argument that a parameter is, and what is said of it."""
    extras = getattr(annotation, "__metadata__", ())
    info = next((e for e in extras if isinstance(e, typer.models.ParameterInfo)), None)
    return info, [e for e in extras if isinstance(e, For)]


def _flag(name: str, info: typer.models.OptionInfo) -> str:
    """How an option is called in messages: its long name."""
    said = [info.default, *(info.param_decls or ())]
    long = [flag for flag in said if isinstance(flag, str) and flag.startswith("--")]
    return long[0].partition("/")[0] if long else "--" + name.strip("_").replace("_", "-")


class Command(TyperCommand):
    """A verb whose help shows options under the headings of their groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments, the options of groups in the order of these, then those of none."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                heading = getattr(param, "rich_help_panel", None) or "Options"
                sections.setdefault("Arguments" if param.param_type_name == "argument" else heading, []).append(
                    record
                )
        others = sections.pop("Options", [])
        for heading, records in (*sections.items(), ("Other options", others)):
            if records:
                with formatter.section(heading if len(sections) > 1 or heading != "Other options" else "Options"):
                    formatter.write_dl(records)


# what several verbs share


def option(help: str, *flags: str, **how: Any) -> Any:
    """An option: what it does, what it is called where not as its field, and what else Typer is to know."""
    return typer.Option(*flags, help=help, **how)


Model = Annotated[
    str | None,
    option("A model file, run folder or run name. Default: the newest run.", "-m", "--model", autocompletion=runs),
]
FieldOption = option("The key of the text; input lines are JSON objects: as --input jsonl.")
DelimiterOption = option("tsv, csv: what separates columns.")
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
            "Text that the model has no symbol for: answer all the same and count it, or stop there.",
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
                raise UsageError(f"{flag} {value}: it is one of {', '.join(known)}")


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
    """Language models: what stands beside one. Weights that are not said are fitted on the validation split."""

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
        """The predictor with all that; `base` takes its model's place."""
        from seqcli.tasks.language_model.mixing import Mixing, mixed, said

        members = [said(text) for text in self.mix or ()]
        names, weights = tuple(name for name, _ in members), tuple(weight for _, weight in members)
        mixing = Mixing(names, weights, self.cache, self.cache_weight, self.cache_flatness)
        return mixed(predictor, mixing, base) if mixing else predictor


@dataclasses.dataclass(frozen=True)
class Confidence:
    """How sure answers must be."""

    min_confidence: Annotated[float | None, option("Drop answers less probable than this.", min=0, max=1)] = None
    target_precision: Annotated[
        float | None,
        option("Take the --min-confidence that reached this precision on the validation split.", min=0, max=1),
    ] = None

    def __post_init__(self) -> None:
        if self.min_confidence is not None and self.target_precision is not None:
            raise UsageError("--min-confidence and --target-precision both say what is left away: give one")

    def least(self, predictor: Any) -> float:
        """The probability that an answer must have."""
        if self.target_precision is None:
            return self.min_confidence or 0.0
        from seqcli.scoring import threshold

        return threshold(self.target_precision, predictor)


def check_otherwise(text: str, what: str) -> None:
    """Raise UsageError for an --else that cannot stand in a cell."""
    if any(c in text for c in "\t\n\r"):
        raise UsageError(f"--else: a tab or a line break cannot stand for {what}")


@dataclasses.dataclass(frozen=True)
class Columns:
    """Columns of words (conll)."""

    columns: Annotated[
        str | None,
        option("The columns' names, as word,pos,_. Default: the training data's.", metavar="A,B,…"),
        IN_COLUMNS,
    ] = None
    separator: Annotated[str | None, option("tab, space, or a text. Default: as the first line has.")] = None
    comments: Annotated[
        str | None, option("Lines that begin with this are comments, as '#'.", metavar="TEXT"), IN_COLUMNS
    ] = None

    @property
    def names(self) -> list[str] | None:
        """The names of the columns."""
        return self.columns.split(",") if self.columns else None


def nothing_to_read() -> bool:
    """Whether standard input is a terminal."""
    return streams.stdin_is_interactive()
