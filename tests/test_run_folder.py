"""A run folder has one writer, keeps its backend and one file of events, and says what it has."""

from __future__ import annotations

import errno
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import sketchrnn
from models import random_network
from sketchrnn import files, runs
from sketchrnn.api import Model
from sketchrnn.errors import SketchRNNError
from sketchrnn.model import unroll
from sketchrnn.model.config import BackendName, ModelConfig
from sketchrnn.share.magenta import export_published, import_published
from sketchrnn.training.config import TrainingConfig
from sketchrnn.training.logs import read_log
from sketchrnn.training.loop import train
from tiny import TINY, Shell, do, listing, write_ndjson


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    path = folder / "some.sketches"
    do("data", "prepare", write_ndjson(folder / "some.ndjson"), "-o", path)
    return path


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(capsys)


@pytest.fixture
def run(data: Path, tmp_path: Path) -> Path:
    do("train", data, "-o", tmp_path / "run", *TINY)
    return tmp_path / "run"


HOLD = """
import sys
from pathlib import Path
from sketchrnn import runs
with runs.writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes into `tmp_path / "run"`."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "run"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


# One writer --------------------------------------------------------------------------------------


def test_a_second_training_is_refused_before_it_writes(
    data: Path, run: Path, holder: subprocess.Popen[str], shell: Shell
) -> None:
    before = listing(run)
    for words in (["train", data, *TINY], ["train", "--resume", "--max-steps", "9"]):
        assert shell(*words, "-o", run) == 2
        assert shell.err == (
            f"sketchrnn: error: {run}: process {holder.pid} is writing into this folder; wait for"
            " its end, stop it, or name another folder\n"
        )
        assert listing(run) == before
    # to read is no matter
    assert shell("generate", run, "-n", "1", "-o", run.parent / "a.svg") == 0
    assert shell("evaluate", run, data) == 0
    holder.kill()  # as hard as can be: its lock goes with it
    holder.wait()
    assert (run / runs.LOCK).exists()
    assert shell("train", "--resume", "--max-steps", "5", "-o", run) == 0
    assert not (run / runs.LOCK).exists()


@pytest.mark.usefixtures("holder")
def test_two_trainings_that_begin_at_once(data: Path, tmp_path: Path, shell: Shell) -> None:
    """The folder is empty yet, but somebody is about to fill it."""
    assert shell("train", data, "-o", tmp_path / "run", *TINY) == 2
    assert "is writing into this folder" in shell.err
    assert [path.name for path in (tmp_path / "run").iterdir()] == [runs.LOCK]


@pytest.mark.usefixtures("holder")
def test_an_import_is_a_writer(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    sizes = {"decoder_size": 6, "mixtures": 2, "N_max": 20}
    network = random_network(conditional=False, decoder_cell="lstm", **sizes)
    published, folder = tmp_path / "a.json", tmp_path / "run"
    export_published(Model(network, runs.DataFacts(scale=2.0, size=20.0)), published)
    with pytest.raises(SketchRNNError, match=f"process {holder.pid} is writing"):
        import_published(published, folder)
    holder.kill()
    holder.wait()
    import_published(published, folder)
    assert sorted(path.name for path in folder.iterdir()) == [runs.BEST, runs.CONFIG]


def test_the_lock_is_held_from_the_beginning_to_the_end(data: Path, tmp_path: Path) -> None:
    run, dataset = tmp_path / "new" / "run", sketchrnn.read(data)
    model = ModelConfig(N_max=dataset.N_max, encoder_size=4, decoder_size=4, z_size=2, mixtures=1)
    settings = dataset, model, TrainingConfig(max_steps=2, batch_size=4)
    records = train(run, *settings)  # not a step yet
    for resume in (False, True):
        with pytest.raises(SketchRNNError, match=f"process {os.getpid()} is writing"):
            train(run, *settings, resume=resume)
    assert [record["kind"] for record in records] == ["train", "train", "evaluate", "end"]
    for way in ("closed", "forgotten"):
        records = train(tmp_path / way, *settings)
        if way == "closed":
            next(records)
            records.close()
        del records
        with runs.writing(tmp_path / way):
            pass
    none = replace(dataset, valid=dataset.valid.select([]))
    with pytest.raises(SketchRNNError, match="no validation drawings"):
        sketchrnn.train(none, tmp_path / "a" / "b", quiet=True)
    assert not (tmp_path / "a").exists()


def test_what_fails_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(KeyError), runs.writing(tmp_path / "a" / "b" / "run"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with runs.writing(tmp_path / "kept"):
        (tmp_path / "kept" / "a.txt").touch()
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["a.txt"]


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL])
def test_a_file_system_without_locks(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell, number: int
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.fcntl, "flock", no_locks)
    run = tmp_path / "run"
    assert shell("train", data, "-o", run, *TINY) == 0
    said = [line for line in shell.err.splitlines() if "has no locks" in line]
    assert said == [
        f"{run}: its file system has no locks; take care that nothing else writes into this run"
    ]
    assert not (run / runs.LOCK).exists()


def test_a_lock_that_was_removed_meanwhile_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and locking, the one who held it has ended and removed the file."""
    path, real = tmp_path / "lock", files._lock
    calls = 0

    def slow(handle: int) -> bool:
        nonlocal calls
        calls += 1
        if calls == 1:
            path.unlink()
        return real(handle)

    monkeypatch.setattr(files, "_lock", slow)
    with files.locked(path):
        assert path.read_text() == str(os.getpid())
        with pytest.raises(files.LockedError), files.locked(path):
            pass
    assert calls == 3
    assert not path.exists()


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / runs.LOCK).symlink_to(other)
    with pytest.raises(OSError), runs.writing(tmp_path):
        pass
    assert other.read_text() == "mine"


