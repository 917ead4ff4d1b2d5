"""The work of `seqcli recipes new`: look at a user's files and write a recipe that fits them.

- `look`: finds the split and the encoding of each file, and takes a bounded sample of its text
- `records`: finds the task of a sample, and the keys of `data` that read it
- `columns`: finds the columns of a table, or the keys of JSON objects, that hold the texts and the labels
- `objects`: turns JSON lines into such columns
- `pairs`: finds sources and targets in two files, in columns, or under keys
- `tags`: finds words with tags, the place of the tags, and whether they mark spans
- `frames`: finds series and recordings: columns that name files, arrays; `series`: formats of numbers alone
- `fitted`, `fitted_pairs` (pairs) and `fitted_frames` (series and recordings): choose the tokenizer or frames, the
  model and the training
- `write`: runs all of this in order, prints what was found, and writes the recipe
"""
