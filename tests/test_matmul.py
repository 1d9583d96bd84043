"""The device's own rate: a matrix product of a known number of operations."""

import jax
import numpy as np
import pytest

from jaxcmp import devices
from jaxcmp.bench import matmul


def test_a_product_is_one_matrix_a_device_and_its_operations_are_counted():
    mesh = devices.make_mesh()
    product = matmul.make_matmul(mesh, "bfloat16", "float32", 16)
    result = product.call()
    assert result.shape == (mesh.size, 16, 16)
    assert result.dtype == np.float32
    assert product.flops == mesh.size * 2 * 16**3


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_fastest_of_several_products_is_taken(monkeypatch, dtype):
    monkeypatch.setattr(matmul, "CPU_SIZES", (8, 128))
    fastest = matmul.fastest_matmul(devices.make_mesh(jax.devices()[:1]), dtype)
    # A product of 8 x 8 takes as long as its call.
    assert fastest.size == 128
    assert fastest.output_dtype in {dtype, "float32"}
