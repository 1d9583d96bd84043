"""Fits weights to a model: each array is loaded, resized, new or unused, or refused in one line."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np

from jaxcmp.checkpoint import trees
from jaxcmp.errors import CommandError
from jaxcmp.models import Model
from jaxcmp.pretrained import resizing
from jaxcmp.pretrained.layouts import Entry, Layout, Shape
from jaxcmp.pretrained.published import has_conv_stem, name_of, own_entries
from jaxcmp.pretrained.weight_files import as_float32

PATCH_KERNEL, STEM_KERNEL = "params/patch_embedding/kernel", "params/stem/conv/kernel"
HEAD_KERNEL, HEAD_BIAS = "params/head/kernel", "params/head/bias"
# Numbers in a head of the published ViTs, whatever their width.
HEAD_WIDTH = 64
STEMS = {
    "imagenet": "the ImageNet stem (7x7 at stride 2, then pooling)",
    "cifar": "the CIFAR stem (3x3 at full resolution)",
}


@dataclasses.dataclass(frozen=True)
class Source:
    """Arrays by name, not yet checked, and what is known of them.

    `layout` is None for a run, whose arrays are named by our paths. `fields` are those of the model
    that the weights are of, as far as known. `seen`, what they were trained on, is as in init.json.
    `revision` is the commit of a file on a model hub, which `path` names too.
    `allow_missing` and `allow_unused` are the configuration's patterns. `head_classes` are those of
    a file that says them.
    """

    path: str
    format: str
    layout: Layout | None
    arrays: Mapping[str, np.ndarray]
    sha256: str
    model_name: str
    fields: Mapping[str, Any]
    seen: Mapping[str, Any]
    checkpoint: int | None = None
    revision: str | None = None
    allow_missing: Sequence[str] = ()
    allow_unused: Sequence[str] = ()
    head_classes: Sequence[str] | None = None

    def entries(self, model: Model) -> list[Entry]:
        """The table from our arrays to the source's."""
        return own_entries(model) if self.layout is None else self.layout.entries(model)


