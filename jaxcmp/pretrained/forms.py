"""How one array of ours lies in a published file: its names there, and the form that it has."""

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Form:
    """Two directions between the arrays of a file and one of ours; each undoes the other exactly.

    `read` takes the file's arrays in the order of an entry's names; `write` gives them back.
    """

    read: Callable[[Sequence[np.ndarray]], np.ndarray]
    write: Callable[[np.ndarray], Sequence[np.ndarray]]


def permuted(*axes: int) -> Form:
    """Our axis i is their axis `axes[i]`."""
    back = [axes.index(axis) for axis in range(len(axes))]
    return Form(lambda arrays: arrays[0].transpose(axes), lambda array: [array.transpose(back)])


def fused_heads(num_heads: int) -> Form:
    """Query, key and value [..., heads, width of a head] in turn: ours are one [..., 3 * width]."""

    def read(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([x.reshape(*x.shape[:-2], -1) for x in arrays], axis=-1)

    def write(array: np.ndarray) -> Sequence[np.ndarray]:
        return [x.reshape(*x.shape[:-1], num_heads, -1) for x in np.split(array, 3, axis=-1)]

    return Form(read, write)


def joined_heads(num_heads: int) -> Form:
    """[heads, width of a head, features]: ours is [width, features]."""
    return Form(
        lambda arrays: arrays[0].reshape(-1, arrays[0].shape[-1]),
        lambda array: [array.reshape(num_heads, -1, array.shape[-1])],
    )


SAME = Form(lambda arrays: arrays[0], lambda array: [array])
# PyTorch has dense kernels as [out, in], ours are [in, out].
DENSE = permuted(1, 0)
# And those of convolutions as [out, in, height, width], ours are [height, width, in, out].
CONVOLUTION = permuted(2, 3, 1, 0)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One array: our path ("params/head/kernel"), its names in the file, and the form between."""

    ours: str
    theirs: tuple[str, ...]
    form: Form = SAME

    def shapes_there(self, shape: Shape) -> list[Shape]:
        """The shapes in the file of an array that has `shape` here."""
        # Takes no memory, whatever the shape.
        return [x.shape for x in self.form.write(np.broadcast_to(np.float32(0), shape))]


def entry(ours: str, *theirs: str, form: Form = SAME) -> Entry:
    return Entry(ours, theirs, form)


@dataclasses.dataclass(frozen=True)
class Layout:
    """One way in which files are named, for one of our models.

    `title` says whose it is. A file that has one of the `signs` is of it. `entries` is the table
    for a model; the file's names, empty for a file to be written, decide where there is more than
    one way. `fields` are the model's, as far as shapes tell them. `dropped` and `foreign` are
    patterns of names with their reasons: what no model of ours needs, and what it would need.
    """

    title: str
    model_name: str
    signs: tuple[str, ...]
    entries: Callable[[Any, Collection[str]], list[Entry]]
    fields: Callable[[Mapping[str, Shape]], dict[str, Any]]
    dropped: Mapping[str, str]
    foreign: Mapping[str, str]


def count_numbers(names: Collection[str], before: str) -> int:
    """How many different numbers follow `before` in the names: blocks, say."""
    rests = [name[len(before) :] for name in names if name.startswith(before)]
    digits = [rest[: len(rest) - len(rest.lstrip("0123456789"))] for rest in rests]
    return len(set(filter(None, digits)))
