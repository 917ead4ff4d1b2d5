"""The work of `seqcli generate`, one file a task: `run(asked, stored, given)`."""