def fit(
    source: Source, template: Any, model: Model, class_names: Sequence[str] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Brings the source's arrays to the shapes of the model.

    Returns the model's variables {"params": ..., "batch_stats": ...}, float32 on the host, and the
    content of init.json, whose "rows" say what became of each array.

    Positions are resized to the model's grid and patch kernels to its patches; a head for other
    classes, or behind a layer that is dropped, becomes zeros. The class names of a run are compared
    with `class_names`, if given. What may be missing keeps the template's numbers; where its stem
    does not fit, all of the stem does.

    `template` has the structure of `variables`. Its arrays may be ShapeDtypeStructs where only the
    check is of interest; what stays new is then NaN. Raises CommandError, in one line, for weights
    of another architecture and for arrays that are missing or unused and not allowed to be, and
    JaxcmpError for an array that is not floating point or not finite.
    """
    fitting = _Fitting(source, trees.named_leaves(template), model)
    fitting.fit_all(class_names)
    fitting.list_unused()
    if "num_heads" in fitting.differences:
        raise CommandError(f"{source.path} has another number of heads; {fitting.what_would_fit()}")
    # A ViT has no statistics.
    variables = {"params": {}, "batch_stats": {}, **trees.nest(fitting.arrays)}
    keys = ("path", "format", "checkpoint", "revision", "sha256", "seen")
    description = {
        "schema": 1,
        "kind": "run" if source.layout is None else "file",
        "layout": "jaxcmp" if source.layout is None else source.layout.name,
        **{key: getattr(source, key) for key in keys},
        "rows": fitting.rows,
    }
    return variables, description


class _Fitting:
    """The state of one call of `fit`: arrays and rows so far, and fields in which models differ."""

    def __init__(self, source: Source, template: Mapping[str, Any], model: Model) -> None:
        self.source, self.template, self.model = source, template, model
        self.arrays: dict[str, np.ndarray] = {}
        self.rows: list[dict[str, Any]] = []
        self.used: set[str] = set()
        self.differences = {
            field: value
            for field, value in source.fields.items()
            if getattr(model, field, value) != value
        }

    def fit_all(self, class_names: Sequence[str] | None) -> None:
        """Takes or renews each array of the model."""
        path, here, there = self.source.path, name_of(self.model), self.source.model_name
        if here != there:
            name, array = next(iter(self.source.arrays.items()))
            raise CommandError(
                f"{path} holds weights of a {there}, and the model is a {here}, which has no place "
                f"for {name} {list(array.shape)}; give a configuration whose model.name is {there}"
            )
        if self.source.layout is not None and has_conv_stem(self.model):
            raise CommandError(
                f"{path} holds weights of a ViT with a patch embedding; give a configuration whose "
                "model.stem is patch"
            )
        entries = {x.ours: x for x in self.source.entries(self.model) if x.ours in self.template}
        why_new_head = self._why_new_head(entries[HEAD_BIAS], class_names)
        missing: list[Entry] = []
        # A norm was trained for the kernel before it: a stem is taken whole, or not at all.
        left_out = ""
        for ours, entry in entries.items():
            component = ours.split("/")[1]
            if ours in (HEAD_KERNEL, HEAD_BIAS) and why_new_head:
                self._renew_head(entry, why_new_head)
            elif component == left_out:
                self._keep(ours)
            elif any(name not in self.source.arrays for name in entry.theirs):
                if not self._may_miss(ours):
                    missing.append(entry)
                self._keep(ours)
            elif not self._take(entry):
                self._keep(ours)
                left_out = component if ours in (PATCH_KERNEL, STEM_KERNEL) else left_out
        if missing:
            raise self._missing(missing)

    def list_unused(self) -> None:
        """Adds rows of what no array of the model was made from; raises CommandError for others."""
        layout = self.source.layout
        reasons = {
            name: "allowed"
            if self._may_waste(name)
            else _reason(layout.dropped if layout else {}, name)
            for name in self.source.arrays
            if name not in self.used
        }
        if refused := [name for name, reason in reasons.items() if not reason]:
            raise self._unused(refused, _reason(layout.foreign if layout else {}, refused[0]))
        for name, reason in reasons.items():
            self._add_row(name, "unused", self.source.arrays[name].shape, None, reason)

    def what_would_fit(self, otherwise: str = "it is of another architecture") -> str:
        """The fields to set, or else those words."""
        if not self.differences:
            return otherwise
        fields = dict(self.differences)
        width, num_heads = fields.get("width", 0), getattr(self.model, "num_heads", None)
        # Where a file does not show its heads, they are likely to have the usual width.
        likely, rest = divmod(width, HEAD_WIDTH)
        if likely not in (0, num_heads) and not rest and "num_heads" not in self.source.fields:
            fields["num_heads"] = likely
        return f"{' '.join(_setting(*item) for item in fields.items())} would fit"

    def _take(self, entry: Entry) -> bool:
        """Loads or resizes an array; False where its shape differs and it may be left out."""
        path, shape = self.source.path, tuple(self.template[entry.ours].shape)
        stored = [self.source.arrays[name] for name in entry.theirs]
        weights = [as_float32(path, name, x) for name, x in zip(entry.theirs, stored, strict=True)]
        expected = entry.shapes_in_file(shape)
        differing = [i for i, x in enumerate(weights) if x.shape != expected[i]]
        if not differing:
            other_types = sorted({x.dtype.name for x in stored} - {"float32"})
            notes = [f"from {' and '.join(other_types)}"] if other_types else []
            if entry.ours.endswith("/attention/qkv/kernel"):
                notes += self._note_on_heads(width=shape[0])
            self._add(entry, entry.read(weights), shape, "loaded", ", ".join(notes))
            return True
        # Only positions and kernels of patches and stems are resized; none of these has heads.
        can_convert = entry.heads is None and len(weights) == 1
        can_convert = can_convert and weights[0].ndim == len(expected[0])
        array = entry.read(weights) if can_convert else None
        resized = None if array is None else self._resize(entry.ours, array, shape)
        if resized is not None and array is not None:
            self._add(entry, resized[0], array.shape, "resized", resized[1])
            return True
        if self._may_miss(entry.ours) and all(map(self._may_waste, entry.theirs)):
            return False
        name, theirs = entry.theirs[differing[0]], weights[differing[0]].shape
        if array is not None and entry.ours in (PATCH_KERNEL, STEM_KERNEL):
            if array.shape[2] != shape[2]:
                raise CommandError(
                    f"{path} does not fit the images: {name} is for {array.shape[2]} channels and "
                    f"they have {shape[2]}; take weights for {shape[2]}, or other images"
                )
        raise self._other_shape(entry.ours, name, theirs, expected[differing[0]])

    def _resize(self, ours: str, array: np.ndarray, shape: Shape) -> tuple[np.ndarray, str] | None:
        """The array in the model's shape, and how it got it; None if it cannot be resized."""
        if ours == "params/positions" and array.shape[::2] == shape[::2]:
            try:
                side, has_cls = resizing.grid_of(array.shape[1])
            except ValueError as error:
                raise CommandError(f"{self.source.path} does not fit the model: {error}") from error
            new_side, _ = resizing.grid_of(shape[1])
            note = f"grid {side}x{side} to {new_side}x{new_side}"
            note += "" if has_cls else ", the class token's position zero"
            return resizing.resize_positions(array, shape[1]), note
        square = (len(array), len(array), *shape[2:])
        if ours == PATCH_KERNEL and array.size and array.shape == square:
            note = f"patches {len(array)}x{len(array)} to {shape[0]}x{shape[0]}"
            return resizing.resize_patches(array, shape[0]), note
        return None

    def _note_on_heads(self, width: int) -> list[str]:
        num_heads = getattr(self.model, "num_heads", 0)
        is_clear = "num_heads" in self.source.fields or width == HEAD_WIDTH * num_heads
        return [] if is_clear else [f"taken as {num_heads} heads, which the file does not tell"]

    def _why_new_head(self, bias_entry: Entry, class_names: Sequence[str] | None) -> str:
        """Why the head cannot be taken; empty if it can, or if there is none."""
        bias = self.source.arrays.get(bias_entry.theirs[0])
        if bias is None or bias.ndim != 1:
            return ""
        num_classes = self.template[HEAD_BIAS].shape[0]
        if len(bias) != num_classes:
            return f"zeros: {len(bias)} classes there, {num_classes} here"
        names = self.source.head_classes or self.source.seen.get("class_names")
        if names is not None and class_names is not None and list(names) != list(class_names):
            return "zeros: other classes there"
        is_behind = any("pre_logits" in name for name in self.source.arrays)
        return "zeros: it stands behind a layer that is dropped" if is_behind else ""

    def _renew_head(self, entry: Entry, note: str) -> None:
        shape, shape_in_file = self.template[entry.ours].shape, None
        array = self.source.arrays.get(entry.theirs[0])
        if array is not None and array.ndim == len(shape):
            # A damaged head makes the rest doubtful.
            weight = as_float32(self.source.path, entry.theirs[0], array)
            shape_in_file = entry.read([weight]).shape
        self._add(entry, np.zeros(shape, np.float32), shape_in_file, "new", note)

    def _keep(self, ours: str) -> None:
        """Keeps the numbers of the template."""
        leaf = self.template[ours]
        is_array = hasattr(leaf, "__array__")
        array = leaf if is_array else np.broadcast_to(np.nan, leaf.shape)
        self.arrays[ours] = np.asarray(array, np.float32)
        self._add_row(ours, "new", None, leaf.shape, "as without weights")

    def _add(
        self,
        entry: Entry,
        array: np.ndarray,
        shape_in_file: Shape | None,
        what: Literal["loaded", "resized", "new"],
        note: str,
    ) -> None:
        self.arrays[entry.ours] = np.ascontiguousarray(array)
        self._add_row(entry.ours, what, shape_in_file, array.shape, note)
        self.used |= set(entry.theirs)

    def _add_row(
        self, name: str, what: str, there: Shape | None, here: Shape | None, note: str
    ) -> None:
        """Says what became of an array, by our path or, if it is unused, the file's name."""
        pairs = {"from": there, "to": here}.items()
        shapes = {key: None if shape is None else list(shape) for key, shape in pairs}
        self.rows.append({"name": name, "what": what, **shapes, "note": note})

    def _may_miss(self, ours: str) -> bool:
        return _matches(_without_collection(ours), self.source.allow_missing)

    def _may_waste(self, theirs: str) -> bool:
        name = _without_collection(theirs) if self.source.layout is None else theirs
        return _matches(name, self.source.allow_unused)

    def _other_shape(self, ours: str, theirs: str, shape: Shape, expected: Shape) -> CommandError:
        path, shapes = (
            self.source.path,
            f"{theirs} is {list(shape)} there and {list(expected)} here",
        )
        stem = self.differences.get("stem")
        if ours == STEM_KERNEL and stem is not None:
            (other,) = (words for name, words in STEMS.items() if name != stem)
            return CommandError(
                f"{path} has {STEMS[stem]} and the model {other}: {shapes}; "
                f"--config.model.stem={stem} takes it, and --config.init.allow_missing='stem/*' "
                "--config.init.allow_unused='conv1.*,bn1.*' all but the stem"
            )
        return CommandError(f"{path} does not fit the model: {shapes}; {self.what_would_fit()}")

    def _missing(self, entries: Sequence[Entry]) -> CommandError:
        ours = [_without_collection(entry.ours) for entry in entries]
        more = f", and {len(ours) - 1} more" if len(ours) > 1 else ""
        stay = "lets it stay new" if len(ours) == 1 else "lets them stay new"
        allow = f"--config.init.allow_missing='{_patterns_for(ours, '/')}' {stay}"
        return CommandError(
            f"{self.source.path} lacks {entries[0].theirs[0]}, which is {ours[0]} here{more}; "
            f"{self.what_would_fit(allow)}"
        )

    def _unused(self, names: Sequence[str], reason: str) -> CommandError:
        more = f", and {len(names) - 1} more" if len(names) > 1 else ""
        because = f": {reason}" if reason else ""
        leaves_out = "leaves it out" if len(names) == 1 else "leaves them out"
        patterns = _patterns_for(names, "/" if "/" in names[0] else ".")
        allow = f"--config.init.allow_unused='{patterns}' {leaves_out}"
        return CommandError(
            f"{self.source.path} has {names[0]} {list(self.source.arrays[names[0]].shape)}{more}, "
            f"for which the model has no place{because}; {self.what_would_fit(allow)}"
        )


def _without_collection(ours: str) -> str:
    """Our path as patterns have it: "head/kernel" of "params/head/kernel"."""
    return ours.partition("/")[2]


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _reason(reasons: Mapping[str, str], name: str) -> str:
    return next((why for pattern, why in reasons.items() if fnmatchcase(name, pattern)), "")


def _patterns_for(names: Sequence[str], separator: str) -> str:
    """Patterns for all of these names, with commas between them: one for each first part."""
    by_part: dict[str, list[str]] = {}
    for name in names:
        by_part.setdefault(name.partition(separator)[0], []).append(name)
    patterns = [
        alike[0] if len(alike) == 1 else f"{part}{separator}*" for part, alike in by_part.items()
    ]
    # A name may hold what a pattern would read otherwise, or commas.
    literal = [re.sub(r"[\[\],']", "?", pattern) for pattern in patterns]
    return ",".join(literal)


def _setting(field: str, value: Any) -> str:
    text = f"'{value}'".replace(" ", "") if isinstance(value, tuple) else str(value)
    return f"--config.model.{field}={text}"
