"""Rule 1: cuts a chunk (text between white space) into tokens. Frozen: models name it in their header.

Any change in its results needs a new rule in a new file; this one stays. One regular expression takes tokens from the
left; every character is in some token, because its last alternative is any character. It runs in linear time: a
lookahead is either part of the token it then takes, or bounded. It reads the shadow of a chunk (`_unicode.shadow`),
where one or a few characters stand for a class, so that it is short and compiles in milliseconds.
"""

from __future__ import annotations

import re

from seqcli.words._unicode import M, shadow

B = "[0-9A-Za-z_ä٠]"  # the first character of a word
W = f"[0-9A-Za-z_ä٠{M}]"  # a character inside a word: its marks too
D = "[0-9٠]"
M = f"[{M}]"
P = "[!-/:-@[-^`{-~‐‑’“”…·٫٬\U000f0000-\U0010ffff]"
_EMOJI_SEQUENCE = rf"[\U0001f000\U0001f3fb](?:{M}|\U0001f3fb|(?<=\u200d)\U0001f000)*+"
_FLAG = rf"\U0001f1e6{{1,2}}+{M}*+"

_TOP = "com|org|net|edu|gov|mil|info|biz|io|co|uk|us|ca|de|fr|eu|au|nl|ch|jp|cn|in|ru|tv|me|ly|gl"
_URL_END = r"[^\s<>\"“”'’….,;:!?*)\]}]"
_URL_BODY = rf"(?:\([^\s<>\"“”()]*+\)|[^\s<>\"“”()])*(?:\([^\s<>\"“”()]*+\)|(?!\(){_URL_END})"
_APOSTROPHE = "['’]"
_HYPHEN = "[-\u2010\u2011]"
_WORD = f"{B}{W}*+"
_FILE = "(?:docx?|xlsx?|pptx?|pdf|txt|csv|htm|html|exe|zip|gz|jpe?g|png|gif|mp3|mp4|py|url)"
_FILE = rf"(?:{_FILE}|{_FILE.upper()})(?!{W})"
# What joins two runs of word characters: an apostrophe, a hyphen, a period inside a word, AT&T, f**k, ab@CD.
_JOIN = (
    rf"(?:{_APOSTROPHE}|`(?=s(?!{W}))|{_HYPHEN}|(?<![0-9])\.(?=[a-z0-9])|(?<=[0-9])\.(?=[0-9]|{_FILE})|"
    rf"(?<=[A-Z])[.&](?=[A-Z])|(?<=[A-Za-z])@(?=[A-Z])|(?<=[a-z])\*{{1,8}}+(?=[a-z])|·)"
)
_UNIT = (
    "am|pm|AM|PM|Am|Pm|bn|mn|tn|[kKmbt]|mm|MM|cm|km|kg|mg|g|ml|lbs?|oz|ft|hrs?|mins?|secs?|mph|kmh|kph|kHz|MHz|GHz|"
    "[kKMGT]B|[kMG]W|[kMG]Wh|gb|mb|yrs?|M"
)
_ABBREVIATIONS = (
    "Mr|Mrs|Ms|Messrs|Mme|Dr|Drs|Prof|Rev|Hon|Fr|St|Sts|Ste|Mt|Ft|Jr|Sr|Esq|Gen|Lt|Col|Maj|Capt|Cpt|Cmdr|Sgt|Cpl|Adm|"
    "Gov|Sen|Sens|Rep|Reps|Pres|Amb|Sec|Supt|Inc|INC|Corp|CORP|Co|Cos|Ltd|LTD|Pvt|PVT|Bros|Assn|Dept|dept|Univ|Inst|"
    "Ave|Blvd|Rd|Hwy|Ln|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec|Mon|Tue|Tues|Wed|Thu|Thur|Thurs|Fri|Sat|Sun|"
    "No|Nos|Vol|vol|Fig|fig|Figs|Eq|Ch|ch|Para|eds|pp|vs|etc|eg|ie|cf|al|esp|Esp|viz|ca|approx|appt|est|"
    "ext|Ext|Attn|attn|tel|Tel|incl|misc|orig|resp|oz|lb|lbs|ft|Ph|Va|Pa|La|Md|Fla|Calif|Conn|Mich|"
    "Minn|Okla|Tenn|Tex|Wis|Ariz|Colo|Ky|Neb|Nev"
)
_EYES = "[:;=]"
_EMAIL = r"[A-Za-z0-9._%+\-]{1,64}+@[A-Za-z0-9\-]{1,63}+(?:\.[A-Za-z0-9\-]{1,63}){1,8}(?<=[A-Za-z0-9])"
_HOST = rf"(?<!{W})(?:[A-Za-z0-9\-]{{1,63}}+\.){{1,8}}(?:{_TOP})/{_URL_BODY}"
_LETTER_FIRST = (
    rf"(?:[Hh][Tt][Tt][Pp][Ss]?|[Ff][Tt][Pp])://{_URL_BODY}",
    rf"[Ww][Ww][Ww]\.{_URL_BODY}",
    rf"(?:mailto:)?{_EMAIL}",
    _HOST,
    # U.S., e.g., J., Mr.; the final period of a text is cut off again
    rf"(?P<period>(?<!{W})(?<!{W}[.'’&-])"
    rf"(?:(?:[A-Za-z]\.){{2,16}}|[A-Z]\.|(?:{_ABBREVIATIONS})\.|Ph\.D\.|[MB]\.Sc\.)(?!{W}|\.\.))",
    rf"(?:US|AU?|CA?|HK|NZ|CAN)\$|(?<!{W})(?:C\+\+|[CF]#)(?!{W})",
    rf"(?<!{W})(?:[A-Za-z]/[A-Za-z]|w/out)(?![/]|{W})",
)
_OTHER_FIRST = (
    _EMAIL,
    _HOST,
    rf"(?<!{W})@[A-Za-z0-9_]{{1,64}}+(?!{W})",
    rf"(?<!{W})#(?!{D}){_WORD}",
    rf"[0-9#*]\ufe0f?\u20e3{M}*+",
    _EMOJI_SEQUENCE,
    _FLAG,
    r"&(?:amp|lt|gt|quot|apos|nbsp|#[0-9]{1,6});",
    # emoticons; a letter, digit or bracket other than a round one is a mouth only if no word continues
    rf"[<>]?{_EYES}['’]?[-o^*~]?(?:\)++|\(++|[]\[}}{{|*@DPpOoSs3](?!{W}))",
    rf"(?<!{W}){_EYES}['’]?-?[/\\](?![/\\]|{W})",
    rf"</?3++(?!{W})|\(-?[:;=](?![-)(]|{W})|\^[_.-]?\^|(?<!{W})8-\)",
    r"[-=]{1,40}+>|<[-=]{1,40}+(?!>)",
    rf"(?P<number>(?:(?<!{W})(?<!\.)\.|(?<!{W})\+)?{D}++(?:[.,:/٫٬]{D}++)*+(?:{_HYPHEN}{D}++(?:[.,:/]{D}++)*+)*+"
    rf"(?:(?!{W}|{_HYPHEN}{_WORD}|{_APOSTROPHE}s(?!{W}))|(?=(?:{_UNIT})(?!{W}))))",
    rf"{D}++:{D}++(?:[.:]{D}++)*+",
    # 's and n't on their own (text that was split before), 'em, '90s
    rf"(?<!{W}){_APOSTROPHE}(?:s|m|re|ve|ll|d|em|[Tt]il|[Tt]is|[Tt]was|cause|bout|n|[0-9][0-9]s?)(?!{W})",
    rf"(?<!{W})\.(?:{_FILE}|NET(?!{W}))",
)
_TOKEN = re.compile(
    rf"(?=[A-Za-z])(?:{'|'.join(_LETTER_FIRST)})|(?![A-Za-z])(?:{'|'.join(_OTHER_FIRST)})|"
    rf"(?P<word>(?:{D}++(?:[.,:/]{D}++)++{_HYPHEN})?{_WORD}(?:{_JOIN}{_WORD})*+)|"
    rf"一{M}*+|[.!?]{{2,}}+|[-=]{{3,}}+|(?P<run>{P})(?P=run)*+{M}*+|{M}++|.",
    re.DOTALL | re.ASCII,
)
_CHARACTER = re.compile(rf"{_FLAG}|{_EMOJI_SEQUENCE}|.{M}*+", re.DOTALL)

