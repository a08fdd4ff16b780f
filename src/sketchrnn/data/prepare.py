"""`sketchrnn data prepare`: drawings from any sources, cleaned, filtered and split, into one file.

Everything streams: the rows of what is kept go to a temporary file beside the output, which is then
read in the order of the splits. So the sources may be larger than the memory.

The order: the steps on each drawing (`data.clean`); what is too short or too long goes; duplicates
go; outliers go; the rest is split; training drawings are copied (all that in `data.spool`).
"""

from __future__ import annotations

import errno
import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from sketchrnn import strokes
from sketchrnn.data.clean import clean
from sketchrnn.data.dataset import Dataset, bounds_of
from sketchrnn.data.formats import class_name, has_splits, kind_of, read, records, sketches
from sketchrnn.data.formats.records import Skipped
from sketchrnn.data.names import normal_name
from sketchrnn.data.prepare_config import PrepareConfig
from sketchrnn.data.report import Report
from sketchrnn.data.sources import DOODLES, doodles_source, read_source
from sketchrnn.data.spool import Item, Score, Spool
from sketchrnn.errors import SketchRNNError, printable
from sketchrnn.files import naming_file

Skip = Callable[[Skipped], None]
StrPath = str | os.PathLike[str]

_ONE_DRAWING = (".svg", ".json")  # files that may hold a single one: many of them are one source


def prepare(
    sources: StrPath | Sequence[StrPath],
    output: StrPath | None = None,
    config: PrepareConfig | None = None,
    *,
    score: Score | None = None,
    progress: Callable[[str, int], None] | None = None,
    skip: Skip | None = None,
    **options: Any,
) -> Report:
    """Read `sources`, clean and filter them as asked, and write one `.sketches` file.

    The same sources, options and seed give the same bytes.

    >>> report = prepare("doodles:40", copies=2, turn=10)  # without an output to see what it does
    >>> len(report.dataset.train), report.effects.copied
    (120, 'copies=2, turn=10')

    Args:
        sources: files of any readable format, folders of them, or the doodles (`data.sources`).
            A file of a single drawing, or a file in a folder, that cannot be read is skipped.
        output: the file to write, ending in .sketches: whole, or not at all. None writes nothing,
            to see what options do.
        config: what to keep, and how to clean, copy and split it.
        score: nats a point of each of some drawings, for `drop_unlikely`.
        progress: called often, with the source's name and how many drawings of it are read.
        skip: called for each file that was skipped, or read in part; see `formats.records`.
        options: fields of `PrepareConfig`; they override those of `config`.

    Returns:
        what was done, in numbers and as text; its `dataset` is the data set.

    Raises:
        SketchRNNError: a source that cannot be read, a class of which nothing is left, or a
            wrong ending of `output`.
    """
    config = replace(config or PrepareConfig(), **options)
    names = [sources] if isinstance(sources, str | os.PathLike) else sources
    target = None if output is None else Path(output)
    if target is not None:
        sketches.check_ending(target)
    if not names:
        raise SketchRNNError("there is nothing to prepare; name at least one source")
    if config.drop_unlikely and score is None:
        raise SketchRNNError("to drop what is unlikely, say which model finds it so")
    beside = None if target is None else _existing_folder(target)
    name = "drawings" if target is None else target.stem
    label = target or Path(tempfile.gettempdir())  # what a message names where it cannot be written
    with (
        naming_file(label),
        tempfile.TemporaryFile(prefix=f".{label.name}.", suffix=label.suffix, dir=beside) as file,
    ):
        spool = Spool(file, config)
        report = spool.report
        for group in _grouped([str(source) for source in names]):
            _fill(spool, _open(group, spool, skip or _ignore), progress or _ignore)
        if not any(source.read for source in report.sources):
            count = sum(source.unreadable for source in report.sources)
            raise SketchRNNError(
                "the file could not be read"
                if count == 1
                else f"none of the {count:,} files could be read"
            )
        if target is None and len(report.sources) == 1:
            name = report.sources[0].source
        report.dataset = spool.dataset(name, score)
        if target is not None:
            sketches.write(report.dataset, target, report.effects)
            report.dataset = read(target)
    return report


def _existing_folder(path: Path) -> Path:
    """The innermost folder above `path` that is there: others are made when there is a result."""
    nearest = next(folder for folder in path.absolute().parents if folder.exists())
    if not nearest.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(nearest))
    return nearest


def _ignore(*_: object) -> None:
    """The callback of those who want none."""


def _fill(spool: Spool, items: Iterator[Item], progress: Callable[[str, int], None]) -> None:
    """Keep the drawings of the last source begun that are wanted; count the others."""
    config, source = spool.config, spool.report.sources[-1]
    limits = (config.max_points, config.at_most)  # the latter may not be reached
    most = min((limit for limit in limits if limit is not None), default=math.inf)
    for item in items:
        source.read += 1
        label = normal_name(config.label or item.label)
        spool.see(label)
        if config.recognized_only and item.recognized is False:
            spool.report.drop(source, "unrecognized", item.where)
        elif len(item.rows) < config.min_points:
            spool.report.drop(source, "too short", item.where)
        elif len(item.rows) > most:
            spool.report.drop(source, "too long", item.where)
        elif item.is_copy and config.resplit:  # it could get into another split than its original
            spool.report.drop(source, "copy", item.where)
        else:
            spool.add(item, label)
        progress(source.source, source.read)
    if not source.read and not source.unreadable:
        raise SketchRNNError(f"{source.source}: has no drawings")


