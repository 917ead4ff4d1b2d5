"""Write the sentiment sample: sentiment-train.tsv, -valid.tsv, -test.tsv, beside this file or in a given folder.

    python data/make_sentiment_sample.py [FOLDER]

A line is `label TAB text` under a header line; the labels are positive and negative, half of the lines each. The
texts are short remarks on films, books, restaurants and things to buy, from the little grammar below. Much of it
needs the order of words: negation (not bad, hardly a success), contrast (the second clause decides), concession,
comparison, hopes that were not met. There, words of both kinds stand with the same function words under either
label, so that counting words helps little. Valid and test hold words and constructions that train has not (those
behind a `!`), and they deny or compare words that train never does (UNDENIED). A word of praise or blame that train
has not never decides: it stands where the rest of the sentence overrules it. The same SEED gives the same bytes
everywhere: of `random` only `Random.random` is used, whose values Python promises to keep.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

SEED = 20250921
SIZES = {"train": 1200, "valid": 150, "test": 150}  # remarks
LONGEST = 78  # characters
LABELS = {"good": "positive", "bad": "negative"}
OTHER = {"good": "bad", "bad": "good"}
NEW = 0.1  # how often, in valid and test, a choice takes what train has not
OPTION = 0.3  # how often what carries a `?` is there
PLAIN = 0.25  # how often a remark is written without capital and full stop, as people type
UNDENIED = {"boring", "clumsy", "tedious", "dreadful", "mess", "superb", "charming", "witty", "impressive", "triumph"}
DENIAL = r"\b(not|never|no|hardly|far|nothing|nobody|less|than|instead)\b"

# class, topic: words; the classes of a topic have the words of `any` too.
LEXICON = """
thing film: film film movie drama comedy !thriller !sequel
thing book: book book novel story memoir !biography !diary
thing place: restaurant restaurant cafe pub bistro !tavern !canteen
thing ware: phone lamp camera kettle radio bicycle tent !toaster !printer !rucksack
part film: acting dialogue music script ending camera-work cast !editing !lighting
part book: plot prose ending style dialogue humour opening !narrator !translation
part place: soup food service bread dessert coffee wine !salad !curry
part ware: battery design screen handle sound finish !charger !packaging
good any: good great excellent wonderful lovely delightful superb charming impressive enjoyable splendid satisfying
  fine memorable
good film: moving gripping funny witty
good book: moving gripping witty elegant
good place: friendly tasty delicious
good ware: sturdy reliable clever
bad any: bad terrible awful poor dreadful disappointing dull boring weak mediocre tedious clumsy annoying forgettable
bad film: slow predictable silly shallow
bad book: slow predictable dry confusing
bad place: greasy stale rude
bad ware: flimsy unreliable useless
praise any: success triumph delight treat pleasure gem joy winner
blame any: failure disaster bore mess waste letdown flop nuisance
like any: loved enjoyed liked
hate any: hated disliked loathed
likes any: love enjoy like
hates any: hate dislike loathe
works any: delights convinces impresses pleases
fails any: disappoints annoys bores irritates
very any: very really truly quite rather !extremely !wonderfully !deeply
lot any: truly really simply clearly !plainly !undoubtedly
who any: my_sister my_brother my_neighbour the_critics my_friends our_guests !my_uncle !my_cousins
how.good any: beautifully superbly well
how.bad any: badly poorly carelessly
done film: shot filmed told
done book: written told researched
done place: run furnished lit
done ware: made built finished
time any: on_Sunday last_night yesterday in_May this_week on_our_holiday !on_Friday !in_winter !last_autumn
weak.good any: !amusing !radiant !inspired !masterly
weak.bad any: !lifeless !ghastly !laughable !stodgy
"""

# name = production {weight} | ...; `x.@` has the verdict that the rule was asked for (good or bad), `x.~` the other.
GRAMMAR = """
Remark = Plain.@ {13.5} | Denied.@ {3.6} | Turn.@ {2} | Concession.@ {2.6} | Comparison.@ {1.6} | Hope.@ {1.6}
Plain = the thing is Adj.@ {2} | a Adj.@ thing | a Adj.@ , Adj.@ thing {2} | a Adj.@ , how.@ done thing {2} | the
  thing is how.@ done | what a Adj.@ Name.@ | what a Noun.@ | I Felt.@ this thing {2} | I Felt.@ the part | the part
  is Adj.@ and so is the rest | this thing Does.@ me {2} | you will Feel.@ this thing {2} | this thing is a Noun.@
  from start to finish | my verdict : a Noun.@ | a thing whose part is Adj.@ | I Felt.@ it time | who and I Felt.@
  it | the part is Adj.@ , a Noun.@ {2} | Adj.@ and Adj.@ {2} | I Felt.@ the Adj.@ part {2} | the part is Adj.@ and
  the thing Adj.@ {2} | ! the part is nothing but Adj.@ | ! a Noun.@ in every way
