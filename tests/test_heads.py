"""The number of heads: told by what this project writes, a likely one where nothing tells it."""

from dataclasses import replace

import pytest
from sample_models import make_trained
from sample_weights import VIT
from test_fit import complaint, fitted, source_of

from jaxcmp.errors import CommandError
from jaxcmp.export.named_weights import named_weights
from jaxcmp.pretrained import load

WIDE = VIT.clone(width=128, num_heads=2)
QKV = "params/block_0/attention/qkv/kernel"


def test_an_exported_file_is_not_loaded_with_another_number_of_heads(tmp_path):
    trained = make_trained("vit")
    path = tmp_path / "w.safetensors"
    path.write_bytes(named_weights(trained, "safetensors")[0])
    template = {"params": trained.variables["params"], "batch_stats": {}}
    load(path, template, trained.model)
    other = trained.model.clone(num_heads=2 * trained.model.num_heads)
    with pytest.raises(CommandError, match="has another number of heads; --config.model.num_heads"):
        load(path, template, other)


def test_the_hint_for_another_width_has_heads_of_the_usual_width():
    hint = complaint(source_of("timm_vit", WIDE), VIT.clone(num_heads=4))
    assert "--config.model.width=128 --config.model.num_heads=2 would fit" in hint
    assert "num_heads" not in complaint(source_of("timm_vit", WIDE), VIT)


def test_unusual_heads_that_the_file_does_not_tell_are_noted():
    source = source_of("timm_vit", WIDE)
    assert fitted(source, WIDE)[1][QKV].note == ""
    model = WIDE.clone(num_heads=4)
    assert fitted(source, model)[1][QKV].note == "taken as 4 heads, which the file does not tell"
    told = replace(source, fields={**source.fields, "num_heads": 4})
    assert fitted(told, model)[1][QKV].note == ""
