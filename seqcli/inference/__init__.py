"""The fast forms of layers in NumPy: the equations of `cells/` and `layers/`, each arranged for one use.

| form                | reads                              | gives                      | called by                 |
|---------------------|------------------------------------|----------------------------|---------------------------|
| `stream.StreamForm` | a symbol of a sequence, its state  | h (H,), the next state     | language models, one text |
| `batch.BatchForm`   | sequences end to end, lengths (B,) | outputs (N, H·D)           | all that encode; taggers  |
| `BatchForm.stream`  | a sequence in pieces (n, I)         | outputs (n, H) as they come | `live.Live`          |
| `attended.AttendedForm` | the same                        | outputs (N, D)             | the same, of attention    |
| `bank.Bank`         | ids (...)                          | rows (..., W)              | decoders: W_ih x          |
| `words.WordBank`    | words, further columns             | projected inputs (N, G·H)  | taggers, classifiers      |
| `cells.Prepared`    | projected inputs (G·H, ...)        | the next state, in place   | the first two forms       |
| `Model.step`        | a symbol of each of B hypotheses   | logits (B, V), next states | beam search, greedy       |
| the layer itself    | (T, B, ·), lengths (B,)            | outputs (T, B, ·)          | training, many texts      |

`tests/layers/test_contract.py` and `tests/inference/` compare each with the equations, for every cell. In a batch
each sequence gets the same bits as alone: products are computed in tiles of one size (`ops.linear`). A single stream
takes matrix-vector products, which round differently: its results are equal up to rounding, not bit for bit.
"""
