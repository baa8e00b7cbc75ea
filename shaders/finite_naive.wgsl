// status[index] = 2 where a weight is NaN or infinite   the plainest form, the oracle of finite.wgsl: one thread takes each
// value apart.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const FROM = BF16;

@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read_write> status: array<atomic<u32>>; // [tensors]
@group(0) @binding(2) var<uniform> size: vec4<u32>; // words, first word, index in status, 0

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= size.x) {
    return;
  }
  let word = weights[size.y + id.x];
  var exponents = vec2u(0u);
  var highest = 1u;
  if (FROM == F32) {
    exponents.x = extractBits(word, 23u, 8u);
    highest = 255u;
  } else if (FROM == F16) {
    exponents = vec2u(extractBits(word, 10u, 5u), extractBits(word, 26u, 5u));
    highest = 31u;
  } else {
    exponents = vec2u(extractBits(word, 7u, 8u), extractBits(word, 23u, 8u));
    highest = 255u;
  }
  if (exponents.x == highest || exponents.y == highest) {
    atomicMax(&status[size.z], 2u);
  }
}
