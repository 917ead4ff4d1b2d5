"""The work of `seqcli generate`, a task a file: `run(asked, stored, given)`."""