# What a stopped training says --------------------------------------------------------------------


def stopped_by(
    data: Path, run: Path, number: signal.Signals, when: str, *more: str
) -> tuple[int, str]:
    """Train in another process, which gets a signal at a place; its exit code and what it says."""
    code = f"""
import os, sys
from sketchrnn.cli import main
from sketchrnn.training import loop, session, trainer
def then(module, name):
    real = getattr(module, name)
    def stop(*arguments, **options):
        found = real(*arguments, **options)
        os.kill(os.getpid(), {int(number)})
        return found
    setattr(module, name, stop)
{when}
sys.exit(main(sys.argv[1:]))
"""
    words = ["train", str(data), "-o", str(run), *TINY, *more]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_before_there_is_a_run(data: Path, tmp_path: Path, number: signal.Signals) -> None:
    code, said = stopped_by(data, tmp_path / "run", number, "then(session, 'read')")
    assert code == 130
    *_, line, last = said.splitlines()
    assert line == (
        f"{tmp_path / 'run'}: stopped before anything was written; there is no run yet, train again"
    )
    assert last == "sketchrnn: stopped"
    assert not (tmp_path / "run").exists()


def test_stopped_before_the_first_validation(data: Path, tmp_path: Path, shell: Shell) -> None:
    run = tmp_path / "a run"
    when = "then(trainer.Trainer, 'step')"
    code, said = stopped_by(data, run, signal.SIGTERM, when, "--evaluate-every", "100")
    assert code == 0
    last = said.splitlines()[-1]
    resume, generate = f"sketchrnn train --resume -o '{run}'", f"sketchrnn generate '{run}'"
    assert last == (
        f"{run}: stopped before the first validation, so there are no best weights yet, but the"
        f" checkpoint of step 1, which draws: {generate}; go on with: {resume}"
    )
    assert shell("generate", run, "-n", "1", "-o", tmp_path / "a.svg") == 0
    assert shell("train", "--resume", "-o", run) == 0
    assert "ended at step 4" in shell.err


