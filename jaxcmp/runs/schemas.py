"""The types of the JSON files of run folders and studies, checked when they are read.

A key may be missing, as a run in progress has not written everything, and others may be there;
a key that is there must have its type and range. A reader that needs a key calls `lacking`.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NotRequired, TypedDict, get_args, get_origin

from msgspec import Meta, structs

from jaxcmp.settings import Section, Settings
from jaxcmp.settings.keys import sections_of, unwrap

# No measurement is larger, and squares and sums of larger numbers would not be finite.
LARGE = 1e30
Number = Annotated[float, Meta(ge=-LARGE, le=LARGE)]
Amount = Annotated[float, Meta(ge=0, le=LARGE)]
Seconds = Annotated[float, Meta(ge=0, le=1e12)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Size = Annotated[int, Meta(ge=0, le=10**6)]
Positive = Annotated[int, Meta(ge=1, le=10**6)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


def _partial(*sections: type[Section]) -> Any:
    """Makes the type of a mapping with any of the sections' keys, each typed as in the settings."""
    types: dict[str, Any] = {"name": str} if len(sections) > 1 else {}
    for section in sections:
        for field in structs.fields(section):
            inner, _ = unwrap(field.type)
            within = sections_of(inner)
            own = _partial(*within) if within else field.type
            if field.name in types and get_origin(inner) is Literal:
                # A key of several models, such as the stem, has the values of all of them.
                before, _ = unwrap(types[field.name])
                own = Literal[(*get_args(before), *get_args(inner))]
            types[field.name] = own
    return TypedDict("Config", types, total=False)  # pyright: ignore[reportArgumentType]


# A run's configuration: each key that is there has the type and range of the settings.
Config = _partial(Settings)


class ConfigFile(TypedDict):
    """The configuration, and its origin: the command, file, variant and overrides."""

    config: Config  # pyright: ignore[reportInvalidTypeForm]
    file: str
    variant: str
    overrides: dict[str, str]
    module: str


class Data(TypedDict, total=False):
    """The images, and the preprocessing that a restored model needs."""

    name: str
    version: str | None
    class_names: Annotated[list[str], Meta(min_length=1)]
    num_train: Count
    num_validation: Count
    num_test: Count
    image_size: Annotated[list[Positive], Meta(min_length=2, max_length=2)]
    mean: Annotated[list[Number], Meta(min_length=1, max_length=100)]
    std: Annotated[list[Number], Meta(min_length=1, max_length=100)]
    placement: str
    placement_reason: str


class Machine(TypedDict, total=False):
    """The environment of one session of a run."""

    start: str
    end: str | None
    command: str
    git_commit: str | None
    git_dirty: bool | None
    python: str
    platform: str
    packages: dict[str, str]
    host_cores: Count | None
    device: str
    device_count: Positive
    precision: str
    matmul_precision: str
    num_processes: Positive
    data: Data


class Environment(Machine, total=False):
    earlier: list[Machine]


class CountByComponent(TypedDict, total=False):
    total: Count
    components: dict[str, Count]


class StepSeconds(TypedDict, total=False):
    median: Seconds | None
    p95: Seconds | None
    num_samples: Count


class PeakMemory(TypedDict, total=False):
    device_bytes: Count | None
    host_bytes: Count | None


class Cost(TypedDict, total=False):
    parameters: CountByComponent
    multiply_adds: CountByComponent
    training_flops: Amount
    compile_seconds: dict[str, Seconds]
    peak_memory: PeakMemory
    step_temporary_bytes: Count | None
    step_seconds: StepSeconds
    train_seconds: Seconds | None
    images_per_second: Amount | None


class Record(TypedDict):
    """A line of the metrics, in which a number that is not finite is null."""

    step: Count
    kind: Literal["train", "epoch"]


class Step(Record, total=False):
    epoch: Count
    loss: Number | None
    accuracy_mixed: Number | None
    learning_rate: Amount | None
    gradient_norm: Amount | None
    images_per_second: Amount | None


class Epoch(Record, total=False):
    epoch: Count
    train_loss: Number | None
    train_accuracy_mixed: Share | None
    train_accuracy: Share | None
    test_loss: Amount | None
    test_accuracy: Share | None
    validation_loss: Amount | None
    validation_accuracy: Share | None
    learning_rate: Amount | None
    gradient_norm: Amount | None
    parameter_norm: Amount | None
    images_per_second: Amount | None
    seconds: Seconds | None


def record_schema(record: Mapping[str, Any]) -> Any:
    kind = record.get("kind")
    return Epoch if kind == "epoch" else Step


class Seen(TypedDict, total=False):
    """The training data of pretrained weights, and of the weights before them."""

    name: str | None
    num_train: Count | None
    num_classes: Count | None
    class_names: list[str] | None
    epochs: Count | None
    arm: str | None
    seed: Seed | None
    before: "Seen | None"


