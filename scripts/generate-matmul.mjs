// Writes the register-tiled matrix multiplies of shaders/: node scripts/generate-matmul.mjs [--check]
//
// They are generated only because accumulators must be named one by one: an array of them is kept in memory, not in
// registers, by several compilers (M1 Max through naga: 100 times slower, performance notes of the cera project; also
// SwiftShader); those on subgroup matrices share their texts. Each output is valid WGSL and is committed; --check fails
// when a committed file is not what comes out.
import { matrix } from './matmul-matrix.mjs'
import { EPILOGUES, FORMATS, INT8, MATMUL_EPILOGUE, MATMUL_FORMULA, matmulBindings, reader } from './matmul-texts.mjs'
import { writeShaders } from './write-shaders.mjs'

const range = (count) => Array.from({ length: count }, (_, i) => i)
const lines = (count, line) => range(count).map(line).join('\n')
/** One line for each accumulator: rows of one thread by groups of four columns. */
const each = ({ rows, groups }, line) => lines(rows * groups, (i) => line(Math.floor(i / groups), i % groups))
const lane = (i) => 'xyzw'[i]

/** What the operations that are matrix multiplies differ in: their left operand and their epilogue. */
const OPERATIONS = {
  matmul: {
    formula: MATMUL_FORMULA,
    consts: `${FORMATS}
${EPILOGUES}

const K = 1152u; // multiple of 4
const N = 3456u; // multiple of 4
const Y_COLUMNS = N; // columns of y, of which this may be a part
const WEIGHT = BF16;
const EPILOGUE = BIAS;
alias In = f32; // element of x: f32, f16
alias Out = f32; // element of y: f32, f16`,
    bindings: matmulBindings('In', 'f32, f16, bf16 or i8'),
    readers: `fn left_at(row: u32, k4: u32) -> vec4f {
  return vec4f(x[row * (K / 4u) + k4]);
}

${reader('weight', 'WEIGHT', 'K', INT8)}`,
    epilogue: MATMUL_EPILOGUE,
  },
  matmul_f16: {
    half: true,
    formula: MATMUL_FORMULA,
    consts: `const F16 = 1u;
const I8 = 3u; // not here
${EPILOGUES}

const K = 1152u; // multiple of 4
const N = 3456u; // multiple of 4
const Y_COLUMNS = N; // columns of y, of which this may be a part
const WEIGHT = F16; // nothing else
const EPILOGUE = BIAS;
alias In = f16; // element of x, nothing else
alias Out = f16; // element of y: f32, f16`,
    bindings: matmulBindings('In', 'f16'),
    readers: `fn left_at(row: u32, k4: u32) -> vec4<f16> {
  return x[row * (K / 4u) + k4] * 0.125h;
}

fn weight_at(row: u32, k4: u32) -> vec4<f16> {
  return bitcast<vec4<f16>>(weight[row * (K / 4u) + k4]);
}`,
    epilogue: MATMUL_EPILOGUE,
  },
  patch_embed: {
    formula: `// y[P,C] = im2col(pixels)[P,3p²] · weight[C,3p²]ᵀ + bias[C] + table[row(P),C]   a convolution whose stride is its kernel
// Column k = (plane · p + i) · p + j of the left matrix is gathered from the pictures while tiles are loaded.`,
    consts: `${FORMATS}

const PATCH = 14u; // p
const K = 588u; // 3p², multiple of 4
const N = 1152u; // C, multiple of 4
const WEIGHT = BF16;
const TABLE = BF16;
alias Out = f32; // element of y`,
    bindings: `@group(0) @binding(0) var<storage, read> pixels: array<f32>; // [V]: planar [3,H,W] pictures, one after another
@group(0) @binding(1) var<storage, read> patches: array<vec4<u32>>; // [P]: first value, W, H·W, row of the table
@group(0) @binding(2) var<storage, read> weight: array<vec2<u32>>; // [C,3,p,p] as stored: f32, f16 or bf16
@group(0) @binding(3) var<storage, read> bias: array<vec4f>; // [C]
@group(0) @binding(4) var<storage, read> table: array<vec2<u32>>; // [S²,C] as stored: f32, f16 or bf16
@group(0) @binding(5) var<storage, read_write> y: array<vec4<Out>>; // [P,C]
@group(0) @binding(6) var<uniform> size: vec4<u32>; // P, 0, 0, 0`,
    readers: `fn pixel_at(place: vec4u, k: u32) -> f32 {
  let line = k / PATCH; // counts lines through the three planes of a patch
  return pixels[place.x + (line / PATCH) * place.z + (line % PATCH) * place.y + k % PATCH];
}

fn left_at(row: u32, k4: u32) -> vec4f {
  let place = patches[row];
  let k = 4u * k4;
  return vec4f(pixel_at(place, k), pixel_at(place, k + 1u), pixel_at(place, k + 2u), pixel_at(place, k + 3u));
}

${reader('weight', 'WEIGHT', 'K')}

${reader('table', 'TABLE', 'N')}`,
    epilogue: `fn store(row: u32, n4: u32, sum: vec4f) {
  if (row < size.x && n4 < N / 4u) {
    y[row * (N / 4u) + n4] = vec4<Out>(sum + bias[n4] + table_at(patches[row].w, n4));
  }
}`,
  },
}

