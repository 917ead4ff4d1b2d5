"""docs/keys.md is what `seqcli recipes keys --markdown` writes, and says every key."""

from __future__ import annotations

import re

from support.inprocess import seqcli

from docs.pages import ROOT
from seqcli import registry
from seqcli.recipe.keys import keys_of

PAGE = ROOT / "docs" / "keys.md"


def test_the_page_is_what_is_generated(tmp_path):
    done = seqcli("recipes", "keys", "--markdown", cwd=tmp_path)
    assert done.text == PAGE.read_text(encoding="utf-8"), (
        "write it anew: seqcli recipes keys --markdown > docs/keys.md"
    )


def test_the_page_has_every_kind_with_every_key():
    parts = re.split(r"^#+ ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    tables = {part.partition("\n")[0]: part for part in parts}
    for section, folder in (("tokenizer", "tokenizers"), ("frames", "frames"), ("model", "models")):
        for kind in registry.names(folder):
            table = tables[f"{section}: {kind}"]
            for key in keys_of(registry.load(folder, kind).Config):
                assert f"\n| `{key.name}` | " in table


def test_a_section_and_the_page_do_not_go_together(tmp_path):
    done = seqcli("recipes", "keys", "model", "--markdown", cwd=tmp_path)
    assert done.returncode == 2
    assert "--markdown writes the whole page, not a section\n  hint: seqcli recipes keys model" in done.stderr
