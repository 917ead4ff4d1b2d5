"""Dates as people write them, with their ISO form: `the 3rd of May 2021` and `2021-05-03`; made from a seed.

40,000 pairs to train on, 1,000 to validate, 1,000 to test; every source occurs once. Days are drawn evenly from
1900-01-01 to 2099-12-31. A quarter of the sources is English, an eighth each is German, French, Spanish, Italian,
Dutch, or digits alone.

- Months by name or abbreviation; days as digits (3, 03), ordinals (3rd, 3., 1er, 1º, 3e) or words (third,
  twenty-first, einundzwanzigste, vingt et un, veintiuno, ventuno, eenentwintigste); sometimes the day of the week.
- Digits alone are year, month, day if the year comes first (separated by -, / or nothing); with dots they are day,
  month, year; with - or / and the year last, the day comes first or second, but is above 12.
- Two digits of a year ('21, or after dots) stand for one of 1950 to 2049.
- Two in ten are lower-case, one is upper-case, one has a capital at every word; the rest follows the language.
- Typing errors: in three of ten sources with such a word, one letter of a month, a day or a day of the week is
  doubled, dropped or swapped with the next, if the word has at least four letters and the result could not be a
  misspelling of a word with another meaning; in one of ten a space is doubled or added before a comma, in one of ten
  a comma is missing. Digits have no errors.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

COUNTS = {"test": 1_000, "valid": 1_000, "train": 40_000}
FIRST, LAST = date(1900, 1, 1), date(2099, 12, 31)
TYPO, SPACES, COMMA = 0.3, 0.1, 0.1  # shares

MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
SHORT = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "fr": "janv févr mars avr mai juin juil août sept oct nov déc",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
    "it": "gen feb mar apr mag giu lug ago set ott nov dic",
    "nl": "jan feb mrt apr mei jun jul aug sep okt nov dec",
}
WEEKDAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "nl": "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag",
}
DAYS = {  # in words: ordinals, or cardinals from the second on, depending on the language; 20 to 31 follow
    "en": "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
    " fifteenth sixteenth seventeenth eighteenth nineteenth",
    "de": "erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte elfte zwölfte dreizehnte vierzehnte"
    " fünfzehnte sechzehnte siebzehnte achtzehnte neunzehnte",
    "fr": "premier deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept"
    " dix-huit dix-neuf",
    "es": "primero dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis"
    " diecisiete dieciocho diecinueve",
    "it": "primo due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici"
    " diciassette diciotto diciannove",
    "nl": "eerste tweede derde vierde vijfde zesde zevende achtste negende tiende elfde twaalfde dertiende veertiende"
    " vijftiende zestiende zeventiende achttiende negentiende",
}
_TWENTIES = {
    "en": "twentieth,twenty-first,twenty-second,twenty-third,twenty-fourth,twenty-fifth,twenty-sixth,twenty-seventh,"
    "twenty-eighth,twenty-ninth,thirtieth,thirty-first",
    "de": "zwanzigste,einundzwanzigste,zweiundzwanzigste,dreiundzwanzigste,vierundzwanzigste,fünfundzwanzigste,"
    "sechsundzwanzigste,siebenundzwanzigste,achtundzwanzigste,neunundzwanzigste,dreißigste,einunddreißigste",
    "fr": "vingt,vingt et un,vingt-deux,vingt-trois,vingt-quatre,vingt-cinq,vingt-six,vingt-sept,vingt-huit,"
    "vingt-neuf,trente,trente et un",
    "es": "veinte,veintiuno,veintidós,veintitrés,veinticuatro,veinticinco,veintiséis,veintisiete,veintiocho,"
    "veintinueve,treinta,treinta y uno",
    "it": "venti,ventuno,ventidue,ventitré,ventiquattro,venticinque,ventisei,ventisette,ventotto,ventinove,trenta,"
    "trentuno",
    "nl": "twintigste,eenentwintigste,tweeëntwintigste,drieëntwintigste,vierentwintigste,vijfentwintigste,"
    "zesentwintigste,zevenentwintigste,achtentwintigste,negenentwintigste,dertigste,eenendertigste",
}
# {d} 3  {dd} 03  {o} the ordinal's digits  {word}  {month}  {mon} its abbreviation  {m} {mm}  {week}  {Y} {yy}
FORMS = {
    "en": """{month} {d}, {Y}|{month} {o}, {Y}|{d} {month} {Y}|{o} {month} {Y}|{o} of {month} {Y}|{mon} {d}, {Y}|
        the {o} of {month} {Y}|the {o} of {month}, {Y}|the {word} of {month} {Y}|{month} the {word}, {Y}|
        {month} {word}, {Y}|{week}, {month} {d}, {Y}|{week}, {d} {month} {Y}|{week} the {o} of {month} {Y}|
        {week}, the {word} of {month}, {Y}|{mon}. {d}, {Y}|{dd}-{mon}-{Y}|{dd} {mon} {Y}|{Y} {month} {d}|
        {d} {month} '{yy}|{mon} {d}, '{yy}""",
    "de": """{d}. {month} {Y}|{dd}. {month} {Y}|{week}, {d}. {month} {Y}|{week}, den {d}. {month} {Y}|{d}. {mon} {Y}|
        am {d}. {month} {Y}|der {d}. {month} {Y}|der {word} {month} {Y}|am {word}n {month} {Y}|
        {week}, der {word} {month} {Y}|{d}. {mon}. {Y}|{d}. {month} '{yy}""",
    "fr": """{o} {month} {Y}|le {o} {month} {Y}|{week} {o} {month} {Y}|le {week} {o} {month} {Y}|{o} {mon}. {Y}|
        {dd} {mon} {Y}|le {word} {month} {Y}|{week} {word} {month} {Y}|{dd} {month} {Y}|le {o} {month} '{yy}""",
    "es": """{d} de {month} de {Y}|el {d} de {month} de {Y}|{week}, {d} de {month} de {Y}|{d} {mon} {Y}|
        {week} {d} de {month} de {Y}|{d} de {month}, {Y}|{word} de {month} de {Y}|el {word} de {month} de {Y}|
        {dd} {mon}. {Y}|{o} de {month} del {Y}|{d} de {month} de '{yy}""",
    "it": """{d} {month} {Y}|{o} {month} {Y}|{the}{o} {month} {Y}|{week} {d} {month} {Y}|{week}, {o} {month} {Y}|
        {dd} {mon} {Y}|{d} {mon}. {Y}|{the}{word} {month} {Y}|{week} {word} {month} {Y}|{d} {month} '{yy}""",
    "nl": """{d} {month} {Y}|{week} {d} {month} {Y}|{week}, {d} {month} {Y}|op {d} {month} {Y}|{dd} {mon} {Y}|
        {d} {mon}. {Y}|de {o} {month} {Y}|de {word} {month} {Y}|{week} de {word} {month} {Y}|op de {o} {month} {Y}|
        {d} {month} '{yy}""",
    "digits": """{Y}-{mm}-{dd}|{Y}/{mm}/{dd}|{Y}/{m}/{d}|{Y}{mm}{dd}|{dd}.{mm}.{Y}|{d}.{m}.{Y}|{d}. {m}. {Y}|
        {dd}.{mm}.{yy}|{dd}/{mm}/{Y}|{mm}/{dd}/{Y}|{d}/{m}/{Y}|{m}/{d}/{Y}|{dd}-{mm}-{Y}|{mm}-{dd}-{Y}""",
}
LANGUAGES = ("en", *FORMS)  # English twice as often
_LATE = re.compile(r"\{[md]+\}[/-]\{[md]+\}[/-]")  # only a number above 12 shows which of the two is the day
_LONG = 4  # least letters of a word that may have a typing error


