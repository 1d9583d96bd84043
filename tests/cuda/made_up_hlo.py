"""Small optimised HLO modules, written as XLA writes them for a GPU."""

# A fusion that gathers 2 of 1,000 rows, a matmul of a library, a copy.
STEP = """HloModule jit_step, is_scheduled=true, entry_computation_layout={(u8[1000,64]{1,0})->f32[]}

%fused_gather (param_0: u8[1000,64], param_1: s32[2]) -> f32[2,64] {
  %param_0 = u8[1000,64]{1,0} parameter(0)
  %param_1 = s32[2]{0} parameter(1)
  %bitcast.1 = s32[2,1]{1,0} bitcast(%param_1)
  %gather.1 = u8[2,64]{1,0} gather(%param_0, %bitcast.1), offset_dims={1}, slice_sizes={1,64}
  ROOT %convert.1 = f32[2,64]{1,0} convert(%gather.1)
}

ENTRY %main.9 (images.1: u8[1000,64], indices.1: s32[2], kernel.1: f32[64,8]) -> f32[2,8] {
  %images.1 = u8[1000,64]{1,0} parameter(0), metadata={op_name="images"}
  %indices.1 = s32[2]{0} parameter(1)
  %kernel.1 = f32[64,8]{1,0} parameter(2)
  %fusion.1 = f32[2,64]{1,0} fusion(%images.1, %indices.1), kind=kLoop, calls=%fused_gather, metadata={op_name="jit(step)/gather"}
  %custom-call.1 = (f32[2,8]{1,0}, s8[4194304]{0}) custom-call(%fusion.1, /*index=1*/%kernel.1), custom_call_target="__cublas$lt$matmul", backend_config={"gemm_backend_config":{"beta":0}}
  %get-tuple-element.1 = f32[2,8]{1,0} get-tuple-element(%custom-call.1), index=0
  ROOT %copy.1 = f32[2,8]{0,1} copy(%get-tuple-element.1)
}
"""  # noqa: E501

# A loop over 8 slices of a stack, which also updates its carry in place.
LOOP = """HloModule jit_scan, is_scheduled=true

%fused_update (param_0: f32[8,16], param_1: s32[], param_2: f32[1,16]) -> f32[8,16] {
  %param_0 = f32[8,16]{1,0} parameter(0)
  %param_1 = s32[] parameter(1)
  %param_2 = f32[1,16]{1,0} parameter(2)
  ROOT %dynamic-update-slice.1 = f32[8,16]{1,0} dynamic-update-slice(%param_0, %param_2, %param_1, %param_1)
}

%fused_slice (param_0: f32[8,16], param_1: s32[]) -> f32[1,16] {
  %param_0 = f32[8,16]{1,0} parameter(0)
  %param_1 = s32[] parameter(1)
  ROOT %dynamic-slice.1 = f32[1,16]{1,0} dynamic-slice(%param_0, %param_1, %param_1), dynamic_slice_sizes={1,16}
}

%body (arg: (s32[], f32[8,16])) -> (s32[], f32[8,16]) {
  %arg = (s32[], f32[8,16]{1,0}) parameter(0)
  %get-tuple-element.1 = s32[] get-tuple-element(%arg), index=0
  %get-tuple-element.2 = f32[8,16]{1,0} get-tuple-element(%arg), index=1
  %fusion.1 = f32[1,16]{1,0} fusion(%get-tuple-element.2, %get-tuple-element.1), kind=kLoop, calls=%fused_slice
  %fusion.2 = f32[8,16]{1,0} fusion(%get-tuple-element.2, %get-tuple-element.1, %fusion.1), kind=kLoop, calls=%fused_update
  ROOT %tuple.1 = (s32[], f32[8,16]{1,0}) tuple(%get-tuple-element.1, %fusion.2)
}

%condition (arg.1: (s32[], f32[8,16])) -> pred[] {
  %arg.1 = (s32[], f32[8,16]{1,0}) parameter(0)
  %get-tuple-element.3 = s32[] get-tuple-element(%arg.1), index=0
  ROOT %compare.1 = pred[] compare(%get-tuple-element.3, %get-tuple-element.3), direction=LT
}

ENTRY %main.1 (p: (s32[], f32[8,16])) -> (s32[], f32[8,16]) {
  %p = (s32[], f32[8,16]{1,0}) parameter(0)
  ROOT %while.1 = (s32[], f32[8,16]{1,0}) while(%p), condition=%condition, body=%body, metadata={op_name="jit(step)/while"}, backend_config={"known_trip_count":{"n":"8"}}
}
"""  # noqa: E501

BRANCH = """HloModule jit_cond, is_scheduled=true

%small (arg: f32[4]) -> f32[4] {
  %arg = f32[4]{0} parameter(0)
  ROOT %copy.1 = f32[4]{0} copy(%arg)
}

%large (arg.1: f32[4]) -> f32[4] {
  %arg.1 = f32[4]{0} parameter(0)
  %copy.2 = f32[4]{0} copy(%arg.1)
  ROOT %copy.3 = f32[4]{0} copy(%copy.2)
}

ENTRY %main.2 (choice: pred[], x: f32[4]) -> f32[4] {
  %choice = pred[] parameter(0)
  %x = f32[4]{0} parameter(1)
  ROOT %cond.1 = f32[4]{0} conditional(%choice, %x, %x), true_computation=%small, false_computation=%large, metadata={op_name="jit(step)/cond"}
}
"""  # noqa: E501
