"""The Python door: `seqcli.load(path)` opens a model file and returns an object with the verbs that fit it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqcli import artifact, models, runs, tokenizers
from seqcli.decoding.sampling import Sampling, next_tokens, sample
from seqcli.decoding.text import stream_text, until_stop
from seqcli.errors import UsageError
from seqcli.streams import Chunk
from seqcli.tasks.language_model.score import Report, evaluate

if TYPE_CHECKING:
    pass


class LanguageModel:
    """A trained language model and its tokenizer. `header` is what `seqcli inspect --json` shows."""

    def __init__(self, stored: artifact.Artifact):
        self.path, self.header = stored.path, stored.header
        self.model = models.restore(stored, self.header["vocabulary"])
        self.tokenizer = tokenizers.from_artifact(stored)

    def _ids(self, prompt: str) -> np.ndarray:
        ids = self.tokenizer.encode(prompt).astype(np.int64)
        return ids if len(ids) else np.array([self.tokenizer.newline_id or 0])

    def stream(
        self,
        prompt: str = "",
        *,
        max_tokens: int = 200,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        stop: str | list[str] = (),  # type: ignore[assignment]
        seed: int | None = None,
    ) -> Iterator[str]:
        """The continuation of a prompt, piece by piece. The same seed gives the same text as `seqcli generate`."""
        sampling = Sampling(temperature, top_k, top_p, repetition_penalty)
        rng = np.random.default_rng(None if seed is None else [seed, 0, 0])
        ids = self._ids(prompt)
        tokens = sample(self.model, ids, sampling, rng, max_tokens, logprobs=False)
        return until_stop(stream_text(tokens, self.tokenizer, ids), [stop] if isinstance(stop, str) else list(stop))

    def generate(self, prompt: str = "", **options: Any) -> str:
        """The continuation of a prompt; options as for `stream`."""
        return "".join(self.stream(prompt, **options))

    def next(self, prompt: str, count: int = 10) -> list[tuple[str, float]]:
        """The most probable next tokens and their probabilities."""
        return [(self.tokenizer.symbol(i), p) for i, p in next_tokens(self.model, self._ids(prompt), count)]

    def evaluate(self, text: str, *, window: int | None = None) -> Report:
        """Perplexity and its other forms on a text."""
        return evaluate(self.model, self.tokenizer, [Chunk(text, "<text>", 1)], window=window)


class TaggingModel:
    """A trained tagger. `header` is what `seqcli inspect --json` shows."""

    def __init__(self, stored: artifact.Artifact):
        from seqcli.tasks.tagging.predict import Tagger

        self.path, self.header = stored.path, stored.header
        self.tagger = Tagger.open(stored)

    @property
    def tags(self) -> list[str]:
        """The tags that it gives."""
        return self.tagger.tags

    def tag(
        self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None = None
    ) -> list[tuple[str, str, float]]:
        """(word, tag, probability) of each word of a raw text, or of words that are given.

        `features` gives the further columns that the model reads, where it reads any.
        """
        sentence, answer = self._answer(text, features)
        assert answer.probabilities is not None or not answer.tags
        return list(zip(sentence.words, answer.tags, answer.probabilities or [], strict=True))

    def spans(
        self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None = None
    ) -> list[tuple[int, int, str, float]]:
        """(start, end, label, probability) of each span: code points of a raw text (of given words: of the words
        joined by a space), end exclusive. Raises UsageError where the tags are no spans."""
        if not self.tagger.scheme:
            raise UsageError(f"{self.path}: the tags of this model are no spans")
        sentence, answer = self._answer(text, features)
        places = sentence.spread()
        return [
            (places[s.start][0], places[s.end - 1][1], s.label, float(s.probability or 0.0))
            for s in answer.spans or []
        ]

    def _answer(self, text: str | Sequence[str], features: Mapping[str, Sequence[str]] | None) -> Any:
        from seqcli.formats import Sentence
        from seqcli.tasks.tagging.predict import Settings

        own = {name: list(values) for name, values in (features or {}).items()}
        if missing := [name for name in self.tagger.features if name not in own]:
            raise UsageError(f"this model reads {', '.join(missing)} beside the words: give features={{...}}")
        if isinstance(text, str):
            sentence = self.tagger.words.find(Sentence(text=text, features=own, split=False))
        else:
            sentence = Sentence(words=list(text), text=" ".join(text), features=own)
        return sentence, self.tagger.answer([sentence], Settings(confidence=True))[0]


class ClassifyingModel:
    """A trained classifier. `header` is what `seqcli inspect --json` shows."""

    def __init__(self, stored: artifact.Artifact):
        from seqcli.tasks.classification.predict import Classifier

        self.path, self.header = stored.path, stored.header
        self.classifier = Classifier.open(stored)

    @property
    def labels(self) -> list[str]:
        """The labels that it gives."""
        return self.classifier.labels

    def classify(self, text: str) -> dict[str, float]:
        """Every label's probability, the most probable first; they add up to 1, unless a text may have several labels
        (`chosen` says which it has). Of a blank text nothing is known: an empty dict."""
        return dict(self._answer(text).ranking)

    def chosen(self, text: str) -> list[str]:
        """The labels of a text: one, or of a model of several labels any number, the most probable first."""
        return self._answer(text).labels

    def _answer(self, text: str) -> Any:
        from seqcli.labelled import Example

        return self.classifier.answer([self.classifier.prepare(Example(text))])[0]


class TranslationModel:
    """A trained model from one sequence to another. `header` is what `seqcli inspect --json` shows.

    A text is one line: a line end in it is read as a space. The answer to a blank text is an empty one.
    """

    def __init__(self, stored: artifact.Artifact):
        from seqcli.tasks.sequence_to_sequence.predict import Translator

        self.path, self.header = stored.path, stored.header
        self.translator = Translator.open(stored)
        self._told = 0  # sources that were said to be cut

    def translate(self, text: str, **options: Any) -> str:
        """The best answer to a text; options are `beam`, `length_penalty`, `coverage_penalty`, `no_repeat`,
        `min_length`, `max_tokens`, `prefix` (what it must begin with) and `replace_unknown`, as `seqcli generate` has
        them. With `temperature`, `top_k` or `top_p` it is drawn; the same `seed` gives the same text as there."""
        return self._answers(text, **options)[0].text

    def answers(self, text: str, n: int = 5, beam: int = 5, **options: Any) -> list[tuple[str, float]]:
        """The n best answers that a beam finds, the best first, with their log-probabilities (nats); other options
        as for `translate`, those that draw aside. n above the beam makes it wider."""
        if drawing := options.keys() & {"temperature", "top_k", "top_p", "seed"}:
            raise UsageError(f"answers are searched, not drawn: leave {min(drawing)} away")
        return [(a.text, a.logprob) for a in self._answers(text, n_best=n, beam=max(n, beam), **options)]

    def attention(self, text: str, **options: Any) -> tuple[list[str], list[str], np.ndarray]:
        """Tokens (S,) of the text and tokens (T,) of its best answer, both with `<eos>`, and how much of its weight
        each of these gave to each of those: (T, S). Empty for a blank text. Raises UsageError where the model has no
        attention."""
        answer = self._answers(text, attention=True, **options)[0]
        if not answer.logprobs:
            return [], [], np.zeros((0, 0), np.float32)
        if answer.attention is None:
            raise UsageError("this model has no attention to show", hint="train one with model.attention: general")
        target = [*answer.symbols, "<eos>"][: len(answer.attention)]
        return answer.source_symbols, target, answer.attention

    def _answers(
        self,
        text: str,
        *,
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
        coverage_penalty: float = 0.0,
        no_repeat: int = 0,
        min_length: int = 0,
        max_tokens: int | None = None,
        prefix: str | None = None,
        replace_unknown: bool = False,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        attention: bool = False,
    ) -> list[Any]:
        import secrets

        from seqcli.decoding.beam import Search
        from seqcli.parallel import Pair
        from seqcli.tasks.sequence_to_sequence.predict import Settings
        from seqcli.tasks.sequence_to_sequence.sides import warn_of_cuts

        own, sampling = self.translator.search, None
        if temperature != 0 and (temperature, top_k, top_p) != (None, None, None):
            sampling = Sampling(1.0 if temperature is None else temperature, top_k, top_p)
            if beam is not None:
                raise UsageError("a beam searches, temperature, top_k and top_p draw: give one kind")
        search = Search(
            beam=1 if temperature == 0 and beam is None else beam or own.beam,
            n_best=n_best,
            length_penalty=own.length_penalty if length_penalty is None else length_penalty,
            coverage_penalty=coverage_penalty,
            no_repeat=no_repeat,
            min_length=min_length,
        )
        drawn = secrets.randbelow(1 << 31) if seed is None else seed
        settings = Settings(search, sampling, 1, drawn, max_tokens, attention, replace_unknown)
        pair = Pair(text, prefix=prefix)
        self._told = warn_of_cuts(self.translator.sides, [pair], self._told)
        return self.translator.answer([pair], settings)[0]


def load(path: str | Path) -> Any:
    """Open a model file, a run folder, or a run of ./runs by name, as the class that fits its task.

    Raises SeqcliError.
    """
    stored = runs.open_model(str(path), "eval")
    kinds = {
        "tagging": TaggingModel,
        "classification": ClassifyingModel,
        "sequence-to-sequence": TranslationModel,
    }
    return kinds.get(stored.header["task"], LanguageModel)(stored)