def is_folder_or_drawing(source: str) -> bool:
    """Whether a source is a folder, or a file that may hold a single drawing."""
    return Path(source).is_dir() or Path(source).suffix.lower() in _ONE_DRAWING


def _grouped(sources: Sequence[str]) -> list[list[str]]:
    """The sources; files of one drawing each of the same folder that follow each other are one."""

    def key(numbered: tuple[int, str]) -> tuple[object, ...]:
        number, source = numbered
        path = Path(source)
        ending = path.suffix.lower()
        return (path.parent, ending) if ending in _ONE_DRAWING else (number,)

    return [[source for _, source in group] for _, group in groupby(enumerate(sources), key)]


def _open(group: list[str], spool: Spool, skip: Skip) -> Iterator[Item]:
    """Begin a source; its drawings are not read before they are asked for, but small sets."""
    source, path = group[0], Path(group[0])
    doodles = doodles_source(source)
    if doodles is None and (len(group) > 1 or not has_splits(source)):
        name = path.name or str(path)
        if len(group) > 1:
            name = f"{path.absolute().parent.name}/*{path.suffix} ({len(group):,} files)"
        elif path.is_dir():
            name = f"{path.absolute().name}/"
        spool.begin_source(printable(name))
        return _items_of_files(group, spool, skip)
    dataset, name, copies = read_source(source), printable(path.name), 0
    earlier: tuple[str, ...] = ()
    if doodles is not None:
        count, seed, kinds = doodles
        name = ":".join([DOODLES, str(count), str(seed), *(["+".join(kinds)] if kinds else [])])
    elif kind_of(source) == "sketches":
        earlier, copies = dataset.provenance, sketches.read_effects(source).copies
    spool.begin_source(name, earlier, dataset.factor_names)
    return _items_of_dataset(dataset, copies, spool)


def _items_of_files(paths: Sequence[str], spool: Spool, skip: Skip) -> Iterator[Item]:
    """The drawings of files without splits."""
    config, effects, source = spool.config, spool.report.effects, spool.report.sources[-1]

    def say(skipped: Skipped) -> None:
        source.unreadable += not skipped.by_rule
        skip(skipped)

    steps_of = {}  # by whether a drawing is raw; where it is simplified, it is so in the box
    for raw in (False, True):
        simplify = strokes.EPSILON_PX if raw and config.simplify is None else config.simplify
        steps_of[raw] = replace(config, simplify=simplify, box=config.box or bool(simplify))
    for path in paths:
        kind = kind_of(path)
        name = None
        for record in records(path, skip=say):
            effects.left_out.update(record.left_out)
            label = record.label
            if label is None and config.label is None:
                label = name = name or class_name(path)
            steps = steps_of[record.raw]
            rows, change = np.empty((0, 3)), None
            if record.polylines:
                try:
                    change = clean(record.polylines, steps, effects, record.where)
                except SketchRNNError as error:  # it is too long to be resampled
                    if kind not in ("svg", "folder"):
                        raise
                    say(Skipped(str(error)))
                    continue
                rows, _ = strokes.polylines_to_stroke3(change.after)
            yield Item(
                rows,
                label or "",
                recognized=record.recognized,
                # 0 says nothing of others
                epsilon=steps.simplify if steps.simplify or record.raw else None,
                change=change,
                where=record.where,
            )


def _items_of_dataset(dataset: Dataset, copies: int, spool: Spool) -> Iterator[Item]:
    """The drawings of a set with splits, of whose training drawings the last are copies."""
    config = spool.config
    # what a larger one has taken away stays away
    epsilon = max(filter(None, (config.simplify, dataset.epsilon)), default=dataset.epsilon)
    for number, (name, split) in enumerate(dataset.splits.items()):
        first_copy = len(split) - (copies if name == "train" else 0)
        for chosen, pooled in split.chunks():
            bounds = bounds_of(split.lengths[chosen])
            for index, begin, end in zip(
                range(chosen.start, chosen.stop), bounds[:-1], bounds[1:], strict=True
            ):
                rows, change, is_copy = pooled[begin:end], None, index >= first_copy
                if config.cleans:
                    lines = strokes.stroke3_to_polylines(rows)
                    change = clean(lines, config, spool.report.effects)
                    rows, _ = strokes.polylines_to_stroke3(change.after)
                yield Item(
                    rows,
                    dataset.classes[int(split.labels[index])],
                    number,
                    epsilon=epsilon,
                    factors=None if split.factors is None else split.factors[index],
                    is_copy=is_copy,
                    change=None if is_copy else change,
                )
