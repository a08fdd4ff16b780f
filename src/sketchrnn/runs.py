"""The run folder: what a training writes and everything else reads.

    RUN/config.json         model, training, data: what was asked for
    RUN/best.safetensors    weights with the best validation loss, and the prior fitted for them
    RUN/last.safetensors    weights, Adam's moments and the place in the run: what --resume needs;
                            the prior too
    RUN/log.jsonl           one JSON line a record
    RUN/sheets/             drawings of the model at each evaluation
    RUN/tensorboard/        the same numbers for TensorBoard
    RUN/.lock               while a process writes into the folder: its number

Weights are safetensors and config is JSON, so nothing that is read can run code. `last` is one
file, replaced in one step, so a run that is killed at any moment leaves a folder that resumes.
A folder that `save_pretrained` wrote has the weights as `model.safetensors`, and is read alike.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from sketchrnn.data.facts import DataFacts as DataFacts
from sketchrnn.errors import SketchRNNError
from sketchrnn.files import LockedError, locked, replaced_by, write_bytes, write_text
from sketchrnn.model.config import BACKEND_NAMES, BackendName, ModelConfig
from sketchrnn.words import closest, did_you_mean, neighbour, say

if TYPE_CHECKING:  # a run is described, and drawn from live, without waiting for PyTorch
    from torch import Tensor, nn

FORMAT = 1
STARTERS = Path(__file__).with_name("share") / "starters"  # models that come with the package
CONFIG, BEST, LAST, LOG = "config.json", "best.safetensors", "last.safetensors", "log.jsonl"
MODEL = "model.safetensors"
SHEETS, TENSORBOARD, LOCK = "sheets", "tensorboard", ".lock"
CONFIG_LIMIT_BYTES = 1 << 24
HEADER_LIMIT_BYTES = 1 << 20  # of a weight file; that of a model has some kB
DTYPES = ("F16", "BF16", "F32", "F64")  # of weights

_UNLOCKED: set[Path] = set()  # run folders without locks of which it has been said


@dataclass(frozen=True)
class RunConfig:
    """What `config.json` holds. `training` is kept as stored: TrainingConfig.of_run reads it."""

    model: ModelConfig
    data: DataFacts
    training: Mapping[str, Any]
    backend: BackendName = "auto"  # that was asked for, and is again when the run is resumed


def starter_names() -> list[str]:
    """The models that come with the package."""
    return sorted(path.parent.name for path in STARTERS.glob(f"*/{CONFIG}"))


def able_starters() -> str:
    """The starters that can encode, in words."""
    names = [name for name in starter_names() if read_config(STARTERS / name).model.conditional]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def find_run(run: str | os.PathLike[str]) -> Path:
    """The folder of a run: as given, or, where nothing is there, of the starter of that name."""
    path = Path(run)
    return STARTERS / path if not path.exists() and str(path) in starter_names() else path


def write_config(run: Path, config: RunConfig) -> None:
    """Write RUN/config.json."""
    document = {"format": FORMAT, **asdict(config)}
    write_text(run / CONFIG, json.dumps(document, indent=2) + "\n")


def read_config(run: str | os.PathLike[str]) -> RunConfig:
    """Read RUN/config.json. Raises SketchRNNError naming what is missing or wrong."""
    path = Path(run) / CONFIG
    if not Path(run).exists():
        names = starter_names()
        meant = f"; {did_you_mean(str(run), names)}" if closest(str(run), names) else neighbour(run)
        there_are = f" (there are {', '.join(names)}); `sketchrnn train` makes a run"
        raise SketchRNNError(
            f"{run}: there is no such run folder, nor a starter model of that name"
            f"{meant or there_are}"
        )
    if Path(run).is_file():
        raise SketchRNNError(
            f"{run}: not a run folder but a file; a model is such a folder, or one of"
            f" {', '.join(starter_names())}"
        )
    if (Path(run) / "decoder_step.onnx").exists():
        raise SketchRNNError(
            f"{run}: holds a model exported as ONNX, which examples/sample_onnx.py draws with; name"
            " the run that it came from"
        )
    if not path.is_file():
        raise SketchRNNError(f"{run}: not a run folder, it has no {CONFIG}")
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_LIMIT_BYTES + 1)
        if len(content) > CONFIG_LIMIT_BYTES:
            raise ValueError(f"it is larger than {CONFIG_LIMIT_BYTES >> 20} MiB")
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise SketchRNNError(
                f"{path}: format {document['format']!r:.60} is not one that this version reads"
            )
        parts = {name: document[name] for name in ("model", "data", "training")}
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise SketchRNNError(f"{name} must be a JSON object, got {part!r:.60}")
        facts: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in parts["data"].items()
        }
        model = ModelConfig.from_dict(parts["model"])
        backend = document.get("backend", "auto")  # earlier releases did not say it
        if backend not in BACKEND_NAMES:
            raise SketchRNNError(f"there is no backend {backend!r:.60}")
        return RunConfig(model, DataFacts(**facts), parts["training"], backend)
    except SketchRNNError as error:
        raise SketchRNNError(f"{path}: {error}".replace(f"{path}: {path}", f"{path}")) from None
    except KeyError as error:
        raise SketchRNNError(f"{path}: damaged, it has no {error!s:.60}; restore it") from None
    except (ValueError, TypeError, RecursionError) as error:
        raise SketchRNNError(
            f"{path}: damaged ({error!s:.200}); restore it or train anew"
        ) from None


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Be the one process that writes into a run folder, which is made, and removed if left empty.

    Reading needs no such leave. Raises SketchRNNError naming the process that is there already;
    where the file system has no locks, a line on stderr says so, once.
    """
    made = [folder for folder in (run, *run.parents) if not folder.exists()]
    run.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as held:
            try:
                if not held.enter_context(locked(run / LOCK)) and run not in _UNLOCKED:
                    _UNLOCKED.add(run)
                    say(
                        f"{run}: its file system has no locks; take care that nothing else writes"
                        " into this run"
                    )
            except LockedError as error:
                raise SketchRNNError(
                    f"{run}: process {str(error) or '(unknown)'} is writing into this folder;"
                    " wait for its end, stop it, or name another folder"
                ) from None
            yield
    finally:
        with suppress(OSError):  # there is something in it by now
            for folder in made:
                folder.rmdir()


