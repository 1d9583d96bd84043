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


def test_of_a_parameter_that_is_converted_only_the_slices_are_read():
    sliced = """
%fused (param_0: f32[8,16]) -> (f16[2,16], f16[1,16]) {
  %param_0 = f32[8,16]{1,0} parameter(0)
  %convert.1 = f16[8,16]{1,0} convert(%param_0)
  %slice.1 = f16[2,16]{1,0} slice(%convert.1), slice={[0:2], [0:16]}
  %slice.2 = f16[1,16]{1,0} slice(%convert.1), slice={[5:6], [0:16]}
  ROOT %tuple.1 = (f16[2,16]{1,0}, f16[1,16]{1,0}) tuple(%slice.1, %slice.2)
}

ENTRY %main.1 (p: f32[8,16]) -> (f16[2,16], f16[1,16]) {
  %p = f32[8,16]{1,0} parameter(0)
  ROOT %fusion.1 = (f16[2,16]{1,0}, f16[1,16]{1,0}) fusion(%p), kind=kLoop, calls=%fused
}
"""
    # Three rows of 16 elements: 4 bytes read and 2 written of each.
    assert launches.count(hlo.parse(sliced)).bytes == 3 * 16 * (4 + 2)
    # All rows, where the converted array is a result too.
    whole = sliced.replace("tuple(%slice.1, %slice.2)", "tuple(%slice.1, %convert.1)")
    whole = whole.replace("(f16[2,16]{1,0}, f16[1,16]{1,0}) tuple", "(f16[2,16], f16[8,16]) tuple")
    assert launches.count(hlo.parse(whole)).bytes == 8 * 16 * 4 + (2 + 8) * 16 * 2
    alone = """
%fused (param_0: f32[8,16]) -> f16[8,16] {
  %param_0 = f32[8,16]{1,0} parameter(0)
  ROOT %convert.1 = f16[8,16]{1,0} convert(%param_0)
}

ENTRY %main.1 (p: f32[8,16]) -> f16[8,16] {
  %p = f32[8,16]{1,0} parameter(0)
  ROOT %fusion.1 = f16[8,16]{1,0} fusion(%p), kind=kLoop, calls=%fused
}
"""
    assert launches.count(hlo.parse(alone)).bytes == 8 * 16 * (4 + 2)


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
