"""The small models and the inputs of the net, in one folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from net import cases, make_models

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models, their data and all inputs."""
    path = tmp_path_factory.mktemp("net")
    make_models.furnish(path)
    for model in (HERE / "models").glob("*.safetensors"):
        run = path / "runs" / model.stem
        run.mkdir(parents=True)
        shutil.copy(model, run / "model.safetensors")
        shutil.copy(model, path)
    for name, data in cases.INPUTS.items():
        (path / name).write_bytes(data)
    return path
