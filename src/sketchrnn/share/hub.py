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

from sketchrnn.errors import SketchRNNError
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

    Args:
        repository: OWNER/NAME.
        revision: a branch, tag or commit; None for the main branch.
        token: for a private model; None for the one that the machine is logged in with.

    Raises:
        SketchRNNError: there is no such model, or it is none of ours, or too large; or no network
            and no copy in the cache.
    """
    hub = _package(f"{repository}: there is no such folder here; ")
    lost = ""  # why there is no network
    try:
        info = hub.HfApi(token=token).model_info(
            repository, revision=revision, files_metadata=True, timeout=PATIENCE_S
        )
        _check_files(repository, {file.rfilename: file.size for file in info.siblings or ()})
    except (hub.errors.HfHubHTTPError, hub.errors.HFValidationError) as error:
        problem = ANSWERS.get(type(error).__name__, _reason(error))
        raise SketchRNNError(f"{repository}: {problem}") from None
    except SketchRNNError:
        raise
    except Exception as error:  # a lost network has another exception in each major version
        lost = _reason(error)

    def file(name: str) -> Path:
        return Path(
            hub.hf_hub_download(
                repository, name, revision=revision, token=token, local_files_only=bool(lost)
            )
        )

    try:
        config = file(CONFIG)
        read_config(config.parent)  # before the larger file
        weights = file(MODEL)
    except SketchRNNError as error:
        raise SketchRNNError(f"{repository}: is no sketchrnn model: {error}") from None
    except Exception as error:
        problem = f"could not be fetched: {_reason(error)}"
        if lost:
            problem = (
                "there is no such folder here, no copy in the hub's cache, and the hub cannot be"
                f" reached: {lost}"
            )
        raise SketchRNNError(f"{repository}: {problem}") from None
    if weights.parent != config.parent:
        raise SketchRNNError(f"{repository}: changed while it was fetched; try again")
    return config.parent


def _check_files(repository: str, sizes: Mapping[str, int | None]) -> None:
    for name, limit in LIMITS_BYTES.items():
        if name not in sizes:
            raise SketchRNNError(f"{repository}: is no sketchrnn model: it has no {name}")
        size = sizes[name] or 0
        if size > limit:
            raise SketchRNNError(
                f"{repository}: its {name} has {size:,} bytes; at most {limit:,} are fetched"
            )


def send(
    folder: Path, repository: str, *, private: bool | None, token: str | None, message: str
) -> str:
    """Send all files of a folder to the hub in one commit; the address. As `push_to_hub` says.

    Raises:
        SketchRNNError: no network, no permission, or the hub refuses.
    """
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
