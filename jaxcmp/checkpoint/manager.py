"""Checkpoints: written while training goes on, used only if their digests match.

The training loop waits for a copy of the state alone. A thread of the first process digests and
writes the copy, without waiting for other processes: what it did together with them would have to
come in the same order as their training steps.

A step has the items "state", the arrays in nested dicts by their paths in the training state, which
any program can read with Orbax, and "index", their digests.
"""

import contextlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.checkpoint import trees
from jaxcmp.errors import JaxcmpError, first_line
from jaxcmp.runtime import memory_errors
from jaxcmp.runtime.messages import silence_orbax

if TYPE_CHECKING:
    from jaxcmp.checkpoint.orbax_steps import Writer


class Checkpoints:
    """The checkpoints of one run, as a context manager; every process of a run makes one.

    It keeps the newest two (the second in case the newest is damaged), every step that `keep_every`
    divides (0: none), and, with `keep_best`, the one of highest "validation_accuracy". A damaged
    checkpoint is reported in a warning and, unless `read_only`, renamed to "damaged-<step>". Raises
    JaxcmpError if the folder cannot be made.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        keep_every: int = 0,
        keep_best: bool = False,
        read_only: bool = False,
    ) -> None:
        self._folder = Path(os.path.abspath(folder))
        self._keep_every = keep_every
        self._keep_best = keep_best
        self._read_only = read_only
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._being_written: tuple[int, Future[None]] | None = None
        # Used by the thread alone while a step is being written.
        self._orbax: Writer | None = None
        # Steps whose every byte this process has read or written.
        self._sound_steps: set[int] = set()
        silence_orbax()
        if not read_only:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise JaxcmpError(f"{self._folder} cannot be made: {error.strerror}") from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, error_type: object, error: BaseException | None, traceback: object) -> None:
        try:
            self.close()
        except JaxcmpError as failure:
            if error is None:
                raise
            # The first error is the one that the user needs.
            logging.warning("%s", failure)

    @property
    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, ascending; `restore` checks bytes."""
        return checkpoint_folder.complete_steps(self._folder)

    @property
    def latest_step(self) -> int | None:
        return max(self.steps, default=None)

    def save(self, step: int, state: Any, metrics: dict[str, float]) -> None:
        """Copies the state, and digests and writes the copy in a thread.

        Of several processes, whose states are the same, the first one saves, and the others do
        nothing. Saving the newest step again does nothing if the state is the same. Raises
        JaxcmpError, also for the previous save: a full disk, an unwritable folder, a step that is
        not newer than the newest. Earlier checkpoints stay as they are.
        """
        if jax.process_index() > 0:
            return
        self.wait()
        arrays = trees.to_host(state)
        if not self._is_saved(step, arrays):
            writing = self._thread.submit(self._write, step, arrays, metrics)
            self._being_written = step, writing

    def wait(self) -> None:
        """Waits until the last save is on disk; raises JaxcmpError if it could not be written."""
        if self._being_written is None:
            return
        (step, writing), self._being_written = self._being_written, None
        try:
            writing.result()
        except Exception as error:
            raise self._failure(step, error) from error

    def close(self) -> None:
        """Waits for the last save, and raises as `wait` does; nothing can be saved afterwards."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()
            self._close_writer()

    def restore(self, template: Any, which: int | str = "newest") -> tuple[int, Any] | None:
        """Reads a checkpoint into the structure, and onto the devices, of `template`.

        `template` is a state, or its ShapeDtypeStructs with shardings; `which` is "newest", "best"
        or a step. Returns the step and the state, or None if there is none yet. If that checkpoint
        is damaged, the newest (or best) of the others is used. Raises JaxcmpError if none is sound,
        if the one requested by number is not, or if its shape differs from `template`.
        """
        if (restored := self.read(which)) is None:
            return None
        step, arrays = restored
        return step, trees.onto(template, arrays, f"checkpoint {self._folder / str(step)}")

    def read(self, which: int | str = "newest") -> tuple[int, trees.Arrays] | None:
        """Reads a checkpoint, chosen as in `restore`; returns its step and host arrays by path."""
        self.wait()
        _gather(0)  # By now the first process has written the last save.
        damaged: dict[int, str] = {}
        while True:
            chosen = checkpoint_folder.choose(self._folder, which, damaged)
            # Processes may see a shared folder differently: the first one decides.
            chosen = _gather(-1 if chosen is None else chosen)[0]
            if chosen < 0:
                break
            path = self._folder / str(chosen)
            arrays, fault = _read_sound(path)
            if not any(_gather(fault is not None)):
                self._sound_steps.add(chosen)
                return chosen, arrays
            # A run that is still training may have deleted it meanwhile.
            if not self._read_only or path.exists():
                damaged[chosen] = fault or "another process cannot read it"
                self._close_writer()  # Orbax caches the list of steps.
                if jax.process_index() == 0:
                    checkpoint_folder.set_aside(path, damaged[chosen], read_only=self._read_only)
        if damaged:
            faults = ", ".join(f"step {step} ({fault})" for step, fault in damaged.items())
            raise JaxcmpError(f"no sound checkpoint in {self._folder}: {faults}")
        if which == "newest" and any(self._folder.glob("damaged-*")):
            raise JaxcmpError(
                f"{self._folder} holds only damaged checkpoints; delete it to start anew, or give "
                "another --workdir"
            )
        return None

    def _is_saved(self, step: int, arrays: trees.Arrays) -> bool:
        """Returns whether the newest checkpoint is this one; raises JaxcmpError for an older step.

        Listing the steps suffices for a newer step, so that the loop does not wait for digests.
        """
        if step > max(checkpoint_folder.listed_steps(self._folder), default=-1):
            return False
        newest = self.latest_step
        if newest is None or step > newest:
            return False
        saved = checkpoint_folder.index(self._folder / str(newest))
        if step == newest and saved == trees.index_of(arrays):
            return True
        reason = f"{self._folder} holds a checkpoint of step {newest}"
        raise JaxcmpError(f"step {step} cannot be saved: {reason}; give another --workdir")

    def _write(self, step: int, arrays: trees.Arrays, metrics: dict[str, float]) -> None:
        """Digests and writes a checkpoint, and deletes those that need not be kept."""
        index = trees.index_of(arrays)
        self._writer().write(step, arrays, index, metrics)
        if step not in self.steps:
            raise OSError("it is incomplete")
        self._sound_steps.add(step)
        checkpoint_folder.clear_deleted(self._folder)

    def _writer(self) -> "Writer":
        from jaxcmp.checkpoint.orbax_steps import Writer

        if self._orbax is None:
            checkpoint_folder.clear_deleted(self._folder)
            checkpoint_folder.set_faulty_aside(self._folder, self._fault_of)
            self._orbax = Writer(
                self._folder, keep_every=self._keep_every, keep_best=self._keep_best
            )
        return self._orbax

    def _fault_of(self, path: Path) -> str | None:
        """Reads every byte of a checkpoint, once, and describes what is wrong with it."""
        return None if int(path.name) in self._sound_steps else _read_sound(path)[1]

    def _close_writer(self) -> None:
        writer, self._orbax = self._orbax, None
        if writer is not None:
            writer.close()

    def _failure(self, step: int, error: Exception) -> JaxcmpError:
        with contextlib.suppress(Exception):
            self._close_writer()
        checkpoint_folder.delete_half_written(self._folder)
        newest = self.latest_step
        before = "there is none before it" if newest is None else f"that of step {newest} is whole"
        where = f"the checkpoint of step {step} cannot be written to {self._folder}"
        return JaxcmpError(f"{where} ({_one_line(error)}); {before}")


def read_only(folder: str | Path, which: int | str = "newest") -> tuple[int, trees.Arrays]:
    """Returns the step and the host arrays of a checkpoint by path, and changes nothing there.

    `which` is "newest", "best" or a step. Raises JaxcmpError as `Checkpoints.restore` does, and if
    there is no checkpoint.
    """
    with Checkpoints(folder, read_only=True) as checkpoints:
        restored = checkpoints.read(which)
    if restored is None:
        raise JaxcmpError(
            f"there is no checkpoint in {folder}: train that run first, or name another"
        )
    return restored


def restore_variables(
    folder: str | Path, which: int | str = "newest"
) -> tuple[int, dict[str, Any]]:
    """Reads a checkpoint as `read_only` does, for any optimizer and number of devices.

    Returns its step and its variables, nested dicts of arrays on the default device: "params",
    "batch_stats" (may be empty) and, if there is one, "average".
    """
    step, arrays = read_only(folder, which)
    return step, trees.variables(arrays)


def _read_sound(path: Path) -> tuple[trees.Arrays, str | None]:
    """Returns a checkpoint's arrays and None, or no arrays and what is wrong with it.

    Raises JaxcmpError if it cannot be read.
    """
    if fault := checkpoint_folder.first_fault(path):
        return {}, fault
    from jaxcmp.checkpoint.orbax_steps import read_state

    try:
        return trees.verified(checkpoint_folder.index(path), read_state(path)), None
    except Exception as error:
        if memory_errors.is_out_of_memory(error):  # Not the checkpoint's fault.
            raise
        checkpoint_folder.check_readable(path)
        return {}, _one_line(error)


def _gather(value: int) -> list[int]:
    """Returns every process's value; a barrier, too."""
    if jax.process_count() == 1:
        return [value]
    return [int(x) for x in multihost_utils.process_allgather(np.int32(value))]


def _one_line(error: BaseException) -> str:
    if "No space left" in str(error):
        return "no space left on the disk"
    return first_line(error)[:200]
