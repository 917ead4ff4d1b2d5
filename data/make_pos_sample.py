"""Write the part-of-speech sample: pos-train.txt, pos-valid.txt, pos-test.txt, beside this file or in a given folder.

    python data/make_pos_sample.py [FOLDER]

A line is a sentence, a token is `word/TAG`; the tags are UPOS as the English treebanks of Universal Dependencies use
them (possessive `her` is PRON, every form of `be` AUX, the `up` of `wake up` ADP). The sentences come from the little
grammar below, with agreement and many words that have two tags or more: the words around them decide. Valid and test
hold words and constructions that train has not (those behind a `!`). The same SEED gives the same bytes everywhere:
of `random` only `Random.random` is used, whose values Python promises to keep.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

SEED = 20250614
SIZES = {"train": 900, "valid": 80, "test": 80}  # sentences
LONGEST = 22  # tokens
NEW = {"rule": 0.03, "word": 0.1}  # how often, in valid and test, a choice takes what train has not
OPTION = 0.3  # how often what carries a `?` is there

# class, tag: words. A noun gives `word:plural`, a verb `word:past:participle:ing`, where they are not regular.
LEXICON = """
person NOUN: teacher doctor child:children neighbour friend farmer nurse student cook driver sister brother guest
  mother father artist gardener man:men woman:women boy girl guide judge actor !plumber !sailor !tailor !pilot
animal NOUN: cat dog horse rabbit goat cow sheep:sheep duck bird mouse:mice !hamster !parrot !donkey !squirrel
pet NOUN: cat dog horse rabbit !hamster !donkey
thing NOUN: key lamp chair clock box picture watch camera coat ring bag hat bottle umbrella ladder drum plant light
  saw bell table ball knife:knives phone rose present !kettle !lantern !carpet !mirror !hammer
text NOUN: letter book story report newspaper poem message note question answer paper !novel !recipe !postcard
food NOUN: apple sandwich pizza cake egg potato:potatoes pie salad orange drink !pancake !muffin !melon
stuff NOUN: bread rice tea coffee milk water cheese soup fish !honey !pasta !butter
place NOUN: park garden kitchen station market school library beach bridge river hill village museum shop house town
  street forest office hotel !harbour !castle !bakery !airport
vehicle NOUN: train bus car boat bicycle taxi !ferry !tram
event NOUN: party lesson meeting concert game film play dance show !wedding !exam
outing NOUN: walk run ride swim rest drive !stroll
period NOUN: morning afternoon evening week
name PROPN: Anna Tom Maria Peter Lucy Omar Nina Paul Rose Mark Will Bill May Sara Hugo !Ivan !Greta !Felix !Mina
city PROPN: London Paris Oslo Madrid Vienna Rome Athens !Lisbon !Dublin !Cairo
weekday PROPN: Monday Tuesday Wednesday Thursday Friday Saturday Sunday
month PROPN: January March April May June July August !October !November
make VERB: eat:ate:eaten cook make:made:made buy:bought:bought order share taste bring:brought:brought !burn
use VERB: carry buy:bought:bought find:found:found lose:lost:lost clean paint sell:sold:sold fix hide:hid:hidden
  hold:held:held break:broke:broken move use drop:dropped:dropped:dropping !polish !borrow
read VERB: read:read:read write:wrote:written:writing send:sent:sent find:found:found open finish lose:lost:lost
  copy study !publish
wish VERB: need want like see:saw:seen love !recognise
meet VERB: meet:met:met call help visit thank answer face watch follow join !greet !invite
go VERB: walk run:ran:run:running go:went:gone ride:rode:ridden drive:drove:driven travel:travelled::travelling
  hurry move come:came:come swim:swam:swum:swimming fly:flew:flown !wander !sail
stay VERB: sleep:slept:slept work wait sit:sat:sat:sitting play sing:sang:sung rest dance live stay smile fish
  shop:shopped:shopped:shopping !whistle !sneeze