/** Of one text for all shapes: a rasteriser compiles each for 0.2 s, and runs them no faster. */
const AT_RUNTIME = [
  ['K / 4u', 'size.y / 4u'],
  ['N / 4u', 'size.z / 4u'],
  ['Y_COLUMNS', '(size.w & ~3u)'],
  ['EPILOGUE', '(size.w & 3u)'],
]
const atRuntime = (text) => AT_RUNTIME.reduce((all, [name, value]) => all.replaceAll(name, value), text)

const MATMUL_AT_RUNTIME = {
  ...OPERATIONS.matmul,
  consts: OPERATIONS.matmul.consts.replaceAll(/^const (K|N|Y_COLUMNS|EPILOGUE) = .*\n/gm, ''),
  bindings: OPERATIONS.matmul.bindings.replace(
    '// P, 0, 0, 0',
    '// P, K, N, columns of y (all but P multiples of 4) plus the epilogue',
  ),
  readers: atRuntime(OPERATIONS.matmul.readers),
  epilogue: atRuntime(OPERATIONS.matmul.epilogue),
  inner: atRuntime,
}

const NUMERICS = `// Numerics: products are added in increasing k to one f32 accumulator by fma, so the bits of an output depend neither on
// the tile nor on how many rows there are. Rows and columns beyond the edge read the last valid one and are not stored.`

/** Without workgroup memory: for software devices, where a barrier costs more than loads from the cache. */
function direct({ formula, consts, bindings, readers, epilogue, inner = (text) => text }, tile) {
  const { rows, groups } = tile
  const head = `${formula}
// Work: a thread computes ${rows} rows x ${4 * groups} columns; a workgroup is ${rows} rows, LANES threads side by side, so that x is
// read once for all of its threads. No workgroup memory and no barrier: made for devices that run on a CPU.
${NUMERICS}
// Generated by scripts/generate-matmul.mjs.

${consts}
const LANES = 8u;

${bindings}

${readers}

${epilogue}

`
  return (
    head +
    inner(`// Adds four products; w[k] holds weight k of four columns.
fn add(sum: vec4f, x: vec4f, w: mat4x4f) -> vec4f {
  return fma(x.wwww, w[3], fma(x.zzzz, w[2], fma(x.yyyy, w[1], fma(x.xxxx, w[0], sum))));
}

fn weights_at(n4: u32, k4: u32) -> mat4x4f {
  let n = 4u * min(n4, N / 4u - 1u);
  return transpose(mat4x4f(weight_at(n, k4), weight_at(n + 1u, k4), weight_at(n + 2u, k4), weight_at(n + 3u, k4)));
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = workgroup.y * ${rows}u;
  let last = size.x - 1u;
  let n4 = workgroup.x * (LANES * ${groups}u) + lane;
${each(tile, (r, g) => `  var s${r}${g} = vec4f();`)}
  for (var k4 = 0u; k4 < K / 4u; k4++) {
${lines(rows, (r) => `    let x${r} = left_at(min(row + ${r}u, last), k4);`)}
${lines(
  groups,
  (g) => `    let w${g} = weights_at(n4 + ${g}u * LANES, k4);
${lines(rows, (r) => `    s${r}${g} = add(s${r}${g}, x${r}, w${g});`)}`,
)}
  }
  // A loop, because the epilogue written out ${rows * groups} times takes seconds to compile.
  var sums = array<vec4f, ${rows * groups}>(
${lines(
  rows,
  (r) =>
    `    ${range(groups)
      .map((g) => `s${r}${g}`)
      .join(', ')},`,
)}
  );
  for (var i = 0u; i < ${rows * groups}u; i++) {
    store(row + i / ${groups}u, n4 + i % ${groups}u * LANES, sums[i]);
  }
}
`)
  )
}

