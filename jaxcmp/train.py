"""The training of one run, from a configuration to its result, with all its side effects."""

import contextlib
import dataclasses
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from absl import logging

from jaxcmp import pretrained, result, runs
from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.checkpoint.manager import Checkpoints
from jaxcmp.clock import Stopwatch
from jaxcmp.errors import Interrupted, JaxcmpError
from jaxcmp.experiment import Experiment, make_runner, prepare, read_weights
from jaxcmp.log import Log, open_viewers
from jaxcmp.runner import Runner
from jaxcmp.runs import RunWriter
from jaxcmp.runs.metrics import accuracy
from jaxcmp.runtime import devices
from jaxcmp.runtime.environment import describe_environment
from jaxcmp.runtime.interrupt import Interrupt, end_with
from jaxcmp.runtime.profiling import Trace
from jaxcmp.settings import Settings
from jaxcmp.settings.configuration import NOTHING_GIVEN, ConfigWords
from jaxcmp.step import NEVER, Metrics, TrainState
from jaxcmp.text import say


def train(
    settings: Settings,
    *,
    workdir: Path,
    given: ConfigWords = NOTHING_GIVEN,
    profile: Path | None = None,
) -> None:
    """Trains until the result is written; resumes a run that an earlier call left in the folder.

    `given` is the origin of the configuration; it is recorded. `profile` is a folder for a trace of
    ten steps.

    Raises CommandError for an impossible configuration, Interrupted after a signal, and JaxcmpError
    for failures of the data or the disk, and for a diverged loss.
    """
    # Checked before data is read, which may take minutes; nothing is written yet.
    runs.refuse_another_config(workdir, settings.to_dict())
    if _is_finished(workdir):
        return
    weights = _initial_weights(settings, workdir)
    experiment = prepare(settings, weights=weights)
    # Now with the values that follow from the data.
    settings = experiment.settings
    runs.refuse_other_images(workdir, experiment.describe_data())
    with contextlib.ExitStack() as stack:
        run = devices.on_first_process(lambda: runs.open_run(workdir, settings.to_dict(), given))
        if run is not None:
            stack.enter_context(run)
        # Another process may have finished the run while data was read.
        if _is_finished(workdir):
            return
        if run is not None:
            run.write_environment(_environment(experiment))
        session = open_session(stack, run, experiment, workdir)
        state = session.restore_or_begin(weights)
        if run is not None:
            result.rehearse(experiment, session.runner, state)
        trace = Trace(
            profile if run is not None else None,
            first_step=int(state.step),
            total_steps=experiment.clock.total_steps,
        )
        # One that an error cuts short is written all the same.
        stack.enter_context(contextlib.closing(trace))
        with Interrupt() as interrupt:
            state = session.fit(state, interrupt, trace)
        session.finish(run, state)


def open_session(
    stack: contextlib.ExitStack, run: RunWriter | None, experiment: Experiment, workdir: Path
) -> "Session":
    """Opens the log and the checkpoints, places the data, and prints what is trained.

    Everything that has to be closed is entered into `stack`.
    """
    settings, clock = experiment.settings, experiment.clock
    viewers = devices.on_first_process(lambda: open_viewers(settings, workdir)) or []
    log = stack.enter_context(
        Log(
            run,
            viewers,
            f"{settings.arm} seed {settings.seed}",
            num_epochs=settings.num_epochs,
            total_steps=clock.total_steps,
            is_quiet=jax.process_index() > 0,
        )
    )
    checkpoints = stack.enter_context(
        Checkpoints(
            workdir / "checkpoints",
            keep_every=settings.checkpoint.keep_every_epochs * clock.steps_per_epoch,
            keep_best=experiment.dataset.validation is not None,
        )
    )
    runner = make_runner(experiment, devices.make_mesh())
    stack.enter_context(contextlib.closing(runner))
    _introduce(log, experiment, runner.num_parameters, workdir)
    return Session(experiment, runner, checkpoints, log, workdir)