roam VERB: sleep:slept run:ran:run:running jump wait hide:hid:hidden eat:ate:eaten drink:drank:drunk fly:flew:flown
  !bite:bit:bitten
say VERB: say:said:said think:thought:thought know:knew:known hope believe hear:heard:heard !insist
try VERB: try want hope need like begin:began:begun:beginning plan:planned:planned:planning forget:forgot:forgotten
give VERB: give:gave:given show:showed:shown sell:sold:sold send:sent:sent bring:brought:brought !lend:lent:lent
seem VERB: look seem feel:felt:felt sound become:became:become
mood ADJ: happy tired kind angry late early ready hungry right well busy careful quiet !nervous !proud
trait ADJ: old new small red blue heavy light cheap clean round broken open long beautiful empty orange !wooden
  !tiny
size ADJ: old new small big quiet beautiful famous
flavour ADJ: warm cold fresh sweet good bad hot !delicious
folk ADJ: young old tall kind friendly clever little busy !polite !lazy
how ADV: slowly quickly quietly well fast hard early late alone again badly !carefully !happily
often ADV: often always never sometimes also still usually just !rarely
very ADV: very so too quite really
modal AUX: can will could should might must may would
number NUM: two three four five seven ten twelve 6 20 35 100
hour NUM: six seven nine 8 10 !11
year NUM: 1998 2004 2012 2019 !1987 !2023
and CCONJ: and but or
while SCONJ: because if while before after until since although
in ADP: in near behind
to ADP: to into through past over around across down
"""

# name = production {weight} | ...; `x.@` has the form that the rule was asked for: sg or pl of a noun, base, s, past,
# part or ing of a verb. `name.form` may have a rule of its own.
GRAMMAR = """
Sentence = Clause ./PUNCT {7} | Front Clause ./PUNCT {2} | Front ,/PUNCT Clause ./PUNCT | Once Happened ./PUNCT {4}
  | Once ,/PUNCT Happened ./PUNCT | Ask ?/PUNCT {4} | Clause ,/PUNCT and Clause ./PUNCT {1} | Happened While
  Happened ./PUNCT {2} | Order ./PUNCT {2} | If Happened ,/PUNCT Happened ./PUNCT | Oh ,/PUNCT Clause ./PUNCT |
  Clause !/PUNCT | Clause and Clause ./PUNCT {0.5} | "/PUNCT Clause ,/PUNCT "/PUNCT said/VERB name ./PUNCT {0.4} | !
  "/PUNCT Order ,/PUNCT "/PUNCT said/VERB People.sg ./PUNCT | name said/VERB :/PUNCT "/PUNCT Clause ./PUNCT "/PUNCT
  {0.4} | ! name ,/PUNCT People.sg from/ADP city ,/PUNCT Past.sg ./PUNCT
Happened = Subject.sg Did {2} | Subject.pl Did {2} | I/PRON Did {2} | I/PRON took/VERB Poss pet.sg for/ADP a/DET
  outing.sg {0.5}
Clause = Subject.sg Does.sg {6} | Subject.pl Does.pl {5} | I/PRON Does.i {5} | Animal.sg Roams.sg {1.2} | Animal.pl
  Roams.pl | There | Measure | Pointing {0.8}
Roams.sg = Roam.past {2} | Roam.s | is/AUX Roam.ing | was/AUX Roam.ing | did/AUX Not Roam.base | is/AUX Be
Roams.pl = Roam.past {2} | Roam.base | are/AUX Roam.ing | were/AUX Roam.ing | do/AUX Not Roam.base | are/AUX Be
Roam = roam.@ Where | roam.@ how | roam.@ and/CCONJ roam.@ | go.@ to Place | follow.@ Them | follow.@ Animal.sg
There = there/PRON is/AUX Few.sg Where {1} | there/PRON are/AUX Few.pl Where {1} | there/PRON was/AUX Few.sg Where |
  there/PRON were/AUX no/DET Things.pl Where {0.5} | ! there/PRON may/AUX be/AUX Few.pl Where
