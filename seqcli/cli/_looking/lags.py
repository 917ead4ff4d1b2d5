"""Compare cells on tasks with long lags, as a table."""

from __future__ import annotations

from typing import Annotated

from seqcli import console
from seqcli.cli._looking import Json, Plot, write
from seqcli.cli._options import option


def lags(
    tasks: Annotated[
        str,
        option("Some of copy, adding, recall, first, dyck, parity, modular, s3, s5, associative.", metavar="A,B,…"),
    ] = "",
    cells: Annotated[
        str, option("Cells, CELL+attention (for copy), transformer. [default: all of them]", metavar="A,B,…")
    ] = "",
    minutes: Annotated[float, option("Minutes for a task; five times as many for parity, s3, copy.", min=0.01)] = 2.0,
    seed: Annotated[int, option("Seed of weights and batches.", min=0)] = 1,
    jobs: Annotated[int, option("Networks trained at once, each on one thread.", "-j", "--jobs", min=1)] = 1,
    json: Json = False,
    plot: Plot = None,
) -> None:
    """Compare cells on tasks with long lags.

    Networks learn the tasks on sequences of 3 to 40 symbols, as runs in ./runs, and are tested on 20 to 256: the
    share of right answers, for tags of the last one. Finished runs are not repeated. Needs torch."""
    from concurrent.futures import ThreadPoolExecutor

    from seqcli import predictor, registry, runs
    from seqcli.datasets.lags import TASKS
    from seqcli.insight import chart
    from seqcli.insight import lags as of
    from seqcli.training import require_torch

    if plot:
        chart.check(plot)
    require_torch("training")
    everything = [*registry.names("cells"), "lstm" + of.ATTENDING, of.TRANSFORMER]
    listed = of.trials(
        tasks.split(",") if tasks else [*TASKS], cells.split(",") if cells else everything, minutes, seed
    )

    def shares_of(trial: of.Trial) -> dict[int, float]:
        return of.scored(trial) or of.carried_out(
            trial, lambda run: predictor.load(runs.open_model(str(run.path), "look"))
        )

    with ThreadPoolExecutor(jobs) as pool:
        waiting = [(trial, pool.submit(shares_of, trial)) for trial in listed]
        tables: dict[str, dict[str, dict[int, float]]] = {}
        try:
            for number, (trial, done) in enumerate(waiting, 1):
                tables.setdefault(trial.task, {})[trial.network] = shares = done.result()
                reached = ", ".join(f"{share:.0%} at {length}" for length, share in shares.items())
                console.say(f"{number} of {len(listed)}: {trial.task}, {trial.network}: {reached}")
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    for task, rows in tables.items():
        rows["most frequent"] = of.floors(task)
    if plot:
        of.draw(plot, tables)
    lines = [
        [task, network, *(f"{100 * share:.1f}" for share in shares.values())]
        for task, rows in tables.items()
        for network, shares in rows.items()
    ]
    head = ("task", "network", *map(str, of.LENGTHS))
    write({"lengths": of.LENGTHS, "right": tables}, console.table(head, lines, right=range(2, len(head))), json)
