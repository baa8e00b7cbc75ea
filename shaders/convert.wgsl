// result[first + i] = source[i]   weights from the checkpoint's form to another: to f32 exactly, to f16 rounded to nearest
// source: f32, or f16 and bf16 as stored, two to a word, the earlier in the low half. result: f32, or f16 two to a word.
// Work: a thread makes two values, so that it owns a whole word of either form; the grid is two-dimensional, since one
// dimension ends at 65535 workgroups. `first` is even, and an odd count is padded with zero in its last word.
// Numerics: only bits are moved, so that widening is exact, subnormals included, on devices that flush them too.
// Narrowing rounds to nearest even in integers, because pack2x16float may round otherwise (SwiftShader truncates
// subnormals) and is indeterminate beyond f16's range (WGSL 16.9.3): values that round above 65504, infinities and NaN
// become an infinity and set status[index].

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const FROM = BF16;
const TO = F16; // F32 or F16

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<atomic<u32>>; // [tensors], 1 where a value did not fit
@group(0) @binding(3) var<uniform> size: vec4<u32>; // values, first value in result, index in status, 0

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

// Divides by 2^shift, to nearest, ties to even.
fn round_shift(value: u32, shift: u32) -> u32 {
  return (value + (1u << (shift - 1u)) - 1u + ((value >> shift) & 1u)) >> shift;
}

fn f16_bits(bits: u32) -> u32 {
  let sign = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u) { // 65520, the middle between 65504 and the next power of two
    atomicMax(&status[size.z], 1u);
    return sign | 0x7c00u;
  }
  if (magnitude >= 0x38800000u) { // 2^-14, the smallest normal f16
    return sign | round_shift(magnitude - 0x38000000u, 13u);
  }
  let shift = min(126u - (magnitude >> 23u), 25u); // to multiples of 2^-24; 25 leaves none of 24 bits
  return sign | round_shift((magnitude & 0x7fffffu) | 0x800000u, shift);
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
    result[(size.y + i) / 2u] = f16_bits(low) | (f16_bits(high) << 16u);
  }
}