@dataclasses.dataclass
class Session:
    """The part of one process in a run, from the newest checkpoint on."""

    experiment: Experiment
    runner: Runner
    checkpoints: Checkpoints
    log: Log
    workdir: Path

    def restore_or_begin(self, weights: pretrained.Source | None) -> TrainState:
        """Compiles, and restores the newest sound checkpoint or makes a fresh state.

        A fresh state gets `weights` if given. The state's step number is all that a resumed run
        needs to go on with the same images and keys: see `data.order` and `TrainStep`.
        """
        fresh = self._compile_and_draw()
        restored = self.checkpoints.restore(fresh)
        if restored is not None:
            step, state = restored
            self.log.say(f"going on after step {step} of {self.experiment.clock.total_steps}")
            return state
        # Read them now if a checkpoint that existed at the start has been deleted since.
        if (weights := weights or _read_weights(self.experiment.settings, self.workdir)) is None:
            return fresh
        names = self.experiment.dataset.class_names
        state, description = pretrained.start(fresh, weights, self.experiment.model, names)
        devices.on_first_process(lambda: self.log.weights(description))
        return state

    def _compile_and_draw(self) -> TrainState:
        """Compiles the steps while a thread compiles and draws a fresh state."""
        self.log.say("compiling the training step and the evaluation")
        start = time.perf_counter()
        with ThreadPoolExecutor(1, thread_name_prefix="init") as thread:
            drawing = thread.submit(self.runner.init)
            self.runner.compile()
            self.log.say(f"compiled in {time.perf_counter() - start:.1f} s")
            return drawing.result()

    def fit(self, state: TrainState, interrupt: Interrupt, trace: Trace) -> TrainState:
        """Runs the training loop and saves the last state; after a signal, raises Interrupted."""
        clock, settings = self.experiment.clock, self.experiment.settings
        self.watch = Stopwatch(first_step=int(state.step))
        self._evaluated_epoch = self._last_evaluation(int(state.step))
        dispatches = clock.dispatches(
            int(state.step),
            most=self.runner.steps_per_dispatch,
            log_every=settings.log.every_steps,
        )
        count = 0
        for count, steps in enumerate(dispatches, start=1):
            with trace.dispatch(steps):
                state, metrics = self.runner.train(state, steps)
            step, scores = steps[-1], {}
            if trace.is_complete(step):
                self._write_trace(trace, metrics, step)
            is_evaluated = clock.is_epoch_end(step, every=settings.eval_every_epochs)
            is_saved = self._is_save_due(step)
            # Reading a metric waits for the device, so it is read only when needed.
            if is_evaluated or is_saved or clock.is_due(step, every=settings.log.every_steps):
                self._log_step(state, metrics, step)
            if is_evaluated:
                scores = self._log_epoch(state, metrics, step)
            if is_saved:
                with self.watch.paused():
                    self.checkpoints.save(step, state, scores)
            if interrupt.is_due(count):
                self._stop(state, step, scores)
            if is_evaluated:
                self.watch.new_epoch()
        # Every process waits for the first one to write: leaving early would look like a loss.
        devices.on_first_process(self.checkpoints.wait)
        # The rest takes seconds and can be repeated: from here on a signal ends the process.
        end_with(_stopped(clock.total_steps), Interrupted.exit_code)
        if interrupt.is_due(count + 1):
            raise Interrupted(_stopped(clock.total_steps))
        return state

    def _write_trace(self, trace: Trace, metrics: Metrics, step: int) -> None:
        jax.block_until_ready(metrics)
        with self.watch.paused():
            trace.close()
        self.log.say(f"a trace up to step {step} is in {trace.folder}")

    def _is_save_due(self, step: int) -> bool:
        clock, settings = self.experiment.clock, self.experiment.settings
        # The validation split picks the best epoch, so every evaluated epoch must be saved.
        has_validation = self.experiment.dataset.validation is not None
        eval_every = settings.eval_every_epochs if has_validation else 0
        checkpoint = settings.checkpoint
        intervals = (checkpoint.every_epochs, checkpoint.keep_every_epochs, eval_every)
        is_due = any(clock.is_epoch_end(step, every=every) for every in intervals)
        return is_due or step == clock.total_steps

    def evaluate(self, state: TrainState) -> dict[str, np.ndarray]:
        """Returns logits [n, classes] of each evaluated split, by name."""
        names = [name for name, _ in self.experiment.evaluated_splits()]
        return {name: self.runner.evaluate(state, name) for name in names}

    def finish(self, run: RunWriter | None, state: TrainState) -> None:
        """Evaluates in every process; the first one, which has `run`, writes the result."""
        logits = self.evaluate(state)

        def write() -> None:
            if run is not None:
                # Records that do not fit are skipped: the end of a run must not fail.
                errors: list[str] = []
                records = runs.read_metrics(run.folder, errors=errors)
                for error in errors:
                    logging.warning("%s", error)
                measured = result.measure(self.experiment, self.runner, state, logits, records)
                measured.write(run)
                self.log.result(measured.result, run.folder)

        devices.on_first_process(write)

    def _log_step(self, state: TrainState, metrics: Metrics, step: int) -> None:
        values = {name: float(value) for name, value in metrics.items()}
        seconds_per_step = self.watch.lap(step)
        self._check_finite(state)
        record = {"step": step, "epoch": self.experiment.clock.epoch(step), **values}
        record["images_per_second"] = self.experiment.settings.batch_size / seconds_per_step
        self.log.step(record)

    def _log_epoch(self, state: TrainState, metrics: Metrics, step: int) -> dict[str, float]:
        clock, settings = self.experiment.clock, self.experiment.settings
        num_taken = float(state.sums["num_steps"])
        # In float16 all steps of a short epoch may have been reverted: use the last one's metrics.
        means = {
            name: float(state.sums[name]) / num_taken if num_taken else float(metrics[name])
            for name in ("loss", "accuracy_mixed", "gradient_norm")
        }
        scores = result.score(self.experiment, self.evaluate(state))
        num_steps = (clock.epoch(step) - self._evaluated_epoch) * clock.steps_per_epoch
        self._evaluated_epoch = clock.epoch(step)
        seconds = self.watch.seconds_per_step() * num_steps
        record = {
            "step": step,
            "epoch": clock.epoch(step),
            "train_loss": means["loss"],
            "train_accuracy_mixed": means["accuracy_mixed"],
            **self._train_accuracy(state),
            **scores,
            "learning_rate": float(metrics["learning_rate"]),
            "gradient_norm": means["gradient_norm"],
            "parameter_norm": float(jax.jit(optax.tree.norm)(state.params)),
            "images_per_second": settings.batch_size * num_steps / seconds,
            "seconds": seconds,
        }
        # The losses so far precede the last update, which may have diverged.
        if not all(map(math.isfinite, (record["parameter_norm"], *scores.values()))):
            raise self._diverged(step)
        self.log.epoch(record, seconds_left=self.watch.seconds_left(step, clock.total_steps))
        return scores

    def _last_evaluation(self, step: int) -> int:
        """Returns the epoch up to which records have seconds; `eval_every_epochs` may change."""
        records = runs.read_metrics(self.workdir, errors=[])
        return max(
            (r["epoch"] for r in records if r["kind"] == "epoch" and r["step"] <= step), default=0
        )

    def _train_accuracy(self, state: TrainState) -> dict[str, float]:
        """Returns the accuracy on a fixed sample of training images, without augmentation."""
        rows = self.experiment.train_sample
        if len(rows) == 0:
            return {}
        logits = self.runner.evaluate(state, "train")
        return {"train_accuracy": accuracy(logits, self.experiment.dataset.train.labels[rows])}

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
            f"the loss or the weights are not finite at step {step}; {last}; a lower "
            "schedule.peak_learning_rate or an optimizer.clip_norm may help, with another --workdir"
        )

    def _stop(self, state: TrainState, step: int, scores: dict[str, float]) -> None:
        self._check_finite(state)
        self.checkpoints.save(step, state, scores)
        devices.on_first_process(self.checkpoints.wait)
        # For another signal that arrives before the process ends.
        end_with(_stopped(step), Interrupted.exit_code)
        raise Interrupted(_stopped(step))