class _Form(NamedTuple):
    parts: list[str]  # text, field, text, field, …, text
    late: bool  # for days above 12
    short: bool  # with two digits of the year


def _forms(written: str) -> list[_Form]:
    found = [form.strip() for form in written.split("|")]
    return [_Form(re.split(r"\{(\w+)\}", f), bool(_LATE.match(f)), "{yy}" in f) for f in found]


_FORMS = {language: _forms(written) for language, written in FORMS.items()}


def day_words(language: str) -> list[str]:
    """Return the days of a month in words, the first at 0."""
    return DAYS[language].split() + _TWENTIES[language].split(",")


_WORDS = {language: day_words(language) for language in DAYS}
_NAMES = {"month": MONTHS, "mon": SHORT, "week": WEEKDAYS}
_LISTS = {field: {language: names.split() for language, names in of.items()} for field, of in _NAMES.items()}


def typos(word: str) -> Iterator[str]:
    """Yield the word with one letter doubled, dropped, or swapped with the next, in order."""
    for i, letter in enumerate(word):
        if letter.isalpha():
            yield word[:i] + letter + word[i:]
            yield word[:i] + word[i + 1 :]
            after = word[i + 1 : i + 2]
            if after.isalpha() and after != letter:
                yield word[:i] + after + letter + word[i + 2 :]


