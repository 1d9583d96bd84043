"""The images of an evaluation, with labels as the model's outputs."""

import functools

import numpy as np

from jaxcmp import data
from jaxcmp.data import OneSplit, Split
from jaxcmp.data.catalog import open_source
from jaxcmp.errors import CommandError, JaxcmpError
from jaxcmp.evaluate.matching import match_classes
from jaxcmp.evaluate.request import Plan
from jaxcmp.predict import Trained
from jaxcmp.runs import Run
from jaxcmp.runs.predictions import Pictures, Predictions
from jaxcmp.runtime import devices
from jaxcmp.settings import Data
from jaxcmp.settings.keys import OWN_DATA


# Runs in a row have the same images, here and below.
@functools.lru_cache(maxsize=1)
def find_version(options: Data) -> str:
    """Returns the version of a data set as it is now, without its images."""
    return open_source(options, for_tests=True).version


@functools.lru_cache(maxsize=1)
def _load(options: Data, wanted: str) -> OneSplit:
    """Loads the test split, or one that the data set has under this name."""
    return data.load_split(options, wanted, free_bytes=devices.free_bytes())


def load_images(plan: Plan, run: Run, trained: Trained) -> OneSplit:
    """Loads the images of a plan, with the model's outputs as labels.

    Raises CommandError where classes, channels or sizes do not fit the model, and for a copy of the
    run's own images of which no part is held out.
    """
    found = _own_split(plan) or _load(plan.settings.data, plan.request.split)
    _refuse_training_images(plan, run, found)
    channels, expected = found.split.images.shape[-1], len(trained.mean)
    if channels != expected:
        raise CommandError(
            f"images of {found.name} have {_channels(channels)}, and the run was trained on images "
            f"with {_channels(expected)}: colours are not converted"
        )
    size, own = found.split.images.shape[1:3], trained.image_size
    # Sizes that the command names are meant; squares were resized as they were read.
    if size != own and not plan.settings.data.image_size:
        raise CommandError(
            f"images of {found.name} are {size[0]}x{size[1]}, and the run's {own[0]}x{own[1]}: "
            "--config.data.image_size=N makes squares of them"
        )
    by_position = plan.request.by_position
    places = match_classes(
        found.name,
        found.class_names,
        trained.class_names,
        by_position=by_position,
        numbers=plan.settings.data.classes,
    )
    split = found.split
    labelled = Split(split.images, places[split.labels], split.ids)
    return OneSplit(found.name, found.version, found.class_names, found.split_name, labelled)


def _refuse_training_images(plan: Plan, run: Run, found: OneSplit) -> None:
    """Raises CommandError for all of the images of which the run held some out to be tested on."""
    own, data = run.config["data"], plan.settings.data
    # The version of the user's own images is a digest of them, wherever they are.
    is_same = (data.name, found.version) == (own["name"], run.data["version"])
    is_whole = plan.request.split == "test" and not data.test_fraction
    if data.name in OWN_DATA and is_same and is_whole and own.get("test_fraction"):
        raise CommandError(
            f"the images of {found.name} are those of the run, which trained on most of them: "
            f"--config.data.test_fraction={own['test_fraction']} evaluates those that it held out"
        )


def _own_split(plan: Plan) -> OneSplit | None:
    """Loads the images that a run trained on or held out; None for any other split."""
    options, wanted = plan.settings.data, plan.request.split
    is_held_out = wanted == "validation" and options.validation_fraction > 0
    if not plan.is_own or not (wanted == "train" or is_held_out):
        return None
    dataset = data.load(options, free_bytes=devices.free_bytes(), seed=plan.settings.seed)
    split = dataset.splits()[wanted]
    return OneSplit(dataset.name, dataset.version, dataset.class_names, wanted, split)


def own_predictions(plan: Plan, run: Run, found: OneSplit) -> Predictions | None:
    """Returns the run's own predictions of the same images, from its last step; None for others.

    Ids, labels and the stored pictures tell whether the images are the same. Raises JaxcmpError
    where they should be, and are not.
    """
    request = plan.request
    is_stored = request.split in ("test", "validation") and request.checkpoint == "newest"
    if not plan.is_own or not is_stored:
        return None
    stored = run.load_predictions()
    predictions = stored.test if request.split == "test" else stored.validation
    # The stored pictures are of test images: of other splits there are none.
    pictures = stored.pictures if request.split == "test" else None
    if predictions is None or _is_same(predictions, pictures, found.split):
        return predictions
    if plan.is_moved or "data.dir" in request.overrides:
        # The same data set in a folder that was named, with other images.
        return None
    raise JaxcmpError(
        f"{run.folder} was evaluated on other images than {found.name} has now: where they are "
        "meant, --config.data.dir=FOLDER says so"
    )


def _is_same(stored: Predictions, pictures: Pictures | None, split: Split) -> bool:
    if len(stored.ids) != len(split.ids):
        return False
    place = {name: row for row, name in enumerate(split.ids.tolist())}
    if dict(zip(stored.ids.tolist(), stored.labels.tolist(), strict=True)) != dict(
        zip(place, split.labels.tolist(), strict=True)
    ):
        return False
    if pictures is None or not set(pictures.ids.tolist()) <= set(place):
        return True
    rows = np.array([place[name] for name in pictures.ids.tolist()], np.int64)
    return np.array_equal(np.asarray(split.images[rows]), pictures.images)


def _channels(number: int) -> str:
    return "1 channel" if number == 1 else f"{number} channels"
