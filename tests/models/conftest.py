"""Here the registry also knows the cells that only tests know."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import cells


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    with cells.known():
        yield
