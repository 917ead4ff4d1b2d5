"""Translate regular expressions from Python to JavaScript.

JavaScript has no possessive quantifiers: `x*+` becomes a lookahead whose group is then matched again,
`(?=(?<p1>x*))\\k<p1>`, which does not backtrack either. JavaScript accepts only its own escapes, and `]` as the first
member of a class only if escaped. The result is for the flags `u` and `s`; patterns have no inline flags.
"""

from __future__ import annotations

import re

_PART = re.compile(
    r"(?P<back>\(\?P=\w+\))|(?P<open>\((?:\?(?:P<\w+>|<?[=!]|:))?)|(?P<close>\))"
    r"|(?P<times>[*+?]|\{\d+(?:,\d*)?\})(?P<how>[+?]?)|(?P<members>\[\^?\]?(?:\\.|[^\]\\])*\])|\\U[0-9a-f]{8}|\\u[0-9a-f]{4}|\\.|.",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(U[0-9a-f]{8}|u[0-9a-f]{4}|.)", re.DOTALL)
_SYNTAX = frozenset(r"^$\.*+?()[]{}|/")


def javascript(pattern: str) -> str:
    """Return the same pattern for `new RegExp(…, "us")`."""
    stack: list[list[str]] = [[]]  # the parts of each open group
    possessive = 0
    for found in _PART.finditer(pattern):
        text = found[0]
        if found["open"]:
            stack.append([text.replace("?P<", "?<")])
        elif found["close"]:
            group = "".join(stack.pop())
            stack[-1].append(f"{group})")
        elif found["times"] and found["how"] == "+":
            possessive += 1
            held = stack[-1].pop() + found["times"]
            stack[-1].append(f"(?:(?=(?<p{possessive}>{held}))\\k<p{possessive}>)")
        elif found["times"]:
            stack[-1].append(stack[-1].pop() + text)
        elif found["back"]:
            stack[-1].append(f"\\k<{text[4:-1]}>")
        elif found["members"]:
            inner = re.sub(r"^(\[\^?)\]", r"\1\\]", text)
            stack[-1].append(_ESCAPE.sub(lambda found: _escape(found[1], "-"), inner))
        else:
            stack[-1].append(_ESCAPE.sub(lambda found: _escape(found[1]), text))
    return "".join(stack[0])


def _escape(character: str, more: str = "") -> str:
    """Return an escaped character, with the backslash only if JavaScript knows the escape."""
    if character[0] == "U":
        return chr(int(character[1:], 16))
    return f"\\{character}" if character.isalnum() or character in _SYNTAX or character in more else character
