"""What this program wrote, so that nothing else is written over without being asked.

A record in the user's cache folder has the SHA-256 of each file that a command wrote, and a mark of
the command: its verb and its inputs. The same command may write there again, with another seed or
temperature, as long as the file is what it wrote; all else takes --force. Where there is no record,
for the cache cannot be kept or is damaged, every file is somebody else's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sketchrnn.errors import SketchRNNError
from sketchrnn.files import cache_folder

if TYPE_CHECKING:
    import sqlite3

RECORD = "written-1.sqlite"  # the number is of its table
MOST = 100_000  # files that are remembered, the latest: some 20 MB
FORCE_HELP = "write over files that this command did not write"
STANDARD_OUTPUT = "-"
# what tells commands apart beside their verbs: the inputs, by the names of the arguments
VERBS = ("verb", "data_verb", "kind", "what")
INPUTS = (
    *("model", "drawings", "drawing", "data", "sources", "file", "names", "table"),
    *("begin_with", "by", "analogy"),
)

T = TypeVar("T")
Facts = tuple[int, ...]  # of a file: they change whenever it is written


class Claims:
    """The files and folders that a command is going to write, checked before the work is done."""

    def __init__(self, arguments: argparse.Namespace, *, by_inputs: bool = True) -> None:
        typed = vars(arguments)
        # `kind` of a download is a choice, not a verb
        verbs = [typed.get(name) for name in VERBS if name != "kind" or "data_verb" not in typed]
        inputs = [_named(typed.get(name)) for name in INPUTS if by_inputs]
        self._mark = hashlib.sha256(json.dumps([verbs, inputs]).encode()).hexdigest()[:16]
        self._force = bool(typed.get("force"))
        self._before: dict[Path, Facts | None] = {}
        self._folders: list[Path] = []
        self._resumed: list[Path] = []

    def file(self, path: str | os.PathLike[str]) -> None:
        """Raise SketchRNNError for a file that is not of this command as it last wrote it."""
        if str(path) != STANDARD_OUTPUT:
            refuse_folder(path)
            self._check([_full(path)], str(path))

    def folder(self, path: str | os.PathLike[str], *, resumes: bool = False) -> None:
        """The same for all files of a folder; hidden ones do not count.

        With `resumes` folders in it count as well, and the folder itself is remembered at once, so
        that what a command wrote there that was killed is known for its own.
        """
        folder = _full(path)
        if folder.exists() and not folder.is_dir():
            raise SketchRNNError(f"{path}: is a file; name a folder")
        inside = _in_folder(folder, folders=resumes)
        self._check(inside, str(path), folder if resumes else None)
        self._folders.append(folder)
        if resumes:
            self._resumed.append(folder)
            _remember({folder: ""}, self._mark)

    def _check(self, paths: list[Path], name: str, resumed: Path | None = None) -> None:
        there = [path for path in paths if path.is_file() or path.is_dir()]
        if there and not self._force:
            known = _recall([*there, *filter(None, [resumed])])
            own_folder = resumed is not None and known.get(resumed, ("", ""))[1] == self._mark
            for path in there:
                if path not in known and own_folder:
                    continue
                digest, mark = known.get(path, ("", ""))
                if path not in known:
                    why = "is there already, and was not written by this command"
                elif mark != self._mark:
                    why = "was written by another command, or from other inputs"
                elif digest != _digest(path):
                    why = "was changed after this command wrote it"
                else:
                    continue
                shown = name if path == _full(name) else Path(name) / path.name
                raise SketchRNNError(f"{shown}: {why}; name another place, or give --force")
        self._before |= {path: _facts(path) for path in paths}

    def remember(self) -> None:
        """Record what was written since the checks."""
        inside = [path for folder in self._folders for path in _in_folder(folder)]
        paths = dict.fromkeys([*self._before, *inside])
        new = [path for path in paths if _facts(path) not in (None, self._before.get(path))]
        found = {}
        for path in new:
            with suppress(OSError):
                found[path] = _digest(path)
        if found:
            _remember(found, self._mark)
        # what somebody puts there after a command that failed is not of that command
        if empty := [one for one in self._resumed if not _in_folder(one, folders=True)]:
            _forget(empty)


def claims_of(arguments: argparse.Namespace, *, by_inputs: bool = True) -> Claims:
    """The one set of claims of a command; `cli.main` has it remember what was written.

    Without `by_inputs` the verb is the same command whatever it is given.
    """
    if "claims" not in arguments:
        arguments.claims = Claims(arguments, by_inputs=by_inputs)
    claims: Claims = arguments.claims
    return claims


def remember_written(arguments: argparse.Namespace) -> None:
    """What `cli.main` does at the end of every command, however it ended."""
    if "claims" in arguments:
        arguments.claims.remember()


def refuse_folder(path: str | os.PathLike[str]) -> None:
    """Raise SketchRNNError for a folder, where a file is to be written."""
    if Path(path).is_dir():
        raise SketchRNNError(f"{path}: is a folder; name a file in it")


def file_name(text: str) -> str:
    """argparse's type of a file or folder to write to."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the name is empty; give one")
    return text


