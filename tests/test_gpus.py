"""The cards: their numbers belong together."""

import pytest

from jaxcmp.gpu.gpus import GPUS, MEMORY_SHARE

EVERY = pytest.mark.parametrize("gpu", GPUS.values(), ids=GPUS)


@EVERY
def test_the_description_for_the_compiler_is_filled_in(gpu):
    text = gpu.target_config
    assert f"major: {gpu.capability[0]} minor: {gpu.capability[1]}" in text
    assert f"device_memory_size: {gpu.memory} " in text
    assert text.count("{") == text.count("}")


@EVERY
def test_narrower_types_are_never_slower(gpu):
    for precision, flops in gpu.peak_flops.items():
        assert flops >= gpu.peak_flops["float32"], precision


@EVERY
def test_a_program_gets_the_share_that_jax_reserves(gpu):
    assert gpu.usable_memory == int(gpu.memory * 0.75) and MEMORY_SHARE == 0.75


def test_only_cards_without_bfloat16_are_tried_at_float16():
    assert [name for name, gpu in GPUS.items() if "float16" in gpu.peak_flops] == ["T4"]
