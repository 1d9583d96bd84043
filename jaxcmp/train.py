"""One run, from a configuration to a result: every side effect of training."""

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from jaxcmp import checkpoint_folder, devices, pretrained, runs
from jaxcmp.checkpoint import Checkpoints
from jaxcmp.environment import describe_environment
from jaxcmp.errors import Interrupted, JaxcmpError
from jaxcmp.experiment import Config, Experiment, compile_program, prepare, read_weights
from jaxcmp.interrupt import Interrupt
from jaxcmp.journal import Journal
from jaxcmp.outcome import score, write_outcome
from jaxcmp.program import Program
from jaxcmp.progress import Reporter
from jaxcmp.runs import RunWriter
from jaxcmp.step import NEVER, Metrics, TrainState
from jaxcmp.stopwatch import Stopwatch


def train(config: Config, *, workdir: Path, overrides: Sequence[str]) -> None:
    """Trains until the result is written; goes on where an earlier call with this folder stopped.

    Raises CommandError for a configuration that cannot be, Interrupted after a signal, and
    JaxcmpError for data, a disk or a loss that stand in the way.
    """
    # Before data is read, which may take minutes; nothing is written yet.
    runs.refuse_another_config(workdir, config.to_dict())
    if _is_finished(workdir):
        return
    weights = _weights_to_begin_with(config, workdir)
    experiment = prepare(config, weights=weights)
    is_first = jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        run = devices.on_first_process(lambda: runs.open_run(workdir, config.to_dict(), overrides))
        if run is not None:
            stack.enter_context(run)
        # While data was read, another process may have had the folder.
        if _is_finished(workdir):
            return
        if run is not None:
            run.write_environment(_environment(experiment, config))
        clock = experiment.clock
        reporter = stack.enter_context(
            Reporter(
                f"{config.arm} seed {config.seed}",
                num_epochs=config.num_epochs,
                total_steps=clock.total_steps,
                is_quiet=not is_first,
            )
        )
        interrupt = stack.enter_context(Interrupt())
        checkpoints = stack.enter_context(
            Checkpoints(
                workdir / "checkpoints",
                keep_every=config.checkpoint.keep_every_epochs * clock.steps_per_epoch,
                keep_best=experiment.dataset.validation is not None,
            )
        )
        events = workdir / "tensorboard" if config.log.tensorboard else None
        journal = stack.enter_context(contextlib.closing(Journal(run, reporter, events)))
        reporter.say("\n".join(experiment.notes()))
        program = compile_program(experiment, devices.make_mesh(), config)
        stack.callback(program.close)
        session = Session(config, experiment, program, checkpoints, journal, interrupt)
        state = session.restore_or_begin(weights)
        if int(state.step):
            reporter.say(f"going on after step {int(state.step)} of {clock.total_steps}")
        state = session.fit(state)
        devices.on_first_process(checkpoints.wait)
        session.finish(run, state)
        reporter.say(f"finished: {workdir}")


