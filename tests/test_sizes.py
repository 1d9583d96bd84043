"""What a plan knows of its data."""

from configs import study
from jaxcmp.study.sizes import find_sizes


def test_images_are_counted_at_each_fraction():
    config = study.get_config("digits")
    config.grids = {"x": study.grid(seeds=1, fractions=(0.1, 0.5))}
    sizes = find_sizes(config)
    assert sizes.num_channels == 1
    whole = sizes.num_train[1.0]
    # A fifth of the 1,797 is the test split; shares are rounded in each of ten classes.
    assert abs(whole - 0.8 * 1797) <= 5
    assert abs(sizes.num_train[0.1] - 0.1 * whole) <= 5
    assert abs(sizes.num_train[0.5] - 0.5 * whole) <= 5


def test_a_held_out_split_is_not_counted():
    config = study.get_config("digits")
    config.grids = {"x": study.grid(seeds=1)}
    whole = find_sizes(config).num_train[1.0]
    config.data.validation_fraction = 0.5
    assert abs(find_sizes(config).num_train[1.0] - whole / 2) <= 5
