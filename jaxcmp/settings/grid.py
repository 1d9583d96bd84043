"""A grid of runs of a study, as a type."""

from typing import Annotated, Literal

from msgspec import Meta

from jaxcmp.settings import Section
from jaxcmp.settings.axes import Axes
from jaxcmp.settings.section import PositiveShare


class Grid(Section, frozen=True, kw_only=True):
    """The runs of one grid of a study: every combination of these and of its axes' values."""

    seeds: Annotated[int, Meta(description="Number of seeds.", ge=1, le=100_000)]
    arms: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description="Names of arms; (): all arms."),
    ] = ()
    recipes: Annotated[
        tuple[Literal["own", "other"], ...],
        Meta(description="own: the arm's recipe; other: those of the other arms.", min_length=1),
    ]
    fractions: Annotated[
        tuple[PositiveShare, ...],
        Meta(description="Shares of the training images.", min_length=1),
    ]
    budgets: Annotated[
        tuple[Literal["epochs", "steps", "flops"], ...],
        Meta(description="The quantity that the arms spend equally.", min_length=1),
    ]
    axes: Axes = Axes()  # pyright: ignore[reportInvalidTypeForm]
