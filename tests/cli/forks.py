"""A process that imports torch once and then forks a `seqcli` for each request: real processes without the wait.

A request is a line of JSON on stdin: `args`, `cwd`, `env`, `files` (the paths of stdin, stdout and stderr). The
answers are two lines on stdout: the new process's id at once, and what `os.waitpid` makes of its end.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback

import scipy.optimize
import torch

from seqcli import registry
from seqcli.cli import _classifying, _tagging, app
from seqcli.recipe import load
from seqcli.training import loop, report, session

PRELOADED = (load, loop, report, session, scipy.optimize)
PRELOADED += (_tagging, _classifying)


def begin(request: dict) -> None:
    """Make this process what a shell would have started."""
    os.chdir(request["cwd"])
    os.environ.update(request["env"])
    for number, path in enumerate(request["files"]):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  the old one has read ahead
    sys.argv = ["seqcli", *request["args"]]
    sys.modules["__main__"].__file__ = None  # or the processes of --jobs would import all that is here


def run(request: dict) -> None:
    """Be `seqcli`, and leave without taking torch down."""
    status: object = 1
    try:
        begin(request)
        app.main()
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 1)


FOLDERS = "cells attention characters models tokenizers metrics datasets records restoration tasks cli/_scoring cli/_generating"
for folder in FOLDERS.split():
    for name in registry.names(folder):
        registry.load(folder, name)
for name in registry.names("cli"):
    registry.load("cli", name)
torch.optim.SGD([torch.zeros(1)])  # the first optimizer of a process imports half of torch
gc.freeze()
while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
