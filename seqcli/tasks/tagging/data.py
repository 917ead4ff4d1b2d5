"""Read sentences with a tag for each word: CoNLL columns, CoNLL-U, JSON lines, word/TAG; or label plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from seqcli import registry
from seqcli.datasets import corpus, sources, targets
from seqcli.datasets.corpus import Records, known_format, stated
from seqcli.datasets.entry import Encoding
from seqcli.datasets.reading import Reading
from seqcli.datasets.replay import SPLIT as REPLAY
from seqcli.datasets.replay import ReplaySpec
from seqcli.errors import UsageError, did_you_mean
from seqcli.files import named
from seqcli.frames import content
from seqcli.records import TAGGED, Options, Sentence, conllu, detect, formats_of, spaced
from seqcli.tasks.tagging.paragraphs import JOINED, paragraphs
from seqcli.tasks.tagging.partial import outside, readable
from seqcli.tasks.tagging.tags import aimed, in_one_scheme, in_scheme, in_schemes, odd_tags, with_tags

# The formats that have tags, with those that hold nothing else first.
FORMATS = sorted(formats_of(TAGGED, "GOLD"), key=lambda name: len(registry.constant("records", name, "GOLD")))
Format = Annotated[str | None, known_format(FORMATS, "with tags")]
TOKENIZED = False  # the data gives words: a recipe has no tokenizer
OF_TEXT = ("vectors", "keep_all_vectors", "restore")  # keys that do not apply to frames
NO_TAGS = "<none>"  # the name of a column of tags that does not exist


Kinds = Annotated[list[str], Field(min_length=1)] | None
Tags = str | Annotated[list[str], Field(min_length=1)] | None


class Config(BaseModel, extra="forbid"):
    """Recipe keys of `data` for tagging."""

    train: sources.Files  # a name, a path, a glob, `-`, or a list of paths and globs
    valid: sources.Held = None  # a share of the sentences, or files; default: the named data set's split, else none
    test: sources.Held = None
    format: Format = None  # conll, conllu, word-tag, jsonl; default: from the data set or the file's name
    columns: list[str] | None = None  # conll: the name of each column, as [word, pos, chunk]; _ for one not read
    tag: Tags = None  # their column (conll), field (conllu: upos, feats.Number, misc.NER) or key (jsonl), or several
    partial: bool = False  # tags may be unknown (_, null), one of several (NOUN|PROPN, a list), none of some (!PER)
    annotated: Kinds = None  # the only kinds of span marked in the training split: O may hide others
    edits: list[str] | None = None  # targets whose tags are edits of the word; default: the one named lemma
    separator: str = "auto"  # conll: tab, space, or any text
    comments: str | None = None  # conll: lines that begin with this are comments
    field: str | None = None  # jsonl: the key of the words
    scheme: Literal["auto", "none", "iob1", "iob2", "iobes", "bilou", "bmes", "bmewo"] = "auto"  # of span tags
    restore: str | None = None  # spaces, diacritics, case or sentences: labels for characters, made from plain text
    longest: Annotated[int, Field(gt=0)] = 512  # words of a training sentence; a longer one is split in training
    replay: ReplaySpec = None  # with --init-from: this share of an epoch comes from the model's earlier training data
    vectors: str | None = None  # word vectors: word2vec text, GloVe or fastText
    keep_all_vectors: bool = False  # keep vectors of words that the training split lacks too
    encoding: Encoding = "utf-8"

    @field_validator("restore")
    @classmethod
    def _known_restoration(cls, value: str | None) -> str | None:
        known = registry.names("restoration")
        if value is not None and value not in known:
            raise ValueError(f"cannot restore {value!r}; known: {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _tag_among_columns(self) -> Config:
        names = [self.tag] if isinstance(self.tag, str) else self.tag or []
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"tag: {twice[0]!r} is named twice")
        for name in names if self.columns else ():
            if name not in (self.columns or ()):
                raise ValueError(f"tag: no column is named {name!r}; columns: {', '.join(self.columns or ())}")
        if len(names) > 1 and self.scheme not in ("auto", "none"):
            raise ValueError("scheme: with several targets each has its own, found from its tags; remove this key")
        if self.annotated and not self.partial:
            raise ValueError("annotated: makes O a tag that is known in part; set partial: true too")
        others = {"several targets": len(names) > 1, "edits of words": self.edits, "restore": self.restore}
        others |= {"lemmas": any(name.lower() in targets.LEMMAS for name in names)}
        if self.partial and (has := [name for name, there in others.items() if there]):
            raise ValueError(f"partial: tags known in part cannot be combined with {has[0]}")
        if odd := [name for name in self.edits or () if name not in names]:
            raise ValueError(f"edits: {odd[0]!r} is not one of the targets that tag names")
        odd = [k for k in ("columns", "tag", "comments", "field") if getattr(self, k)]
        odd += ["format"] if self.format not in (None, "conllu") else []
        if self.restore and odd:
            raise ValueError(f"{odd[0]}: restore reads plain text and makes the labels itself; remove one of the two")
        return self


@dataclass(frozen=True)
class Corpus(corpus.Corpus[Sentence]):
    """The sentences of each split, their tags as written; those of further targets are among `features`."""

    scheme: str | None  # of the tags, if they are spans
    schemes: Mapping[str, str | None] = field(default_factory=dict)  # of further targets
    edits: Collection[str] = ()  # targets whose tags are edits of the word; "": the only target

    UNIT = "words"

    @staticmethod
    def given(record: Sentence) -> Any:
        return tuple(content(record) or record.words)

    def doubts(self) -> list[str]:
        """Return the usual doubts, and those about the tags."""
        tags = Counter(tag for s in self.splits["train"] for tag in s.tags or ())
        literal = not self.config.partial and self.format not in ("conllu", "text")
        return [*super().doubts(), *odd_tags(tags, literal=literal, spans=self.scheme is not None)]

    @property
    def targets(self) -> list[str]:
        """The targets, if there are several; the sentences' own tags are those of the first."""
        return [str(self.options.tag), *self.options.further_tags] if self.schemes else []

    def of(self, name: str) -> Corpus:
        """Return the corpus with the tags of only one of several targets."""
        if name not in self.schemes:
            return self
        splits = {split: [aimed(s, name) for s in own] for split, own in self.splits.items()}
        return replace(self, splits=splits, scheme=self.schemes[name])

    def replaying(self, name: str, records: Sequence[Sentence]) -> Corpus:
        found = super().replaying(name, records)
        sentences = in_schemes(found.earlier, self.scheme, self.schemes, name, partial=self.config.partial)
        return replace(found, splits={**found.splits, REPLAY: sentences})

    @property
    def restore(self) -> str | None:
        """What the labels restore, if they are made from plain text."""
        return self.config.restore

    @staticmethod
    def filled(records: Sequence[Sentence]) -> bool:
        return any(s.words for s in records)

    def pieces(self, split: str) -> list[Sentence]:
        """Return the sentences of a split, with those of more than `longest` words split into pieces."""
        found = []
        for s in self.splits.get(split, ()):
            text, places = (s.text, s.offsets) if s.offsets is not None else spaced(s.words)
            for first in range(0, len(s.words), self.config.longest):
                part = slice(first, first + self.config.longest)
                features = {name: values[part] for name, values in s.features.items()}
                tags = s.tags[part] if s.tags is not None else None
                found.append(
                    replace(
                        s,
                        words=s.words[part],
                        tags=tags,
                        features=features,
                        text=text,
                        offsets=places[part],
                        frames=None if s.frames is None else s.frames[part],
                        states=None if s.states is None else s.states[part],
                    )
                    if first or len(s.words) > self.config.longest
                    else s
                )
        return found

    def facts(self, *columns: Any) -> dict[str, Any]:
        found = {**super().facts(*columns), "restore": self.restore, "scheme": self.scheme}
        if self.schemes:
            found["schemes"] = dict(self.schemes)
        if self.config.partial:
            found["partial"] = True
        del found["roles"]
        return found

    def sha256(self, split: str, header: Mapping[str, Any]) -> str:
        return fingerprint(self.splits[split], [*header["model"].get("features", []), *self.schemes])

    def about(self, records: Sequence[Sentence], *columns: Any) -> dict[str, Any]:
        sizes = {"sentences": len(records), "tokens": sum(len(s.words) for s in records)}
        return {**sizes, "sha256": fingerprint(records, *columns)}