const NUMERICS_F16 = `// Numerics: products, and sums of K_STEP of them in increasing k, are f16 (twice as fast as f32 on most GPUs); each sum is
// then carried into an f32 accumulator. x enters workgroup memory as x/8, which is exact but for subnormals, and the
// carry multiplies by 8: sums of large activations have 8 times the room before f16 overflows. The bits of an output
// depend neither on the tile nor on how many rows there are. Rows and columns beyond the edge read the last valid one
// and are not stored.`

/** Through workgroup memory: for GPUs. */
function staged(operation, tile) {
  const { formula, consts, bindings, readers, epilogue, half = false } = operation
  const { rows, groups } = tile
  const parts = rows / 4
  const vec = half ? 'vec4<f16>' : 'vec4f'
  const mat = half ? 'mat4x4<f16>' : 'mat4x4f'
  const read = (name, part) =>
    `${name}[k * ${name === 'left' ? 'ROWS4 + ty' : 'COLUMNS4 + tx'} + ${part}u * ${name === 'left' ? 'TY' : 'TX'}]`
  // f16 sums of one step, and the f32 sums into which they are carried; f32 needs the latter only.
  const sum = half ? 'p' : 's'
  return `${formula}
// Work: a thread computes ${rows} rows x ${4 * groups} columns, a workgroup of TX x TY threads a tile of ${rows}·TY rows x ${4 * groups}·TX columns. Both
// operands pass through workgroup memory in steps of K_STEP, transposed in 4 x 4 blocks on the way, so that the inner
// loop reads vectors along rows and along columns; neighbouring threads read neighbouring vectors (no bank conflicts).
${half ? NUMERICS_F16 : NUMERICS}
// Generated by scripts/generate-matmul.mjs.
${half ? 'enable f16;\n' : ''}
${consts}
const TX = 8u;
const TY = 8u;
const K_STEP = 16u;
const ROWS4 = TY * ${parts}u; // vectors of four rows in a tile
const COLUMNS4 = TX * ${groups}u; // vectors of four columns in a tile

${bindings}

var<workgroup> left: array<${vec}, K_STEP * ROWS4>; // [K_STEP, ROWS4]
var<workgroup> right: array<${vec}, K_STEP * COLUMNS4>; // [K_STEP, COLUMNS4]

${readers}

${epilogue}

// Zero beyond K, in the last step of a K that K_STEP does not divide.
fn left_value(row: u32, k4: u32) -> ${vec} {
  let value = left_at(min(row, size.x - 1u), min(k4, K / 4u - 1u));
  return select(${vec}(), value, K % K_STEP == 0u || k4 < K / 4u);
}

fn right_value(n: u32, k4: u32) -> ${vec} {
  let value = weight_at(min(n, N - 1u), min(k4, K / 4u - 1u));
  return select(${vec}(), value, K % K_STEP == 0u || k4 < K / 4u);
}

fn load_left(row: u32, k4: u32, i: u32) {
  let k = k4 + i % (K_STEP / 4u);
  let part = i / (K_STEP / 4u);
  let r = row + 4u * part;
  let block = transpose(${mat}(left_value(r, k), left_value(r + 1u, k), left_value(r + 2u, k), left_value(r + 3u, k)));
  let to = (i % (K_STEP / 4u)) * 4u * ROWS4 + part;
${lines(4, (k) => `  left[to + ${k}u * ROWS4] = block[${k}];`)}
}

fn load_right(n: u32, k4: u32, i: u32) {
  let k = k4 + i % (K_STEP / 4u);
  let part = i / (K_STEP / 4u);
  let c = n + 4u * part;
  let block = transpose(${mat}(right_value(c, k), right_value(c + 1u, k), right_value(c + 2u, k), right_value(c + 3u, k)));
  let to = (i % (K_STEP / 4u)) * 4u * COLUMNS4 + part;
${lines(4, (k) => `  right[to + ${k}u * COLUMNS4] = block[${k}];`)}
}

@compute @workgroup_size(TX, TY)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_id) thread: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let tx = thread.x;
  let ty = thread.y;
  let row = workgroup.y * (4u * ROWS4);
  let column = workgroup.x * (4u * COLUMNS4);
${each(tile, (r, g) => `  var s${r}${g} = vec4f();`)}
  for (var k4 = 0u; k4 < K / 4u; k4 += K_STEP / 4u) {
    workgroupBarrier();
    for (var i = index; i < ROWS4 * K_STEP / 4u; i += TX * TY) {
      load_left(row, k4, i);
    }
    for (var i = index; i < COLUMNS4 * K_STEP / 4u; i += TX * TY) {
      load_right(column, k4, i);
    }
    workgroupBarrier();
${half ? `${each(tile, (r, g) => `    var p${r}${g} = ${vec}();`)}\n` : ''}    for (var k = 0u; k < K_STEP; k++) {
${lines(parts, (p) => `      let a${p} = ${read('left', p)};`)}
${lines(groups, (g) => `      let b${g} = ${read('right', g)};`)}
${each(tile, (r, g) => {
  const to = `${sum}${r}${g}`
  return `      ${to} = fma(a${Math.floor(r / 4)}.${lane(r % 4).repeat(4)}, b${g}, ${to});`
})}
    }
${half ? `${each(tile, (r, g) => `    s${r}${g} = fma(vec4f(p${r}${g}), vec4f(8.0), s${r}${g});`)}\n` : ''}  }
${each(tile, (r, g) => {
  const at = `row + 4u * (ty + ${Math.floor(r / 4)}u * TY) + ${r % 4}u, column / 4u + tx + ${g}u * TX`
  return `  store(${at}, s${r}${g});`
})}
}
`
}

writeShaders({
  'matmul_direct_16x16.wgsl': direct(MATMUL_AT_RUNTIME, { rows: 16, groups: 4 }),
  'matmul_4x4.wgsl': staged(OPERATIONS.matmul, { rows: 4, groups: 1 }),
  'matmul_8x8.wgsl': staged(OPERATIONS.matmul, { rows: 8, groups: 2 }),
  'matmul_f16_4x4.wgsl': staged(OPERATIONS.matmul_f16, { rows: 4, groups: 1 }),
  'matmul_f16_8x8.wgsl': staged(OPERATIONS.matmul_f16, { rows: 8, groups: 2 }),
  'matmul_matrix.wgsl': matrix('f16'),
  'matmul_matrix_f32.wgsl': matrix('f32'),
  'patch_embed.wgsl': staged(OPERATIONS.patch_embed, { rows: 4, groups: 1 }),
  'patch_embed_direct.wgsl': direct(OPERATIONS.patch_embed, { rows: 8, groups: 1 }),
})
