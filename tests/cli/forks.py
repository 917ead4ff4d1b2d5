"""A process that imports torch once and then forks a `seqcli` for each request: real processes without the wait.

A request is a line of JSON on stdin: `args`, `cwd`, `env`, `files` (the paths of stdin, stdout and stderr). The
answers are two lines on stdout: the new process's id at once, and what `os.waitpid` makes of its end.

With the path of a socket as its argument it listens there instead, to any number of askers at once (the commands of a
pipe): each sends such a line without `files`, and with it the descriptors of its three streams, and is told the exit
status. It ends with its standard input.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
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
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = path if isinstance(path, int) else os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  the old one has read ahead
    sys.argv = ["seqcli", *request["args"]]
    sys.modules["__main__"].__file__ = None  # or the processes of --jobs would import all that is here


def run(request: dict, asker: socket.socket | None = None) -> None:
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
        status = status if isinstance(status, int) else 1
        if asker:
            asker.sendall(b"%d\n" % status)
        os._exit(status)


def listen(path: str) -> None:
    """Fork a `seqcli` for each that asks through the socket, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(path)
        door.listen(64)
        print("ready", flush=True)
        while sys.stdin not in select.select([door, sys.stdin], [], [])[0]:
            asker, _ = door.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                line, files, *_ = socket.recv_fds(asker, 1 << 20, 3)
                while not line.endswith(b"\n"):
                    line += asker.recv(1 << 20)
                run({**json.loads(line), "files": files}, asker)
            asker.close()
    sys.exit()


FOLDERS = "cells attention characters models tokenizers metrics datasets records restoration tasks cli/_scoring cli/_generating"
for folder in FOLDERS.split():
    for name in registry.names(folder):
        registry.load(folder, name)
for name in registry.names("cli"):
    registry.load("cli", name)
torch.optim.SGD([torch.zeros(1)])  # the first optimizer of a process imports half of torch
gc.freeze()
if sys.argv[1:]:
    listen(sys.argv[1])
while line := sys.stdin.readline():
    child = os.fork()
    if child == 0:
        run(json.loads(line))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
