// result[first + i] = source[i]   weights from the checkpoint's form to another: to f32 exactly, to f16 rounded to nearest
// source: f32, or f16 and bf16 as stored, two to a word, the earlier in the low half. result: f32, or f16 two to a word.
// Work: a thread makes two values, so that it owns a whole word of either form; the grid is two-dimensional, since one
// dimension ends at 65535 workgroups. `first` is even, and an odd count is padded with zero in its last word.
// Numerics: f32 and bf16 to f16 are rounded by pack2x16float, whose result beyond f16's range is indeterminate (WGSL
// 16.9.3): values that round above 65504, infinities and NaN are told by their bits before, stored as zero, and set
// status[index]. 0x477fefff is the largest f32 that still rounds to 65504.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const FROM = BF16;
const TO = F16; // F32 or F16

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<atomic<u32>>; // [tensors], 1 where a value did not fit
@group(0) @binding(3) var<uniform> size: vec4<u32>; // values, first value in result, index in status, 0

const LARGEST = 0x477fefffu;

// Bits of value i as f32.
fn bits_at(i: u32) -> u32 {
  if (i >= size.x) {
    return 0u;
  }
  if (FROM == F32) {
    return source[i];
  }
  let half = (source[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  if (FROM == F16) {
    return half_bits(half);
  }
  return half << 16u;
}

// f16 to f32 by integer arithmetic: a device may flush subnormals in floating point.
fn half_bits(half: u32) -> u32 {
  let sign = (half & 0x8000u) << 16u;
  let exponent = (half >> 10u) & 0x1fu;
  let mantissa = half & 0x3ffu;
  if (exponent == 0x1fu) {
    return sign | 0x7f800000u | (mantissa << 13u);
  }
  if (exponent == 0u) {
    if (mantissa == 0u) {
      return sign;
    }
    let shift = countLeadingZeros(mantissa) - 21u; // brings the leading 1 to bit 10
    return sign | ((113u - shift) << 23u) | (((mantissa << shift) & 0x3ffu) << 13u);
  }
  return sign | ((exponent + 112u) << 23u) | (mantissa << 13u);
}

fn checked(bits: u32) -> f32 {
  if ((bits & 0x7fffffffu) > LARGEST) {
    atomicMax(&status[size.z], 1u);
    return 0.0;
  }
  return bitcast<f32>(bits);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = 2u * (id.y * groups.x * 64u + id.x);
  if (i >= size.x) {
    return;
  }
  let low = bits_at(i);
  let high = bits_at(i + 1u);
  if (TO == F32) {
    result[size.y + i] = low;
    if (i + 1u < size.x) {
      result[size.y + i + 1u] = high;
    }
  } else {
    result[(size.y + i) / 2u] = pack2x16float(vec2f(checked(low), checked(high)));
  }
}