@dataclasses.dataclass
class Session:
    """One process's part in a run, from the newest checkpoint on."""

    config: Config
    experiment: Experiment
    program: Program
    checkpoints: Checkpoints
    journal: Journal
    interrupt: Interrupt

    def restore_or_begin(self, weights: pretrained.Source | None) -> TrainState:
        """The newest sound checkpoint, or, where there is none, a fresh state: with the weights."""
        fresh = self.program.init()
        restored = self.checkpoints.restore(fresh)
        if restored is not None:
            return restored[1]
        # A checkpoint that was seen at first may have been deleted since.
        if (weights := weights or read_weights(self.config)) is None:
            return fresh
        names = self.experiment.dataset.class_names
        state, loaded = pretrained.start(fresh, weights, self.experiment.model, names)
        devices.on_first_process(lambda: self.journal.weights(loaded))
        return state

    def fit(self, state: TrainState) -> TrainState:
        """The loop. Raises Interrupted once a signal came and the state is saved."""
        clock, config = self.experiment.clock, self.config
        self.watch = Stopwatch(first_step=int(state.step))
        dispatches = clock.dispatches(
            int(state.step),
            most=self.program.steps_per_dispatch,
            log_every=config.log.every_steps,
        )
        for count, steps in enumerate(dispatches, start=1):
            state, metrics = self.program.train_steps(state, steps)
            step, scores = steps[-1], {}
            is_evaluated = clock.is_epoch_end(step, every=config.eval_every_epochs)
            is_saved = self._is_save_due(step)
            # Reading a metric waits for the device; between logs, nothing does.
            if is_evaluated or is_saved or clock.is_due(step, every=config.log.every_steps):
                self._log_step(state, metrics, step)
            if is_evaluated:
                scores = self._log_epoch(state, metrics, step)
            if is_saved:
                self.checkpoints.save(step, state, scores)
            if step < clock.total_steps and self.interrupt.is_due(count):
                self._stop(state, step, scores)
            if is_evaluated:
                self.watch.new_epoch()
        return state

    def _is_save_due(self, step: int) -> bool:
        clock, checkpoint = self.experiment.clock, self.config.checkpoint
        # A held-out split picks the best epoch: each one scored must then be there to be picked.
        has_validation = self.experiment.dataset.validation is not None
        scored = self.config.eval_every_epochs if has_validation else 0
        intervals = (checkpoint.every_epochs, checkpoint.keep_every_epochs, scored)
        is_due = any(clock.is_epoch_end(step, every=every) for every in intervals)
        return is_due or step == clock.total_steps

    def evaluate(self, state: TrainState) -> dict[str, np.ndarray]:
        """Logits [n, classes] of the test split, and of the held-out one where there is one."""
        names = [name for name, _ in self.experiment.evaluated_splits()]
        return {name: self.program.evaluate(state, name) for name in names}

    def finish(self, run: RunWriter | None, state: TrainState) -> None:
        """Evaluates in every process; the first one, which has `run`, writes it down."""
        logits = self.evaluate(state)

        def write() -> None:
            if run is not None:
                batch_size = self.config.batch_size
                write_outcome(
                    run, self.experiment, self.program, state, logits, batch_size=batch_size
                )

        devices.on_first_process(write)

    def _log_step(self, state: TrainState, metrics: Metrics, step: int) -> None:
        values = {name: float(value) for name, value in metrics.items()}
        seconds_per_step = self.watch.lap(step)
        self._check_finite(state)
        record = {"step": step, "epoch": self.experiment.clock.epoch(step), **values}
        record["images_per_second"] = self.config.batch_size / seconds_per_step
        self.journal.step(record)

    def _log_epoch(self, state: TrainState, metrics: Metrics, step: int) -> dict[str, float]:
        clock = self.experiment.clock
        num_taken = float(state.sums["num_steps"])
        # In float16 all steps of a short epoch may have been undone: then the last one speaks.
        means = {
            name: float(state.sums[name]) / num_taken if num_taken else float(metrics[name])
            for name in ("loss", "accuracy_mixed", "gradient_norm")
        }
        scores = score(self.experiment, self.evaluate(state))
        epochs = (clock.epoch(step) - 1) % self.config.eval_every_epochs + 1
        num_steps = epochs * clock.steps_per_epoch
        seconds = self.watch.seconds_per_step() * num_steps
        record = {
            "step": step,
            "epoch": clock.epoch(step),
            "train_loss": means["loss"],
            "train_accuracy_mixed": means["accuracy_mixed"],
            **scores,
            "learning_rate": float(metrics["learning_rate"]),
            "gradient_norm": means["gradient_norm"],
            "parameter_norm": float(jax.jit(optax.tree.norm)(state.params)),
            "images_per_second": self.config.batch_size * num_steps / seconds,
            "seconds": seconds,
        }
        # The losses seen were those before the last update: what it left may be worse.
        if not all(map(math.isfinite, (record["parameter_norm"], *scores.values()))):
            raise self._diverged(step)
        self.journal.epoch(record, seconds_left=self.watch.seconds_left(step, clock.total_steps))
        return scores

    def _check_finite(self, state: TrainState) -> None:
        bad_step = int(state.sums["first_bad_step"])
        if bad_step != NEVER:
            raise self._diverged(bad_step)

    def _diverged(self, step: int) -> JaxcmpError:
        self.checkpoints.wait()
        good = self.checkpoints.latest_step
        last = (
            f"the last good checkpoint is of step {good}" if good else "there is no checkpoint yet"
        )
        return JaxcmpError(
            f"the loss is not finite at step {step}; {last}; a lower "
            "schedule.peak_learning_rate or an optimizer.clip_norm may help, with another --workdir"
        )

    def _stop(self, state: TrainState, step: int, scores: dict[str, float]) -> None:
        self._check_finite(state)
        self.checkpoints.save(step, state, scores)
        # The first process writes; if another left before, it would be taken for lost.
        devices.on_first_process(self.checkpoints.wait)
        raise Interrupted(f"stopped after step {step}, which is saved; the same command goes on")


def _is_finished(workdir: Path) -> bool:
    if runs.is_finished(workdir):
        print(f"{workdir} is finished already; another --workdir starts another run")
        return True
    return False


def _weights_to_begin_with(config: Config, workdir: Path) -> pretrained.Source | None:
    """Read before data is; None for random weights, and for a run that goes on."""
    has_begun = bool(checkpoint_folder.listed_steps(workdir / runs.CHECKPOINTS))
    return None if devices.said_by_first(has_begun) else read_weights(config)


def _environment(experiment: Experiment, config: Config) -> dict[str, Any]:
    """The machine, the packages and the data: how a restored model has to see its images."""
    described = describe_environment(
        device=jax.devices()[0].device_kind,
        device_count=jax.device_count(),
        precision=config.compute_dtype,
    )
    return {
        **described,
        # By default a GPU multiplies float32 matrices with fewer bits (TF32).
        "matmul_precision": jax.config.values["jax_default_matmul_precision"] or "default",
        "num_processes": jax.process_count(),
        "data": experiment.describe_data(),
    }
