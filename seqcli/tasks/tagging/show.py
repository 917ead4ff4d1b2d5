"""How tags are written as lines: word/TAG, or the text that they restore."""

from __future__ import annotations

from seqcli import forms
from seqcli.records import TAGGED, Answer, Options, Sentence, word_tag


class Writer(forms.Writer):
    """The text that tags restore, where they do; else words with their tags."""

    def line(self, record: Sentence, answer: Answer) -> str:
        """As text, with its line end."""
        return (
            word_tag.Writer(Options(TAGGED)).write(record, answer)
            if answer.text is None
            else restored(record, answer)
        )


def restored(sentence: Sentence, answer: Answer) -> str:
    """The text that the labels say; nothing of what is no record."""
    return (answer.text or "") + getattr(sentence.raw, "end", "\n") if sentence.record else ""
