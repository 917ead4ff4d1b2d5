"""Run seqcli as `python -m seqcli`."""

from seqcli.cli.app import main

if __name__ == "__main__":
    main()
