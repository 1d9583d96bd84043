"""The published layouts: round trips to the bit, every array placed once, files recognised."""

import dataclasses

import numpy as np
import pytest
from sample_weights import LAYOUTS, RESNET, VIT, named, published, random_variables

from jaxcmp import models
from jaxcmp.pretrained import layouts


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_in_published_names_is_read_back_to_the_bit(layout):
    model = LAYOUTS[layout]
    variables = random_variables(model)
    arrays = layouts.to_published(layout, variables, model)
    assert all(x.flags.c_contiguous and x.dtype == np.float32 for x in arrays.values())
    back, expected = layouts.from_published(layout, arrays, model), named(variables)
    assert back.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(back[name], array, err_msg=name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_name_stands_in_a_table_once_on_either_side(layout):
    entries = layouts.LAYOUTS[layout].entries(LAYOUTS[layout], ())
    for names in ([each.ours for each in entries], [x for each in entries for x in each.theirs]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_is_recognised_by_its_names(layout):
    assert layouts.recognise(published(layout)) == layout
    assert layouts.recognise(["encoder.weight"]) is None


def test_a_model_is_not_written_in_another_models_names():
    with pytest.raises(ValueError, match="torch_resnet is no layout of this model"):
        layouts.to_published("torch_resnet", random_variables(VIT), VIT)
    assert layouts.layouts_of(RESNET) == ["torch_resnet"]
    assert layouts.layouts_of(VIT) == ["vit_npz", "timm_vit"]


def test_an_array_without_a_place_is_never_dropped_silently():
    variables = random_variables(RESNET)
    variables["params"]["gate"] = {"kernel": np.zeros(3, np.float32)}
    with pytest.raises(ValueError, match="torch_resnet has no place for params/gate/kernel"):
        layouts.to_published("torch_resnet", variables, RESNET)


def test_a_runs_layout_is_our_own_paths():
    (layout,) = (layouts.layout_for("jaxcmp", VIT),)
    entries = layout.entries(VIT, ())
    assert {each.ours for each in entries} == named(random_variables(VIT)).keys()
    assert all(each.theirs == (each.ours,) for each in entries)


@pytest.mark.parametrize(("layout", "model"), LAYOUTS.items(), ids=LAYOUTS)
def test_shapes_tell_what_model_they_are_of(layout, model):
    shapes = {name: array.shape for name, array in published(layout).items()}
    fields = layouts.LAYOUTS[layout].fields(shapes)
    assert len(fields) >= 3
    for name, value in fields.items():
        assert getattr(model, name) == value, name
    assert layouts.name_of(model) == layouts.LAYOUTS[layout].model_name


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shapes_of_a_strange_file_tell_nothing_and_do_no_harm(layout):
    fields = layouts.LAYOUTS[layout].fields
    assert not any(fields({}).values())
    assert "width" not in fields({name: () for name in layouts.LAYOUTS[layout].signs})


def test_every_model_has_a_layout_for_a_file_that_pytorch_reads():
    kinds = {layouts.LAYOUTS[name].model_name for name in ("timm_vit", "torch_resnet")}
    assert kinds == set(models.MODELS)
    assert all(dataclasses.is_dataclass(each) for each in layouts.LAYOUTS.values())
