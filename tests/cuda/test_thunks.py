"""Counting what the host launches, on sequences as XLA writes them."""

import hlo
import made_up_hlo
import pytest
import thunks

STEP, LOOP = hlo.parse(made_up_hlo.STEP), hlo.parse(made_up_hlo.LOOP)
ONE_GRAPH = """000: kCommandBuffer [source       | next=000 (1)]
    001: kCopy         [source        | next=002 (1) ] kCopy
    002: kCustomKernel [prev=001 (1)  | sink         ] loop_add_fusion_19 grid: [1, 1, 1]
"""
BROKEN = """000: kCommandBuffer [source       | next=003 (1)]
    001: kCopy         [source        | next=002 (1) ] kCopy
    002: kCustomKernel [prev=001 (1)  | sink         ] loop_add_fusion_19 grid: [1, 1, 1]
003: kConvolution   [prev=000 (1) | next=004 (1)] cudnn
004: kCustomKernel  [prev=003 (1) | sink        ] loop_add_fusion_22 grid: [1, 1, 1]
"""
# Of eight turns, between a graph and a copy.
AROUND_A_LOOP = """000: kCommandBuffer [source       | next=043 (1)]
    001: kCopy         [source | sink] kCopy
043: kWhile         [prev=000 (1) | next=000 (1)]
condition:
    044: kCustomKernel [source | sink] loop_compare_fusion grid: [1, 1, 1]
  body:
    000: kCommandBuffer      [source       | next=050 (1)]
        045: kCustomKernel [source       | sink        ] loop_multiply_fusion_6
        046: kCustomKernel [source       | sink        ] loop_add_fusion_19
    050: kDynamicSliceFusion [prev=000 (1) | next=000 (1)] params=1, results=1
        051: kCopy [source | sink] kCopy
060: kCopy          [prev=043 (1) | sink        ]
"""


def test_a_graph_is_one_launch_whatever_is_in_it():
    assert thunks.host_launches(ONE_GRAPH, STEP) == 1


def test_what_is_in_no_graph_is_launched_by_itself():
    assert thunks.host_launches(BROKEN, STEP) == 3


def test_a_loop_launches_its_body_at_each_turn_and_its_condition_never():
    assert thunks.host_launches(AROUND_A_LOOP, LOOP) == 1 + 8 * 2 + 1


def test_a_loop_of_unknown_length_counts_once_with_its_condition():
    unknown = hlo.parse(made_up_hlo.LOOP.replace('"known_trip_count":{"n":"8"}', ""))
    assert thunks.host_launches(AROUND_A_LOOP, unknown) == 1 + (1 + 2) + 1


def test_the_sequence_with_graphs_is_read_if_there_is_one(tmp_path):
    with pytest.raises(ValueError, match="XLA wrote no thunk_sequence"):
        thunks.read(tmp_path)
    (tmp_path / "module_0001.jit_step.thunk_sequence.txt").write_text(BROKEN)
    assert thunks.read(tmp_path) == BROKEN
    later = tmp_path / "module_0001.jit_step.thunk_sequence_after_thunk_passes.txt"
    later.write_text(ONE_GRAPH)
    assert thunks.read(tmp_path) == ONE_GRAPH