Few.sg = a/DET Things.sg | a/DET Folk.sg | no/DET Things.sg {0.4} | one/NUM Things.sg {0.4} | stuff
Few.pl = number Things.pl | many/ADJ Folk.pl | some/DET Things.pl | a/DET few/ADJ Things.pl | more/ADJ Things.pl
Measure = the/DET Things.sg cost/VERB $/SYM number | the/DET Things.sg cost/VERB number dollars/NOUN | the/DET
  meeting/NOUN began/VERB at/ADP hour | name is/AUX number years/NOUN old/ADJ | number %/SYM of/ADP the/DET
  person.pl Past.pl | one/NUM of/ADP the/DET person.pl Past.pl | ! name paid/VERB number dollars/NOUN for/ADP
  Thing.sg
Pointing = that/PRON is/AUX Thing.sg | this/PRON is/AUX Thing.sg | those/PRON are/AUX Thing.pl | that/PRON was/AUX
  very trait | it/PRON is/AUX late/ADJ | it/PRON was/AUX period.sg | that/PRON is/AUX why/ADV Subject.pl Past.pl
  {0.5} | ! all/DET of/ADP this/PRON is/AUX mine/PRON | ! this/PRON is/AUX the/DET person.sg that/PRON I/PRON
  told/VERB you/PRON about/ADP

Subject.sg = Person.sg {5} | he/PRON | she/PRON {2} | it/PRON {0.2} | ! someone/PRON | ! nobody/PRON | ! Person.sg
  near/ADP Person.pl
Subject.pl = Person.pl {3} | we/PRON {2} | they/PRON {2} | you/PRON {1.5} | name and/CCONJ name | both/DET person.pl
  {0.3} | ! neither/CCONJ name nor/CCONJ name
Does.sg = Past.sg {6} | Maybe {2} | Verb.s {3} | often Verb.s | has/AUX Verb.part | is/AUX Verb.ing {1.5} | was/AUX
  Verb.ing | does/AUX Not Verb.base | is/AUX Be | was/AUX Be | 's/AUX Be {0.4} | is/AUX Not Be | had/AUX often?
  Verb.part | ! has/AUX been/AUX Verb.ing | ! seldom/ADV Verb.s
Does.pl = Past.pl {6} | Maybe {2} | Verb.base {3} | often Verb.base | have/AUX Verb.part | are/AUX Verb.ing {1.5} |
  were/AUX Verb.ing | do/AUX Not Verb.base | are/AUX Be | were/AUX Be | are/AUX Not Be | had/AUX Verb.part | !
  have/AUX been/AUX Verb.ing | ! do/AUX like/VERB to/PART Verb.base
Does.i = Past.pl {8} | Maybe {2} | Verb.base {2} | often Verb.base | have/AUX Verb.part | am/AUX Verb.ing | was/AUX
  Verb.ing | do/AUX Not Verb.base | am/AUX Be | was/AUX Be | am/AUX not/PART Be
Did = Act.past {5} | Act.past Where {1.5} | did/AUX Not Act.base | often Act.past {0.7} | Say.past | try.past
  to/PART Act.base | Act.past and/CCONJ Act.past | wish.past Thing.sg | wish.past Person.sg
Past.sg = Verb.past {5} | did/AUX Not Verb.base | often Verb.past {0.6}
Past.pl = Verb.past {5} | did/AUX Not Verb.base | often Verb.past {0.6}
Maybe = modal Verb.base {4} | modal often Verb.base | modal not/PART Verb.base | ca/AUX n't/PART Verb.base | modal
  be/AUX Be | wo/AUX n't/PART Verb.base | could/AUX n't/PART Verb.base | should/AUX n't/PART Verb.base | ! ought/AUX
  to/PART Verb.base
Not = n't/PART {3} | not/PART
Be = very? mood | Where | a/DET Folk.sg | as/ADV mood as/ADP Person.sg {0.6} | very mood | there/ADV | at/ADP
  home/NOUN | afraid/ADJ of/ADP Animal.pl {0.4} | more/ADV careful/ADJ than/ADP Person.sg {0.5} | back/ADV {0.7} |
  on/ADP the/DET left/NOUN {0.4} | ! less/ADV mood than/ADP Person.sg | ! about/ADV number years/NOUN old/ADJ | !
  at/ADP Event.sg