Denied = the thing is not Adj.~ {3} | not a Adj.~ thing at all {2} | hardly a Noun.~ {2} | I did not Feel.~ this
  thing {2} | the thing is far from Adj.~ {2} | the part is never Adj.~ {2} | this thing is no Noun.~ {2} | not
  Adj.~ but Adj.@ {2} | Adj.@ , not Adj.~ {2} | not a Noun.~ but a Adj.@ Name.@ {2} | a Adj.@ , Adj.@ thing , never
  Adj.~ {2} | I Felt.@ it : Adj.@ , not Adj.~ {2} | nobody could call this Name.@ Adj.~ {2} | ! it is not at all
  Adj.~ | ! the part is Adj.@ , never Adj.~ | ! far from Adj.~ , I Felt.@ it
Turn = Weak.~ at first but Adj.@ in the end {2} | Adj.@ in the end , though Weak.~ at first {2} | it begins as a
  Noun.~ and ends as a Adj.@ Name.@ {2} | the thing starts Weak.~ and turns Adj.@ and Adj.@ {2} | after a Weak.~
  start , a Adj.@ Name.@ {2} | a Adj.@ , Adj.@ thing after a Weak.~ start {2} | ! it ends as a Adj.@ Name.@ , though
  it begins as a Noun.~
Concession = despite the Weak.~ part , a Noun.@ {2} | a Noun.@ despite the Weak.~ part {2} | the part is Weak.~ ,
  but the thing is Adj.@ {2} | the part is Weak.~ , but I Felt.@ this Adj.@ thing {2} | although the part is Weak.~
  , I Felt.@ the Adj.@ thing {2} | I Felt.@ the Adj.@ thing , although the part is Weak.~ {2} | who Felt.~ it , but
  I Felt.@ it {2} | I Felt.@ it , but who Felt.~ it {2} | despite the Weak.~ part , a Adj.@ , Adj.@ thing {2} | !
  even with a Weak.~ start it is a Adj.@ Name.@ | ! the part may be Weak.~ , but the thing is Adj.@ and Adj.@
Comparison = more Adj.@ than Adj.~ {2} | less Adj.~ than Adj.@ {2} | Adj.@ rather than Adj.~ {2} | a Adj.@ Name.@
  instead of a Noun.~ {2} | instead of a Noun.~ , a Adj.@ Name.@ {2} | ! the part is more Adj.@ than Adj.~
Hope = I expected a Noun.~ and got a Noun.@ {2} | I expected a Noun.~ and got a Adj.@ Name.@ {2} | it should have
  been a Noun.~ , it is a Noun.@ {2} | who called it Weak.~ ; I found it Adj.@ {2} | I found it Adj.@ and Adj.@ ;
  who called it Weak.~ {2} | ! what promised to be a Noun.~ is a Adj.@ Name.@
