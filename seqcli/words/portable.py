"""A rule's patterns and tables as plain data, for a program in another language that must find the same words."""

from __future__ import annotations

from typing import Any

from seqcli.words import Rule, _rule1, _unicode


def tables(rule: Rule) -> dict[str, Any]:
    """Return all data that `Rule.split` uses: patterns in Python's syntax, and `classes`, rows of the first and the
    last code point of a range and what stands for them in a shadow (S: a symbol)."""

    firsts, lasts, kinds = _unicode._table()
    return {
        **rule.to_dict(),
        "token": _rule1._TOKEN.pattern,
        "character": _rule1._CHARACTER.pattern,
        "serial": _rule1._SERIAL.pattern,
        "hyphen": _rule1._HYPHEN,
        "clitic": _rule1._CLITIC.pattern,
        "contractions": _rule1._CONTRACTIONS,
        "prefixes": sorted(_rule1._PREFIX),
        "suffixes": sorted(_rule1._SUFFIX),
        "classes": [list(row) for row in zip(firsts, lasts, kinds, strict=True)],
        "themselves": sorted(map(chr, _unicode.THEMSELVES)),
    }