# The Penn convention: do n't, it 's, we 'll, can not.
_CLITIC = re.compile(r"(?:n['’]t|['’`](?:s|m|re|ve|ll|d))$", re.IGNORECASE | re.ASCII)
_CLITIC_ENDS = frozenset("sStTmMeElLdD")  # this check rules out most words
_CONTRACTIONS = {
    **dict.fromkeys(("gonna", "gotta", "wanna", "lemme", "gimme", "cannot"), 3),
    **dict.fromkeys(("dont", "cant", "wont", "aint"), 2),
    **dict.fromkeys(("didnt", "isnt", "wasnt", "arent", "hasnt", "hadnt"), 3),
    **dict.fromkeys(("doesnt", "werent", "havent"), 4),
    **dict.fromkeys(("couldnt", "wouldnt", "shouldnt"), -2),
    **dict.fromkeys(("im", "ive"), 1),
}
# No cut at a hyphen next to these (English Treebank guidelines), or in what looks like a telephone number or a date.
_PREFIXES = (
    "agro ante anti arch bi bio co counter cross cyber de e eco ex extra intra macro mega meta micro mid mini multi "
    "neo non over pan para post pre pro pseudo psycho quasi re semi sub super trans tri ultra un uni x"
)
_SUFFIXES = "esque ette fest fold gate itis less most rama ish"
_PREFIX, _SUFFIX = frozenset(_PREFIXES.split()), frozenset(_SUFFIXES.split())
_SERIAL = re.compile(
    rf"{D}++(?:[./]{D}++)*+(?:{_HYPHEN}{D}++){{2,}}|(?:{D}{{3}}/)?(?:{D}{{3}}|{D}{{5}}|{D}){_HYPHEN}{D}{{4}}"
)


