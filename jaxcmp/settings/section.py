"""The parts of every setting: a section of keys, and for each key its role and description."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta


class Role(StrEnum):
    """The purpose of a key. Runs of one recipe differ only in NAME, SEED, ORIGIN and FREE keys."""

    NAME = "name"
    SEED = "seed"
    # The length of training; runs that differ only here have the same recipe at other lengths.
    LENGTH = "length"
    # The training of any model: a study crosses these between its arms.
    RECIPE = "recipe"
    MODEL = "model"
    COMPUTATION = "computation"
    DATA = "data"
    # The number of training images: such runs may share a figure, but never an average.
    SIZE = "size"
    # The scaling of pixels: part of the recipe while the images are the same.
    SCALE = "scale"
    # The origin of weights: identified by their training data, not by their path.
    ORIGIN = "origin"
    # Paths, output, and settings that change only rounding: a run may resume with other values.
    FREE = "free"

    def __call__(self, about: str, **bounds: Any) -> Meta:
        """Describes a key of this role beside its type; `bounds` are those of msgspec.Meta."""
        return Meta(description=about, extra={"role": self}, **bounds)


# The ranges that several keys have.
Count = Annotated[int, Meta(ge=1, lt=2**31)]
CountOrZero = Annotated[int, Meta(ge=0, lt=2**31)]
Depth = Annotated[int, Meta(ge=1, le=10_000)]
AtLeastZero = Annotated[float, Meta(ge=0)]
BelowOne = Annotated[float, Meta(ge=0, lt=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
PositiveShare = Annotated[float, Meta(gt=0, le=1)]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group of settings.

    A key that has a default does nothing at that value: leaving it out gives the same recipe.
    """