def test_stopped_at_once_by_a_second_ctrl_c(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    when = "then(trainer.Trainer, 'step'); then(trainer.Trainer, 'step')"
    code, said = stopped_by(data, run, signal.SIGINT, when)
    assert code == 130
    *_, line, last = said.splitlines()
    assert line == (
        f"{run}: stopped before a step was saved, so it cannot draw yet; go on with: sketchrnn"
        f" train --resume -o {run}"
    )
    assert last == "sketchrnn: stopped"
    assert not (run / runs.LOCK).exists()


def test_stopped_after_a_validation(data: Path, tmp_path: Path) -> None:
    when = "then(trainer.Trainer, 'validate')"
    code, said = stopped_by(data, tmp_path / "run", signal.SIGTERM, when, "--max-steps", "99")
    assert code == 0
    assert "has the checkpoint of step 3, and the best weights so far; go on with: " in said


def test_stopped_before_a_resumed_run_goes_on(data: Path, run: Path) -> None:
    when = "sys.argv[2:3] = ['--resume']; sys.argv[5:] = []; then(session, 'read')"
    code, said = stopped_by(data, run, signal.SIGTERM, when)
    assert code == 130
    assert f"{run}: stopped; it has the checkpoint of step 4, and the best weights so" in said


# The backend, and the file of events -------------------------------------------------------------


def test_a_resumed_run_keeps_its_backend(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = tmp_path / "run", []
    real = unroll.Backend.__init__

    def init(self: unroll.Backend, name: BackendName = "auto", bf16: bool = False) -> None:
        seen.append(name)
        real(self, name, bf16)

    monkeypatch.setattr(unroll.Backend, "__init__", init)

    def backend_of(*words: str) -> str:
        seen.clear()
        do("train", "-o", run, *words)
        return seen[0]

    assert backend_of(str(data), *TINY, "--backend", "plain") == "plain"
    assert backend_of("--resume", "--max-steps", "5") == "plain"
    assert backend_of("--resume", "--max-steps", "6", "--backend", "auto") == "auto"
    assert backend_of("--resume", "--max-steps", "7") == "auto"  # what was said holds from then on
    sketchrnn.train((), run, resume=True, max_steps=8, backend="plain", quiet=True)
    assert backend_of("--resume", "--max-steps", "9") == "plain"
    document = json.loads((run / runs.CONFIG).read_text())
    assert document.pop("backend") == "plain"
    (run / runs.CONFIG).write_text(json.dumps(document))  # as earlier releases wrote it
    assert backend_of("--resume", "--max-steps", "10") == "auto"
    (run / runs.CONFIG).write_text(json.dumps(document | {"backend": ["x"]}))
    with pytest.raises(SketchRNNError, match=r"config.json: there is no backend \['x'\]"):
        runs.read_config(run)


def events(run: Path) -> list[tuple[int, float, bool]]:
    """Of the one file of events: step, training loss or 0, whether a session begins there."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog

    (path,) = (run / runs.TENSORBOARD).iterdir()
    content, place, found = path.read_bytes(), 0, []
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        event = Event.FromString(content[place + 12 : place + 12 + length])
        assert (place == 0) == (event.file_version == "brain.Event:2")
        losses = [one.simple_value for one in event.summary.value if one.tag == "train/loss"]
        begins = event.session_log.status == SessionLog.START
        found.append((event.step, losses[0] if losses else 0.0, begins))
        place += 12 + length + 4
    assert place == len(content)
    return found


@pytest.mark.parametrize("torn", [0, 1, 11, 12, 13, 30])
def test_one_file_of_events_over_all_sessions(data: Path, tmp_path: Path, torn: int) -> None:
    run = tmp_path / "run"
    do("train", data, "-o", run, *TINY, "--max-steps", "12", "--evaluate-every", "100")
    (path,) = (run / runs.TENSORBOARD).iterdir()
    before = path.read_bytes()
    path.write_bytes(before + before[:torn])  # by a kill in the middle of a write
    do("train", "--resume", "-o", run, "--max-steps", "25")
    assert path.read_bytes().startswith(before)
    logged = {r["step"]: r["loss"] for r in read_log(run) if r["kind"] == "train"}
    found = {step: loss for step, loss, _ in events(run) if loss}
    assert found == pytest.approx({step: logged[step] for step in (10, 20)})
    assert [step for step, _, begins in events(run) if begins] == [13]
