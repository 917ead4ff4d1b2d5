"""Look inside a model: surprise, reasons, attention, gradients through time, gates, units.

Each mode prints a table or draws in the terminal; --json prints the numbers, --plot FILE draws a picture.
"""

from __future__ import annotations

import typer

from seqcli.cli._command import Command
from seqcli.cli._looking.lags import lags
from seqcli.cli._looking.reading import attention, memory, neighbors, neurons, surprise, why
from seqcli.cli._looking.states import flow, gates

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)  # fmt: skip
for mode in (surprise, memory, attention, why, neurons, gates, neighbors, flow, lags):
    app.command(cls=Command)(mode)