def meanings() -> dict[str, set[tuple[str, int]]]:
    """Return what each word, with or without a typing error, can mean in any of the languages: (what, number)."""
    found: dict[str, set[tuple[str, int]]] = {}
    for what, of in (("month", _LISTS["month"]), ("month", _LISTS["mon"]), ("day", _WORDS), ("week", _LISTS["week"])):
        for language, words in of.items():
            for number, word in enumerate(words, 1):
                for form in (word, word + "n") if what == "day" and language == "de" else (word,):
                    for wrong in (form, *typos(form)):
                        found.setdefault(wrong.lower(), set()).add((what, number))
    return found


def _ordinal(language: str, day: int) -> str:
    if language == "en":
        ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
        return f"{day}{ending}"
    first = {"fr": "1er", "es": "1º", "it": "1º"}
    return f"{day}e" if language == "nl" else first[language] if day == 1 else str(day)


def _field(name: str, language: str, day: date) -> str:
    """Return a field of a form in a language."""
    d, m, y = day.day, day.month, day.year
    if name in _LISTS:
        return _LISTS[name][language][day.weekday() if name == "week" else m - 1]
    if name == "word":
        return _WORDS[language][d - 1]
    if name == "o":
        return _ordinal(language, d)
    if name == "the":
        return "l'" if d in (8, 11) else "il "
    return {"d": str(d), "dd": f"{d:02}", "m": str(m), "mm": f"{m:02}", "Y": str(y), "yy": f"{y % 100:02}"}[name]


class Writer:
    """A writer of days in forms that it draws with a generator's random() alone, which is the same on every
    Python."""

    def __init__(self, rng: random.Random):
        self._rng, self._meanings = rng, meanings()

    def _below(self, count: int) -> int:
        return int(self._rng.random() * count)

    def write(self, day: date) -> str:
        """Return a day as somebody might write it."""
        language = LANGUAGES[self._below(len(LANGUAGES))]
        form = None
        while form is None or (form.late and day.day <= 12) or (form.short and not 1950 <= day.year <= 2049):
            form = _FORMS[language][self._below(len(_FORMS[language]))]
        parts = [_field(part, language, day) if i % 2 else part for i, part in enumerate(form.parts)]
        words = [i for i in range(1, len(parts), 2) if form.parts[i] in ("month", "mon", "week", "word")]
        words = [i for i in words if sum(map(str.isalpha, parts[i])) >= _LONG]
        if words and self._rng.random() < TYPO:
            i = words[self._below(len(words))]
            parts[i] = self._mistyped(parts[i])
        text = self._spaced("".join(parts))
        case = self._below(10)
        if case == 3:
            return re.sub(r"(?<!\S)\w", lambda found: found[0].upper(), text)
        return text.lower() if case < 2 else text.upper() if case == 2 else text

    def _mistyped(self, word: str) -> str:
        """Return the word with a typing error that leaves its meaning clear; unchanged if none is found."""
        known, choices = self._meanings[word.lower()], [*typos(word)]
        for _ in range(4):
            wrong = choices[self._below(len(choices))]
            if self._meanings[wrong.lower()] == known and len(known) == 1:
                return wrong
        return word

    def _spaced(self, text: str) -> str:
        if "," in text and self._rng.random() < COMMA:
            text = text.replace(",", "", 1)
        spaces = [i for i, letter in enumerate(text) if letter in " ,"]
        if spaces and self._rng.random() < SPACES:
            i = spaces[self._below(len(spaces))]
            text = f"{text[:i]} {text[i:]}"
        return text


def splits(seed: int = 1) -> dict[str, list[tuple[str, str]]]:
    """Return the pairs (source, ISO date) of each split; no source is in two splits."""
    rng = random.Random(seed)
    write, seen, days = Writer(rng).write, set(), (LAST - FIRST).days + 1
    found: dict[str, list[tuple[str, str]]] = {split: [] for split in COUNTS}
    for split, count in COUNTS.items():
        while len(found[split]) < count:
            day = FIRST + timedelta(days=int(rng.random() * days))
            source = write(day)
            if source not in seen:
                seen.add(source)
                found[split].append((source, day.isoformat()))
    return found