def fingerprint(sentences: Iterable[Sentence], features: Sequence[str] = ()) -> str:
    """Return the hexadecimal sha256 of words, tags, further columns that a model reads, and files that texts name;
    the same in every format."""
    return corpus.digest(
        [s.words, s.tags, *(s.features.get(name) for name in features), *content(s)] for s in sentences
    )


def open_corpus(config: Config, base: Path, *, numbers: bool = False) -> Corpus:
    """Find, read and check the splits; `numbers`: words are vectors. Raises SeqcliError with file:line:column for
    what cannot be read."""
    plan = sources.Plan.of(config, base)
    format_name = plan.format(config.format, _guess_text if config.restore else guess)
    if config.restore and format_name != "conllu":
        format_name = "text"
    several, first = targets.named(config.tag), targets.first_of(config.tag) or plan.settings.get("tag")
    own = {**plan.settings, **stated(config, TAGGED), "tag": first, "further_tags": tuple(several[1:])}
    options = Options(TAGGED, **own, gold=not config.restore, numbers=numbers, partial=config.partial)
    records = Records(format_name, options, plan.encoding)
    splits = {
        split: list(read_sentences(records, paths, config.restore, f"reading {split}", joined=split == "train"))
        for split, paths in plan.files.items()
    }
    splits |= _share_out(splits["train"], plan.shares)
    for name in several[1:]:
        if lacking := next((s for own in splits.values() for s in own if name not in s.features), None):
            raise UsageError(f"data.tag: {lacking.place(0)}: {format_name} has no {name!r} here")
    scheme, further = None, {}
    edits = {name for name in several if name.lower() in targets.LEMMAS} if config.edits is None else config.edits
    if not config.restore:
        wanted = "none" if edits and not several else config.scheme
        splits, scheme = in_one_scheme(splits, format_name, wanted, partial=config.partial)
    if config.partial:
        if scheme is None and format_name == "conllu" and conllu.field_of(first or "upos").key:
            hint = "words without the key can be tags known in part only if the key marks spans; remove partial"
            raise UsageError(f"data.partial: the tags of {first} mark no spans", hint=hint)
        if config.annotated is not None:
            own = {split: splits[split] for split in ("train", *plan.shares)}
            splits = splits | outside(own, config.annotated, scheme)
        for split, sentences in splits.items():
            readable(sentences, f"the {split} split")
    for name in several[1:]:
        own = {split: [aimed(s, name) for s in given] for split, given in splits.items()}
        own, further[name] = in_one_scheme(own, format_name, "none" if name in edits else config.scheme)
        for split, given in splits.items():
            splits[split] = [with_tags(s, name, a.tags or []) for s, a in zip(given, own[split], strict=True)]
    found = set(edits) if several else {""} if edits else set()
    about = {"scheme": scheme, "schemes": further, "edits": found}
    return Corpus.made(config, plan, format_name, options, splits, roles={}, **about)


