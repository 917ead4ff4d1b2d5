"""`python -m seqcli`, and the program `seqcli`."""

import signal


def main() -> None:
    """Run the program. Ctrl-C during the imports ends it at once, without a traceback of them."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from seqcli.cli import app

    app.main()


if __name__ == "__main__":
    main()
