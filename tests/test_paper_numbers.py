"""What the source attributes to the paper, held to the paper's text where that is at hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from sketchrnn.api import load
from sketchrnn.cli.verbs.reproduce import FIGURES
from sketchrnn.data.dataset import Dataset
from sketchrnn.drawing import complete, latent, sample, tidy
from sketchrnn.errors import SketchRNNError
from sketchrnn.model import losses
from sketchrnn.model.mixture import Mixture, head_size
from sketchrnn.model.network import Network
from sketchrnn.paper.layouts import ACROSS, Request, way_in_rows
from sketchrnn.paper.printed import COLUMNS, DECODER_ONLY, TABLE_1, PrintedLosses
from sketchrnn.training.config import PRESETS, TrainingConfig
from sketchrnn.training.trainer import Trainer


@pytest.fixture(scope="session")
def paper(shared: Path) -> str:
    file = shared / "paper/paper.md"
    if not file.is_file():
        pytest.skip(f"the paper's text is not here: {file}")
    return file.read_text("utf-8")


def halves(paper: str) -> tuple[str, str]:
    """The paper itself, and its supplement, which begins to count anew."""
    main, supplement = paper.split("## 1 Dataset Details")
    return main, "## 1 Dataset Details" + supplement


# Table 1 ------------------------------------------------------------------------------------------

# Sums of the rows, added up from the paper; `test_reproduce` has those of the columns. One wrong
# number is in one of each.
ROW_SUMS = {
    "cat": -2.34,
    "pig": -3.34,
    "cat+pig": -2.82,
    "crab+face+pig+rabbit": -2.30,
    "face": -2.89,
    "firetruck": -3.62,
    "garden": -2.22,
    "owl": -2.60,
    "mosquito": -0.94,
    "yoga": -1.74,
}


def numbers(row: dict[str, PrintedLosses]) -> list[float]:
    """A row as it is printed, from left to right."""
    return [loss for column in COLUMNS for loss in row[column] if loss is not None]


def test_table_1_is_the_papers(paper: str) -> None:
    rows = [line.split("\t") for line in paper.splitlines() if re.search(r"\t-\d\.\d\d\t", line)]
    printed = {name.replace(", ", "+"): [float(cell) for cell in cells] for name, *cells in rows}
    assert {name: numbers(row) for name, row in TABLE_1.items()} == printed
    assert list(TABLE_1) == list(printed)
    head = paper.split("Dataset\t")[1].splitlines()[0]
    assert re.findall(r"(\d\.\d\d)\$|(Decoder Only)", head) == [
        *((column, "") for column in COLUMNS[:-1]),
        ("", "Decoder Only"),
    ]


def test_table_1_by_itself() -> None:
    assert {name: round(sum(numbers(row)), 2) for name, row in TABLE_1.items()} == ROW_SUMS
    assert COLUMNS == ("1.00", "0.50", "0.25", DECODER_ONLY)
    for row in TABLE_1.values():
        assert len(numbers(row)) == 7
        assert all(L_R < 0 for L_R, _ in row.values())
        assert all(L_KL is None or L_KL >= 0.20 for _, L_KL in row.values())
    assert TABLE_1["yoga"]["0.25"] == (-1.51, 1.33)


# Equations, sections, hyperparameters -------------------------------------------------------------


class Reference(NamedTuple):
    """That a text of ours names a place of the paper, and what stands there."""

    ours: str | None
    cites: str
    there: str

    def place(self, paper: str) -> str:
        """The text of the equation or section."""
        main, supplement = halves(paper)
        of_supplement = "suppl" in self.cites
        text = supplement if of_supplement else main
        number = re.findall(r"\d[\d.]*", self.cites)[-1]
        if "eq." in self.cites.lower():
            (found,) = re.findall(rf"\$\$((?:(?!\$\$).)*?)\({number}\)\s*\$\$", text, re.DOTALL)
        else:
            (found,) = re.findall(
                rf"^#+ {re.escape(number)} .*?(?=^#+ |\Z)", text, re.M | re.DOTALL
            )
        return str(found)


def help_of(name: str) -> str:
    return str(TrainingConfig.__dataclass_fields__[name].metadata["help"])


REFERENCES = [
    Reference(head_size.__doc__, "eq. 4", r"\mathbb{R}^{6M+3}"),
    Reference(Mixture.from_head.__doc__, "eq. 5", "= y_i"),
    Reference(Mixture.log_density.__doc__, "eq. 3", r"\mathcal{N}(\Delta x"),
    Reference(Mixture.rho.__doc__, "eq. 6", r"\tanh(\hat{\rho}"),
    Reference(Mixture.pi.__doc__, "eq. 7", r"\Pi_k ="),
    Reference(Mixture.pen.__doc__, "eq. 7", "q_k ="),
    Reference(Network.encode.__doc__, "eq. 1", r"\text{encode}"),
    Reference(losses.reconstruction_loss.__doc__, "eq. 9", "L_s ="),
    Reference(losses.kl_loss.__doc__, "Eq. 10", "L_{KL} ="),
    Reference(losses.kl_terms.__doc__, "supplement's eq. 2", r"1 + \hat{\sigma} - \mu^2"),
    Reference(help_of("w_KL"), "eq. 11", "w_{KL} L_{KL}"),
    Reference(help_of("eta_min"), "suppl. eq. 4", r"\eta_{\min}) R^{\text{step}}"),
    Reference(help_of("R"), "suppl. eq. 4", r"\eta_{\min}) R^{\text{step}}"),
    Reference(help_of("KL_min"), "suppl. eq. 4", r"\max(L_{KL}, KL_{\min})"),
    Reference(TrainingConfig.kl_weight_at.__doc__, "supplement, eq. 4", r"R^{\text{step}}"),
    Reference(Trainer.step.__doc__, "supplement's eq. 2 and 4", r"Loss_{\text{train}}"),
    Reference(sample.__doc__, "eq. 8", r"\hat{q}_k}{\tau}"),
    Reference(sample.sample_strokes.__doc__, "section 4.4", "*encode* an incomplete sketch"),
    Reference(complete.__doc__, "section 4.4", "finish an incomplete sketch"),
    Reference(latent.slerp.__doc__, "section 4.2", "spherically interpolated"),
    Reference(latent.analogy.__doc__, "section 4.3", "vector arithmetic"),
    Reference(tidy.__doc__, "Section 5", "more coherent version"),
    Reference(Dataset.scale.__doc__, "section 1 of the supplement", "standard deviation of 1"),
    Reference(PRESETS["paper"].summary, "section 3 of its supplement", "512 and 2048 nodes"),
]


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: f"{one.cites}: {one.there}")
def test_what_we_cite(reference: Reference) -> None:
    assert reference.ours is not None
    assert reference.cites in " ".join(reference.ours.split())


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda one: f"{one.cites}: {one.there}")
def test_what_we_cite_is_there(reference: Reference, paper: str) -> None:
    assert reference.there in reference.place(paper)


def test_the_preset_is_the_papers(paper: str) -> None:
    """Section 3 of the supplement, number by number."""
    text = Reference(None, "suppl. section 3", "").place(paper)
    found = [float(number) for number in re.findall(r"\d+\.\d+|\d+", re.sub(r"\[\d+\]", "", text))]
    model, training = PRESETS["paper"].model, PRESETS["paper"].training
    assert found == [
        *(3, model["encoder_size"], model["decoder_size"], model["mixtures"], model["z_size"]),
        *(100 * training.recurrent_keep, training.batch_size, training.learning_rate),
        *(training.gradient_clip, training.KL_min, training.R),
        *(1 - training.augment_scale, 1 + training.augment_scale, training.w_KL),
    ]


# Figures ------------------------------------------------------------------------------------------

# What the captions and the text say of temperatures.
TEMPERATURES = {"fig3": (0.2, 0.9), "fig5": (0.01, 1.0), "fig7": (0.8,), "suppl3": (0.8,)}


@pytest.mark.parametrize("figure", TEMPERATURES)
def test_temperatures_of_figures_are_the_papers(figure: str) -> None:
    ours = FIGURES[figure].temperatures
    assert tuple(dict.fromkeys((ours[0], ours[-1]))) == TEMPERATURES[figure]
    assert list(ours) == sorted(ours)


def test_temperatures_of_figures_are_in_the_text(paper: str) -> None:
    main, supplement = halves(paper)
    assert r"from  $\tau = 0.2$  at the top in blue, to  $\tau = 0.9$  at the bottom in red" in main
    assert "starting at 0.01 on the left and linearly increasing to 1.0 on the right" in main
    assert r"sample completions by setting  $\tau = 0.8$" in main
    assert (
        r"Figure 3: Unconditional generated sketches of frogs, cats, and crabs at  $\tau = 0.8$"
        in (supplement)
    )


def test_supplement_5_goes_from_one_drawing_to_another() -> None:
    """From left to right, and then from top to bottom; the grids between four begin with 6."""
    model = load("cat_pig")
    first, last = model.generate(2, temperature=0.2, seed=1)
    request = Request([model], ["cats"], [first, last], [], ACROSS + 2, (0.1,), 3)
    (sheet,) = way_in_rows(request).sheets
    drawn = model.interpolate(first, last, ACROSS + 2, temperature=0.1, seed=3)
    assert [list(row) for row in sheet.rows] == [list(drawn[:ACROSS]), list(drawn[ACROSS:])]
    with pytest.raises(SketchRNNError, match=r"figure 5 .* takes 2 drawings, got 1"):
        way_in_rows(Request([model], ["cats"], [first], [], 4, (0.1,), 3))