Verb = Act.@ {7} | Act.@ When.@ {4} | Act.@ Where {2} | Act.@ and/CCONJ Act.@ {0.8} | try.@ to/PART Act.base {1.5} |
  wish.@ Thing.sg | wish.@ Thing.pl | wish.@ Person.sg | wish.@ Them | Say.@ {1.5} | Act.@ without/SCONJ Act.ing
  {0.3} | ! Act.@ ,/PUNCT Act.@ and/CCONJ Act.@
Verb.ing = Act.ing {7} | Act.ing When {4} | Act.ing Where {2} | Act.ing and/CCONJ Act.ing {0.8} | plan.ing to/PART
  Act.base | ! hope.ing that/SCONJ Short
Say = say.@ that/SCONJ Short {2} | say.@ Short | know.@ what/PRON Person.sg wanted/VERB {0.4} | ! ask.@
  whether/SCONJ Short | ! tell.@ Person.sg how/ADV to/PART Act.base
Short = Subject.sg was/AUX Be | Subject.pl were/AUX Be | he/PRON Past.sg | she/PRON Past.sg | name modal Act.base |
  it/PRON modal rain/VERB
Act = make.@ Food {3} | use.@ Thing.sg {3} | use.@ Thing.pl {2} | read.@ Text {2} | meet.@ Person.sg {2} | meet.@
  Them {2} | go.@ to Place {2} | go.@ how {1.5} | go.@ home/ADV | go.@ back/ADV | stay.@ how | stay.@ {1.5} | give.@
  Person.sg Thing.sg | give.@ Thing.sg to/ADP Person.sg | give.@ it/PRON to/ADP Them | take.@ Poss pet.sg for/ADP
  a/DET outing.sg {2} | take.@ them/PRON for/ADP a/DET outing.sg {0.5} | go.@ for/ADP a/DET outing.sg | have.@ a/DET
  Things.sg | have.@ breakfast/NOUN | seem.@ mood | look.@ at/ADP Thing.sg | look.@ for/ADP Thing.sg | take.@
  the/DET vehicle.sg to/ADP city | leave.@ the/DET Places.sg | turn.@ off/ADP the/DET light.sg | wake.@ up/ADP
  early/ADV | pick.@ up/ADP Thing.sg | do.@ the/DET work/NOUN | watch.@ Event.sg | come.@ back/ADV from/ADP city |
  back.@ the/DET plan.sg | light.@ a/DET fire/NOUN | water.@ the/DET plant.pl | park.@ the/DET car/NOUN | train.@
  Animal.sg | book.@ a/DET room/NOUN | ring.@ the/DET bell.sg | cook.@ for/ADP Them | plan.@ the/DET trip/NOUN |
  stay.@ like/ADP a/DET Folk.sg {0.5} | face.@ the/DET place.sg | close.@ the/DET window.sg | rise.@ early/ADV {0.5}
  | have.@ a/DET long/ADJ day/NOUN | work.@ hard/ADV | have.@ hard/ADJ work/NOUN | play.@ a/DET game.sg | go.@
  right/ADV past/ADP Place | turn.@ left/ADV at/ADP Place | answer.@ the/DET phone.sg | go.@ down/ADP the/DET
  hill/NOUN | sit.@ down/ADV | lie.@ on/ADP Poss back/NOUN | ! throw.@ Thing.sg away/ADV | ! put.@ Thing.sg on/ADP
  the/DET shelf/NOUN | ! water.@ Poss rose.pl | ! cut.@ the/DET grass/NOUN | ! book.@ a/DET seat/NOUN on/ADP the/DET
  vehicle.sg | ! paper.@ the/DET wall/NOUN | ! go.@ back/ADV and/CCONJ forth/ADV