Adj = Word.@ {4} | very Word.@
Weak = Word.@ {4} | very Word.@ | ! weak.@ {3}
Noun = Name.@ {3} | real Name.@
Name.good = praise
Name.bad = blame
Word.good = good
Word.bad = bad
Felt.good = like {3} | lot like
Felt.bad = hate {3} | lot hate
Feel.good = likes
Feel.bad = hates
Does.good = works
Does.bad = fails
"""


class Grammar:
    """Rules and words, and remarks drawn from them; without `new`, what is marked `!` is never drawn."""

    def __init__(self, rng: random.Random, *, new: bool):
        self.rng, self.new = rng, new
        self.words: dict[tuple[str, str], list[str]] = {}
        for line in re.sub(r"\n +", " ", LEXICON.strip()).split("\n"):
            head, _, words = line.partition(": ")
            name, topic = head.split()
            self.words[name, topic] = words.split()
        self.rules: dict[str, list[tuple[str, float]]] = {}
        for line in re.sub(r"\n +", " ", GRAMMAR.strip()).split("\n"):
            name, _, body = line.partition(" = ")
            self.rules[name] = [self._weighted(choice) for choice in body.split(" | ")]
        self.topics = sorted({topic for _, topic in self.words} - {"any"})
        self.names = {name for name, _ in self.words}

    @staticmethod
    def _weighted(choice: str) -> tuple[str, float]:
        found = re.fullmatch(r"(.*) \{([\d.]+)\}", choice.strip())
        return (found[1], float(found[2])) if found else (choice.strip(), 1.0)

    def draw(self, choices: list[tuple[str, float]]) -> str:
        """One of the choices by weight, of the new ones or of the known; with no known ones, always a new one."""
        fresh = [(text.removeprefix("!").strip(), weight) for text, weight in choices if text.startswith("!")]
        known = [(text, weight) for text, weight in choices if not text.startswith("!")]
        choices = fresh if not known or (fresh and self.new and self.rng.random() < NEW) else known
        at = self.rng.random() * sum(weight for _, weight in choices)
        for text, weight in choices:
            at -= weight
            if at < 0:
                return text
        return choices[-1][0]

    def expand(self, symbol: str, topic: str, verdict: str) -> list[str]:
        """The words of a symbol; `@` stands for the verdict in it, `~` for the other one."""
        name, _, form = symbol.partition(".")
        form = {"@": verdict, "~": OTHER[verdict]}.get(form, form)
        rule = self.rules.get(f"{name}.{form}") or self.rules.get(name)
        if rule:
            return [word for part in self.draw(rule).split() for word in self.expand(part, topic, form or verdict)]
        name = f"{name}.{form}" if f"{name}.{form}" in self.names else name
        if name not in self.names:
            return [symbol]
        words = self.words.get((name, topic), []) + self.words.get((name, "any"), [])
        return self.draw([(word, 1.0) for word in words]).split("_")

    def remark(self, verdict: str) -> str:
        """A remark with that verdict: spaces as in print, `an` in front of a vowel."""
        topic = self.topics[int(self.rng.random() * len(self.topics))]
        text = " ".join(self.expand("Remark", topic, verdict))
        text = re.sub(r" ([,;:])", r"\1", text)
        text = re.sub(r"\ba(?= [aeio]| un(?!i))", "an", text)
        if self.rng.random() < PLAIN:
            return text
        return text[0].upper() + text[1:] + "."


def acceptable(text: str, *, new: bool) -> bool:
    """Whether a remark may stand: short, no word of weight twice, in train no denial of what only others deny."""
    words = re.findall(r"[a-z]{5,}", text.lower())
    denied = re.search(DENIAL, text.lower()) and not UNDENIED.isdisjoint(re.findall(r"\w+", text.lower()))
    return len(text) <= LONGEST and len(set(words)) == len(words) and (new or not denied)


def samples() -> dict[str, str]:
    """The texts by their split. No remark stands twice in them, be it written with or without a full stop."""
    rng = random.Random(SEED)
    seen: set[str] = set()
    texts = {}
    for split, size in SIZES.items():
        new = split != "train"
        grammar = Grammar(rng, new=new)
        left = dict.fromkeys(LABELS, size // 2)
        lines = ["label\ttext\n"]
        while any(left.values()):
            verdict = "good" if rng.random() * sum(left.values()) < left["good"] else "bad"
            text = grammar.remark(verdict)
            key = text.lower().rstrip(".")
            if key not in seen and acceptable(text, new=new):
                seen.add(key)
                left[verdict] -= 1
                lines.append(f"{LABELS[verdict]}\t{text}\n")
        texts[split] = "".join(lines)
    return texts


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for split, text in samples().items():
        (folder / f"sentiment-{split}.tsv").write_text(text, encoding="utf-8", newline="\n")