def read_sentences(
    records: Records, paths: Sequence[str | Path], restore: str | None = None, what: str = "", *, joined: bool = False
) -> Iterator[Sentence]:
    """Yield the records with words, in order; with `restore`, made from plain text. `joined`: see `paragraphs`."""
    restoration, found = registry.load("restoration", restore) if restore else None, records.read(paths, what)
    if running := restore and registry.constant("restoration", restore, "RUNNING"):
        found = paragraphs(found, joined=JOINED if joined else 0.0)
    for sentence in found:
        if restoration and not running:
            words, tags = restoration.strip(sentence.text)
            plain = {"features": {}, "places": (), "tag_places": (), "offsets": None}
            sentence = replace(sentence, words=words, tags=tags, **plain)
        if sentence.words:
            yield sentence


def _share_out(train: list[Sentence], shares: dict[str, float]) -> dict[str, list[Sentence]]:
    """Split the shares off the end of the training split, in sentences: train | valid | test."""
    if not shares:
        return {}
    end, found = len(train), {}
    for split in reversed(list(shares)):
        begin = end - round(shares[split] * len(train))
        found[split], end = train[begin:end], begin
    return {"train": train[:end], **found}


def guess(path: Path) -> str:
    """Detect the format of a file by its name or its beginning. Raises UsageError if neither shows it."""
    found = detect(TAGGED, str(path), corpus.beginning(path))
    if found is None:
        known = ", ".join(FORMATS)
        raise UsageError(f"{path}: cannot tell the format of this file", hint=f"set data.format or --input: {known}")
    return found


