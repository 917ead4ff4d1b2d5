"""Load recipes and report all mistakes at once, each at its line; `--set` changes a recipe before it is checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ValidationError

from seqcli import registry
from seqcli.errors import SeqcliError, UsageError, did_you_mean, nearest
from seqcli.recipe import discover
from seqcli.recipe.overrides import Overrides
from seqcli.recipe.positions import Document, Keys, Place, Problem, parse
from seqcli.recipe.schema import SECTIONS, Recipe, TrainConfig
from seqcli.recipe.words import explain, fitted, known_keys, show, unknown_key

COUNTED = ("seed", "threads")  # keys of `train` that a counted model accepts, as any training run may have them
UNUSED = TrainConfig().sequence_length  # the default, which resolved recipes of all tasks have
EPOCHS = 10.0  # if a recipe has no budget
PLAINEST = ("charlm", "pos-tagger", "sentiment", "dates")  # a simple recipe of each task, to compare others with


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Load the recipe that a path, `-` or a name means, with `--set` overrides (`model.hidden=512`) applied.

    Raises UsageError with all mistakes, one a line in the order of the file, overrides last.
    """
    found = discover.read(source)
    return _check(parse(found.text, found.label), overrides, found.name, found.base)


def resolve_recipe(
    mapping: Mapping[str, Any], overrides: Sequence[str] = (), *, name: str = "", base: Path | None = None
) -> Recipe:
    """Resolve a recipe from plain values, as in a model file's header. Raises UsageError, as `load_recipe` does."""
    label = "the stored recipe"
    document = Document(label, deepcopy(dict(mapping)), {(): Place((0,), label)})
    return _check(document, overrides, name, base or Path())


def tasks() -> dict[str, list[str]]:
    """Return the kinds of model that can do each task; imports every model."""
    found: dict[str, list[str]] = {}
    for kind in registry.names("models"):
        found.setdefault(registry.load("models", kind).TASK, []).append(kind)
    return found


def task_model(task: str) -> str | None:
    """Return the kind of model that a task has if the recipe names none."""
    kinds = [task] if task in registry.names("models") else tasks().get(task, [])
    own = [k for k in kinds if getattr(registry.load("models", k), "DEFAULT", False)] or kinds
    return own[0] if len(own) == 1 and task == registry.load("models", own[0]).TASK else None


def _check(document: Document, overrides: Sequence[str], name: str, base: Path) -> Recipe:
    if document.value is None and not document.problems:
        document.problem((), "the recipe is empty")
    elif not isinstance(document.value, dict) and document.value is not None:
        text = f"a recipe is keys with values, as in `task: language-model`, not {show(document.value)}"
        document.problem((), text)
    if not isinstance(document.value, dict):
        raise _error(document, None)
    applied = Overrides(document, base)
    for number, text in enumerate(overrides):
        applied.apply(number, text)
    checker = _Checker(document, applied)
    recipe = checker.recipe(name, base)
    if document.problems:
        raise _error(document, checker.task)
    return recipe


def _error(document: Document, task: str | None) -> UsageError:
    lines = dict.fromkeys(str(p) for p in sorted(document.problems, key=lambda p: p.place))
    mistakes = "1 mistake" if len(lines) == 1 else f"{len(lines)} mistakes"
    told = all(line.startswith("--set ") for line in lines)
    hint = f"{mistakes} in {'--set' if told else document.source}; every key is explained by: seqcli recipes keys"
    if not told and (example := _example(task, document.source)):
        hint = f"{mistakes} in {document.source}; compare it with: seqcli recipes show {example}"
    if not isinstance(document.value, dict) and Path(document.source).suffix not in ("", ".yaml", ".yml"):
        hint = f"for data, write a recipe first: seqcli recipes new {document.source}"
    return UsageError("\n".join(lines), hint=hint)


