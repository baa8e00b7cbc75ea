// y[P,N] = activation(x[P,K] · weight[N,K]ᵀ + bias[N]) + residual[P,N]
// The plainest form, the oracle of the tuned matmul_*.wgsl on the same device: one thread, one output, one sum in f32 in
// increasing k, products rounded before they are added. `residual` is all zeros where there is none.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;
const I8 = 3u;
const BIAS = 0u;
const GELU_TANH = 1u;
const GELU_ERF = 2u;

const K = 1152u;
const N = 3456u;
const Y_COLUMNS = N; // columns of y, of which this may be a part
const WEIGHT = BF16;
const EPILOGUE = BIAS;
alias In = f32;
alias Out = f32;

@group(0) @binding(0) var<storage, read> x: array<In>; // [P,K]
@group(0) @binding(1) var<storage, read> weight: array<u32>; // [N,K] as stored: f32, f16, bf16 or i8
@group(0) @binding(2) var<storage, read> bias: array<f32>; // [N], then the scales [N] of weights that are int8
@group(0) @binding(3) var<storage, read> residual: array<f32>; // [P,N]
@group(0) @binding(4) var<storage, read_write> y: array<Out>; // [P,N]
@group(0) @binding(5) var<uniform> size: vec4<u32>; // P, 0, 0, 0

fn weight_at(i: u32) -> f32 {
  if (WEIGHT == F32) {
    return bitcast<f32>(weight[i]);
  }
  if (WEIGHT == I8) {
    return f32(extractBits(bitcast<i32>(weight[i / 4u]), 8u * (i % 4u), 8u));
  }
  let half = (weight[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  if (WEIGHT == F16) {
    return unpack2x16float(half).x;
  }
  return bitcast<f32>(half << 16u);
}

// erf by its Maclaurin series below 2, by the continued fraction of erfc above (DLMF 7.6.2 and 7.9.1).
fn erf(v: f32) -> f32 {
  let t = min(abs(v), 5.0);
  if (t < 2.0) {
    var term = t;
    var sum = t;
    for (var i = 1; i < 30; i++) {
      term *= 2.0 * t * t / f32(2 * i + 1);
      sum += term;
    }
    return sign(v) * sum * exp(-t * t) * 1.1283791670955126;
  }
  var fraction = t;
  for (var i = 30; i > 0; i--) {
    fraction = t + 0.5 * f32(i) / fraction;
  }
  return sign(v) * (1.0 - exp(-t * t) * 0.5641895835477563 / fraction);
}

fn activate(v: f32) -> f32 {
  if (EPILOGUE == GELU_TANH) {
    return 0.5 * v * (1.0 + tanh(clamp(0.7978845608028654 * (v + 0.044715 * v * v * v), -15.0, 15.0)));
  }
  if (EPILOGUE == GELU_ERF) {
    return 0.5 * v * (1.0 + erf(v * 0.7071067811865476));
  }
  return v;
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let n = id.x;
  let row = id.y;
  if (row >= size.x || n >= N) {
    return;
  }
  var sum = 0.0;
  for (var k = 0u; k < K; k++) {
    sum += f32(x[row * K + k]) * weight_at(n * K + k);
  }
  if (WEIGHT == I8) {
    sum *= bias[N + n];
  }
  y[row * Y_COLUMNS + n] = Out(activate(sum + bias[n]) + residual[row * Y_COLUMNS + n]);
}