def _guess_text(path: Path) -> str:
    """Return "conllu", whose text is read, or "text"."""
    return "conllu" if detect(TAGGED, str(path), corpus.beginning(path)) == "conllu" else "text"


# files that are scored


def read_scored(header: Mapping[str, Any], paths: Sequence[str | Path], said: Reading) -> list[Sentence]:
    """Read the sentences of files with their tags. Raises SeqcliError."""
    data, known = header["data"], formats_of(TAGGED)
    read = said.input or (data["format"] if "-" in paths else _format(Path(paths[0]), data["format"]))
    if read not in known:
        raise UsageError(f"unknown format {read!r} in --input", hint=did_you_mean(read, known))
    if read in ("text", "tokens") and not data["restore"]:
        hint = "name the format of tagged text: --input conll, conllu, jsonl or word-tag"
        raise UsageError(f"{read} has no tags to score against", hint=hint)
    said.check_format(read)
    options = options_for(header, read, said, kept=list(header["vocabulary"]["features"]))
    if options.tag == NO_TAGS:
        raise UsageError("--columns names no column of tags", hint="name it too, as in --columns word,pos,tag")
    partial = data.get("partial", False)
    options = replace(options, gold=not data["restore"], partial=partial)
    records = Records(read, options, data["encoding"])
    found = list(read_sentences(records, paths, data["restore"], "reading"))
    known = {**data.get("schemes", {}), header["vocabulary"].get("target", ""): data["scheme"]}
    found = in_scheme(found, known.get(said.tag, data["scheme"]), named(paths), partial=partial)
    if partial:
        readable(found, named(paths))
    for name in options.further_tags:
        own = in_scheme([aimed(s, name) for s in found], data["schemes"][name], named(paths))
        found = [with_tags(s, name, a.tags or []) for s, a in zip(found, own, strict=True)]
    return found


def _format(path: Path, trained: str) -> str:
    """Return the format of a file: the detected one, else that of the training data."""
    try:
        found = guess(path)
    except UsageError:
        return trained
    return trained if found == "text" else found


def options_for(header: Mapping[str, Any], read: str, said: Reading, *, kept: Sequence[str] = ()) -> Options:
    """Return options to read or write a format: those given, else those of training data in the same format.

    `kept` are columns that cannot hold the tags unless an option says so.
    """
    data, known = header["data"], header["vocabulary"]
    own = dict(data["options"]) if data["format"] == read else {}
    if "target" in known:  # several targets, with the same names in every format
        own |= {"tag": known["target"], "further_tags": tuple(known["further"]) if said.tag is None else ()}
    own |= {"gold": False, "columns": tuple(own.get("columns") or ())}
    trained = _tag_column(own["columns"], own.get("tag"), ())
    own |= said.said("separator", "comments", "field", "tag")
    own |= {"columns": tuple(said.columns)} if said.columns else {}
    if read == "conll" and said.tag is None:
        own["tag"] = _tag_column(own["columns"], trained, kept)
    return Options(TAGGED, **own, numbers="frames" in header)


def _tag_column(columns: Sequence[str], trained: str | None, kept: Sequence[str]) -> str | None:
    """Return the column that has the tags: the one that had them in training, else `tag`, else the last."""
    named = [c for c in columns if c not in ("_", "-", "")]
    if not named or trained in named:
        return trained
    found = "tag" if "tag" in named else named[-1]
    return NO_TAGS if found in (*kept, "word") else found
