"""Write a resolved recipe as readable YAML that loads back to the same recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from seqcli.artifact import replacing
from seqcli.errors import SeqcliError
from seqcli.recipe.positions import SCALARS
from seqcli.recipe.schema import SECTIONS, Recipe


class _Dumper(yaml.SafeDumper):
    """A dumper of mappings in block style and lists on one line, which quotes text that YAML 1.1 or 1.2 would read as
    something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_items(self, data: Any) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)

    def represent_text(self, data: str) -> yaml.Node:
        # other readers break lines at these too, so they are written as escapes
        style = '"' if any(c in data for c in "\n\r\x85\u2028\u2029\ufeff") else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(list, _Dumper.represent_items)
_Dumper.add_representer(tuple, _Dumper.represent_items)
_Dumper.add_representer(str, _Dumper.represent_text)
for _name, _regexp, _first in SCALARS:  # beside those of YAML 1.1, which PyYAML's dumper knows
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", _regexp, _first)


def dump_yaml(recipe: Recipe) -> str:
    """Return the recipe with all defaults filled in, in the order of the sections."""
    parts = recipe.to_dict()
    ordered = {key: parts[key] for key in SECTIONS if key in parts}
    return yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def write_recipe(path: Path, text: str) -> None:
    """Write a recipe's text atomically. Raises SeqcliError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise SeqcliError(f"cannot write {path}: {error.strerror}") from None
