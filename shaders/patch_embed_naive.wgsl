// y[P,C] = im2col(pixels)[P,3p²] · weight[C,3p²]ᵀ + bias[C] + table[row(P),C]
// The plainest form, the oracle of patch_embed.wgsl on the same device: one thread, one output, the convolution's three loops.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const PATCH = 14u; // p
const N = 1152u; // C
const WEIGHT = BF16;
const TABLE = BF16;
alias Out = f32;

@group(0) @binding(0) var<storage, read> pixels: array<f32>; // [V]: planar [3,H,W] pictures, one after another
@group(0) @binding(1) var<storage, read> patches: array<vec4<u32>>; // [P]: first value, W, H·W, row of the table
@group(0) @binding(2) var<storage, read> weight: array<u32>; // [C,3,p,p] as stored: f32, f16 or bf16
@group(0) @binding(3) var<storage, read> bias: array<f32>; // [C]
@group(0) @binding(4) var<storage, read> table: array<u32>; // [S²,C] as stored: f32, f16 or bf16
@group(0) @binding(5) var<storage, read_write> y: array<Out>; // [P,C]
@group(0) @binding(6) var<uniform> size: vec4<u32>; // P, 0, 0, 0

fn half_at(word: u32, i: u32, format: u32) -> f32 {
  let half = (word >> (16u * (i % 2u))) & 0xffffu;
  return select(bitcast<f32>(half << 16u), unpack2x16float(half).x, format == F16);
}

fn weight_at(i: u32) -> f32 {
  if (WEIGHT == F32) {
    return bitcast<f32>(weight[i]);
  }
  return half_at(weight[i / 2u], i, WEIGHT);
}

fn table_at(i: u32) -> f32 {
  if (TABLE == F32) {
    return bitcast<f32>(table[i]);
  }
  return half_at(table[i / 2u], i, TABLE);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  let row = id.y;
  if (row >= size.x || n >= N) {
    return;
  }
  let patch = patches[row];
  var sum = 0.0;
  for (var plane = 0u; plane < 3u; plane++) {
    for (var i = 0u; i < PATCH; i++) {
      for (var j = 0u; j < PATCH; j++) {
        let pixel = pixels[patch.x + plane * patch.z + i * patch.y + j];
        sum += pixel * weight_at(((n * 3u + plane) * PATCH + i) * PATCH + j);
      }
    }
  }
  y[row * N + n] = Out(sum + bias[n] + table_at(patch.w * N + n));
}
