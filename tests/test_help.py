"""What the help says of defaults."""

from __future__ import annotations

import re

import pytest

from tiny import Shell


@pytest.mark.parametrize(
    "verb", ["train", "data prepare", "data inspect", "bench", "reproduce table1"]
)
def test_defaults_are_as_a_person_writes_them(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No 60.0, and none of what does nothing unless it is given, but a seed of 0."""
    monkeypatch.setenv("COLUMNS", "1000")
    shell = Shell(capsys)
    assert shell(*verb.split(), "--help") == 0
    assert not re.search(r"\d\.0\b(?!\.)", shell.out)
    assert "(default default)" not in shell.out
    zero = [line for line in shell.out.splitlines() if "(default 0)" in line]
    assert all("seed" in line.lower() for line in zero)
    for shown in {
        "train": ("(default 20)", "of weights, batches, augmentation, dropout, z (default 0)"),
        "bench": ("new repeat of a model after these (default 60)", "paper 512 and 2048\n"),
    }.get(verb, ()):
        assert shown in shell.out