class Row(TypedDict, total=False):
    """The use of one array; "from" and "to" are its shapes."""

    name: str
    what: str


class Init(TypedDict, total=False):
    kind: str
    layout: str
    path: str
    revision: str | None
    sha256: str
    seen: Seen
    rows: list[Row]


class Result(TypedDict, total=False):
    test_loss: Amount
    test_accuracy: Share
    validation_loss: Amount
    validation_accuracy: Share
    num_train: Count
    num_test: Count
    epochs: Count
    steps: Count
    parameters: Count
    multiply_adds: Count
    train_seconds: Seconds | None
    images_per_second: Amount | None


class Counts(TypedDict):
    """Images by class: those that are answered rightly, and those that keep their answer."""

    right: list[Count]
    kept: list[Count]


class Changed(TypedDict):
    """The answers to images after changes of one kind and level, added up over its variants.

    "trained" is the last checkpoint, "initial" the model with the seed's random weights.
    """

    kind: str
    level: Count
    variants: Positive
    trained: Counts
    initial: Counts


class InspectedImages(TypedDict):
    """The test images that a run was inspected on; `digest` is the same for the same images."""

    digest: str
    height: Positive
    width: Positive
    channels: Positive
    class_sizes: Annotated[list[Count], Meta(min_length=1)]


class Unchanged(TypedDict):
    trained: list[Count]
    initial: list[Count]


class Spread(TypedDict):
    """The mean distance of attention, in pixels, and its entropy, 1 for uniform attention."""

    distance: Amount
    entropy: Share


class HeadSpreads(TypedDict):
    """The same for each head of each block, [blocks][heads]."""

    distance: Annotated[list[Annotated[list[Amount], Meta(min_length=1)]], Meta(min_length=1)]
    entropy: Annotated[list[Annotated[list[Share], Meta(min_length=1)]], Meta(min_length=1)]


class Attention(TypedDict):
    patch_size: Positive
    uniform: Spread
    window: Spread
    trained: HeadSpreads
    initial: HeadSpreads


class Cosines(TypedDict):
    """Cosines of position embeddings, and their rank correlation with distance, null if equal."""

    correlation: Number | None
    cosines: list[list[Number]]


class Positions(TypedDict):
    side: Positive
    trained: Cosines
    initial: Cosines


class Arrays(TypedDict):
    """The file inspect.npz, by its digest."""

    sha256: str


class Inspection(TypedDict):
    """The contents of inspect.json; a measure that is missing was not taken yet."""

    step: Count
    images: InspectedImages
    unchanged: Unchanged
    attention: NotRequired[Attention]
    positions: NotRequired[Positions]
    arrays: NotRequired[Arrays]
    shifts: NotRequired[list[Changed]]
    places: NotRequired[list[Changed]]
    arrangement: NotRequired[list[Changed]]
    corruptions: NotRequired[list[Changed]]


class EvaluatedData(TypedDict):
    """The images of an evaluation; `digest` is the same for the same pixels in the same order."""

    name: str
    version: str
    split: str
    class_names: Annotated[list[str], Meta(min_length=1)]
    image_size: Annotated[list[Positive], Meta(min_length=2, max_length=2)]
    digest: str


class EvaluatedCheckpoint(TypedDict):
    """A checkpoint: "newest", "best" or "step", its step, and the digest of its arrays."""

    which: str
    step: Count
    digest: str


class Repetition(TypedDict):
    """The differences between the logits of a run's own evaluation and of another of the same."""

    largest_difference: Amount
    num_changed_answers: Count


class EvaluationResult(TypedDict):
    """The result.json of an evaluation; `request` is what was asked for, `words` how to type it.

    `accuracy` is over all outputs of the model. Where the data set has only some of its classes,
    `accuracy_among_present` is over the outputs of these. `repetition` is of an evaluation that the
    run's own training has made already.
    """

    schema: Literal[1]
    name: str
    request: dict[str, Any]
    words: list[str]
    data: EvaluatedData
    checkpoint: EvaluatedCheckpoint
    matched_by: Literal["name", "position"]
    num_images: Annotated[int, Meta(ge=1, le=2**53)]
    accuracy: Share
    loss: Amount
    accuracy_among_present: NotRequired[Share]
    repetition: NotRequired[Repetition]
    environment: Machine


class Failure(TypedDict):
    reason: str
    exit_code: int


def lacking(value: Mapping[str, Any], keys: Iterable[str]) -> str | None:
    """Returns the first of these dotted keys that is missing."""
    for key in keys:
        here: Any = value
        for name in key.split("."):
            if not isinstance(here, Mapping) or name not in here:
                return key
            here = here[name]
    return None
