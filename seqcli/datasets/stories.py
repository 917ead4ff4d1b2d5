"""Short stories of who is where and who carries what, with a question about each and its answer; made from a seed.

30,000 stories to train on, 1,000 to validate, 1,000 to test, of 3 to 10 sentences, every length equally often; no
story occurs twice. People walk from place to place, pick things up, one at a time, put them down where they are, and
hand them to people at the same place with free hands. Every question can be answered from its story:

- `Where is Ines?`: the place that she went to last.
- `Where is the kettle?`: where the person who carries it is, or was when it was put down.
- `Who has the kettle?`: the person who took it or was handed it last; `nobody` if it was put down since.
- `What is Ines carrying?`, for people who carried something: the thing, or `nothing`.

Each kind of question is equally frequent if all can be asked. The form of every sentence is drawn from a few. The set
`stories-sentences` is the same with every sentence or question as one word: `_` replaces the spaces within.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from seqcli.datasets import lags

T = TypeVar("T")

COUNTS = {"test": 1_000, "valid": 1_000, "train": 30_000}
COLUMNS = ("story", "question", "answer")
LEAST, MOST = 3, 10  # sentences
PEOPLE = ["Ines", "Tom", "Leyla", "Oskar", "Priya", "Jonas"]
PLACES = ["attic", "cellar", "stable", "mill", "harbour", "orchard"]
THINGS = ["lantern", "kettle", "violin", "basket"]
NOBODY, NOTHING = "nobody", "nothing"
FORMS = {
    "go": ("{who} walks to the {what}.", "{who} heads for the {what}.", "Next, {who} is off to the {what}."),
    "take": ("{who} picks up the {what}.", "{who} takes the {what} along.", "The {what} is taken by {who}."),
    "drop": ("{who} puts down the {what}.", "{who} leaves the {what} there."),
    "give": ("{who} hands the {what} to {whom}.", "{whom} is given the {what} by {who}."),
}
OFTEN = {"go": 3, "take": 3, "drop": 1, "give": 2}  # relative frequencies of the events that can happen


class Draw(lags.Draw):
    """A source of numbers, and of choices by them, that are the same on every Python."""

    def one(self, of: Sequence[T]) -> T:
        return of[self.below(len(of))]


class World:
    """The state of a story: who is where, who has what, what lies where, and who ever carried something."""

    def __init__(self, draw: Draw):
        self._one = draw.one
        self.at: dict[str, str] = {}  # the place of each person that was seen
        self.has: dict[str, str] = {}  # the thing that a person carries
        self.lies: dict[str, str] = {}  # the place of each thing that was put down
        self.carried: dict[str, None] = {}  # people who ever had something, in order

    def can_happen(self) -> dict[str, list[tuple[str, ...]]]:
        """Return the events that can happen now, by kind: who, what (a place or a thing), and to whom."""
        held, free = set(self.has.values()), [p for p in self.at if p not in self.has]
        return {
            "go": [(p, place) for p in PEOPLE for place in PLACES if place != self.at.get(p)],
            "take": [
                (p, t) for p in free for t in THINGS if t not in held and self.lies.get(t, self.at[p]) == self.at[p]
            ],
            "drop": [(p, t) for p, t in self.has.items()],
            "give": [(p, t, q) for p, t in self.has.items() for q in free if self.at[q] == self.at[p]],
        }

    def happen(self, kind: str, who: str, what: str, whom: str = "") -> None:
        """Let an event happen."""
        if kind == "go":
            self.at[who] = what
        elif kind == "take":
            self.lies.pop(what, None)
            self.has[who] = what
        elif kind == "drop":
            self.lies[self.has.pop(who)] = self.at[who]
        else:
            self.has[whom] = self.has.pop(who)
        if owner := {"take": who, "give": whom}.get(kind):
            self.carried[owner] = None

    def step(self) -> str:
        """Let something happen, and return the sentence that tells it."""
        possible = {kind: found for kind, found in self.can_happen().items() if found}
        kind = self._one([kind for kind in possible for _ in range(OFTEN[kind])])
        who, what, *rest = self._one(possible[kind])
        whom = rest[0] if rest else ""
        self.happen(kind, who, what, whom)
        return self._one(FORMS[kind]).format(who=who, what=what, whom=whom)

    def ask(self) -> tuple[str, str]:
        """Return a question and its answer."""
        holder = {thing: person for person, thing in self.has.items()}
        seen = [thing for thing in THINGS if thing in holder or thing in self.lies]
        where = {t: self.at[holder[t]] if t in holder else self.lies[t] for t in seen}
        kinds = [
            [(f"Where is {p}?", place) for p, place in self.at.items()],
            [(f"Where is the {t}?", place) for t, place in where.items()],
            [(f"Who has the {t}?", holder.get(t, NOBODY)) for t in seen],
            [(f"What is {p} carrying?", self.has.get(p, NOTHING)) for p in self.carried],
        ]
        return self._one(self._one([kind for kind in kinds if kind]))


def made(draw: Draw, sentences: int) -> tuple[str, str, str]:
    """Return a story of so many sentences, a question, and the answer."""
    world = World(draw)
    story = " ".join([world.step() for _ in range(sentences)])
    return story, *world.ask()


def as_words(record: tuple[str, str, str]) -> tuple[str, str, str]:
    """Return a record with every sentence as one word."""
    story, question, answer = record
    return story.replace(" ", "_").replace("._", ". "), question.replace(" ", "_"), answer


def splits(name: str = "stories", seed: int = 1) -> dict[str, list[tuple[str, ...]]]:
    """Return the rows of each split, column names first; no story occurs twice."""
    draw, seen = Draw(seed), set()
    found: dict[str, list[tuple[str, ...]]] = {split: [COLUMNS] for split in COUNTS}
    for split, count in COUNTS.items():
        while len(found[split]) <= count:
            record = made(draw, LEAST + (len(found[split]) - 1) % (MOST - LEAST + 1))
            if record[0] not in seen:
                seen.add(record[0])
                found[split].append(as_words(record) if name == "stories-sentences" else record)
    return found
