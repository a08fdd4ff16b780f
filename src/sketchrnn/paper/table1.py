"""Table 1 of the paper, made anew: four models a data set, trained, measured and written down.

The run of a model is OUT/runs/DATASET/COLUMN, where COLUMN is w_KL (1.00, ...) or decoder-only.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sketchrnn.data.facts import describe
from sketchrnn.data.sources import read_sources
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import write_text
from sketchrnn.paper.printed import (
    COLUMNS,
    COMPARISONS,
    DECODER_ONLY,
    TABLE_1,
    Verdict,
    printed_row,
    verdicts,
)
from sketchrnn.paper.trials import (
    FACTS,
    LOSSES,
    NONE,
    RUNS,
    Experiment,
    Recipe,
    Trial,
    TrialData,
    TrialResult,
    limited,
    markdown_table,
    read_result,
    run_experiment,
)
from sketchrnn.runs import read_config
from sketchrnn.words import say

MARKDOWN, CSV = "table1.md", "table1.csv"
DATA_ENDINGS = (".npz", ".sketches", ".ndjson", ".ndjson.gz")

Results = dict[str, dict[str, TrialResult]]  # by data set, then by column


def run(arguments: argparse.Namespace) -> bool:
    """Make the table; whether it came to its end."""
    out = arguments.output
    data, missing = find_data(arguments.data, arguments.datasets)
    for name, classes in missing.items():
        say(f"{name}: left out, {arguments.data} has no file of {', '.join(classes)}")
    finished = run_experiment(table_1(out, data, arguments.recipe), arguments)
    say(f"wrote {out / MARKDOWN} and {out / CSV}")
    return finished


def table_1(out: Path, files_of: Mapping[str, Sequence[Path]], recipe: Recipe) -> Experiment:
    """The experiment, with the files of each data set to make (`find_data`).

    What the folder holds already stays as it is; the recipe must be the same as before.
    """
    read: dict[str, TrialData] = {}

    def data_of(trial: Trial) -> TrialData:
        if trial.row not in read:
            read.clear()  # the four models of a data set come one after the other
            sources = tuple(str(file.resolve()) for file in files_of[trial.row])
            whole = read_sources(sources)
            data = TrialData(limited(whole, recipe.max_points), whole, sources)
            fingerprint = describe(data.train, (), None).fingerprint
            for one in trials_of(out, trial.row):
                if one.is_begun and read_config(one.run).data.fingerprint != fingerprint:
                    raise SketchRNNError(
                        f"{one.run}: was trained on other drawings than those of"
                        f" {', '.join(sources)}; give the same files, or another folder"
                    )
            read[trial.row] = data
        return read[trial.row]

    others = [name for name in known_datasets(out) if name not in files_of]
    return Experiment(
        trials=[trial for name in files_of for trial in trials_of(out, name, recipe)],
        others=[trial for name in others for trial in trials_of(out, name, recipe)],
        data=data_of,
        write=lambda: write_table(out),
    )


def column_title(column: str) -> str:
    """`w_KL 0.50`, or `decoder-only`."""
    return column if column == DECODER_ONLY else f"w_KL {column}"


def trials_of(out: Path, dataset: str, recipe: Recipe | None = None) -> list[Trial]:
    """The four models of a data set; a recipe is needed to make them, not to read them."""
    recipe = recipe or Recipe()
    trials = []
    for column in COLUMNS:
        model, training = {**recipe.model, "conditional": column != DECODER_ONLY}, recipe.training
        if column != DECODER_ONLY:
            training = replace(training, w_KL=float(column))
        own = replace(recipe, model=model, training=training)
        title, run = f"{dataset}, {column_title(column)}", out / RUNS / dataset / column
        trials.append(Trial(title, dataset, column, run, own))
    return trials


def known_datasets(out: Path) -> list[str]:
    """The data sets with a run in the folder: the paper's in its order, then the others by name."""
    folder = out / RUNS
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    begun = [name for name in names if any(trial.is_begun for trial in trials_of(out, name))]
    return [name for name in TABLE_1 if name in begun] + [n for n in begun if n not in TABLE_1]


