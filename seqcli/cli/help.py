"""Print a page of the documentation, or list its pages.

On a terminal a page is formatted to its width; in a pipe it is the original Markdown. `seqcli VERB --help` lists the
options of a verb.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from seqcli.cli._complete import topics

_COMMENT = re.compile(r"^( *)(\S.*?) +(# .*)$")  # code, and a comment at its end


def command(
    topic: Annotated[
        str | None, typer.Argument(help="A page, or a verb. Default: list them.", autocompletion=topics)
    ] = None,
) -> None:
    from seqcli import console, registry
    from seqcli.errors import UsageError, did_you_mean
    from seqcli.resources import share
    from seqcli.streams import Output

    pages = {path.stem: path for path in sorted(share("docs").glob("*.md"))}
    output = Output()
    verbs = [verb for verb in registry.names("cli") if verb != "app"]
    if topic is None:
        titles = [
            (name, path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")) for name, path in pages.items()
        ]
        for line in console.table(("topic", "page"), titles):
            output.line(line)
        output.flush()  # before the hint below
        console.say("\nseqcli help TOPIC prints a page; seqcli VERB --help lists the options of a verb")
    elif topic in pages:
        text = pages[topic].read_text(encoding="utf-8")
        if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            _draw(text)
        else:
            output.write(text)
    elif topic in verbs:
        output.line(f"{registry.summary('cli', topic)}: seqcli {topic} --help")
    else:
        raise UsageError(f"there is no page {topic!r}", hint=did_you_mean(topic, sorted({*pages, *verbs})))


def _draw(text: str) -> None:
    """Show Markdown on the terminal. A link to another page becomes its topic."""
    from rich.console import Console
    from rich.markdown import CodeBlock, Markdown, TableElement
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text
    from rich.theme import Theme

    class Code(CodeBlock):
        """Code in the terminal's own colours, dark or light; a comment that does not fit moves above its line."""

        def __rich_console__(self, console: Any, options: Any) -> Any:
            lines = str(self.text).rstrip().splitlines()
            fitting = (
                line if len(line) <= options.max_width - 4 else _COMMENT.sub(r"\1\3\n\1\2", line) for line in lines
            )
            yield Padding(Text("\n".join(fitting), overflow="fold"), (0, 2))

    class Whole(TableElement):
        """A table whose cells are folded, not cut."""

        def __rich_console__(self, console: Any, options: Any) -> Any:
            for table in super().__rich_console__(console, options):
                for column in table.columns if isinstance(table, Table) else ():
                    column.overflow = "fold"
                yield table

    class Page(Markdown):
        elements: ClassVar = {**Markdown.elements, "fence": Code, "code_block": Code, "table_open": Whole}

    text = re.sub(r"^(!\[|<img |<p ).*$", "", text, flags=re.MULTILINE)  # pictures
    text = re.sub(r"\[([^\]]+)\]\(([^)#]*)(#[^)]*)?\)", _named, text)
    plain = {"markdown.code": "bold", "markdown.table.header": "bold", "markdown.table.border": "dim"}
    console = Console(no_color=bool(os.environ.get("NO_COLOR")), highlight=False, theme=Theme(plain))
    console.print(Page(text, hyperlinks=False))


def _named(link: re.Match[str]) -> str:
    """Return the text that replaces a link: its words, and the page's topic if they do not name it."""
    words, address = link[1], link[2]
    if "://" in address:
        return f"{words} <{address}>"
    topic = Path(address).stem
    return words if not address.endswith(".md") or topic in words else f"{words} (help {topic})"
