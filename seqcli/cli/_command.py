"""A verb as a Typer command, and its help."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

VALUES = {"int": "N", "float": "X", "str": "TEXT"}  # what stands for a value without a name of its own


class Command(TyperCommand):
    """A verb whose help shows options under the headings of their groups, and their values by name."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        for param in self.params:
            if param.param_type_name == "argument" and param.metavar is None:
                param.metavar = (param.name or "").upper()

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the parts of the usage line; a required argument stands without brackets."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the options of each group in order, then the options without a group."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                name, text = record
                if param.param_type_name == "argument":
                    heading, name = "Arguments", param.metavar or name
                else:
                    heading = getattr(param, "rich_help_panel", None) or "Options"
                    name = re.sub(r"<(int|float|str)(?: range)?>", lambda kind: VALUES[kind[1]], name)
                sections.setdefault(heading, []).append((name, text))
        others = sections.pop("Options", [])
        for heading, records in (*sections.items(), ("Other options", others)):
            if records:
                with formatter.section(heading if len(sections) > 1 or heading != "Other options" else "Options"):
                    formatter.write_dl(records)
