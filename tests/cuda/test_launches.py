"""Counting what a compiled step launches, on small modules."""

import hlo
import launches
import made_up_hlo


def test_a_fusion_a_library_call_and_a_copy_are_three_kernels():
    counted = launches.count(hlo.parse(made_up_hlo.STEP))
    assert counted.kernels == 3
    assert counted.library_calls == 1
    assert counted.transfers == [] and counted.float64 == []


def test_a_gather_reads_what_it_gives_and_a_workspace_does_not_count():
    # The fusion: 128 bytes of images, 8 of indices, 512 written. The matmul: 512 and 2,048 read, 64
    # written. The copy: 64 both ways.
    expected = (128 + 8 + 512) + (512 + 2048 + 64) + (64 + 64)
    assert launches.count(hlo.parse(made_up_hlo.STEP)).bytes == expected


def test_a_parameter_that_is_used_as_a_whole_too_is_read_as_a_whole():
    text = made_up_hlo.STEP.replace("convert(%gather.1)", "convert(%gather.1, %param_0)")
    gained = (
        launches.count(hlo.parse(text)).bytes - launches.count(hlo.parse(made_up_hlo.STEP)).bytes
    )
    assert gained == 64_000 - 128


def test_a_loop_counts_as_often_as_it_runs():
    counted = launches.count(hlo.parse(made_up_hlo.LOOP))
    assert counted.kernels == 8 * 3
    # The slice, its way back into its place, each with the counter; then the condition.
    assert counted.bytes == 8 * ((64 + 4 + 64) + (4 + 64 + 64) + (4 + 4 + 1))
    assert counted.transfers == []


def test_a_loop_of_unknown_length_makes_the_host_wait():
    text = made_up_hlo.LOOP.replace('"known_trip_count":{"n":"8"}', "")
    counted = launches.count(hlo.parse(text))
    assert counted.kernels == 3
    assert counted.transfers == ["the condition of a loop, jit(step)/while"]


def test_a_conditional_counts_its_larger_branch_and_makes_the_host_wait():
    counted = launches.count(hlo.parse(made_up_hlo.BRANCH))
    assert counted.kernels == 2
    assert counted.transfers == ["the choice of a branch, jit(step)/cond"]


def test_what_goes_to_the_host_is_named():
    for change in (
        ("copy(%get-tuple-element.1)", "outfeed(%get-tuple-element.1)"),
        ("__cublas$lt$matmul", "xla_ffi_python_gpu_callback"),
        ("%copy.1 = f32[2,8]{0,1}", "%copy.1 = f32[2,8]{0,1:S(5)}"),
    ):
        assert len(launches.count(hlo.parse(made_up_hlo.STEP.replace(*change))).transfers) == 1, (
            change
        )


def test_double_precision_is_found_inside_fusions_too():
    text = made_up_hlo.STEP.replace("ROOT %convert.1 = f32", "ROOT %convert.1 = f64")
    assert launches.count(hlo.parse(text)).float64 == ["convert.1"]
