"""Tasks: what is trained, on what data, how it is judged and used; one folder for each task.

`data.py` defines the recipe keys of the data and reads it; `train.py` offers `Task` (see `seqcli.task`), `predict.py`
the model in use (`Predictor`, see `seqcli.predictor`), `score.py` its evaluation (`evaluate`), `show.py` the writer
of answers (`Writer`, see `seqcli.forms`).
"""
