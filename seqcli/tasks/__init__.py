"""Tasks: what is trained, on what, how it is judged and used; a folder a task.

`data.py` has the recipe keys of its data and reads them; `train.py` offers `Task` (see `seqcli.task`), `predict.py`
the model in use (`Predictor`, see `seqcli.predictor`), `score.py` what it scores (`evaluate`), `show.py` how answers
are written (`Writer`, see `seqcli.forms`).
"""
