// Texts that several of the generated matrix multiplies share (scripts/generate-matmul.mjs).

export const FORMATS = `const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;
const I8 = 3u;`

/** Reads four consecutive values of a stored [rows, length] tensor in whatever form the checkpoint has it. */
export const reader = (
  name,
  format,
  length,
  int8 = '',
) => `// Values 4·i4 .. 4·i4+3 of a row of ${name}. bf16 is the upper half of an f32: a shift unpacks it exactly.
fn ${name}_at(row: u32, i4: u32) -> vec4f {
  let i = row * (${length} / 4u) + i4;${int8}
  if (${format} == F32) {
    return bitcast<vec4f>(vec4u(${name}[2u * i], ${name}[2u * i + 1u]));
  }
  let w = ${name}[i];
  if (${format} == F16) {
    return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
  }
  return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));
}`

/** For matrices of blocks: codes, which the epilogue scales. */
export const INT8 = `
  if (WEIGHT == I8) {
    let codes = select(weight[i / 2u].x, weight[i / 2u].y, i % 2u == 1u);
    return vec4f(bitcast<vec4i>(vec4u(codes) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
  }`

export const GELU = `// erf, max abs error 8e-8 in f32 (N. Juffa, stackoverflow.com/questions/35148198, the two-branch form).
fn erf(v: vec4f) -> vec4f {
  let t = min(abs(v), vec4f(6.0));
  let s = t * t;
  var far = fma(fma(vec4f(-1.72853470e-5), t, vec4f(3.83197126e-4)), s, fma(vec4f(-3.88396438e-3), t, vec4f(2.42546219e-2)));
  far = fma(fma(fma(far, t, vec4f(-1.06777877e-1)), t, vec4f(-6.34846687e-1)), t, vec4f(-1.28717512e-1));
  far = 1.0 - exp(fma(far, t, -t));
  var near = fma(fma(vec4f(-5.96761703e-4), s, vec4f(4.99119423e-3)), s, vec4f(-2.67681349e-2));
  near = fma(fma(fma(near, s, vec4f(1.12819925e-1)), s, vec4f(-3.76125336e-1)), s, vec4f(1.28379166e-1));
  return sign(v) * select(fma(near, t, t), far, t > vec4f(0.927734375));
}

// tanh overflows to NaN on real drivers beyond 88 (gpuweb issue 4458), so its argument is clamped: tanh(15) is 1 in f32.
fn finish(v: vec4f, i: u32) -> vec4f {
  if (EPILOGUE == RESIDUAL) {
    return v + residual[i];
  }
  if (EPILOGUE == GELU_TANH) {
    let u = 0.7978845608028654 * fma(0.044715 * v * v, v, v);
    return 0.5 * v * (1.0 + tanh(clamp(u, vec4f(-15.0), vec4f(15.0))));
  }
  if (EPILOGUE == GELU_ERF) {
    return 0.5 * v * (1.0 + erf(v * 0.7071067811865476));
  }
  return v;
}`

export const MATMUL_FORMULA =
  '// y[P,N] = epilogue(x[P,K] · weight[N,K]ᵀ + bias[N])   epilogue: nothing, GELU (tanh or erf form), + residual[P,N]'

export const EPILOGUES = `const BIAS = 0u;
const GELU_TANH = 1u;
const GELU_ERF = 2u;
const RESIDUAL = 3u;`

export const matmulBindings = (
  input,
  stored,
) => `@group(0) @binding(0) var<storage, read> x: array<vec4<${input}>>; // [P,K]
@group(0) @binding(1) var<storage, read> weight: array<vec2<u32>>; // [N,K] as stored: ${stored}
@group(0) @binding(2) var<storage, read> bias: array<vec4f>; // [N], then the scales [N] of weights that are int8
@group(0) @binding(3) var<storage, read> residual: array<vec4f>; // [P,Y_COLUMNS] for its epilogue, else anything
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Out>>; // [P,Y_COLUMNS]
@group(0) @binding(5) var<uniform> size: vec4<u32>; // P, 0, 0, 0`

export const MATMUL_EPILOGUE = `${GELU}

fn biased(sum: vec4f, n4: u32) -> vec4f {
  if (WEIGHT == I8) {
    return fma(sum, bias[N / 4u + n4], bias[n4]);
  }
  return sum + bias[n4];
}

fn store(row: u32, n4: u32, sum: vec4f) {
  if (row < size.x && n4 < N / 4u) {
    let i = row * (Y_COLUMNS / 4u) + n4;
    y[i] = vec4<Out>(finish(biased(sum, n4), i));
  }
}`
