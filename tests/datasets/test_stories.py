"""Stories: each answer is found again by reading the sentences; splits are as they are said to be."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from seqcli.datasets import stories
from seqcli.datasets.stories import FORMS, LEAST, MOST, NOBODY, NOTHING, PEOPLE, PLACES, THINGS, Draw

SENTENCES = [
    (kind, re.compile(re.escape(form).replace(r"\{", "(?P<").replace(r"\}", r">\w+)")))
    for kind, forms in FORMS.items() for form in forms
]  # fmt: skip


def told(sentence: str) -> tuple[str, dict[str, str]]:
    """What a sentence tells: exactly one form fits it."""
    found = [(kind, match.groupdict()) for kind, form in SENTENCES if (match := form.fullmatch(sentence))]
    assert len(found) == 1, sentence
    return found[0]


def events(story: str) -> list[tuple[str, dict[str, str]]]:
    return [told(f"{sentence}.") for sentence in story.removesuffix(".").split(". ")]


def last(found: list[tuple[str, dict[str, str]]], thing: str) -> tuple[int, str, str]:
    """The place among the events of the last one with a thing, its kind, and who has the thing then."""
    at = max(i for i, (kind, e) in enumerate(found) if kind != "go" and e["what"] == thing)
    kind, event = found[at]
    return at, kind, event["whom"] if kind == "give" else event["who"]


def where(found: list[tuple[str, dict[str, str]]], person: str) -> str:
    return [e["what"] for kind, e in found if kind == "go" and e["who"] == person][-1]


def answer(story: str, question: str) -> str:
    """The answer by looking back from the end, not by following what happens."""
    found = events(story)
    if match := re.fullmatch(r"Where is the (\w+)\?", question):
        at, kind, who = last(found, match[1])
        return where(found[:at] if kind == "drop" else found, who)
    if match := re.fullmatch(r"Where is (\w+)\?", question):
        return where(found, match[1])
    if match := re.fullmatch(r"Who has the (\w+)\?", question):
        _, kind, who = last(found, match[1])
        return NOBODY if kind == "drop" else who
    match = re.fullmatch(r"What is (\w+) carrying\?", question)
    assert match, question
    moved = {e["what"] for kind, e in found if kind != "go"}
    return next((t for t in moved if last(found, t)[1] != "drop" and last(found, t)[2] == match[1]), NOTHING)


def test_sentences_as_words_are_the_same_sentences() -> None:
    assert stories.as_words(("Tom walks to the mill. Tom takes it.", "Where is Tom?", "mill")) == (
        "Tom_walks_to_the_mill. Tom_takes_it.",
        "Where_is_Tom?",
        "mill",
    )


def drawn(count: int, seed: int) -> list[tuple[str, str, str]]:
    draw = Draw(seed)
    return [stories.made(draw, LEAST + i % (MOST - LEAST + 1)) for i in range(count)]


def test_every_answer_is_found_again() -> None:
    for story, question, own in drawn(1500, 5):
        assert answer(story, question) == own


def test_what_happens_can_happen() -> None:
    """Nobody carries two things, takes what is elsewhere or held, or hands it over a distance."""
    for story, _, _ in drawn(800, 6):
        at: dict[str, str] = {}
        has: dict[str, str] = {}
        lies: dict[str, str] = {}
        for kind, event in events(story):
            who, what = event["who"], event["what"]
            if kind == "go":
                assert at.get(who) != what
                at[who] = what
            elif kind == "take":
                assert who not in has
                assert what not in has.values()
                assert lies.pop(what, at[who]) == at[who]
                has[who] = what
            else:
                assert has.pop(who) == what
                if kind == "drop":
                    lies[what] = at[who]
                else:
                    assert at[event["whom"]] == at[who]
                    assert event["whom"] not in has
                    has[event["whom"]] = what


def test_the_same_seed_gives_the_same_and_every_kind_and_answer_is_there() -> None:
    found = drawn(1500, 7)
    assert found == drawn(1500, 7)
    assert found != drawn(1500, 8)
    assert {own for _, _, own in found} == {*PEOPLE, *PLACES, *THINGS, NOBODY, NOTHING}
    kinds = Counter(
        re.sub(r"is \w+( carrying)?\?", r"is X\1?", q) if " the " not in q else q.rsplit(" ", 1)[0]
        for _, q, _ in found
    )
    assert set(kinds) == {"Where is X?", "Where is the", "Who has the", "What is X carrying?"}
    assert min(kinds.values()) > 250
    assert {kind for story, _, _ in found for kind, _ in events(story)} == set(FORMS)


def test_no_story_is_in_two_splits(monkeypatch: pytest.MonkeyPatch) -> None:
    """test_catalog.py compares the hashes of the whole; shorter stories come again sooner."""
    monkeypatch.setattr(stories, "COUNTS", {"test": 20, "valid": 20, "train": 80})
    monkeypatch.setattr(stories, "LEAST", 1)  # of one sentence there are 108: some come again
    monkeypatch.setattr(stories, "MOST", 2)
    found = stories.splits()
    assert {split: len(rows) - 1 for split, rows in found.items()} == stories.COUNTS
    assert all(rows[0] == ("story", "question", "answer") for rows in found.values())
    every = [row[0] for rows in found.values() for row in rows[1:]]
    assert len(set(every)) == len(every)