Person = name {3} | People.@ {5} | the/DET person.@ who/PRON Past.@ {0.5} | ! the/DET person.@ whose/PRON pet.sg
  Past.sg
Person.pl = People.pl {5} | the/DET person.pl who/PRON Past.pl {0.5} | the/DET person.pl of/ADP city
People = Det.@ Folk.@ {4} | ! Det.@ Folk.@ in/ADP the/DET trait coat/NOUN
Folk = person.@ {4} | folk person.@ | very/ADV folk person.@ {0.2} | tired/ADJ person.@ {0.3}
Animal = Det.@ animal.@ {3} | Det.@ folk animal.@
Thing = Det.@ Things.@ {6} | the/DET thing.@ that/PRON I/PRON bought/VERB {0.6} | Det.@ thing.@ Where {0.4} |
  the/DET thing.@ that/PRON People.sg sold/VERB {0.4} | both/CCONJ Det.@ thing.@ and/CCONJ Det.@ thing.@ {0.2}
Things = thing.@ {4} | trait thing.@ {2} | text.@ | vehicle.@ | very? trait trait thing.@ {0.3} | kitchen/NOUN
  thing.@ {0.4} | back/ADJ door.@ {0.4} | second/ADJ book.@ {0.4} | school/NOUN text.@ {0.4} | right/ADJ key.@ {0.3}
Food = Det.sg food.sg | Det.pl food.pl | flavour? stuff {2} | a/DET cup/NOUN of/ADP stuff | number food.pl | a/DET
  flavour food.sg | a/DET drink/NOUN of/ADP water/NOUN {0.4} | some/DET stuff and/CCONJ stuff | ! no/DET more/ADJ
  stuff
Text = Det.sg text.sg | Det.pl text.pl | Det.sg trait text.sg | Det.sg text.sg about/ADP Animal.pl | a/DET text.sg
  from/ADP name | a/DET text.sg that/PRON Person.sg sent/VERB {0.5} | a/DET visit/NOUN report/NOUN {0.2}
Event = Det.sg event.sg
Place = the/DET Places.sg {5} | Poss Places.sg | city {0.4}
Places = place.@ {5} | size place.@ | next/ADJ village/NOUN {0.3}
Det.sg = the/DET {5} | a/DET {3} | Poss {4} | this/DET | that/DET {1.5} | another/DET {0.5} | every/DET {0.4}
Det.pl = the/DET {4} | Poss {3} | these/DET | those/DET | number | some/DET | many/ADJ {0.5} | no/DET {0.4} | !
  several/ADJ
Poss = my/PRON {3} | your/PRON | his/PRON | her/PRON {2} | our/PRON | their/PRON | name 's/PART | the/DET person.sg
  's/PART {0.5}
Them = him/PRON | her/PRON {2} | them/PRON | us/PRON | me/PRON | ! everybody/PRON
Where = in Place {3} | in/ADP city | on/ADP the/DET table/NOUN {0.7} | next/ADV to/ADP Place {0.6} | inside/ADV
  {0.3} | ! in/ADP front/NOUN of/ADP Place | ! opposite/ADP Place
When = this/DET period.sg {2} | on/ADP weekday | in/ADP month {0.7} | at/ADP hour {0.7} | every/DET day/NOUN |
  today/NOUN | before/ADP breakfast/NOUN | after/ADP Event.sg | until/ADP month {0.4} | all/DET day/NOUN | in/ADP
  the/DET period.sg | once/ADV again/ADV {0.4} | during/ADP Event.sg {0.6} | ! by/ADP weekday
When.past = yesterday/NOUN {2} | last/ADJ week/NOUN | number days/NOUN ago/ADV | in/ADP year | When {5}
When.part = since/ADP weekday | since/ADP year | twice/ADV | before/ADV | When
Front = on/ADP weekday {2} | in/ADP month | after/ADP Event.sg | today/NOUN {2} | perhaps/ADV | before/ADP Event.sg
  | now/ADV | ! afterwards/ADV | ! tonight/NOUN