def characters(chunk: str) -> list[int]:
    """Return the ends of a chunk's characters, each with its marks; a flag or an emoji sequence is one."""
    return [m.end() for m in _CHARACTER.finditer(shadow(chunk))]


def words(chunk: str, clitics: bool, hyphens: bool, last: bool) -> list[int]:
    """Return the ends of a chunk's tokens; `last`: it ends its text, so that a final period ends the sentence."""
    ends: list[int] = []
    chunk = shadow(chunk)
    for m in _TOKEN.finditer(chunk):
        start, end, kind = m.start(), m.end(), m.lastgroup
        if kind == "period":
            if last and end == len(chunk):
                ends.append(end - 1)
        elif kind == "word" or kind == "number":
            tail = _clitics(chunk, start, end) if clitics and kind == "word" else []
            if hyphens:
                ends += _hyphens(chunk, start, tail[0] if tail else end)
            ends += tail
        ends.append(end)
    return ends


def _clitics(chunk: str, start: int, end: int) -> list[int]:
    """Return where a word's clitics begin, in order: at most three."""
    if end - start <= 8 and (at := _CONTRACTIONS.get(chunk[start:end].lower())):
        return [start + at if at > 0 else end + at]
    cuts: list[int] = []
    while len(cuts) < 3 and end - start > 2 and chunk[end - 1] in _CLITIC_ENDS:
        found = _CLITIC.search(chunk, max(start + 1, end - 3), end)
        if found is None or (chunk[found.start() - 1] in "0123456789" and found.group()[1:] in "sS"):  # the 1970's
            break
        end = found.start()
        cuts.insert(0, end)
    return cuts


def _hyphens(chunk: str, start: int, end: int) -> list[int]:
    """Return the ends inside a word or number, before and after each hyphen that separates."""
    token = chunk[start:end]
    if len(token) < 3 or not re.search(_HYPHEN, token) or _SERIAL.fullmatch(token):
        return []
    ends, begin = [], 0
    for m in re.finditer(_HYPHEN, token):
        following = token[m.end() : m.end() + 8].lower()
        if token[begin : m.start()].lower() not in _PREFIX and following not in _SUFFIX:
            ends += [start + m.start(), start + m.end()]
        begin = m.end()
    return ends
