"""Models on the Hugging Face Hub: fetching one, and sending a folder of `save_pretrained`.

Fetched are `config.json` and `model.safetensors`, by these names alone: JSON and plain numbers,
nothing that can run code. The files go to the hub's own cache; what lies there is used without a
network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from sketchrnn.errors import SketchRNNError, naming
from sketchrnn.runs import CONFIG, MODEL, read_config

# What is fetched, and the most bytes of each: the paper's largest model has 0.2 GB.
LIMITS_BYTES = {CONFIG: 1_000_000, MODEL: 1_000_000_000}
PATIENCE_S = 3.0  # for the first answer

# What the hub may answer, by the name of the exception; others say what it is themselves.
ANSWERS = {
    "GatedRepoError": "its owner must let you in first: see its page on the hub",
    "RepositoryNotFoundError": "there is no such folder here, nor a model of that name on the hub,"
    " or it is private and needs a token",
    "RevisionNotFoundError": "it has no such revision",
}

_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


def is_repository(name: str) -> bool:
    """Whether a name could be a model on the hub: OWNER/NAME."""
    return _REPOSITORY.fullmatch(name) is not None


def fetch(repository: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """The folder, in the hub's cache, that has the two files of a model; fetched where needed.

    `repository` is OWNER/NAME; see `Model.from_pretrained`. Without a network a copy there will do.
    """
    with naming(repository):
        hub = _package("there is no such folder here; ")
        lost = ""  # why there is no network
        try:
            info = hub.HfApi(token=token).model_info(
                repository, revision=revision, files_metadata=True, timeout=PATIENCE_S
            )
        except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError) as error:
            raise SketchRNNError(ANSWERS.get(type(error).__name__, _reason(error))) from None
        except Exception as error:  # a lost network has another exception in each major version
            lost = _reason(error)
        else:
            _check_files({file.rfilename: file.size or 0 for file in info.siblings or ()})
        options = {"revision": revision, "token": token, "local_files_only": bool(lost)}
        try:
            config = Path(hub.hf_hub_download(repository, CONFIG, **options))
            with naming("is no sketchrnn model"):  # before the larger file
                read_config(config.parent)
            weights = Path(hub.hf_hub_download(repository, MODEL, **options))
        except SketchRNNError:
            raise
        except Exception as error:
            problem = f"could not be fetched: {_reason(error)}"
            if lost:
                problem = (
                    "there is no such folder here, no copy in the hub's cache, and the hub cannot"
                    f" be reached: {lost}"
                )
            raise SketchRNNError(problem) from None
        if weights.parent != config.parent:
            raise SketchRNNError("changed while it was fetched; try again")
        return config.parent


def _check_files(sizes: Mapping[str, int]) -> None:
    """Raise SketchRNNError if one of the two is missing, or too large."""
    for name, limit in LIMITS_BYTES.items():
        if name not in sizes:
            raise SketchRNNError(f"is no sketchrnn model: it has no {name}")
        if sizes[name] > limit:
            raise SketchRNNError(
                f"its {name} has {sizes[name]:,} bytes; at most {limit:,} are fetched"
            )


def send(
    folder: Path, repository: str, *, private: bool | None, token: str | None, message: str
) -> str:
    """Send all files of a folder to the hub in one commit; the address. As `push_to_hub` says."""
    hub = _package()
    try:
        api = hub.HfApi(token=token)
        address = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    except Exception as error:
        raise SketchRNNError(
            f"{repository}: could not be sent: {_reason(error)}; to write, log in with `hf auth"
            " login` or give a token"
        ) from None
    return str(address)


def _package(before: str = "") -> ModuleType:
    try:
        import huggingface_hub
        import huggingface_hub.errors
    except ImportError:
        raise SketchRNNError(
            f"{before}the hub needs the package huggingface_hub: pip install 'sketchrnn[hub]'"
        ) from None
    return huggingface_hub


def _reason(error: Exception) -> str:
    """The first line of what it says, or its name."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