def read_results(out: Path) -> Results:
    """All finished models of a folder."""
    results = {
        name: {t.column: read_result(t) for t in trials_of(out, name) if t.is_done}
        for name in known_datasets(out)
    }
    return {name: row for name, row in results.items() if row}


def find_data(
    folder: Path, names: Sequence[str] | None = None
) -> tuple[dict[str, list[Path]], dict[str, list[str]]]:
    """The data files of data sets: class names joined by "+", one file a class: pig.npz.

    Without `names`, of those of the paper whose files are all there; then also, by data set, which
    classes the others lack.

    Raises:
        SketchRNNError: no such folder, a name that is none, a file that is not there or there
            twice, or no data set at all.
    """
    if not folder.is_dir():
        raise SketchRNNError(f"{folder}: there is no such folder; name one that holds data files")
    found: dict[str, list[Path]] = {}
    missing: dict[str, list[str]] = {}
    for name in TABLE_1 if names is None else dict.fromkeys(names):
        classes = name.split("+")
        for one in classes:
            if not one or one.startswith(".") or Path(one).name != one or classes.count(one) > 1:
                raise SketchRNNError(
                    f"{name!r} is no data set: name different classes, joined by +: pig+face"
                )
        files = {one: _data_files(folder, one) for one in classes}
        lacking = [one for one in classes if not files[one]]
        if lacking and names is not None:
            raise SketchRNNError(
                f"{folder}: there is no data file of {lacking[0]!r} for {name};"
                f" looked for {lacking[0]}{f', {lacking[0]}'.join(DATA_ENDINGS)}"
            )
        if lacking:
            missing[name] = lacking
        else:
            found[name] = [file for some in files.values() for file in some]
    if not found:
        raise SketchRNNError(
            f"{folder}: holds all files of none of the paper's data sets; name others with"
            " --datasets, or fetch some: sketchrnn data download pig face -o DIR"
        )
    return found, missing


def _data_files(folder: Path, name: str) -> list[Path]:
    """The one file of a class, if there is one."""
    files = [folder / (name + ending) for ending in DATA_ENDINGS]
    files = [file for file in files if file.is_file()]
    if len(files) > 1:
        raise SketchRNNError(
            f"{folder}: has both {files[0].name} and {files[1].name}; leave the one that is meant"
        )
    return files


# As Markdown and as CSV ---------------------------------------------------------------------------

LOSS_COLUMNS = {
    "data set": "{dataset}",
    "model": "{model}",
    "L_R": "{L_R:.3f} ± {L_R_stderr:.3f}",
    "paper's L_R": "{paper_L_R:.2f}",
    "L_KL, raw": "{L_KL:.3f} ± {L_KL_stderr:.3f}",
    "L_KL, floored": "{L_KL_floored:.3f}",
    "paper's L_KL": "{paper_L_KL:.2f}",
    "L_R, pen masked": "{L_R_masked:.3f} ± {L_R_masked_stderr:.3f}",
    "nats a drawing, px": "{nats_per_drawing:.1f} ± {nats_per_drawing_stderr:.1f}",
    "steps (best)": "{steps:,} ({best_step:,})",
    "minutes": "{minutes:.1f}",
}
FACT_COLUMNS = {
    "data set": "{dataset}",
    "N_max": "{N_max}",
    "scale, px": "{scale:.4g}",
    "mean points: training": "{training_length:.1f}",
    "test": "{mean_length:.1f}",
    "epsilon, px": "{epsilon:g}",
    "training drawings": "{training_drawings:,}",
    "test drawings": "{test_drawings:,}",
    "left out of the test, over N_max": "{left_out:,}",
}
NOTES = """\
Losses on the test split, with the weights that were best in validation, ± the standard error over
its drawings. L_R is a negative log density in nats, divided by N_max: lower is better, and it may
be negative. "L_R, pen masked" counts the pen over the true points only, as the reference code's
notebook does; the paper's convention counts it over all N_max steps. L_KL is raw, and beside it
with the floor of training, which the reference code counts in evaluation; the paper says that it
does not, yet none of its L_KL is under 0.20. A conditional L_R does not count what z tells of the
drawing, L_KL times N_z nats. Nats a drawing is -log p(drawing | z) in px, which needs neither N_max
nor scale. The paper's L_R compare with ours only as far as the drawings
were prepared alike: it names neither N_max nor scale.
"""


