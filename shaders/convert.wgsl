// result[first + i] = source[i]   weights from the checkpoint's form to another: to f32 exactly, to f16 rounded to nearest
// source: f32, or f16 and bf16 as stored, two to a word, the earlier in the low half; or int8, four to a word, and after them
// columns of a row, column of the first value, f32 scales of the rows from that of the first value on. result: f32, or f16 two to a word.
// Work: a thread makes two values, so that it owns a whole word of either form; the grid is two-dimensional, since one
// dimension ends at 65535 workgroups. `first` is even, and an odd count is padded with zero in its last word.
// Numerics: all in integers. A device may flush subnormals, and may round pack2x16float either way, which beyond f16's
// range is indeterminate (WGSL, "Floating point conversion" and "Data packing built-in functions"; SwiftShader turns the
// f32 above 2^-25 into 0). Ties go to even; what would round above 65504 is stored as zero and sets status[index] to 1; NaN
// and infinities set it to 2, as in finite.wgsl.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;
const I8 = 3u;

const FROM = BF16;
const TO = F16; // F32 or F16

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<atomic<u32>>; // [tensors], 1 where a value did not fit, 2 where one is not finite
@group(0) @binding(3) var<uniform> size: vec4<u32>; // values, first value in result, index in status, 0

fn code_at(i: u32) -> f32 {
  return f32(extractBits(bitcast<i32>(source[i / 4u]), 8u * (i % 4u), 8u));
}

fn scale_at(i: u32) -> f32 {
  let tail = (size.x + 3u) / 4u;
  return bitcast<f32>(source[tail + 2u + (source[tail + 1u] + i) / source[tail]]);
}

// Bits of value i as f32.
fn bits_at(i: u32) -> u32 {
  if (i >= size.x) {
    return 0u;
  }
  let bits = stored_bits_at(i);
  if ((bits & 0x7f800000u) == 0x7f800000u) {
    atomicMax(&status[size.z], 2u);
  }
  return bits;
}

fn stored_bits_at(i: u32) -> u32 {
  if (FROM == F32) {
    return source[i];
  }
  if (FROM == I8) {
    // 7 bits by the 11 of an f16, never subnormal in f32: exact.
    return bitcast<u32>(code_at(i) * scale_at(i));
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

// value / 2^shift to the nearest integer, ties to even.
fn rounded(value: u32, shift: u32) -> u32 {
  let below_half = (1u << (shift - 1u)) - 1u;
  return (value + below_half + ((value >> shift) & 1u)) >> shift;
}

// f32 to f16. A carry out of the mantissa increments the exponent, as it should.
fn half_of(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u) { // 65520
    atomicMax(&status[size.z], 1u);
    return 0u;
  }
  if (magnitude >= 0x38800000u) { // 2^-14, f16's smallest normal number
    return sign | rounded(magnitude - 0x38000000u, 13u);
  }
  let shift = min(126u - (magnitude >> 23u), 25u); // in units of 2^-24; all below half a unit is zero
  return sign | rounded((magnitude & 0x7fffffu) | 0x800000u, shift);
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
    result[(size.y + i) / 2u] = half_of(low) | (half_of(high) << 16u);
  }
}
