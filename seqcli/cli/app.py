"""The `seqcli` program: verbs are loaded when they are called, and one place turns errors into exit statuses.

Each other file of this folder is a verb: its docstring's first line is the verb's line in `seqcli --help`, and its
function `command` is the Typer command. Exit statuses: 0; 1 data or run time; 2 usage or recipe; 130, 141 and 143
for SIGINT, SIGPIPE and SIGTERM.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import select
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import seqcli
from seqcli import console, registry
from seqcli.errors import SeqcliError, did_you_mean, nearest

ORDER = (
    "tokenize",
    "train",
    "eval",
    "generate",
    "tag",
    "classify",
    "embed",
    "rescore",
    "select",
    "look",
    "inspect",
    "report",
    "export",
    "recipes",
    "help",
)


START = [
    ("seqcli recipes", "what can be trained"),
    ("seqcli train charlm", "a character model, on text that comes with Python"),
    ('seqcli generate --prompt "The "', "text from the newest run"),
    ("seqcli VERB --help", "a verb's options"),
]


class Verbs(TyperGroup):
    """Verbs by file name; a verb's module is imported when it is called, not for the list of verbs."""

    def list_commands(self, ctx: Any) -> list[str]:
        known = [n for n in registry.names("cli") if n != "app"]
        return sorted(known, key=lambda n: (ORDER.index(n) if n in ORDER else len(ORDER), n))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        return load_verb(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page from docstrings: importing every verb for its summary would take longer."""
        formatter.write_usage("seqcli", "[OPTIONS] VERB [ARGS]...")
        formatter.write_paragraph()
        about = "Train sequence models on your own text from one YAML recipe; use them as fast Unix filters."
        formatter.write_text(about)
        sections = {
            "Verbs": [(name, registry.summary("cli", name)) for name in self.list_commands(ctx)],
            "Options": [r for p in self.get_params(ctx) if (r := p.get_help_record(ctx))],
            "Start here": START,
        }
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records, col_max=40)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            known = self.list_commands(ctx)
            hint = did_you_mean(name, known) if nearest(name, known) else "see: seqcli --help"
            console.error(f"no such verb: {name!r}", hint)
            raise SystemExit(2)
        return super().resolve_command(ctx, args)


def load_verb(name: str) -> Any:
    """Import one verb and return its command."""
    from seqcli.cli._command import Command  # the list of verbs does not need it

    module = registry.load("cli", name)
    if hasattr(module, "app"):  # a verb with subcommands
        command = typer.main.get_command(module.app)
    else:
        single = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=_CONTEXT)
        single.command(name, cls=Command, help=module.__doc__)(module.command)
        command = typer.main.get_command(single)
    command.name = name
    return command


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
app = typer.Typer(
    cls=Verbs, rich_markup_mode=None, context_settings=_CONTEXT, pretty_exceptions_enable=False, no_args_is_help=True
)


def _version(value: bool) -> None:
    if value:
        print(f"seqcli {seqcli.__version__}")
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only warnings and errors on stderr.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Print more on stderr.")] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Apply the options before the verb."""
    console.verbosity = -1 if quiet else verbose
    console.debug = console.debug or debug or bool(os.environ.get("SEQCLI_DEBUG"))


class Terminated(BaseException):
    """Raised by SIGTERM, so that files are closed and temporary ones removed."""


def _terminate(number: int, frame: Any) -> None:
    raise Terminated


class Awake(io.FileIO):
    """Standard input that a signal always interrupts. Python checks for signals before it waits for input: a signal
    that arrives between the two would be handled only at the next line, if ever. So this waits for both."""

    def __init__(self) -> None:
        super().__init__(0, closefd=False)
        self.signals, write = os.pipe()
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)

    def readinto(self, buffer: Any, /) -> int | None:
        while self.signals in select.select([self, self.signals], [], [])[0]:
            os.read(self.signals, 1024)  # the handler runs, and may raise, before the next round
        return super().readinto(buffer)


def _hoist(arguments: list[str]) -> list[str]:
    """Move the common options, allowed anywhere before `--`, to the front: `train -q x` becomes `-q train x`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    common = [a for a in arguments[:end] if a in ("-q", "--quiet", "-v", "-vv", "--verbose", "--debug")]
    return common + [a for a in arguments[:end] if a not in common] + arguments[end:]


def main() -> None:
    """Run the program, and exit with its status."""
    if sys.stdout is None:  # closed by the caller: writing must fail, and must not go to the first file opened
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w")  # noqa: PTH123, SIM115
    if sys.stderr is None:  # discard what is written there
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):  # as with python -u: it may write only a part
        sys.stdout = open(1, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors, closefd=False)  # noqa: SIM115
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # set by seqcli.__main__; a shell's & ignores it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _terminate)
    if os.name == "posix" and sys.stdin is not None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(Awake()), sys.stdin.encoding, sys.stdin.errors)
    gc.set_threshold(50_000, 20, 100)  # a batch of records is thousands of objects, hardly any in a cycle
    status = run(sys.argv[1:])
    if several := sys.modules.get("seqcli.training.processes"):  # it has trained with others
        several.leave(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit status."""
    try:
        command = typer.main.get_command(app)
        result = command.main(args=_hoist(arguments), prog_name="seqcli", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except BaseException as error:
        if console.debug and not isinstance(error, SystemExit):
            import traceback

            traceback.print_exc()
        status = status_of(error)
        if sys.stdout is not None:
            try:  # the interpreter would flush at its end, and exit with another status if that fails
                sys.stdout.flush()
            except OSError:
                console.discard(sys.stdout.fileno())
        return status


NO_MEMORY = ("allocate memory", "bad_alloc", "out of memory", "could not create a primitive", "failed to map segment")


def lacks_memory(error: BaseException) -> bool:
    """Whether memory ran out: some libraries report that in their own words, or as another exception."""
    return isinstance(error, MemoryError | SystemError) or any(mark in str(error).lower() for mark in NO_MEMORY)


def status_of(error: BaseException) -> int:
    """Print what went wrong, and return the exit status for it."""
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):
        return 141  # Typer turns it into a plain 1
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, BrokenPipeError):
        return 141
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        return 130
    if isinstance(error, Terminated):
        return 143
    if isinstance(error, SeqcliError):
        console.error(error.message, error.hint)
        return error.status
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error, file=sys.stderr)
        return 2
    if hasattr(error, "format_message"):  # Typer's error for a wrong flag
        context = getattr(error, "ctx", None)
        console.error(error.format_message(), f"see: {context.command_path} --help" if context else "")  # type: ignore[attr-defined]
        return 2
    if isinstance(error, OSError) and not lacks_memory(error):
        where = f" {error.filename}" if error.filename else ""
        hint = "free some space and run the same command again" if error.errno == errno.ENOSPC else ""
        if error.errno == errno.EBADF and not where:
            error.strerror = "standard output is closed"
        console.error(f"{error.strerror or error}{':' if where else ''}{where}", hint)
        return 1
    if lacks_memory(error):
        console.error("out of memory", "use a smaller batch_size, hidden or sequence_length")
        return 1
    console.error(
        f"seqcli failed: {type(error).__name__}: {error}",
        "this is a bug, of seqcli or of a part that you added; run again with --debug, and report what it prints",
    )
    return 1
