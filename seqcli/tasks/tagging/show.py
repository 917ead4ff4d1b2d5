"""How tags are written as lines: word/TAG, or the text that they restore."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seqcli import forms
from seqcli.records import TAGGED, Answer, Excerpt, Options, Sentence, jsonl, word_tag
from seqcli.tasks.tagging.running import Sentences


class Writer(forms.Writer):
    """The text that tags restore, where they do; else words with their tags, of several targets as objects."""

    def line(self, record: Sentence, answer: Answer) -> str:
        """As text, with its line end."""
        if answer.further:
            return jsonl.Writer(Options(TAGGED)).write(record, answer)
        return (
            word_tag.Writer(Options(TAGGED)).write(record, answer)
            if answer.text is None
            else restored(record, answer)
        )


def restored(sentence: Sentence, answer: Answer) -> str:
    """The text that the labels say; nothing of what is no record."""
    return (answer.text or "") + getattr(sentence.raw, "end", "\n") if sentence.record else ""


@dataclass
class Found:
    """The sentences that were found in running text: a writer of windows, in their order."""

    sentences: Sentences
    write: Callable[[Sentence, Answer], str]  # of a sentence, whose words have no tags

    def __call__(self, window: Sentence, answer: Answer) -> str:
        """Those that a window completes."""
        return "".join(self.write(s, Answer([""] * len(s.words))) for s in self.sentences.of(window, answer))


def sentence_line(sentence: Sentence, _: Answer) -> str:
    """A sentence as a line; an empty one between paragraphs that an empty line, or the end of a text, divides."""
    place: Excerpt = sentence.raw
    return ("\n" if place.blank and place.number > 1 else "") + sentence.text + "\n"
