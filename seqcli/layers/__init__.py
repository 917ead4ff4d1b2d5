"""Layers are dataclasses whose fields are arrays, layers and plain numbers, as in Equinox and thinc.

`arrays(layer)` names every array by its dotted path; `replace(layer, {...})` puts other arrays in. Everything that
training does to weights (leaves with gradients, casts, weight drop, averaging) is a function over that mapping.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from seqcli.errors import SeqcliError
from seqcli.ops import Array, is_array

L = TypeVar("L")


def static() -> Any:
    """Declare a field of a layer that is not a weight, whatever it holds (as in Equinox)."""
    return dataclasses.field(metadata={"static": True}, repr=False, kw_only=True)


def _join(path: str, name: str | int) -> str:
    return f"{path}.{name}" if path else str(name)


def _walk(layer: Any, path: str) -> Iterator[tuple[str, Array]]:
    if is_array(layer):
        yield path, layer
    elif dataclasses.is_dataclass(layer):
        for field in dataclasses.fields(layer):
            if field.metadata.get("static"):
                continue
            yield from _walk(getattr(layer, field.name), _join(path, field.name))
    elif isinstance(layer, tuple):
        for i, item in enumerate(layer):
            yield from _walk(item, _join(path, i))


def arrays(layer: Any) -> dict[str, Array]:
    """Return every array of a layer by dotted name, in the order of the fields."""
    return dict(_walk(layer, ""))


def _rebuild(layer: Any, path: str, put: Callable[[str, Array], Array]) -> Any:
    if is_array(layer):
        return put(path, layer)
    if dataclasses.is_dataclass(layer) and not isinstance(layer, type):
        parts = {}
        for f in dataclasses.fields(layer):
            own = getattr(layer, f.name)
            parts[f.name] = own if f.metadata.get("static") else _rebuild(own, _join(path, f.name), put)
        return type(layer)(**parts)
    if isinstance(layer, tuple):
        return tuple(_rebuild(item, _join(path, i), put) for i, item in enumerate(layer))
    return layer


def replace(layer: L, new: Mapping[str, Array]) -> L:
    """Return the layer with the arrays named in `new` replaced; the others stay."""
    return _rebuild(layer, "", lambda path, old: new.get(path, old))


def restore(layer: L, stored: Mapping[str, np.ndarray]) -> L:
    """Return the layer with all arrays from `stored`. Raises SeqcliError if a name, shape or type does not fit."""
    own = arrays(layer)
    if own.keys() != stored.keys():
        odd = sorted(own.keys() ^ stored.keys())
        raise SeqcliError(f"the stored weights do not fit the model's configuration: {', '.join(odd[:5])}")
    for name, array in own.items():
        if tuple(array.shape) != tuple(stored[name].shape):
            raise SeqcliError(
                f"the stored weight {name} has shape {stored[name].shape}, the configuration needs {array.shape}"
            )
        if array.dtype != stored[name].dtype:
            raise SeqcliError(f"the stored weight {name} is {stored[name].dtype}, not {array.dtype}")
    return replace(layer, stored)


def parameters(layer: Any) -> int:
    """Return how many numbers a layer's arrays hold."""
    return sum(int(np.prod(a.shape)) for a in arrays(layer).values())
