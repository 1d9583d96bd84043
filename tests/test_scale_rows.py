"""The rows of the page on scale."""

from jaxcmp.collectives import scale_rows

ARM = {
    **{"arm": "vit", "optimizer": "sgd", "batch_size": 128, "learning_rate": 0.1},
    **{"batch_per_device": 128, "parameters": 250_000, "batch_statistics": 100},
    **{"state_bytes": 2_000_000, "image_flops": 10**9},
    "messages": [
        {"kind": "all-reduce", "bytes": 1_000_000},
        {"kind": "all-reduce", "bytes": 500},
        {"kind": "all-gather", "bytes": 64},
    ],
    "separate_messages": [{"kind": "all-reduce", "bytes": 1}] * 9,
}


def test_collectives_are_summed_by_kind():
    assert list(scale_rows.collective_rows([ARM])) == [
        ("vit", "all-reduce", "2", "1,000,500", "1,000,000"),
        ("vit", "all-gather", "1", "64", "64"),
    ]


def test_what_is_reduced_stands_beside_what_the_sizes_say():
    row = scale_rows.expected_row(ARM)
    assert row == ("vit", "1,000,000", "400", "1,000,400", "1,000,500", "100")
    assert scale_rows.joined_row(ARM) == ("vit", "2", "9")


def test_batches_that_the_data_set_does_not_fill_are_named():
    rows = list(scale_rows.batch_rows([ARM]))
    assert rows[0] == ("vit", "8", "1,024", "0.8", "48")
    assert rows[2] == ("vit", "1,024", "131,072", "102", "none: more than the data set")


def test_a_batch_that_cannot_be_cut_is_named():
    assert [row[3] for row in scale_rows.strong_rows([ARM], 1e15)][2] == "cannot be cut"


def test_sizes_and_rates_are_divided_right():
    assert scale_rows.checkpoint_row(ARM) == ("vit", "2,000,000", "0.001")
    assert scale_rows.input_row(ARM, 1e15) == ("vit", "1,000,000", "24,576")


def test_the_look_up_of_images_is_larger_on_more_devices():
    rows = list(scale_rows.lookup_rows(128))
    assert rows[1] == ("64", "InfiniBand", f"{63 * 128 * 3076 / 1e6:.1f} MB", "0.50 ms")
