"""Trees: read, walked, written, at any depth."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqcli.errors import SeqcliError
from seqcli.records.trees import Tree, balanced, parse, right_branching

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t()\n\r-\\"), min_size=1, max_size=3)
labels = st.sampled_from(["0", "1", "NP", "é"])
leaf = st.builds(Tree, labels, words | st.sampled_from(["(", ")", ":)", "and/or", "*"]))
trees = st.recursive(
    leaf,
    lambda inner: st.builds(
        lambda label, children: Tree(label, None, tuple(children)), labels, st.lists(inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def walk(tree: Tree) -> list[Tree]:
    """Post-order, from its definition."""
    return [node for child in tree.children for node in walk(child)] + [tree]


def words_of(tree: Tree) -> list[str]:
    return [tree.word] if tree.word is not None else [w for child in tree.children for w in words_of(child)]


@given(trees)
def test_a_tree_is_what_its_brackets_say(tree: Tree) -> None:
    again = parse(str(tree))
    assert again == tree
    assert [id(n) for n in tree.nodes()] == [id(n) for n in walk(tree)]
    assert tree.leaves() == words_of(tree)
    assert list(tree.phrases()) == [(" ".join(words_of(n)), n.label) for n in walk(tree)]
    assert pickle.loads(pickle.dumps(tree)) == copy.deepcopy(tree) == tree
    assert repr(tree) == f"<Tree {tree}>"


def test_trees_differ() -> None:
    one = parse("(3 (2 a) (1 b))")
    assert one != parse("(3 (2 a) (2 b))")
    assert one != parse("(3 (3 (2 a)) (1 b))")
    assert one != "(3 (2 a) (1 b))"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(3 a)", Tree("3", "a")),
        (" ( 3\ta ) ", Tree("3", "a")),
        ("(a)", Tree("", "a")),
        ("((a)(b))", Tree("", None, (Tree("", "a"), Tree("", "b")))),
        ("( (S (NP I)))", Tree("", None, (Tree("S", None, (Tree("NP", "I"),)),))),
        ("(1 -LRB-)", Tree("1", "(")),
        ("(1 :-RRB-)", Tree("1", ":)")),
        ("(1 a\\/b)", Tree("1", "a/b")),
        ("(1 \\*)", Tree("1", "*")),
        ("(1 \\)", Tree("1", "\\")),
        ("(1 a\u00a0b)", Tree("1", "a\u00a0b")),
    ],
)
def test_what_is_read(text: str, expected: Tree) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(3 (2 a) (2 b)", "f:7:15: the line ends with 1 parenthesis open"),
        ("(3 (2 (2 a", "f:7:11: the line ends with 3 parentheses open"),
        ("(", "f:7:2: the line ends with 1 parenthesis open"),
        ("(3 (2 a)))", "f:7:10: one closing parenthesis too many"),
        (")", "f:7:1: one closing parenthesis too many"),
        ("(3 a) (2 b)", "f:7:7: text follows the tree"),
        ("(3 a) b", "f:7:7: text follows the tree"),
        ("a (3 b)", "f:7:1: not a tree: it does not begin with ("),
        ("(3 (2 a) b)", "f:7:10: a word stands beside a tree"),
        ("(3 a (2 b))", "f:7:4: a word stands beside a tree"),
        ("(3 new york)", "f:7:8: the leaf has more than one word"),
        ("(3 ())", "f:7:4: the node has neither a word nor children"),
        ("()", "f:7:1: the node has neither a word nor children"),
        ("  ", "f:7:1: there is no tree"),
    ],
)
def test_what_is_no_tree(text: str, message: str) -> None:
    with pytest.raises(SeqcliError) as error:
        parse(text, "f", 7)
    assert error.value.message == message
    assert "(3 (2 It) (4 shines))" in error.value.hint


def test_the_reader(read: Any) -> None:
    (e,) = read("trees", " (pos:x (a It) (b:y (c was) (d -LRB-)))\n", label_until=":")
    assert (e.text, e.labels, e.words) == ("It was (", ["pos"], ["It", "was", "("])
    assert (e.column, e.goal_column) == (2, 3)
    assert list(e.tree.phrases())[-2:] == [("was (", "b"), ("It was (", "pos")]
    with pytest.raises(SeqcliError, match="f:2:2: the root of the tree has no label"):
        read("trees", "(1 a)\n ((1 a))\n")
    assert read("trees", "((1 a))\n", gold=False)[0].labels is None


def test_deep_trees() -> None:
    """No recursion anywhere, and none when the tree is thrown away."""
    depth = 50_000
    text = "(1 " * depth + "w" + ")" * depth
    tree = parse(text)
    assert str(tree) == text
    assert tree.leaves() == ["w"]
    assert len(tree.nodes()) == depth
    assert sum(1 for phrase in tree.phrases() if phrase == ("w", "1")) == depth
    assert pickle.loads(pickle.dumps(tree)) == tree
    many = right_branching([str(i) for i in range(depth)])
    assert many.leaves()[:: depth - 1] == ["0", str(depth - 1)]
    del tree, many


@pytest.mark.parametrize("text", [" " * (1 << 20), "(" + " " * (1 << 20), "(1" + "\t" * (1 << 20) + "a", "(" * (1 << 18), "a" * (1 << 20)], ids=["blanks", "open", "a label", "opens", "a word"])  # fmt: skip
def test_long_lines_that_are_no_trees(text: str) -> None:
    """Possessive patterns: no line makes them go back, which would take hours here."""
    with pytest.raises(SeqcliError):
        parse(text)


@given(st.lists(words, min_size=1, max_size=40))
def test_trees_for_raw_words(given_words: list[str]) -> None:
    def depth(tree: Tree) -> int:
        return 1 + max(map(depth, tree.children)) if tree.children else 0

    count = len(given_words)
    for tree, expected in ((balanced(given_words), math.ceil(math.log2(count))), (right_branching(given_words), count - 1)):  # fmt: skip
        assert tree.leaves() == given_words
        assert depth(tree) == expected
        assert all(len(n.children) in (0, 2) and not n.label for n in tree.nodes())
    assert all(n.children[0].word is not None for n in right_branching(given_words).nodes() if n.children)


def test_trees_for_no_words() -> None:
    assert balanced([]) == right_branching([]) == Tree("", "")
    assert list(balanced(["a"]).phrases()) == []