def _example(task: str | None, source: str) -> str | None:
    """Return a packaged recipe of the same task for comparison: the simplest, else the first by name."""
    known = {n: p for n, p in discover.packaged().items() if p.name != Path(source).name}
    for name in sorted(known, key=lambda n: (n not in PLAINEST, n)):
        if f"\ntask: {task or 'language-model'}" in "\n" + known[name].read_text(encoding="utf-8", errors="replace"):
            return name
    return None


class _Checker:
    """Checks a document's sections, and adds mistakes to `document.problems`."""

    def __init__(self, document: Document, overrides: Overrides):
        self.document, self.overrides = document, overrides
        self.value: dict[str, Any] = document.value
        self.task: str | None = None
        self.broken: set[str] = set()  # sections that are not mappings
        self.configs: dict[str, type[BaseModel]] = {"train": TrainConfig}

    def recipe(self, name: str, base: Path) -> Recipe:
        model = self.section("model") or {}
        module = self.model_module(model)
        tokenizer, other = self.section("tokenizer"), self.section("target_tokenizer")
        data = self.section("data") or {}
        train = self.section("train") or {}
        dataset = registry.load(f"tasks/{module.TASK}", "data") if module else None
        if module and dataset:
            self.configs["model"], self.configs["data"] = module.Config, dataset.Config
        frames = self.frames(module, tokenizer, dataset)
        if frames is not None and not getattr(dataset, "TWO_SIDED", False):
            tokenizer = kind = None
        elif dataset and not getattr(module, "TOKENIZED", dataset.TOKENIZED):
            if tokenizer is not None:
                what = f"{self.task} reads words as the data has them"
                what = what if not dataset.TOKENIZED else f"this kind of model needs no tokenizer for {self.task}"
                self.document.problem(("tokenizer",), f"{what}: remove it")
            tokenizer = kind = None
        else:
            kind = self.tokenizer_kind(tokenizer)
        other_kind = self.other_tokenizer(other, dataset)
        whole = dataset is not None and "longest" in dataset.Config.model_fields
        if whole and train.get("sequence_length", UNUSED) != UNUSED:
            two = getattr(dataset, "TWO_SIDED", False)
            said = "drops pairs with a side that is too long" if two else "truncates those that are too long"
            text = f"{self.task} trains on whole texts; data.longest {said}"
            self.document.problem(("train", "sequence_length"), text)
        parts_of = (("tokenizer", "tokenizers", kind), ("target_tokenizer", "tokenizers", other_kind))
        for section, folder, own in (*parts_of, ("frames", "frames", frames)):
            if own:
                self.configs[section] = registry.load(folder, own).Config
        for key in self.value:
            if key not in SECTIONS:
                self.document.problem((key,), self.unknown((key,), SECTIONS))
        model_kind = module.__name__.rpartition(".")[2].replace("_", "-") if module else None
        counted = module is not None and module.TRAINED == "counted"
        if counted:
            for key in [k for k in train if k not in COUNTED]:
                text = f"{model_kind} is counted, not trained step by step: of `train` it accepts only "
                self.document.problem(("train", key), text + " and ".join(COUNTED))
            train = {k: v for k, v in train.items() if k in COUNTED}
        parts = {
            "tokenizer": self.part("tokenizer", {**(tokenizer or {}), "kind": kind}),
            "target_tokenizer": self.part("target_tokenizer", {**(other or {}), "kind": other_kind}),
            "frames": self.part("frames", {**(self.section("frames") or {}), "kind": frames}),
            "data": self.part("data", data),
            "model": self.part("model", {**model, "kind": model_kind}),
            "train": self.part("train", train),
        }
        if counted:
            parts["train"] = None
        elif (t := parts["train"]) and t.epochs is t.steps is t.minutes is None:
            parts["train"] = t.model_copy(update={"epochs": EPOCHS})
        return Recipe(name=name, task=str(self.task), base=base, **parts)

    def section(self, name: str) -> dict[str, Any] | None:
        """Return a section's keys; None if the section is missing. `tokenizer: char` is `{kind: char}`."""
        value = self.value.get(name)
        if isinstance(value, str) and name in ("tokenizer", "target_tokenizer", "frames", "model"):
            return {"kind": value}
        if value is not None and not isinstance(value, dict):
            example = ", as in `data: {train: FILE}`" if name == "data" else ""
            self.document.problem((name,), f"must be keys with values{example}, not {show(value)}")
            self.broken.add(name)
            return {}
        return value

    def model_module(self, model: dict[str, Any]) -> ModuleType | None:
        """Return the module of the model that is meant; for a misspelt name the nearest, to check the rest with."""
        known = registry.names("models")
        kind = model.get("kind")
        if (of_task := f"{kind}-{self.value.get('task')}") in known:  # a transformer is another model in each task
            kind = model["kind"] = of_task
        if kind is not None and kind not in known:
            self.document.problem(("model", "kind"), _unknown("model", kind, known))
            kind = nearest(str(kind), known)
        module = registry.load("models", kind) if kind else None
        task = self.task = self.meant_task(module)
        if task is None:
            return module
        if module is None:
            if own := task_model(task):
                return registry.load("models", own)
            self.document.problem(("model", "kind"), f"missing; known for {task}: {', '.join(tasks()[task])}")
        elif task != module.TASK:
            text = f"{kind} is a model for the task {module.TASK}, not for {task}; models for that: "
            self.document.problem(("model", "kind"), text + ", ".join(tasks()[task]))
        return module

    def meant_task(self, module: ModuleType | None) -> str | None:
        """Return the task, checked: the nearest if it is misspelt, the model's if it is missing."""
        task = self.value.get("task")
        if task is None:
            known = f"for this model it is {module.TASK}" if module else f"known: {', '.join(sorted(tasks()))}"
            self.document.problem(("task",), f"missing; {known}")
            return module.TASK if module else None
        if module and task == module.TASK:
            return task
        if isinstance(task, str) and (task_model(task) or task in tasks()):
            return task
        self.document.problem(("task",), _unknown("task", task, tasks()))
        return nearest(str(task), tasks()) or (module.TASK if module else None)

    def other_tokenizer(self, tokenizer: dict[str, Any] | None, dataset: ModuleType | None) -> str | None:
        """Return the kind of the target's tokenizer; None if there is none."""
        if tokenizer is None:
            return None
        if dataset and not getattr(dataset, "TWO_SIDED", False):
            self.document.problem(("target_tokenizer",), f"{self.task} has no targets to tokenize: remove it")
            return None
        return self.tokenizer_kind(tokenizer, "target_tokenizer")

    def frames(self, module: ModuleType | None, tokenizer: Any, dataset: ModuleType | None) -> str | None:
        """Return the kind of frames that the model reads; None if it reads text."""
        frames = self.section("frames")
        self.of_the_other(module, dataset, frames is not None)
        if frames is None:
            return None
        two = getattr(dataset, "TWO_SIDED", False)
        if module and not getattr(module, "FRAMES", False):
            able = [k for k in tasks()[module.TASK] if getattr(registry.load("models", k), "FRAMES", False)]
            what = f"models that read frames: {', '.join(able)}" if able else f"{self.task} needs text"
            kind = module.__name__.rpartition(".")[2].replace("_", "-")
            self.document.problem(("frames",), f"{kind} reads text, not frames; {what}")
        if tokenizer is not None and not two:
            self.document.problem(("tokenizer",), "frames are read instead of text: remove it")
        if two and self.value.get("target_tokenizer") is not None:
            self.document.problem(("target_tokenizer",), "with frames, `tokenizer` is for the target: remove it")
        return self.tokenizer_kind(frames, "frames", "frames")

    def of_the_other(self, module: ModuleType | None, dataset: ModuleType | None, framed: bool) -> None:
        """Report keys for text in a recipe that reads frames, and keys for frames in one that reads text."""
        if module and not framed and not getattr(module, "TEXT", True):
            what = "reads frames, but this recipe reads text: add `frames: values`, or mel, mfcc"
            self.document.problem(("model", "kind"), f"{module.Config.model_fields['kind'].default} {what}")
        for section, owner in (("model", module), ("data", dataset)):
            given = self.value.get(section)
            for named in getattr(owner, "OF_TEXT", ()) if framed else ("front_end",):
                key, _, value = named.partition(": ")
                known = owner.Config.model_fields.get(key) if owner else None
                if not isinstance(given, dict) or known is None or given.get(key, known.default) == known.default:
                    continue
                if not value or given[key] == value:
                    what = "text, but this recipe reads frames" if framed else "frames, but this recipe reads text"
                    self.document.problem((section, key), f"it is for {what}; remove it")

    def tokenizer_kind(
        self, tokenizer: dict[str, Any] | None, section: str = "tokenizer", folder: str = "tokenizers"
    ) -> str | None:
        """Return the kind of tokenizer, or of frames, that is meant; for a misspelt one the nearest, to check the
        rest with."""
        known = registry.names(folder)
        kind = (tokenizer or {}).get("kind")
        if section in self.broken:
            return None
        if kind is None:
            keys: Keys = (section,) if tokenizer is None else (section, "kind")
            self.document.problem(keys, f"missing; known: {', '.join(known)}")
        elif kind not in known:
            self.document.problem(
                (section, "kind"), _unknown("frames" if section == "frames" else "tokenizer", kind, known)
            )
            return nearest(str(kind), known)
        return kind

    def part(self, section: str, value: dict[str, Any]) -> Any:
        """Return a section as its Config; None if it has mistakes, or if its kind is not known."""
        config = self.configs.get(section)
        if config is None or section in self.broken:
            return None
        value = fitted(config, value)
        try:
            return config.model_validate(value, strict=True)
        except ValidationError as error:
            for keys, text in explain(
                error, config, value, lambda k: self.unknown((section, *k), known_keys(config, k[:-1]))
            ):
                self.mistake((section, *keys), text, value)
        except SeqcliError as error:
            self.mistake((section,), "; ".join(filter(None, (error.message, error.hint))), value)
        return None

    def mistake(self, keys: Keys, text: str, section: dict[str, Any]) -> None:
        """Add a mistake that a Config found, unless that place already has one."""
        first = text.partition(":")[0]
        if len(keys) == 1 and first in section:  # a validator of the whole section that names the key it means
            keys, text = (*keys, first), text.partition(":")[2].strip()
        problem = Problem(self.document.place(keys), keys, text)
        if not any((p.keys, p.place) == (keys, problem.place) for p in self.document.problems):
            self.document.problems.append(problem)

    def unknown(self, keys: Keys, known: Sequence[str]) -> str:
        """Return the message for an unknown key, which may belong to another section, or to a kind that `--set`
        replaced."""
        top, key = str(keys[0]), str(keys[-1])
        for section, config in self.configs.items():
            if len(keys) < 3 and section != top and key in config.model_fields and key != "kind":
                return f"unknown key; did you mean '{section}.{key}'?"
        change = self.overrides.kinds.get(keys[:-1])
        old, new, place = change or ("", "", None)
        was = old in registry.names("models") and key in registry.load("models", old).Config.model_fields
        if place and old != new and (was or not nearest(key, known)):
            whole = f"--set '{top}={{kind: {new}}}'"
            return f"{new} has no such key, and {place.where} replaced {old}; replace the whole section: {whole}"
        return unknown_key(key, known, "seqcli recipes keys" + (f" {top}" if top in SECTIONS else ""))


def _unknown(what: str, name: Any, known: Sequence[str] | Mapping[str, Any]) -> str:
    return f"unknown {what} {show(name)}; {did_you_mean(str(name), known)}"
