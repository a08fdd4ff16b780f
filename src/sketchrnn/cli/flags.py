"""Command-line flags from the fields of a config dataclass: one typed flag with help a field."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

# Defaults that go without saying: what does nothing unless it is given; and the word itself.
OFF = (None, False, 0, "default")


def add_fields(
    group: argparse._ActionsContainer,
    config: type[Any],
    presets: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    skip: Collection[str] = (),
) -> None:
    """Add a flag for each field of `config`; a flag that is not given sets nothing.

    The help ends with the default, or with what each preset sets where they differ.
    """
    types = get_type_hints(config)
    for item in dataclasses.fields(config):
        if item.name in skip:
            continue
        kind = types[item.name]
        if isinstance(kind, UnionType):  # such as float | None
            kind = next(one for one in get_args(kind) if one is not NoneType)
        options: dict[str, Any] = {"type": _whole_number if kind is int else kind}
        choices = get_args(kind) if get_origin(kind) is Literal else item.metadata.get("choices")
        if kind is bool:
            options = {"action": "store_true"}
        elif choices:
            options = {"choices": choices}
        else:
            options["metavar"] = item.metadata.get("metavar", "N" if kind is int else "X")
        settings = presets or {"": {}}
        values = {name: preset.get(item.name, item.default) for name, preset in settings.items()}
        text = item.metadata["help"]
        if len(set(values.values())) > 1:
            text += f" ({', '.join(f'{name} {_shown(value)}' for name, value in values.items())})"
        elif (value := next(iter(values.values()))) not in OFF or item.name == "seed":
            text += f" (default {_shown(value)})"
        group.add_argument(
            flag(item.name),
            dest=item.name,
            default=argparse.SUPPRESS,
            help=text.replace("%", "%%"),
            **options,
        )


def _shown(value: Any) -> str:
    """A default as a person writes it: 60, not 60.0."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value)


def flag(name: str) -> str:
    """The flag of a field: `encoder_cell` is --encoder-cell, `w_KL` is --w-KL."""
    return "--" + name.replace("_", "-")


def given_fields(
    arguments: argparse.Namespace, config: type[Any], *, skip: Collection[str] = ()
) -> dict[str, Any]:
    """The fields of `config` that the command line sets."""
    names = {item.name for item in dataclasses.fields(config)} - set(skip)
    return {name: value for name, value in vars(arguments).items() if name in names}


def _whole_number(text: str) -> int:
    """An int that may be written 20_000 or 2e4."""
    try:
        return int(text)
    except ValueError:
        value = float(text)
        if not value.is_integer():  # inf and nan neither
            raise
        return int(value)


_whole_number.__name__ = "whole number"  # what argparse says that it expected
