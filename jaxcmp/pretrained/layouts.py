"""The published layouts by name: a model's variables in the names of a file, and back."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from jaxcmp import leaves, models
from jaxcmp.pretrained import timm_vit, torch_resnet, vit_npz
from jaxcmp.pretrained.forms import Entry, Layout, entry

Model = models.ViT | models.ResNet
OWN = "jaxcmp"

LAYOUTS = {
    "vit_npz": vit_npz.LAYOUT,
    "timm_vit": timm_vit.LAYOUT,
    "torch_resnet": torch_resnet.LAYOUT,
}


def recognise(names: Collection[str]) -> str | None:
    """Of which layout a file with these names is; None if of none that is known here."""
    known = (each for each, layout in LAYOUTS.items() if any(s in names for s in layout.signs))
    return next(known, None)


def name_of(model: Model) -> str:
    """What `model.name` is in a configuration."""
    return next(name for name, each in models.MODELS.items() if isinstance(model, each))


def layouts_of(model: Model) -> list[str]:
    """The layouts in which this model's weights can be written."""
    return [each for each, layout in LAYOUTS.items() if layout.model_name == name_of(model)]


def to_published(
    layout_name: str, variables: Mapping[str, Any], model: Model
) -> dict[str, np.ndarray]:
    """The file's arrays by name, of variables {"params": ..., "batch_stats": ...}.

    They are exactly those that loading reads. Raises ValueError where the layout is another
    model's, or has no place for one of the arrays.
    """
    if layout_name not in layouts_of(model):
        raise ValueError(f"{layout_name} is no layout of this model; {layouts_of(model)} are")
    ours, published = leaves.to_host(variables), {}
    for each in LAYOUTS[layout_name].entries(model, ()):
        if each.ours in ours:
            parts = map(np.ascontiguousarray, each.form.write(ours.pop(each.ours)))
            published |= dict(zip(each.theirs, parts, strict=True))
    if ours:
        raise ValueError(f"{layout_name} has no place for {', '.join(ours)}")
    return published


def from_published(
    layout_name: str, arrays: Mapping[str, np.ndarray], model: Model
) -> dict[str, np.ndarray]:
    """Arrays by our paths ("params/head/kernel"), as they are in the file: none is resized.

    What the file lacks is left out; `jaxcmp.pretrained.load` is what checks a file.
    """
    return {
        each.ours: each.form.read([arrays[name] for name in each.theirs])
        for each in LAYOUTS[layout_name].entries(model, arrays)
        if all(name in arrays for name in each.theirs)
    }


def layout_for(name: str, model: Model) -> Layout:
    """A published layout, or, of the name "jaxcmp", that of a run: our paths as they are."""
    if name != OWN:
        return LAYOUTS[name]
    published = LAYOUTS[layouts_of(model)[0]]

    def entries(model: Model, names: Collection[str]) -> list[Entry]:
        return [entry(each.ours, each.ours) for each in published.entries(model, names)]

    return dataclasses.replace(published, entries=entries, dropped={}, foreign={})
