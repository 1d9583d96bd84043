"""Why weights do not fit a model, each reason in a line that says what to set."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from jaxcmp.errors import CommandError
from jaxcmp.pretrained.forms import Shape

# Ours, whose third axis is that of the image's channels.
FIRST_KERNELS = ("params/patch_embedding/kernel", "params/stem/conv/kernel")
STEMS = {
    "imagenet": "the ImageNet stem (7x7 at stride 2, then pooling)",
    "cifar": "the CIFAR stem (3x3 at full resolution)",
}


@dataclasses.dataclass(frozen=True)
class Complainer:
    """Makes errors that speak of one source, `path`, and one model.

    `differences` are the fields in which the source's model is another one, with its values, and
    `likely` those that are to be set besides.
    """

    path: str
    differences: Mapping[str, Any]
    likely: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def other_model(self, there: str, here: str, name: str, shape: Shape) -> CommandError:
        """Weights of the model named `there`, of whose arrays `name` is the first."""
        return CommandError(
            f"{self.path} holds weights of a {there}, and the model is a {here}, which has no "
            f"place for {name} {list(shape)}; give a configuration whose model.name is {there}"
        )

    def other_shape(self, ours: str, theirs: str, there: Shape, here: Shape) -> CommandError:
        """Their array has the shape `there`, and our model needs `here`."""
        shapes = f"{theirs} is {list(there)} there and {list(here)} here"
        stem = self.differences.get("stem")
        if ours == FIRST_KERNELS[1] and stem is not None:
            (other,) = (words for each, words in STEMS.items() if each != stem)
            return CommandError(
                f"{self.path} has {STEMS[stem]} and the model {other}: {shapes}; "
                f"--config.model.stem={stem} takes it, and --config.init.allow_missing='stem/*' "
                "--config.init.allow_unused='conv1.*,bn1.*' all but the stem"
            )
        return CommandError(f"{self.path} does not fit the model: {shapes}; {self.hint()}")

    def other_channels(self, theirs: str, there: int, here: int) -> CommandError:
        """The kernel that meets the image first is for another number of channels."""
        return CommandError(
            f"{self.path} does not fit the images: {theirs} is for {there} channels and they have "
            f"{here}; take weights for {here}, or other images"
        )

    def missing(self, names: Sequence[tuple[str, str]]) -> CommandError:
        """Arrays that the source lacks, each by our name and by theirs."""
        ours, theirs = names[0]
        more = f", and {len(names) - 1} more" if len(names) > 1 else ""
        pattern = ours.partition("/")[2]
        allow = f"--config.init.allow_missing='{pattern}' lets it stay new"
        return CommandError(
            f"{self.path} lacks {theirs}, which is {pattern} here{more}; {self.hint(allow)}"
        )

    def unused(self, names: Sequence[str], shape: Shape, reason: str) -> CommandError:
        """Arrays of the source that the model has no place for; `shape` is the first one's."""
        more = f", and {len(names) - 1} more" if len(names) > 1 else ""
        because = f": {reason}" if reason else ""
        allow = f"--config.init.allow_unused='{names[0]}' leaves it out"
        return CommandError(
            f"{self.path} has {names[0]} {list(shape)}{more}, for which the model has no "
            f"place{because}; {self.hint(allow)}"
        )

    def other_heads(self) -> CommandError:
        """Attention with another number of heads, which no shape of ours shows."""
        return CommandError(f"{self.path} has another number of heads; {self.hint()}")

    def hint(self, otherwise: str = "it is of another architecture") -> str:
        """The fields to set, or else those words."""
        if not self.differences:
            return otherwise
        fields = {**self.differences, **self.likely}
        settings = " ".join(_setting(*each) for each in fields.items())
        return f"{settings} would fit"


def _setting(field: str, value: Any) -> str:
    text = f"'{value}'".replace(" ", "") if isinstance(value, tuple) else str(value)
    return f"--config.model.{field}={text}"
