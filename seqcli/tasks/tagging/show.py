"""Write tags as lines: word/TAG, or the text that they restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seqcli import forms
from seqcli.records import TAGGED, Answer, Excerpt, Options, Sentence, jsonl, word_tag
from seqcli.tasks.tagging.running import Sentences


class Writer(forms.Writer):
    """A writer of restored text; if tags restore none, of words with their tags, as objects for several targets."""

    def line(self, record: Sentence, answer: Answer) -> str:
        """Return the answer as text, with its line end."""
        if answer.further:
            return jsonl.Writer(Options(TAGGED)).write(record, answer)
        return (
            word_tag.Writer(Options(TAGGED)).write(record, answer)
            if answer.text is None
            else restored(record, answer)
        )


def restored(sentence: Sentence, answer: Answer) -> str:
    """Return the restored text; nothing for what is not a record."""
    return (answer.text or "") + getattr(sentence.raw, "end", "\n") if sentence.record else ""


@dataclass
class Found:
    """A writer of the sentences found in running text, called with windows in their order."""

    sentences: Sentences
    write: Callable[[Sentence, Answer], str]  # a sentence, whose words have no tags

    def __call__(self, window: Sentence, answer: Answer) -> str:
        """Return the sentences that a window completes."""
        return "".join(self.write(s, Answer([""] * len(s.words))) for s in self.sentences.of(window, answer))


def sentence_line(sentence: Sentence, _: Answer) -> str:
    """Return a sentence as a line, after an empty line if one, or the end of a text, separates its paragraph."""
    place: Excerpt = sentence.raw
    return ("\n" if place.blank and place.number > 1 else "") + sentence.text + "\n"