def folder_name(text: str) -> Path:
    """The same, as a path."""
    return Path(file_name(text))


folder_name.__name__ = file_name.__name__ = "name"


def add_output(parser: argparse.ArgumentParser, text: str, **more: Any) -> None:
    """Add -o, and --force, which each verb that writes has."""
    settings: dict[str, Any] = {"metavar": "FILE", "type": file_name} | more
    parser.add_argument("-o", "--output", help=text, **settings)
    add_force(parser)


def add_force(parser: argparse.ArgumentParser) -> None:
    """Add --force alone."""
    parser.add_argument("--force", action="store_true", help=FORCE_HELP)


def _named(value: Any) -> Any:
    """An input as it is the same from every folder: the full path of a file, else the word."""
    if isinstance(value, list | tuple):
        return [_named(one) for one in value]
    if value is None:
        return None
    path, mark, where = str(value).partition("#")
    with suppress(OSError, ValueError):
        if Path(path).exists():
            return f"{_full(path)}{mark}{where}"
    return str(value)


def _full(path: str | os.PathLike[str]) -> Path:
    return Path(os.path.realpath(path))


def _in_folder(folder: Path, *, folders: bool = False) -> list[Path]:
    """The files in a folder that are not hidden; with `folders` those as well."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = sorted(one.name for one in entries if one.is_file() or (folders and one.is_dir()))
    return [_full(folder / name) for name in names if not name.startswith(".")]


def _facts(path: Path) -> Facts | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The record ---------------------------------------------------------------------------------------


def _in_record(act: Callable[[sqlite3.Connection], T], none: T) -> T:
    """What `act` makes of the record; `none` where there is none. A damaged one is begun anew."""
    folder = cache_folder()
    if folder is None:
        return none
    import sqlite3

    path = folder / RECORD
    for _ in range(2):
        try:
            with closing(sqlite3.connect(path)) as record, record:
                record.execute(
                    "CREATE TABLE IF NOT EXISTS written"
                    " (number INTEGER PRIMARY KEY, path BLOB UNIQUE, digest TEXT, mark TEXT)"
                )
                return act(record)
        except sqlite3.Error as error:
            if type(error) is not sqlite3.DatabaseError:  # busy, or a full disk
                break
            with suppress(OSError):
                path.unlink()
    return none


def _recall(paths: Iterable[Path]) -> dict[Path, tuple[str, str]]:
    """Digest and mark of each of the files that the record has."""

    def recall(record: sqlite3.Connection) -> dict[Path, tuple[str, str]]:
        query = "SELECT digest, mark FROM written WHERE path = ?"
        rows = {path: record.execute(query, [os.fsencode(path)]).fetchone() for path in paths}
        return {path: row for path, row in rows.items() if row is not None}

    return _in_record(recall, {})


def _remember(digests: Mapping[Path, str], mark: str) -> None:
    rows = [(os.fsencode(path), digest, mark) for path, digest in digests.items()]

    def remember(record: sqlite3.Connection) -> None:
        insert = "INSERT OR REPLACE INTO written (path, digest, mark) VALUES (?, ?, ?)"
        record.executemany(insert, rows)
        oldest = "DELETE FROM written WHERE number <= (SELECT MAX(number) FROM written) - ?"
        record.execute(oldest, [MOST])

    _in_record(remember, None)


def _forget(paths: Iterable[Path]) -> None:
    rows = [(os.fsencode(path),) for path in paths]

    def forget(record: sqlite3.Connection) -> None:
        record.executemany("DELETE FROM written WHERE path = ?", rows)

    _in_record(forget, None)
