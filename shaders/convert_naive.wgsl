// result[first + i] = source[i]   the plainest form, the oracle of convert.wgsl: floating point only, one thread a word.
// It flushes what the device flushes, and knows nothing of values beyond f16's range.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;
const I8 = 3u;

const FROM = BF16;
const TO = F16;

@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<storage, read_write> status: array<u32>;
@group(0) @binding(3) var<uniform> size: vec4<u32>; // values, first value in result, index in status, 0

fn value_at(i: u32) -> f32 {
  if (i >= size.x) {
    return 0.0;
  }
  if (FROM == F32) {
    return bitcast<f32>(source[i]);
  }
  if (FROM == I8) {
    let tail = (size.x + 3u) / 4u;
    let scale = bitcast<f32>(source[tail + 2u + (source[tail + 1u] + i) / source[tail]]);
    return scale * f32(unpack4xI8(source[i / 4u])[i % 4u]);
  }
  let pair = source[i / 2u];
  if (FROM == F16) {
    return unpack2x16float(pair)[i % 2u];
  }
  return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, i % 2u == 1u));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (TO == F32) {
    if (id.x < size.x) {
      result[size.y + id.x] = bitcast<u32>(value_at(id.x));
    }
  } else if (2u * id.x < size.x) {
    result[size.y / 2u + id.x] = pack2x16float(vec2f(value_at(2u * id.x), value_at(2u * id.x + 1u)));
  }
  if (id.x == 0u) {
    status[size.z] = 0u;
  }
}
