"""Types in words, and one message a value."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from seqcli.recipe.words import describe, explain, fitted, known_keys, member, show, unknown_key

Share = Annotated[float, Field(ge=0, lt=1)]


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    width: Annotated[int, Field(gt=0)] = 1
    pair: tuple[Share, Share] = (0.0, 0.5)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: Annotated[int, Field(gt=0)]
    rate: Share | None = None
    word: str = ""
    flag: bool = False
    mode: Literal["fast", "exact"] = "fast"
    held: Share | str | list[str] | None = None
    inner: Inner = Inner()
    either: Inner | str = ""
    table: dict[str, int] = {}
    named: str = "a"
    short: Annotated[str, Field(min_length=2)] = "xx"

    @field_validator("named")
    @classmethod
    def _named(cls, value: str) -> str:
        if value == "zebra":
            raise ValueError("unknown animal 'zebra'; did you mean 'zebu'?")
        return value

    @model_validator(mode="after")
    def _together(self) -> Config:
        if self.size == 13:
            raise ValueError("size: 13 brings bad luck")
        return self


def said(value: dict[str, Any]) -> dict[Any, str]:
    value = fitted(Config, value)
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(value, strict=True)
    found = explain(caught.value, Config, value, lambda keys: f"unknown {keys[-1]}")
    assert len({k for k, _ in found}) == len(found)  # one message a place
    return dict(found)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (float | None, "a number"),
        (Annotated[int, Field(gt=0)], "a whole number greater than 0"),
        (Annotated[int, Field(gt=0)] | None, "a whole number greater than 0"),
        (Annotated[float, Field(ge=0, lt=1)], "a number of at least 0 and less than 1"),
        (Annotated[float, Field(gt=0.5, le=2)], "a number greater than 0.5 and at most 2"),
        (str, "text"),
        (bool, "true or false"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["a"], "a"),
        (str | list[str], "text or a list of texts"),
        (float | str | list[str], "a number, text, or a list of texts"),
        (list[int], "a list, each item a whole number"),
        (tuple[Share, Share], "a list of 2 items, each a number of at least 0 and less than 1"),
        (tuple[int, str], "a list of a whole number, text"),
        (dict[str, int], "keys with values"),
        (Inner, "keys with values"),
        (Any, "anything"),
    ],
)
def test_types_in_words(annotation, words):
    assert describe(annotation) == words


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("size", "big", "must be a whole number greater than 0, not 'big'"),
        ("size", "512", "must be a whole number greater than 0, not '512' in quotes"),
        ("size", -3, "must be a whole number greater than 0, not -3"),
        ("size", 2.5, "must be a whole number greater than 0, not 2.5"),
        ("size", True, "must be a whole number greater than 0, not true"),
        ("size", None, "must be a whole number greater than 0; it is empty"),
        ("size", [1], "must be a whole number greater than 0, not a list of 1"),
        ("size", {"a": 1}, "must be a whole number greater than 0, not keys with values"),
        ("rate", 1, "must be a number of at least 0 and less than 1, not 1"),
        ("rate", "x" * 99, f"must be a number of at least 0 and less than 1, not {'x' * 37 + '...'!r}"),
        ("word", 5, "must be text, not 5"),
        ("flag", "yes", "must be true or false, not 'yes'"),
        ("flag", 1, "must be true or false, not 1"),
        ("mode", "fsat", "must be one of fast, exact, not 'fsat'; did you mean 'fast'?"),
        ("mode", "zzz", "must be one of fast, exact, not 'zzz'"),
        ("mode", 3, "must be one of fast, exact, not 3"),
        ("held", 2, "must be a number of at least 0 and less than 1, text, or a list of texts, not 2"),
        ("named", "zebra", "unknown animal 'zebra'; did you mean 'zebu'?"),
        ("nme", 1, "unknown nme"),
        ("short", "x", "string should have at least 2 characters, not 'x'"),
    ],
)
def test_one_message_for_one_value(key, value, text):
    assert said({"size": 1, key: value}) == {(key,): text}


def test_missing():
    assert said({}) == {("size",): "missing; it must be a whole number greater than 0"}


def test_inside_lists_mappings_and_unions():
    share = "must be a number of at least 0 and less than 1, not"
    assert said({"size": 1, "held": ["a", 3, None]}) == {
        ("held", 1): "must be text, not 3",
        ("held", 2): "must be text; it is empty",
    }
    assert said({"size": 1, "inner": {"width": 0, "pair": [0.1, 7], "wdth": 1}}) == {
        ("inner", "width"): "must be a whole number greater than 0, not 0",
        ("inner", "pair", 1): f"{share} 7",
        ("inner", "wdth"): "unknown wdth",
    }
    assert said({"size": 1, "either": {"width": 0, "wdth": 1}}) == {
        ("either", "width"): "must be a whole number greater than 0, not 0",
        ("either", "wdth"): "unknown wdth",
    }
    assert said({"size": 1, "either": 5}) == {("either",): "must be keys with values or text, not 5"}
    assert said({"size": 1, "table": {"a": 1, "b": "x"}}) == {("table", "b"): "must be a whole number, not 'x'"}
    for pair in ([0.1], [0.1, 0.2, 0.3], "x"):
        (text,) = said({"size": 1, "inner": {"pair": pair}}).values()
        assert text.startswith("must be a list of 2 items, each a number of at least 0 and less than 1, not ")


def test_a_validator_of_the_whole_section():
    assert said({"size": 13}) == {(): "size: 13 brings bad luck"}


def test_every_mistake_at_once():
    found = said({"size": "x", "rate": 3, "flag": "no", "inner": {"width": -1}, "zzz": 1, "mode": "slow"})
    assert set(found) == {("size",), ("rate",), ("flag",), ("inner", "width"), ("zzz",), ("mode",)}


def test_fitted():
    value = {"size": 1e4, "rate": 0.0, "inner": {"pair": [0.0, 0.5]}, "held": ["a"], "word": 2.0}
    made = fitted(Config, value)
    assert made == {**value, "inner": {"pair": (0.0, 0.5)}}
    assert isinstance(made["size"], int)
    assert isinstance(made["rate"], float)
    assert isinstance(made["word"], float)


def test_known_keys_and_members():
    assert known_keys(Config, ("inner",)) == ["width", "pair"]
    assert known_keys(Config, ("either",)) == ["width", "pair"]
    assert known_keys(Config, ("word",)) == []
    assert member(Config, ("nowhere", "x")) is None
    assert describe(member(Config, ("inner", "pair", 0))) == "a number of at least 0 and less than 1"


def test_unknown_key():
    assert unknown_key("hiden", ["hidden", "size"], "k") == "unknown key; did you mean 'hidden'?"
    assert unknown_key("zzz", ["hidden", "size"], "k") == "unknown key; known: hidden, size"
    assert unknown_key("zzz", [f"key{i}" for i in range(20)], "k train") == "unknown key; see: k train"
    assert unknown_key("zzz", [], "k") == "unknown key; no keys are allowed here"


def test_show():
    assert [show(v) for v in (None, True, 3, 3.0, 1e-05, "a", "1e3")] == [
        "null", "true", "3", "3.0", "1e-05", "'a'", "'1e3' in quotes",
    ]  # fmt: skip
