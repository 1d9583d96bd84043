"""The evaluation of one run: from a request to two files in its folder, and a line to print."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxcmp import files, models
from jaxcmp.checkpoint import folder as checkpoint_folder
from jaxcmp.data import OneSplit
from jaxcmp.data.whole_split import batch_for, in_batches
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.evaluate.images import find_version, load_images, own_predictions
from jaxcmp.evaluate.request import Plan, Request, plan
from jaxcmp.experiment import on_this_machine
from jaxcmp.predict import Trained, restore
from jaxcmp.runs import CHECKPOINTS, Run, read_run
from jaxcmp.runs.evaluations import (
    EVALUATIONS,
    folder_of,
    outputs_of,
    read_evaluation,
    write_evaluation,
)
from jaxcmp.runs.metrics import accuracy
from jaxcmp.runs.predictions import Predictions
from jaxcmp.runtime.environment import describe_environment
from jaxcmp.runtime.run_by_run import Report
from jaxcmp.settings import Data
from jaxcmp.settings.keys import OWN_DATA, name_of_images
from jaxcmp.step import predict_logits


def evaluate_run(folder: Path, request: Request, report: Report) -> tuple[str, bool]:
    """Evaluates a finished run, unless that was done; returns the result in words, and which.

    Raises JaxcmpError where the run is not finished, where a file of it is missing or damaged, or
    where the images do not fit it.
    """
    run = read_run(folder)
    if not run.is_finished:
        raise JaxcmpError(f"{folder} is not finished")
    planned = plan(run, request)
    if (line := _done_before(run, planned)) is not None:
        return line, False
    trained = _restore(run, request)
    found = load_images(planned, run, trained)
    own = own_predictions(planned, run, found)
    logits, digest = _logits(run, planned, trained, found, report)
    split = found.split
    predictions = Predictions.of(logits, split.labels, split.ids, trained.class_names)
    result = {
        **_describe(run, planned, trained, found, digest),
        **_scores(predictions, found.class_names),
        **({} if own is None else {"repetition": _differences(predictions, own)}),
        "environment": describe_environment(run.config["compute_dtype"]),
    }
    write_evaluation(run.folder, planned.name, predictions, result)
    return _say(result), True


def _done_before(run: Run, planned: Plan) -> str | None:
    """Returns the line for an evaluation that is there already; None where there is work to do.

    The run's own evaluation is always repeated. Raises CommandError where the folder holds another
    evaluation.
    """
    request, folder = planned.request, folder_of(run.folder, planned.name)
    try:
        there = read_evaluation(run.folder, planned.name).result
    except JaxcmpError:
        # None, not finished, or damaged: it is made anew.
        return None
    if request.overwrite:
        return None
    if there["request"] != files.plain(planned.identity()):
        words = " ".join(there["words"]) or "the run's own evaluation"
        raise CommandError(
            f"{folder} holds another evaluation ({words}): give another --name, or --overwrite"
        )
    checkpoint = there["checkpoint"]
    identified = checkpoint_folder.identify(run.folder / CHECKPOINTS, request.checkpoint)
    if identified != (checkpoint["step"], checkpoint["digest"]) or "repetition" in there:
        return None
    if _has_changed(planned.settings.data, there["data"]["version"]):
        return None
    return f"{_say(there)} (evaluated before; --overwrite repeats it)"


def _has_changed(data: Data, version: str) -> bool:
    """Returns whether the user's own images were added to, removed or changed since.

    Images that are not there any more could not be evaluated anew.
    """
    is_there = data.name in OWN_DATA and Path(data.dir).exists()
    return is_there and find_version(data) != version


def _restore(run: Run, request: Request) -> Trained:
    """Restores the checkpoint; that of the last step where the newest is asked for."""
    trained = restore(run.folder, request.checkpoint)
    last = run.result["steps"]
    if request.checkpoint == "newest" and trained.step != last:
        raise JaxcmpError(
            f"{run.folder}: its newest sound checkpoint is of step {trained.step} of {last}; "
            f"--checkpoint={trained.step} evaluates that"
        )
    return trained


def _logits(
    run: Run, planned: Plan, trained: Trained, found: OneSplit, report: Report
) -> tuple[np.ndarray, str]:
    """Returns logits float32 [n, classes], and the digest of the images."""
    images, digest, num_done = found.split.images, hashlib.sha256(), 0
    num_images = images.shape[0]
    digest.update(repr(images.shape).encode())
    # The program of the run's own evaluation, whose batches fit all of its own images.
    most = num_images
    if planned.is_own:
        most = max(most, run.data["num_test"], run.data["num_validation"])
    model = on_this_machine(trained.model, planned.settings)
    batch_size = batch_for(most, planned.settings.eval_batch_size, jax.device_count())

    def predict(variables: Any, batch: jax.Array) -> jax.Array:
        return predict_logits(model, variables, batch, mean=trained.mean, std=trained.std)

    def advance(batch: np.ndarray) -> None:
        nonlocal num_done
        digest.update(np.ascontiguousarray(batch).data)
        num_done += len(batch)
        report(planned.name, num_done, num_images)

    logits = in_batches(
        predict,
        trained.variables,
        images,
        batch_size=batch_size,
        advance=advance,
        compiler_options=models.compiler_options(model),
    )
    if not np.isfinite(logits).all():
        raise JaxcmpError(f"{run.folder}: a logit is not finite, so that no accuracy has a meaning")
    return logits, digest.hexdigest()[:16]


def _describe(
    run: Run, planned: Plan, trained: Trained, found: OneSplit, digest: str
) -> dict[str, Any]:
    path = run.folder / CHECKPOINTS / str(trained.step)
    return {
        "schema": 1,
        "name": planned.name,
        "request": planned.identity(),
        "words": planned.request.words(),
        "data": {
            "name": name_of_images(found.name, planned.settings.data.dir),
            "version": found.version,
            "split": found.split_name,
            "class_names": list(found.class_names),
            "image_size": list(found.split.images.shape[1:3]),
            "digest": digest,
        },
        "checkpoint": {
            "which": planned.request.which,
            "step": trained.step,
            "digest": checkpoint_folder.digest(path),
        },
        "matched_by": "position" if planned.request.by_position else "name",
        "num_images": len(found.split.labels),
    }


def _scores(predictions: Predictions, class_names: Sequence[str]) -> dict[str, float]:
    """Computes accuracy and loss over all outputs, and the accuracy among some of the classes."""
    scores = {"accuracy": predictions.accuracy, "loss": predictions.loss}
    if len(class_names) < len(predictions.class_names):
        present = outputs_of(class_names, predictions.class_names)
        labels = np.searchsorted(present, predictions.labels)
        scores["accuracy_among_present"] = accuracy(predictions.logits[:, present], labels)
    return scores


def _differences(predictions: Predictions, own: Predictions) -> dict[str, float]:
    """Compares the logits of the same images; 0 and 0 where they are the same, bit for bit."""
    here, there = predictions.by_id().logits, own.by_id().logits
    gaps = np.abs(here.astype(np.float64) - there.astype(np.float64))
    changed = here.argmax(axis=1) != there.argmax(axis=1)
    return {"largest_difference": float(gaps.max()), "num_changed_answers": int(changed.sum())}


def _say(result: dict[str, Any]) -> str:
    data, num = result["data"], result["num_images"]
    where = f"{EVALUATIONS}/{result['name']}"
    parts = [f"{100 * result['accuracy']:.2f} % of {num:,} images of {data['name']}"]
    if (among := result.get("accuracy_among_present")) is not None:
        num_classes = len(data["class_names"])
        parts[0] += " over all outputs of the model"
        parts.append(f"{100 * among:.2f} % among the {num_classes} classes of these images")
    if (repetition := result.get("repetition")) is not None:
        largest, changed = repetition["largest_difference"], repetition["num_changed_answers"]
        same = "the logits are the same as the run's own, bit for bit"
        apart = (
            f"the logits differ from the run's own by at most {largest:.3g}, and {changed:,} of "
            f"{num:,} answers differ"
        )
        parts.append(apart if largest else same)
    return f"{'; '.join(parts)}; {where}"
