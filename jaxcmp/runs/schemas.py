"""The types of the JSON files of run folders and studies, checked when they are read.

Each file is written whole: a key may be missing only where the type says so. A value must have its
type and range. Keys that no type names may be there too.
"""

import operator
from collections.abc import Mapping
from functools import reduce
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import msgspec
from msgspec import Meta, structs

from jaxcmp.settings import Section, Settings
from jaxcmp.settings.keys import sections_of, unwrap

# No measurement is larger, and squares and sums of larger numbers would not be finite.
LARGE = 1e30
Number = Annotated[float, Meta(ge=-LARGE, le=LARGE)]
Amount = Annotated[float, Meta(ge=0, le=LARGE)]
# What was measured or counted and cannot be 0, so that a reader may divide by it.
Rate = Annotated[float, Meta(gt=0, le=LARGE)]
Seconds = Annotated[float, Meta(gt=0, le=1e12)]
Total = Annotated[int, Meta(ge=1, le=2**53)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Positive = Annotated[int, Meta(ge=1, le=10**6)]
Seed = Annotated[int, Meta(ge=0, lt=2**32)]


def _stored(section: type[Section]) -> Any:
    """Makes the type of a stored section: its keys as in the settings, and any others.

    A key without a default must be there.
    """
    fields: list[Any] = []
    for field in structs.fields(section):
        sections = sections_of(unwrap(field.type)[0])
        kind = reduce(operator.or_, map(_stored, sections)) if sections else field.type
        fields.append((field.name, kind) if field.required else (field.name, kind, None))
    tag = section.__struct_config__
    return msgspec.defstruct(
        section.__name__, fields, tag_field=tag.tag_field, tag=tag.tag, kw_only=True
    )


class ConfigFile(TypedDict):
    """The configuration, and its origin: the command, file, variant and overrides."""

    config: _stored(Settings)  # pyright: ignore[reportInvalidTypeForm]
    file: str
    variant: str
    overrides: dict[str, str]
    module: str


class Data(TypedDict):
    """The images, and the preprocessing that a restored model needs."""

    name: str
    version: str | None
    class_names: Annotated[list[str], Meta(min_length=1)]
    num_train: Total
    num_validation: Count
    num_test: Total
    image_size: Annotated[list[Positive], Meta(min_length=2, max_length=2)]
    mean: Annotated[list[Number], Meta(min_length=1, max_length=100)]
    std: Annotated[list[Number], Meta(min_length=1, max_length=100)]
    placement: str
    placement_reason: str


class Machine(TypedDict):
    """The machine, the packages and the source; `end` is null until the work has ended."""

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


class Session(Machine):
    """The environment of one session of a run."""

    matmul_precision: str
    num_processes: Positive
    data: Data


class Environment(Session):
    """The environment of the last session, and those of earlier ones, oldest first."""

    earlier: list[Session]


class CountByComponent(TypedDict):
    total: Total
    components: dict[str, Count]


class StepSeconds(TypedDict):
    """The seconds of a step, means between two records; null without any that count."""

    median: Seconds | None
    p95: Seconds | None
    num_samples: Count


class PeakMemory(TypedDict):
    """The peak bytes on the device, null on a CPU, and of the process."""

    device_bytes: Count | None
    host_bytes: Count | None


class Cost(TypedDict):
    """The costs of a finished run; null is what could not be measured."""

    parameters: CountByComponent
    multiply_adds: CountByComponent
    training_flops: Rate
    compile_seconds: dict[str, Amount]
    peak_memory: PeakMemory
    step_temporary_bytes: Count | None
    step_seconds: StepSeconds
    train_seconds: Seconds | None
    images_per_second: Rate | None


class Record(TypedDict):
    """A line of the metrics; null is a number that is not finite, as float16 may give."""

    step: Total
    epoch: Total
    kind: Literal["train", "epoch"]
    learning_rate: Amount
    gradient_norm: Amount | None
    images_per_second: Rate


class Step(Record):
    loss: Number | None
    accuracy_mixed: Number


class Epoch(Record):
    train_loss: Number | None
    train_accuracy_mixed: Share
    train_accuracy: NotRequired[Share]
    test_loss: Amount
    test_accuracy: Share
    validation_loss: NotRequired[Amount]
    validation_accuracy: NotRequired[Share]
    parameter_norm: Amount
    seconds: Seconds


def record_schema(record: Mapping[str, Any]) -> Any:
    kind = record.get("kind")
    return Epoch if kind == "epoch" else Step


class Seen(TypedDict):
    """The training data of pretrained weights, and of the weights before them.

    Only the name of what a file's weights had seen is ever said.
    """

    name: str
    num_train: Count | None
    num_classes: Count | None
    class_names: list[str] | None
    epochs: Count | None
    arm: str | None
    seed: Seed | None
    before: "Seen | None"


# "from" and "to" are no names for a Python class.
Row = TypedDict(
    "Row",
    {"name": str, "what": str, "from": list[Count] | None, "to": list[Count] | None},
)


class Init(TypedDict):
    """The origin of pretrained weights, and the use of each array with its shapes."""

    kind: Literal["file", "run"]
    layout: str
    path: str
    revision: str | None
    sha256: str
    seen: Seen
    rows: list[Row]


class Result(TypedDict):
    """The result of a finished run; null is what its records do not give."""

    test_loss: Amount
    test_accuracy: Share
    validation_loss: NotRequired[Amount]
    validation_accuracy: NotRequired[Share]
    num_train: Total
    num_test: Total
    epochs: Total
    steps: Total
    parameters: Total
    multiply_adds: Total
    train_seconds: Seconds | None
    images_per_second: Rate | None


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
    num_images: Total
    accuracy: Share
    loss: Amount
    accuracy_among_present: NotRequired[Share]
    repetition: NotRequired[Repetition]
    environment: Machine


class Failure(TypedDict):
    reason: str
    exit_code: int
