// y[p,c] = (x[p,c] - mean_p) / √(var_p + eps) · weight[c] + bias[c]   mean, var (biased) over the C values of row p
// The plainest form of layer_norm.wgsl, the oracle of its tests: one thread a row, two passes in f32.

const C = 1152u;
const EPS = 1e-6;
alias Out = f32; // element of y: f32, f16

@group(0) @binding(0) var<storage, read> x: array<f32>; // [P,C]
@group(0) @binding(1) var<storage, read> weight: array<f32>; // [C]
@group(0) @binding(2) var<storage, read> bias: array<f32>; // [C]
@group(0) @binding(3) var<storage, read_write> y: array<Out>; // [P,C]
@group(0) @binding(4) var<uniform> size: vec4u; // P, 0, 0, 0

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let row = id.x;
  if (row >= size.x) {
    return;
  }
  var mean = 0.0;
  for (var c = 0u; c < C; c++) {
    mean += x[row * C + c];
  }
  mean /= f32(C);
  var variance = 0.0;
  for (var c = 0u; c < C; c++) {
    let difference = x[row * C + c] - mean;
    variance += difference * difference;
  }
  variance /= f32(C);
  for (var c = 0u; c < C; c++) {
    y[row * C + c] = Out((x[row * C + c] - mean) / sqrt(variance + EPS) * weight[c] + bias[c]);
  }
}
