"""Recipes reach the scores that stand beside them: `pytest -m slow tests/test_recipe_scores.py -n 0 -k ptb`, by hand.

A line here is the figure of one seed in the recipe's comment, and how far another machine may be from it: threads and
processors add up in other orders, which training carries on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

RECIPES = Path(__file__).parents[1] / "recipes"


class Score(NamedTuple):
    """A figure of a recipe."""

    recipe: str
    split: str
    metric: str
    value: str  # as the recipe has it
    within: float


SCORES = [
    Score("ptb", "test", "perplexity", "73.87", 0.5),
    Score("ptb-small", "test", "perplexity", "111.3", 1.0),
    Score("tinyshakespeare", "valid", "cross-entropy", "1.4645", 0.02),
    Score("tinyshakespeare-large", "valid", "cross-entropy", "1.4286", 0.02),
]


@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.recipe)
def test_a_recipe_says_its_score(score: Score) -> None:
    said = [line for line in (RECIPES / f"{score.recipe}.yaml").read_text().splitlines() if line.startswith("#")]
    assert any(score.value in line and score.split in line for line in said)


@pytest.mark.slow
@pytest.mark.skipif("SEQCLI_DATA" not in os.environ, reason="SEQCLI_DATA does not say where the data sets are")
@pytest.mark.parametrize("score", SCORES, ids=lambda score: score.recipe)
def test_a_recipe_reaches_its_score(score: Score, tmp_path: Path) -> None:
    ask = [sys.executable, "-m", "seqcli", "-q"]
    subprocess.run([*ask, "train", RECIPES / f"{score.recipe}.yaml", "--name", "run"], cwd=tmp_path, check=True)
    asked = [*ask, "eval", "-m", "run", "--split", score.split, "--json"]
    done = subprocess.run(asked, cwd=tmp_path, check=True, capture_output=True)
    assert json.loads(done.stdout)[score.metric] == pytest.approx(float(score.value), abs=score.within)
