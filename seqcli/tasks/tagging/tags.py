"""Handle the tags of sentences: several targets, and the scheme in which spans are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from seqcli import console, schemes
from seqcli.errors import SeqcliError
from seqcli.records import NOT, NOTHING, Sentence, is_open

TURNED = re.compile(r"\w+-[BIESLU]")  # PER-B


def aimed(sentence: Sentence, name: str) -> Sentence:
    """Return a sentence with the tags of a further target; unchanged if it has none by that name."""
    if name not in sentence.features:
        return sentence
    return replace(sentence, tags=sentence.features[name], tag_places=())


def with_tags(sentence: Sentence, name: str, tags: list[str]) -> Sentence:
    """Return the sentence with `tags` as those of a further target."""
    if sentence.features.get(name) == tags:
        return sentence
    return replace(sentence, features={**sentence.features, name: tags})


def in_one_scheme(
    splits: dict[str, list[Sentence]], format_name: str, wanted: str, *, partial: bool = False
) -> tuple[dict[str, list[Sentence]], str | None]:
    """Return the splits with their tags in the training split's scheme, and that scheme; `partial`: tags may be
    open."""
    train = splits["train"] if partial else _outside(splits["train"], format_name)
    scheme = _scheme(wanted, train, partial=partial)
    others = {split: in_scheme(s, scheme, split, partial=partial) for split, s in splits.items() if split != "train"}
    return {split: others.get(split, train) for split in splits}, scheme


def _outside(sentences: list[Sentence], format_name: str) -> list[Sentence]:
    """Return sentences of CoNLL-U with O outside spans, where that format has no key."""
    if format_name != "conllu" or not any("_" in (s.tags or []) for s in sentences):
        return sentences
    changed = [replace(s, tags=["O" if tag == "_" else tag for tag in s.tags or []]) for s in sentences]
    return changed if schemes.recognise([s.tags or [] for s in changed]) else sentences


def in_scheme(sentences: list[Sentence], scheme: str | None, what: str, *, partial: bool = False) -> list[Sentence]:
    """Return sentences with their tags in a scheme, converted if they are in another. Raises SeqcliError if they need
    conversion but some tags are open."""
    if not scheme:
        return sentences
    if partial and (first := next((s for s in sentences if any(map(is_open, s.tags or ()))), None)):
        known = _known(sentences)
        own = schemes.recognise(known)
        if own in (None, scheme) or not (count := schemes.violations(known, scheme)):
            return sentences
        if own in schemes.LETTERS or scheme in schemes.LETTERS:  # their tags differ
            said = f"{first.place(0, tag=True)}: {what} writes its spans in {own}, the training split in {scheme}"
            raise SeqcliError(said, hint="partly known tags must be in the scheme of the training split")
        console.say(f"{what}: {count:,} tags break {scheme}; they are read by conlleval's rules")
        return sentences
    tags = [["O" if tag == "_" else tag for tag in s.tags or []] for s in sentences]
    own = schemes.recognise(tags)
    if own in (None, scheme):
        if not any("_" in (s.tags or []) for s in sentences):
            return sentences
    elif schemes.violations(tags, scheme):
        console.say(f"{what}: spans are written in {own}; they are read as {scheme}")
        tags = [schemes.convert(t, own, scheme) for t in tags]
    return [replace(s, tags=t) for s, t in zip(sentences, tags, strict=True)]


def in_schemes(
    sentences: list[Sentence],
    scheme: str | None,
    further: Mapping[str, str | None],
    what: str,
    *,
    partial: bool = False,
) -> list[Sentence]:
    """Do as `in_scheme` for sentences of other data, including their tags of `further` targets if they have any."""
    found = in_scheme(sentences, scheme, what, partial=partial)
    for target, wanted in further.items():
        if any(target not in s.features for s in found):
            continue
        own = in_scheme([aimed(s, target) for s in found], wanted, what)
        found = [with_tags(s, target, a.tags or []) for s, a in zip(found, own, strict=True)]
    return found


def _scheme(wanted: str, sentences: list[Sentence], *, partial: bool) -> str | None:
    """Return the scheme of the tags, as `wanted` or as detected; warns about tags that break it."""
    if wanted == "none":
        return None
    tags = _known(sentences) if partial else [s.tags or [] for s in sentences]
    scheme = schemes.recognise(tags) if wanted == "auto" else wanted
    if scheme and (count := schemes.violations(tags, scheme)):
        console.warn(f"{count:,} tags of the training split break {scheme}; they are read by conlleval's rules")
    return scheme


def _known(sentences: list[Sentence]) -> list[list[str | None]]:
    """Return the tags of sentences, with None for open ones."""
    return [[None if is_open(tag) else tag for tag in s.tags or ()] for s in sentences]


def odd_tags(tags: Counter[str], *, literal: bool, spans: bool) -> Iterator[str]:
    """Yield what should be checked about counted tags: open ones, if they are read literally, and spans written the
    wrong way round, if none were recognised."""
    if literal and (tag := next((t for t in tags if t == NOTHING or (t[0] == NOT and len(t) > 1)), None)):
        yield f"the tag {tag} is learnt like any other: data.partial: true reads it as unknown or partly known"
    turned = [tag for tag in tags if TURNED.fullmatch(tag)]
    if not spans and len(turned) * 2 > len(tags):
        tag = max(turned, key=lambda t: tags[t])
        right = "-".join(reversed(tag.rsplit("-", 1)))
        yield f"the tags look like spans written the wrong way round: write {right} instead of {tag}"
