"""Reading the text of an optimised HLO module."""

import hlo
import made_up_hlo
import pytest


def test_instructions_are_read_with_their_operands_and_attributes():
    module = hlo.parse(made_up_hlo.STEP)
    assert module.entry.name == "main.9"
    assert set(module.computations) == {"fused_gather", "main.9"}
    call = module.entry.instructions["custom-call.1"]
    assert call.opcode == "custom-call"
    assert call.operands == ("fusion.1", "kernel.1")
    assert call.target == "__cublas$lt$matmul"
    assert call.shape == "(f32[2,8]{1,0}, s8[4194304]{0})"
    fusion = module.entry.instructions["fusion.1"]
    assert fusion.called == {"calls": ["fused_gather"]}
    assert fusion.source == "jit(step)/gather"
    assert module.entry.root.name == "copy.1"


def test_a_computation_knows_its_parameters_and_who_reads_a_value():
    computation = hlo.parse(made_up_hlo.STEP).computations["fused_gather"]
    assert computation.parameters == {0: "param_0", 1: "param_1"}
    assert [user.name for user in computation.users["param_0"]] == ["gather.1"]
    assert computation.users["convert.1"] == []


def test_loops_and_branches_name_what_they_call():
    loop = hlo.parse(made_up_hlo.LOOP).entry.root
    assert loop.called == {"condition": ["condition"], "body": ["body"]}
    assert loop.num_trips == 8
    branch = hlo.parse(made_up_hlo.BRANCH).entry.root
    assert branch.called == {"true_computation": ["small"], "false_computation": ["large"]}
    assert branch.num_trips is None


@pytest.mark.parametrize(
    "shape, size",
    [
        ("f32[2,3]{1,0}", 24),
        ("bf16[8]{0}", 16),
        ("pred[]", 1),
        ("(f32[2]{0}, u8[16]{0:S(5)})", 24),
        ("f8e4m3fn[4]{0}", 4),
        ("token[]", 0),
    ],
)
def test_bytes_follow_from_a_shape(shape, size):
    assert hlo.num_bytes(shape) == size


def test_a_text_without_an_entry_is_refused():
    with pytest.raises(ValueError, match="no ENTRY"):
        hlo.parse("HloModule empty\n")
