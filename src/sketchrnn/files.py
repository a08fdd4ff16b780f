"""Writing files so that a reader never sees half of one; and a lock against a second writer."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from sketchrnn.errors import SketchRNNError
from sketchrnn.words import neighbour

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# what `replacing` names its temporary files: tempfile's eight characters between name and ending
_TEMPORARY = re.compile(r"\.(?P<target>.+?)\.[a-z0-9_]{8}(?P<suffix>\.[^.]+)?")


def replaced_by(name: str) -> str | None:
    """The file that a temporary file of this name was to become; None for another kind of name."""
    match = _TEMPORARY.fullmatch(name)
    if match is None or Path(match["target"]).suffix != (match["suffix"] or ""):
        return None
    return match["target"]


def need_file(path: str | os.PathLike[str], instead: str = "name a file in it") -> None:
    """Raise SketchRNNError for what is no file; of a folder it says what to do `instead`."""
    target = Path(path)
    try:
        kind = target.stat().st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.ENOENT, errno.ENOTDIR):
            raise SketchRNNError(f"{path}: {error.strerror}") from None
        raise SketchRNNError(f"{path}: there is no such file{neighbour(path)}") from None
    if stat.S_ISDIR(kind):
        raise SketchRNNError(f"{path}: is a folder; {instead}")
    if not stat.S_ISREG(kind):
        raise SketchRNNError(f"{path}: is a pipe or a device, not a file; name a file")


@contextmanager
def naming_file(path: str | os.PathLike[str]) -> Iterator[None]:
    """An OSError of the block names `path`, not a temporary file for it; of a full disk as well."""
    names = {Path(path).name, Path(os.path.realpath(path)).name}
    try:
        yield
    except OSError as error:
        for name in (error.filename, error.filename2):
            if isinstance(name, str | os.PathLike) and replaced_by(Path(name).name) in names:
                error.filename, error.filename2 = str(path), None
                break
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            error.filename = str(path)
        raise


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    If the block raises, the temporary file is removed and `path` stays as it was. The content is on
    disk before the rename, so a power cut leaves either the old file or the new one. A symbolic
    link stays one: the file that it points to is replaced. A device or pipe is written to. Raises
    OSError, naming `path`, where the file cannot be written (a folder, no permission, disk full).
    """
    with naming_file(path), _replacing(Path(path)) as temporary:
        yield temporary


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if target.exists() and not target.is_file():
        with tempfile.TemporaryDirectory() as folder:
            temporary = Path(folder) / f".{target.name}.{'_' * 8}{target.suffix}"
            yield temporary
            with temporary.open("rb") as content, target.open("wb") as device:
                shutil.copyfileobj(content, device)
        return
    target = Path(os.path.realpath(target))  # Path.resolve raises RuntimeError on a link loop
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        prefix=f".{target.name}.", suffix=target.suffix, dir=target.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)  # it can only be read by setting it
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path` in one step: whole, or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_together(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write several files into `folder`, made where it is missing: all of them, or none."""
    with ExitStack() as together:
        for name, content in contents.items():
            together.enter_context(replacing(folder / name)).write_bytes(content)
    return [folder / name for name in contents]


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write `content` to `path` as UTF-8 in one step: whole, or not at all."""
    write_bytes(path, content.encode("utf-8"))


def cache_folder() -> Path | None:
    """The folder of this user's alone for what can be made again; None where none can be kept."""
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = root / "sketchrnn"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        facts = folder.stat()
        own = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
        if own and not facts.st_mode & 0o022 and os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        pass
    return None


class LockedError(Exception):
    """Another process holds the lock; the text is its number, or empty where that is unknown."""


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, which is made for it and removed in the end.

    The lock is the system's, so it vanishes with the process, however that ends; what such an end
    leaves of the file locks nothing. Yields whether there is a lock: some file systems have none.
    Raises LockedError where it is held, and OSError where the file cannot be made.
    """
    handle, is_there = _open_locked(path)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield is_there
    finally:
        with suppress(OSError):  # Windows removes no open file
            path.unlink()
        os.close(handle)


def _open_locked(path: Path) -> tuple[int, bool]:
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        handle = os.open(path, flags, 0o666)
        try:
            is_there = _lock(handle)
            with suppress(OSError):
                # else the one who held it has removed the file meanwhile: to lock it is no use
                if os.path.samestat(os.fstat(handle), path.stat()):
                    return handle, is_there
        except BlockingIOError:
            os.lseek(handle, 0, os.SEEK_SET)
            holder = os.read(handle, 20).decode("ascii", "replace")
            os.close(handle)
            raise LockedError(holder) from None
        os.close(handle)


def _lock(handle: int) -> bool:
    """Take the lock of an open file; False where there are none. BlockingIOError: it is held."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, 1 << 30, os.SEEK_SET)  # what is locked there cannot be read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise BlockingIOError from None
        return False
    return True
