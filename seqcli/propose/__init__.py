"""What `seqcli recipes new` does: looks at a user's files and writes a recipe that fits them.

- `look`: which split each file is, how it is encoded, a bounded sample of its text
- `records`: what a sample holds: the task, and the keys of `data` that read it
- `columns`: which column of a table, or key of JSON objects, has the texts and which the labels
- `objects`: JSON lines as such columns
- `pairs`: sources and targets: in two files, in columns, under keys
- `tags`: words with tags: where the tags stand, and whether they are spans
- `frames`: series and recordings: columns that name files, arrays; `series`: formats of numbers alone
- `fitted`, of pairs `fitted_pairs`, of series and recordings `fitted_frames`: the tokenizer or frames, model and
  training that fit what was found
- `write`: all of it in order; what is said on stderr, and the recipe's text
"""