def remove_temporaries(run: Path) -> None:
    """Remove what a kill in the middle of a write left in a run folder: up to a whole checkpoint.

    Only for the one that writes the run: a file that is being written right now goes as well.
    """
    own = {run: "|".join(map(re.escape, (CONFIG, BEST, LAST, LOG))), run / SHEETS: r"step_\d+\.svg"}
    for folder, names in own.items():
        for path in folder.iterdir() if folder.is_dir() else ():
            target = replaced_by(path.name)
            if target and re.fullmatch(names, target) and path.is_file():
                path.unlink()


def save_tensors(path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors, and facts as JSON, as one safetensors file: whole, or not at all."""
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_bytes(path, save(plain, {"about": json.dumps(dict(about))}))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote. Raises SketchRNNError for a missing or damaged file."""
    with _opened(path, "pt") as (file, about):
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118


def load_arrays(path: Path, begins: tuple[str, ...]) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors whose names begin so, as NumPy arrays, without PyTorch; errors as above."""
    with _opened(path, "numpy") as (file, _):
        names = [name for name in file.keys() if name.startswith(begins)]  # noqa: SIM118
        return {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}


def steps_done(run: Path) -> int | None:
    """Of the last checkpoint; None where there is none that says it."""
    try:
        with _opened(run / LAST, "numpy") as (_, about):
            found = about.get("steps_done")
    except SketchRNNError:
        return None
    return found if isinstance(found, int) else None


@contextmanager
def _opened(path: Path, framework: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The file and its facts; what the block finds wrong with it is an error of the file, too."""
    if not path.is_file():
        raise SketchRNNError(f"{path}: missing; the run folder has no weights yet, or lost them")
    try:
        with path.open("rb") as header:  # a long one would take memory without end when it is read
            length = int.from_bytes(header.read(8), "little")
        if length > HEADER_LIMIT_BYTES:
            raise ValueError(f"its header has {length:,} bytes, more than {HEADER_LIMIT_BYTES:,}")
        with safe_open(path, framework=framework) as file:
            for name in file.keys():  # noqa: SIM118
                dtype = file.get_slice(name).get_dtype()
                if dtype not in DTYPES:
                    raise ValueError(f"{name:.60} has numbers of type {dtype}, no weights")
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            if not isinstance(about, dict):
                raise ValueError("its facts are not a JSON object")
            yield file, about
    except (SafetensorError, ValueError, RuntimeError, TypeError) as error:
        raise SketchRNNError(f"{path}: not a weight file, or damaged ({error!s:.200})") from None


def weights_place(run: Path, which: str) -> tuple[Path, str]:
    """The file that holds the weights, and what their names in it begin with.

    `which`: "best" (lowest validation loss) or "last"; best is last before the first validation.
    """
    if which not in ("best", "last"):
        raise SketchRNNError(f"which must be best or last, got {which!r}")
    best = next((run / name for name in (BEST, MODEL) if (run / name).exists()), None)
    if which == "best" and best is not None:
        return best, ""
    if not (run / LAST).exists() and best is not None:
        raise SketchRNNError(f"{run}: has its best weights only; leave out --which last")
    return run / LAST, "weights/"


def load_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], where: Path, *, assign: bool = False
) -> None:
    """Put weights into a network; with `assign` the tensors themselves become its parameters."""
    expected = network.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            problem = f"{name:.60} is {'missing' if name in expected else 'unknown'}"
        elif tensors[name].shape != expected[name].shape:
            shape, needed = tuple(tensors[name].shape), tuple(expected[name].shape)
            problem = f"{name} has shape {shape}, not {needed}"
        else:
            continue
        raise SketchRNNError(f"{where}: the weights do not fit the config: {problem}")
    network.load_state_dict(dict(tensors), assign=assign)
