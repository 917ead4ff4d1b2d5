"""Parsed sentences in brackets, a tree a line, a label at every node: `(3 (2 It) (4 (2 was) (4 great)))`.

The root's label is the record's; the words are the leaves, and the text is the words joined by spaces. No operation
on given trees recurses: a tree of 10,000 levels is read, walked, compared, written and pickled like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqcli.errors import SeqcliError
from seqcli.records import BLANKS, Example, Kind, Sample, labels_of
from seqcli.records._lines import Line, LineReader

READS = ("labels",)
GOLD = ("labels",)
SUFFIXES = (".trees", ".ptb", ".mrg")
GUESSED = 2
ENOUGH = 5  # lines that a guess is made from

_HINT = "a tree is one line: (label word) for a leaf, (label tree tree) above, as in (3 (2 It) (4 shines))"
# One match for an opening parenthesis with its label, and its word and closing parenthesis if it has them.
# Possessive, so that no line takes more than linear time.
_TOKEN = re.compile(r"\([ \t]*+([^() \t]*+)[ \t]*+([^() \t]*+)[ \t]*+(\)?+)|[()]|[^() \t]++")


@dataclass(slots=True, eq=False, repr=False)
class Tree:
    """A node: a leaf has a `word` and no children, any other node has children and no word. No label: `""`."""

    label: str
    word: str | None = None
    children: tuple[Tree, ...] = ()

    def nodes(self) -> list[Tree]:
        """Return all nodes in post-order: children from left to right, then their parent; the root is last."""
        found: list[Tree] = []
        waiting: list[Tree] = [self]
        while waiting:
            node = waiting.pop()
            found.append(node)
            waiting += node.children
        found.reverse()
        return found

    def leaves(self) -> list[str]:
        """Return the words, from left to right."""
        return [node.word for node in self.nodes() if node.word is not None]

    def phrases(self) -> Iterator[tuple[str, str]]:
        """Yield (words joined by spaces, label) of every node that has a label, in post-order."""
        words: list[str] = []
        starts: list[int] = []  # of the nodes whose parent is still to come
        for node in self.nodes():
            if node.word is not None:
                starts.append(len(words))
                words.append(node.word)
            else:
                del starts[len(starts) - len(node.children) + 1 :]
            if node.label:
                yield " ".join(words[starts[-1] :]), node.label

    def __str__(self) -> str:
        """Return the tree in brackets, which `parse` reads back unless a label or word contains a blank."""
        parts: list[str] = []
        waiting: list[Tree | None] = [self]
        while waiting:
            node = waiting.pop()
            if node is None:
                parts.append(")")
                continue
            parts.append(f"{' ' if parts else ''}({node.label}")
            if node.word is not None:
                word = node.word.replace("(", "-LRB-").replace(")", "-RRB-")
                parts.append(f"{' ' if node.label else ''}{word})")
            else:
                waiting += [None, *reversed(node.children)]
        return "".join(parts)

    def __repr__(self) -> str:
        return f"<Tree {self}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._flat() == other._flat()

    __hash__ = None  # type: ignore[assignment]  it can be changed

    def _flat(self) -> list[tuple[str, str | None, int]]:
        return [(node.label, node.word, len(node.children)) for node in self.nodes()]

    def __reduce__(self) -> tuple[object, ...]:
        return _built, (self._flat(),)


def _built(flat: list[tuple[str, str | None, int]]) -> Tree:
    """Build a tree from its nodes in post-order: (label, word, number of children)."""
    done: list[Tree] = []
    for label, word, count in flat:
        cut = len(done) - count
        done[cut:] = [Tree(label, word, tuple(done[cut:]))]
    return done[0]


def parse(
    text: str, source: str = "<text>", line: int = 1, *, column: int = 1, until: str | None = None, gold: bool = False
) -> Tree:
    """Parse a line as a tree; a label ends before `until`. `-LRB-`, `-RRB-`, `\\/` and `\\*` in words are read as
    ( ) / and *. A node with a single name, `(It)`, is a word without a label.

    Raises SeqcliError with the place (`column` is where the text begins) if the line is not a tree, and with `gold`
    also if the root has no label.
    """

    def wrong(what: str, at: int) -> SeqcliError:
        return SeqcliError(f"{source}:{line}:{column + at}: {what}", hint=_HINT)

    root: Tree | None = None
    open_labels: list[str] = []
    open_children: list[list[Tree]] = []
    for found in _TOKEN.finditer(text):
        at = found.start()
        if root is not None:
            surplus = "one closing parenthesis too many" if found[0] == ")" else "text follows the tree"
            raise wrong(surplus, at)
        label, word, end = found.groups()
        if label is None:
            if found[0] != ")":
                what = "a word stands beside a tree" if open_labels else "not a tree: it does not begin with ("

                raise wrong(what, at)
            if not open_labels:
                raise wrong("one closing parenthesis too many", at)
            node = Tree(open_labels.pop(), None, tuple(open_children.pop()))
        elif end:
            if not word:
                label, word = "", label
            if not word:
                raise wrong("the node has neither a word nor children", at)
            node = Tree(label.partition(until)[0] if until else label, _unescape(word), ())
        elif word:
            if text.startswith("(", found.end()):
                raise wrong("a word stands beside a tree", found.start(2))
            if found.end() < len(text):
                raise wrong("the leaf has more than one word", found.end())
            break
        else:
            open_labels.append(label.partition(until)[0] if until else label)
            open_children.append([])
            continue
        if open_children:
            open_children[-1].append(node)
        else:
            root = node
    if root is None:
        count = text.count("(") - text.count(")")
        if not count:
            raise wrong("there is no tree", 0)
        raise wrong(f"the line ends with {count:,} parenthes{'is' if count == 1 else 'es'} open", len(text))
    if gold and not root.label:
        raise wrong("the root of the tree has no label", len(text) - len(text.lstrip(" \t")))
    return root


def balanced(words: Sequence[str]) -> Tree:
    """Return the unlabelled binary tree whose halves are as equal as possible, the left one the larger; its depth
    grows with the logarithm of the number of words. Without words it is a leaf with the empty word."""
    if len(words) < 2:
        return Tree("", words[0] if words else "")
    half = (len(words) + 1) // 2
    return Tree("", None, (balanced(words[:half]), balanced(words[half:])))


def right_branching(words: Sequence[str]) -> Tree:
    """Return the unlabelled binary tree in which each word is the sibling of the tree of all words after it. Without
    words it is a leaf with the empty word."""
    tree = Tree("", words[-1] if words else "")
    for word in reversed(words[:-1]):
        tree = Tree("", None, (Tree("", word), tree))
    return tree


def _unescape(word: str) -> str:
    if "\\" in word:
        word = word.replace("\\/", "/").replace("\\*", "*")
    return word.replace("-LRB-", "(").replace("-RRB-", ")") if "RB-" in word else word


def looks(sample: Sample, kind: Kind) -> bool:
    """Whether the first lines are trees with a label at every node."""
    return sample.filled[0].lstrip(BLANKS).startswith("(") and all(map(_is_labelled, sample.filled[:ENOUGH]))


def _is_labelled(line: str) -> bool:
    try:
        return all(node.label for node in parse(line).nodes())
    except SeqcliError:
        return False


class Reader(LineReader):
    """A reader of lines of trees. Without `gold` a tree may have no labels."""

    format = "trees"

    def _record(self, line: Line, number: int) -> Example:
        options, source, body = self.options, self._source or "", line.body
        tree = parse(body, source, number, until=options.label_until, gold=options.gold)
        column = len(body) - len(body.lstrip(BLANKS)) + 1
        label_column = body.index("(") + 1
        label_column += len(body[label_column:]) - len(body[label_column:].lstrip(BLANKS)) + 1
        words, place = tree.leaves(), f"{source}:{number}:{label_column}"
        labels = labels_of(tree.label, options, lambda: place) if tree.label else None
        more = {"words": words, "tree": tree, "column": column, "goal_column": label_column}
        return self._made(" ".join(words), line, number, labels=labels, **more)