def _stopped(step: int) -> str:
    return f"stopped after step {step}, which is saved; the same command goes on"


def _is_finished(workdir: Path) -> bool:
    """Asks the first process, so that none goes on without the others, and says so there."""

    def check() -> bool:
        is_finished = runs.is_finished(workdir)
        if is_finished:
            say(f"{workdir} is finished already; another --workdir starts another run")
        return is_finished

    return devices.broadcast_from_first(bool(devices.on_first_process(check)))


def _initial_weights(settings: Settings, workdir: Path) -> pretrained.Source | None:
    """Reads the weights before any data; None for random weights, and for a run that resumes."""
    has_begun = bool(checkpoint_folder.listed_steps(workdir / runs.CHECKPOINTS))
    return None if devices.broadcast_from_first(has_begun) else _read_weights(settings, workdir)


def _read_weights(settings: Settings, workdir: Path) -> pretrained.Source | None:
    """Reads the weights, of a model hub those that the run had begun from before."""
    return read_weights(settings, runs.read_init(workdir) if settings.init.path else None)


def _introduce(log: Log, experiment: Experiment, num_parameters: int, workdir: Path) -> None:
    """Prints what is trained, on which data and devices, and where the run is written."""
    settings, clock = experiment.settings, experiment.clock
    lines = [
        f"{settings.arm}, seed {settings.seed}: {num_parameters:,} parameters, "
        f"{settings.compute_dtype}, on {devices.describe()}",
        f"{clock.num_epochs:,} epochs of {clock.steps_per_epoch:,} steps, {clock.total_steps:,} in "
        f"all, each of {settings.batch_size:,} images",
        f"written to {workdir}",
    ]
    for line in [*lines, *experiment.notes()]:
        log.say(line)


def _environment(experiment: Experiment) -> dict[str, Any]:
    """Describes the machine, the packages and the data, for environment.json."""
    return {
        **describe_environment(experiment.settings.compute_dtype),
        # By default a GPU multiplies float32 matrices with fewer bits (TF32).
        "matmul_precision": jax.config.values["jax_default_matmul_precision"] or "default",
        "num_processes": jax.process_count(),
        "data": experiment.describe_data(),
    }