def write_table(out: Path) -> str:
    """Write table1.md and table1.csv of what is finished; returns the Markdown."""
    results = read_results(out)
    lines = list(_lines(results))
    markdown = _to_markdown(results, lines)
    write_text(out / MARKDOWN, markdown)

    losses = [name + part for name in LOSSES for part in ("", "_stderr")]
    header = ["dataset", "model", "w_KL", *losses, "paper_L_R", "paper_L_KL", *FACTS]
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(line for line in lines if "steps" in line)
    write_text(out / CSV, text.getvalue())
    return markdown


def _lines(results: Results) -> Iterator[dict[str, Any]]:
    """All that is known of each model by name; one that is not finished has but the paper's."""
    for dataset, row in results.items():
        for column in COLUMNS:
            line: dict[str, Any] = {"dataset": dataset, "model": column_title(column)}
            if column != DECODER_ONLY:
                line["w_KL"] = column
            if paper := printed_row(dataset).get(column):
                line |= {"paper_L_R": paper.L_R, "paper_L_KL": paper.L_KL}
            if result := row.get(column):
                for name, loss in result.losses.items():
                    line |= {name: loss.mean, f"{name}_stderr": loss.stderr}
                line |= result.facts
            yield {name: value for name, value in line.items() if value is not None}


def _filled(columns: Mapping[str, str], line: Mapping[str, Any], otherwise: str) -> list[str]:
    """A row of cells; `otherwise` where a cell's numbers are not known."""
    row = []
    for template in columns.values():
        try:
            row.append(template.format(**line))
        except KeyError:
            row.append(otherwise)
    return row


def _to_markdown(results: Results, lines: Sequence[Mapping[str, Any]]) -> str:
    """The whole of it: losses, what they were measured on, and whether the paper's orders hold."""
    title = "# Table 1: ours beside the paper's\n"
    if not results:
        return f"{title}\nNo cell is finished yet.\n"
    # all models of a data set have the same facts
    finished = {line["dataset"]: line for line in lines if "steps" in line}.values()
    found = {
        name: verdicts({column: result.losses for column, result in row.items()})
        for name, row in results.items()
    }
    parts = [
        title,
        markdown_table(list(LOSS_COLUMNS), [_filled(LOSS_COLUMNS, one, NONE) for one in lines], 2),
        NOTES,
        markdown_table(
            list(FACT_COLUMNS), [_filled(FACT_COLUMNS, one, "unknown") for one in finished]
        ),
        "## Do the two orders of the paper hold in our numbers?\n",
        "Differences are taken drawing by drawing; those within two standard errors are marked.\n",
        "".join(f"- {name}: {_summary(compared)}.\n" for name, compared in found.items()),
    ]
    orders = [
        (
            name,
            verdict.claim,
            f"{verdict.first.mean:.3f}",
            f"{verdict.second.mean:.3f}",
            f"{verdict.difference:+.3f}",
            ("yes" if verdict.holds else "NO")
            + ("" if verdict.sure else ", within two standard errors"),
        )
        for name, compared in found.items()
        for verdict in compared
    ]
    if orders:
        header = ("data set", "the paper's order", "first", "second", "difference", "holds")
        parts.append(markdown_table(header, orders, left=2))
    return "\n".join(parts)


def _summary(found: Sequence[Verdict]) -> str:
    text = f"{sum(verdict.holds for verdict in found)} of {len(found)} comparisons hold"
    if unsure := sum(not verdict.sure for verdict in found):
        text += f", {unsure} of the {len(found)} are within two standard errors"
    if len(found) < COMPARISONS:
        text += f"; {COMPARISONS - len(found)} more wait for cells that are not finished"
    return text