Once = this/DET period.sg {4} | yesterday/NOUN {2} | last/ADJ week/NOUN | on/ADP weekday | in/ADP year | that/DET
  period.sg {2} | one/NUM day/NOUN | then/ADV | number days/NOUN ago/ADV | after/ADP Event.sg | ! two/NUM weeks/NOUN
  earlier/ADV
If = if/SCONJ | when/ADV | because/SCONJ | while/SCONJ | before/SCONJ | after/SCONJ | since/SCONJ | ! unless/SCONJ
While = while {5} | when/ADV
Oh = yes/INTJ | no/INTJ | well/INTJ | oh/INTJ | ! hello/INTJ | ! sorry/INTJ
Order = please/INTJ Act.base {2} | do/AUX n't/PART Act.base | Act.base | Act.base now/ADV | let/VERB us/PRON
  Act.base | never/ADV Act.base {0.5} | ! kindly/ADV Act.base
Ask = did/AUX Subject.pl Verb.base | do/AUX you/PRON often? Verb.base {2} | does/AUX Subject.sg Verb.base | can/AUX
  you/PRON Verb.base | will/AUX Subject.sg Verb.base | where/ADV did/AUX Subject.sg use.base Thing.sg | what/PRON
  did/AUX Person.sg say/VERB | who/PRON Past.sg | is/AUX Subject.sg Be | are/AUX you/PRON Be | why/ADV did/AUX
  you/PRON Act.base | which/DET text.sg did/AUX you/PRON read/VERB | how/ADV many/ADJ thing.pl do/AUX you/PRON
  have/VERB | where/ADV is/AUX Thing.sg | what/DET food.sg does/AUX name like/VERB | have/AUX you/PRON Verb.part |
  do/AUX n't/PART you/PRON Verb.base {0.5} | may/AUX I/PRON Act.base {0.6} | when/ADV does/AUX Event.sg begin/VERB |
  ! whose/PRON thing.sg is/AUX that/PRON | ! how/ADV long/ADV did/AUX Subject.pl stay/VERB | ! what/PRON are/AUX
  they/PRON make.ing
