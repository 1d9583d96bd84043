"""Orbax's part of a checkpoint: writes the items of a step, deletes old steps, reads a state.

The only file that knows Orbax. `manager` imports it when it first writes or reads: a run saves
after an epoch at the earliest, and Orbax takes an eighth of the time of all imports.
"""

from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.checkpoint import trees


class Writer:
    """A writer of steps into a folder, which keeps the newest two and those asked for.

    For one thread at a time. See `manager.Checkpoints` for what is kept.
    """

    def __init__(self, folder: Path, *, keep_every: int, keep_best: bool) -> None:
        kept: list[Any] = [checkpoint_managers.LatestN(2)]
        if keep_every:
            kept.append(checkpoint_managers.EveryNSteps(keep_every))
        if keep_best:
            kept.append(checkpoint_managers.BestN(get_metric_fn=checkpoint_folder.rank, n=1))
        self._manager = _Manager(
            folder,
            options=ocp.CheckpointManagerOptions(
                create=False,
                cleanup_tmp_directories=True,
                todelete_subdir=checkpoint_folder.DELETED,
                # It is called in a thread of ours.
                enable_async_checkpointing=False,
                multiprocessing_options=_alone("write"),
                # Without a function, Orbax would not write the metrics.
                best_fn=checkpoint_folder.rank if keep_best else None,
                preservation_policy=checkpoint_managers.AnyPreservationPolicy(kept),
            ),
        )

    def write(
        self, step: int, arrays: trees.Arrays, index: dict[str, Any], metrics: dict[str, float]
    ) -> None:
        """Writes the items "state" and "index" of a step, and deletes steps not to be kept."""
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(trees.nest(arrays)), index=ocp.args.JsonSave(index)
            ),
            metrics={name: float(value) for name, value in metrics.items()},
            force=True,  # Otherwise Orbax may skip a save by its own policy.
        )

    def close(self) -> None:
        self._manager.close()


class _Manager(ocp.CheckpointManager):
    """Orbax's manager without its question, at every save, whether to stop for a preemption.

    All processes must ask it with the same numbers; training does, by `Interrupt.is_due`.
    """

    def reached_preemption(self, step: int) -> bool:
        return False


def read_state(path: Path) -> Any:
    """Reads the item "state" of a step: nested dicts of arrays."""
    with ocp.StandardCheckpointer(multiprocessing_options=_alone("read")) as checkpointer:
        return checkpointer.restore(path / checkpoint_folder.STATE)


def _alone(action: str) -> ocp.options.MultiprocessingOptions:
    """Returns Orbax's options for a process that acts on its own, without barriers."""
    me = jax.process_index()
    return ocp.options.MultiprocessingOptions(me, {me}, barrier_sync_key_prefix=f"{action}_{me}")
