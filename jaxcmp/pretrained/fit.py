"""Weights as they were found, fitted to a model: loaded, resized, new or unused, array by array."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np

from jaxcmp import leaves
from jaxcmp.errors import CommandError
from jaxcmp.pretrained import heads, resizing
from jaxcmp.pretrained.account import Row, What
from jaxcmp.pretrained.complaints import FIRST_KERNELS, Complainer
from jaxcmp.pretrained.forms import Entry, Layout, Shape
from jaxcmp.pretrained.layouts import Model, layout_for, name_of
from jaxcmp.pretrained.weight_files import as_weight

HEAD = ("params/head/kernel", "params/head/bias")


@dataclasses.dataclass(frozen=True)
class Source:
    """Arrays by name, and what is known of them; they are not looked at yet.

    `layout` is a key of LAYOUTS, or "jaxcmp" for a run's arrays by our paths. `fields` are those of
    the model called `model_name` that they are of, as far as known. `seen` is that of init.json.
    The patterns of what may be missing or unused are the configuration's.
    """

    path: str
    kind: Literal["file", "run"]
    format: str
    layout: str
    arrays: Mapping[str, np.ndarray]
    sha256: str
    model_name: str
    fields: Mapping[str, Any]
    seen: Mapping[str, Any]
    checkpoint: int | None = None
    allow_missing: tuple[str, ...] = ()
    allow_unused: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Loaded:
    """`variables` {"params": ..., "batch_stats": ...} in float32 on the host, and their account.

    `description` is what stands in init.json.
    """

    variables: dict[str, Any]
    rows: list[Row]
    description: dict[str, Any]


def fit(
    source: Source, template: Any, model: Model, class_names: Sequence[str] | None = None
) -> Loaded:
    """Brings the source's arrays to the model's shapes.

    Positions are resized to the model's grid and patch kernels to its patches; a head for other
    classes, or behind a layer that is dropped, becomes zeros. The class names of a run are compared
    with `class_names`, if given. What may be missing keeps the template's numbers; where its stem
    does not fit, all of the stem does.

    `template` has the structure of `variables`. Its leaves are arrays; ShapeDtypeStructs do where
    the fit alone is of interest, and what stays new is then NaN. Raises CommandError, in one line,
    for weights of another architecture and for arrays that are missing or unused without leave,
    and JaxcmpError for an array of another kind of numbers or with one that is not finite.
    """
    return _Fitting(source, template, model, class_names).carry_out()


class _Fitting:
    """One call of `fit`: what has been found so far."""

    def __init__(
        self, source: Source, template: Any, model: Model, class_names: Sequence[str] | None
    ) -> None:
        self.source, self.model = source, model
        self.layout: Layout = layout_for(source.layout, model)
        self.complain = Complainer(
            source.path, _differences(source.fields, model), heads.likely(source.fields, model)
        )
        if source.model_name != name_of(model):
            first = next(iter(source.arrays))
            raise self.complain.other_model(
                source.model_name, name_of(model), first, source.arrays[first].shape
            )
        self.here = leaves.named_leaves(template)
        entries = self.layout.entries(model, source.arrays)
        self.entries = {each.ours: each for each in entries if each.ours in self.here}
        self.rows: list[Row] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.used: set[str] = set()
        self.head_note = self._head_note(class_names)

    def carry_out(self) -> Loaded:
        missing: list[Entry] = []
        # What follows the first kernel was made for it: they are taken whole, or not at all.
        left_out = ""
        for ours, entry in self.entries.items():
            component = ours.split("/")[1]
            if ours in HEAD and self.head_note:
                self._renew_head(entry)
            elif component == left_out:
                self._leave(entry)
            elif any(name not in self.source.arrays for name in entry.theirs):
                missing += [] if self._may_miss(ours) else [entry]
                self._leave(entry)
            elif not self._take(entry):
                self._leave(entry)
                left_out = component if ours in FIRST_KERNELS else left_out
        if missing:
            raise self.complain.missing([(each.ours, each.theirs[0]) for each in missing])
        self._account_for_unused()
        if "num_heads" in self.complain.differences:
            raise self.complain.other_heads()
        # A ViT has no statistics.
        variables = {"params": {}, "batch_stats": {}, **leaves.nest(self.arrays)}
        return Loaded(variables, self.rows, self._description())

    def _take(self, entry: Entry) -> bool:
        """Loads or resizes; False where the shape differs and both sides may do without."""
        path, here = self.source.path, tuple(self.here[entry.ours].shape)
        found = {name: self.source.arrays[name] for name in entry.theirs}
        weights = [as_weight(path, name, array) for name, array in found.items()]
        expected = dict(zip(entry.theirs, entry.shapes_there(here), strict=True))
        wrong = next((name for name in found if found[name].shape != expected[name]), None)
        if wrong is None:
            other_types = {x.dtype.name for x in found.values()} - {"float32"}
            notes = [f"from {' and '.join(sorted(other_types))}"] if other_types else []
            if entry.ours.endswith("/attention/qkv/kernel"):
                notes += heads.unsaid(self.source.fields, self.model, here)
            self._add(entry, entry.form.read(weights), "loaded", ", ".join(notes))
            return True
        channels = ()
        if len(found) == 1 and found[wrong].ndim == len(expected[wrong]):
            array = entry.form.read(weights)
            if resized := self._resize(entry.ours, array, here):
                self._add(entry, resized[0], "resized", resized[1], array.shape)
                return True
            if entry.ours in FIRST_KERNELS and array.shape[2] != here[2]:
                channels = (array.shape[2], here[2])
        if self._may_miss(entry.ours) and all(map(self._may_waste, entry.theirs)):
            return False
        if channels:
            raise self.complain.other_channels(wrong, *channels)
        raise self.complain.other_shape(entry.ours, wrong, found[wrong].shape, expected[wrong])

    def _resize(self, ours: str, array: np.ndarray, here: Shape) -> tuple[np.ndarray, str] | None:
        """The array in the model's shape, and how it got it; None where that cannot be."""
        if ours == "params/positions" and array.shape[::2] == here[::2]:
            try:
                side, has_cls = resizing.grid_of(array.shape[1])
            except ValueError as error:
                raise CommandError(f"{self.source.path} does not fit the model: {error}") from error
            new_side, _ = resizing.grid_of(here[1])
            note = f"grid {side}x{side} to {new_side}x{new_side}"
            note += "" if has_cls else ", the class token's position zero"
            return resizing.resize_positions(array, here[1]), note
        square = (len(array), len(array), *here[2:])
        if ours == FIRST_KERNELS[0] and array.size and array.shape == square:
            note = f"patches {len(array)}x{len(array)} to {here[0]}x{here[0]}"
            return resizing.resize_patches(array, here[0]), note
        return None

    def _head_note(self, class_names: Sequence[str] | None) -> str:
        """Why the head cannot be taken; empty if it can, or is not there."""
        bias = self.source.arrays.get(self.entries[HEAD[1]].theirs[0])
        if bias is None or bias.ndim != 1:
            return ""
        num_here = self.here[HEAD[1]].shape[0]
        if len(bias) != num_here:
            return f"zeros: {len(bias)} classes there, {num_here} here"
        seen = self.source.seen.get("class_names")
        if None not in (seen, class_names) and list(seen or ()) != list(class_names or ()):
            return "zeros: other classes there"
        is_behind = any("pre_logits" in name for name in self.source.arrays)
        return "zeros: it stands behind a layer that is dropped" if is_behind else ""

    def _renew_head(self, entry: Entry) -> None:
        here, there = self.here[entry.ours].shape, None
        array = self.source.arrays.get(entry.theirs[0])
        if array is not None and array.ndim == len(here):
            # A head that is damaged speaks against the rest.
            weight = as_weight(self.source.path, entry.theirs[0], array)
            there = entry.form.read([weight]).shape
        self._add(entry, np.zeros(here, np.float32), "new", self.head_note, there)

    def _leave(self, entry: Entry) -> None:
        """Keeps what the template has."""
        leaf = self.here[entry.ours]
        is_array = hasattr(leaf, "__array__")
        array = leaf if is_array else np.broadcast_to(np.nan, leaf.shape)
        self.arrays[entry.ours] = np.asarray(array, np.float32)
        self.rows.append(Row(entry.ours, "new", None, tuple(leaf.shape), "as without weights"))

    def _add(
        self, entry: Entry, array: np.ndarray, what: What, note: str, there: Shape | None = None
    ) -> None:
        self.arrays[entry.ours] = np.ascontiguousarray(array)
        there = array.shape if what == "loaded" else there
        self.rows.append(Row(entry.ours, what, there, array.shape, note))
        self.used |= set(entry.theirs)

    def _account_for_unused(self) -> None:
        """Adds rows of what is left, or complains of it."""
        reasons = {
            name: "allowed" if self._may_waste(name) else _reason(self.layout.dropped, name)
            for name in self.source.arrays
            if name not in self.used
        }
        if faults := [name for name, reason in reasons.items() if not reason]:
            shape = self.source.arrays[faults[0]].shape
            raise self.complain.unused(faults, shape, _reason(self.layout.foreign, faults[0]))
        for name, reason in reasons.items():
            self.rows.append(Row(name, "unused", self.source.arrays[name].shape, None, reason))

    def _may_miss(self, ours: str) -> bool:
        return _matches(_short(ours), self.source.allow_missing)

    def _may_waste(self, theirs: str) -> bool:
        name = _short(theirs) if self.source.kind == "run" else theirs
        return _matches(name, self.source.allow_unused)

    def _description(self) -> dict[str, Any]:
        parts = ("path", "kind", "format", "layout", "checkpoint", "sha256", "seen")
        description = {name: getattr(self.source, name) for name in parts}
        return {"schema": 1, **description, "rows": [row.to_json() for row in self.rows]}


def _differences(fields: Mapping[str, Any], model: Model) -> dict[str, Any]:
    """The fields in which the source's model is another one, with its values."""
    return {k: v for k, v in fields.items() if hasattr(model, k) and getattr(model, k) != v}


def _short(ours: str) -> str:
    """Our path without its collection, as patterns have it."""
    return ours.partition("/")[2]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _reason(reasons: Mapping[str, str], name: str) -> str:
    return next((why for pattern, why in reasons.items() if fnmatchcase(name, pattern)), "")