"""

# Verbs that a production names by themselves; nouns so named are regular.
VERBS = """
take:took:taken look turn wake:woke:woken pick do:did:done watch come:came:come back light:lit:lit water park
train book ring:rang:rung plan:planned:planned:planning face close work answer sit:sat:sat:sitting
leave:left:left rise:rose:risen follow cook have:had:had play lie:lay:lain:lying know:knew:known hope ask
tell:told:told throw:threw:thrown put:put:put:putting cut:cut:cut:cutting paper
"""

FORMS = ("base", "past", "part", "ing", "s")
Tokens = list[tuple[str, str]]


def _ending(word: str, plain: str) -> str:
    """Add -s, as verbs and nouns both do."""
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(s|sh|ch|x|z|o)$", word) else plain)


def verb(entry: str) -> dict[str, str]:
    """The five forms of `base:past:participle:ing`, regular where nothing is given."""
    base, past, part, ing = [*entry.split(":"), "", "", ""][:4]
    regular = base + "d" if base.endswith("e") else re.sub(r"(?<=[^aeiou])y$", "i", base) + "ed"
    past = past or regular
    ing = ing or re.sub(r"(?<=[^aeio])e$", "", base) + "ing"
    third = "has" if base == "have" else _ending(base, "s")
    return dict(zip(FORMS, (base, past, part or past, ing, third), strict=True))


def noun(entry: str) -> dict[str, str]:
    """The two numbers of `singular:plural`."""
    one, _, many = entry.partition(":")
    return {"sg": one, "pl": many or _ending(one, "s")}


class Grammar:
    """Rules and words, and sentences drawn from them; without `new`, what is marked `!` is never drawn."""

    def __init__(self, rng: random.Random, *, new: bool):
        self.rng, self.new = rng, new
        self.words: dict[str, tuple[str, list[str]]] = {}
        for line in re.sub(r"\n +", " ", LEXICON.strip()).split("\n"):
            head, _, words = line.partition(": ")
            name, tag = head.split()
            self.words[name] = tag, words.split()
        self.rules: dict[str, list[tuple[str, float]]] = {}
        for line in re.sub(r"\n +", " ", GRAMMAR.strip()).split("\n"):
            name, _, body = line.partition(" = ")
            self.rules[name] = [self._weighted(choice) for choice in re.split(r" \| ", body)]
        self.verbs = {entry.split(":")[0]: verb(entry) for entry in VERBS.split()}

    @staticmethod
    def _weighted(choice: str) -> tuple[str, float]:
        found = re.fullmatch(r"(.*) \{([\d.]+)\}", choice.strip())
        return (found[1], float(found[2])) if found else (choice.strip(), 1.0)

    def draw(self, kind: str, choices: list[tuple[str, float]]) -> str:
        """One of the choices by weight, of the new ones or of the known."""
        fresh = [c for c in choices if c[0].startswith("!") and not c[0].startswith("!/")]
        known = [c for c in choices if c not in fresh]
        choices = fresh if fresh and self.new and self.rng.random() < NEW[kind] else known
        at = self.rng.random() * sum(weight for _, weight in choices)
        text = choices[-1][0]
        for choice, weight in choices:
            at -= weight
            if at < 0:
                text = choice
                break
        return text.removeprefix("!").strip() if choices is fresh else text

    def expand(self, symbol: str, form: str = "") -> Tokens:
        """The tokens of a symbol; `form` is what `@` stands for in it."""
        if symbol.endswith("?") and symbol != "?":
            return self.expand(symbol[:-1], form) if self.rng.random() < OPTION else []
        if "/" in symbol:
            word, _, tag = symbol.rpartition("/")
            return [(word, tag)]
        name, _, own = symbol.partition(".")
        own = form if own == "@" else own
        rule = self.rules.get(f"{name}.{own}") or self.rules.get(name)
        if rule:
            return [token for part in self.draw("rule", rule).split() for token in self.expand(part, own)]
        if name not in self.words or (own in FORMS and self.words[name][0] != "VERB"):
            return [(self.verbs[name][own], "VERB") if own in FORMS else (noun(name)[own], "NOUN")]
        tag, words = self.words[name]
        word = self.draw("word", [(w, 1.0) for w in words])
        return [({"VERB": verb, "NOUN": noun}[tag](word)[own or "sg"] if tag in ("VERB", "NOUN") else word, tag)]

    def sentence(self) -> Tokens:
        """A sentence: capitals, and `an` in front of a vowel."""
        tokens = self.expand("Sentence")
        for i, (word, tag) in enumerate(tokens):
            following = tokens[i + 1][0] if i + 1 < len(tokens) else ""
            if (word, tag) == ("a", "DET") and re.match(r"[aeio]|um", following) and following != "one":
                word = "an"
            starts = i == 0 or (tokens[i - 1][0] == '"' and (i == 1 or tokens[i - 2][0] == ":"))
            tokens[i] = (word[0].upper() + word[1:] if starts else word), tag
        return tokens


def samples() -> dict[str, str]:
    """The texts by their split. No sentence stands twice in them, no noun, name or verb twice in a sentence."""
    rng = random.Random(SEED)
    seen: set[str] = set()
    texts = {}
    for split, size in SIZES.items():
        grammar = Grammar(rng, new=split != "train")
        lines: list[str] = []
        while len(lines) < size:
            tokens = grammar.sentence()
            line = " ".join(f"{word}/{tag}" for word, tag in tokens)
            content = [word for word, tag in tokens if tag in ("NOUN", "PROPN", "VERB")]
            if len(tokens) <= LONGEST and line not in seen and len(set(content)) == len(content):
                seen.add(line)
                lines.append(line)
        texts[split] = "".join(f"{line}\n" for line in lines)
    return texts


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for split, text in samples().items():
        (folder / f"pos-{split}.txt").write_text(text, encoding="utf-8", newline="\n")
