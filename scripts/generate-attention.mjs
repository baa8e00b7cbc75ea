// Writes the register-tiled attentions of shaders/: node scripts/generate-attention.mjs [--check]
//
// Generated for the reason given in generate-matmul.mjs: accumulators must be named one by one. Each output is valid
// WGSL and is committed; --check fails when a committed file is not what comes out.
import { readFileSync, writeFileSync } from 'node:fs'

const range = (count) => Array.from({ length: count }, (_, i) => i)
const lines = (count, line) => range(count).map(line).join('\n')
/** One line for each pair of a row and a part (a vector of keys, or of columns). */
const each = (rows, parts, line) => lines(rows * parts, (i) => line(Math.floor(i / parts), i % parts))

const ROWS = 8 // queries of a team, all of which each of its threads weighs values for

/** What is in workgroup memory, and how a thread reads vectors of keys and of values. */
const STAGED = {
  work: `Keys come in blocks through workgroup memory, values through the same memory after them. Rows of keys are an odd
// number of vectors apart, every fourth key beside another: threads read them without bank conflicts. Values are converted
// to f32 once, while they are staged, not at each of their ${ROWS}·TEAMS uses.`,
  constants: `const STAGE_QUERIES = false; // also keep queries in workgroup memory, where there is enough
`,
  stride: `const STRIDE = V | 1u; // vectors from one staged row to the next
`,
  memory: `var<workgroup> queries: array<vec4f, select(1u, QUERIES * V, STAGE_QUERIES)>;
var<workgroup> block: array<vec4f, KEYS * STRIDE>; // keys, then values
`,
  functions: `fn query_at(tile: vec4u, head: u32, row: u32, i: u32) -> vec4f {
  if (STAGE_QUERIES) {
    return queries[row * V + i];
  }
  return vec4f(qkv[(tile.x + min(row, tile.y - 1u)) * ROW + head + i]);
}

fn stage_queries(tile: vec4u, head: u32, thread: u32) {
  for (var i = thread; i < QUERIES * V; i += THREADS) {
    queries[i] = vec4f(qkv[(tile.x + min(i / V, tile.y - 1u)) * ROW + head + i % V]);
  }
}

// Beyond the image: its last row, whose scores are masked.
fn key_at(tile: vec4u, at: u32, key: u32, i: u32) -> vec4f {
  return vec4f(qkv[(tile.z + min(key, tile.w - 1u)) * ROW + at + i]);
}
`,
  begin: `  if (STAGE_QUERIES) {
    stage_queries(tile, head, thread);
  }
`,
  stageKeys: `    for (var i = thread; i < KEYS * V; i += THREADS) {
      let key = i / V;
      block[(key % 4u * QUADS + key / 4u) * STRIDE + i % V] = key_at(tile, head + H * V, first + key, i % V);
    }
    workgroupBarrier();

`,
  stageValues: `    for (var i = thread; i < KEYS * V; i += THREADS) {
      block[i / V * STRIDE + i % V] = key_at(tile, head + 2u * H * V, first + i / V, i % V);
    }
`,
  queryRows: () => '',
  query: (r) => `query_at(tile, head, row + ${r}u, i)`,
  keyRows: () => '',
  key: (g, k) => `block[(part + ${g}u * PARTS + ${k}u * QUADS) * STRIDE + i]`,
  valueRows: '',
  value: (k, c) => `block[(4u * quad + ${k}u) * STRIDE + column${c}]`,
  sums: (rows, quads) => each(rows, quads, (r, g) => `  var sum${r}${g} = 0.0;`),
  mask: (rows, quads) => `${lines(quads, (g) => {
    const valid = `first + 4u * (part + ${g}u * PARTS) + vec4u(0u, 1u, 2u, 3u) < vec4u(tile.w)`
    return `      let valid${g} = ${valid};\n${lines(rows, (r) => `      s${r}${g} = select(vec4f(LOWEST), s${r}${g}, valid${g});`)}`
  })}
${lines(rows, (r) => {
  const all = range(quads).map((g) => `s${r}${g}`)
  return `      maxima[(row + ${r}u) * PARTS + part] = max_of(${all.reduce((a, b) => `max(${a}, ${b})`)});`
})}`,
  weigh: (rows, quads) =>
    lines(
      rows,
      (r) => `      let top${r} = vec4f(-tops[row + ${r}u]);
      let shrink${r} = shrinks[row + ${r}u];
${lines(
  quads,
  (g) => `      s${r}${g} = exp2(fma(s${r}${g}, vec4f(SCALE), top${r}));
      sum${r}${g} = fma(sum${r}${g}, shrink${r}, add_up(s${r}${g}));
      weights[(row + ${r}u) * QUADS + part + ${g}u * PARTS] = s${r}${g};`,
)}`,
    ),
  keepSums: (rows, quads) =>
    each(rows, quads, (r, g) => `    weights[(row + ${r}u) * QUADS + part + ${g}u * PARTS] = vec4f(sum${r}${g});`),
  stores: (columns) =>
    each(
      ROWS,
      columns,
      (r, c) => `    store(tile, head, team + ${r}u, member${c ? ` + ${c}u * SIDE` : ''}, o${r}${c});`,
    ),
}

/** For devices that run on a CPU, whose caches are what workgroup memory is to a GPU. */
const DIRECT = {
  work: `Keys and values are read where they lie: made for devices that run on a CPU, whose caches hold them. SwiftShader
// compiles code of its own to clear each number of workgroup memory: a second and more for a block of keys.`,
  constants: '',
  stride: '',
  memory: '',
  functions: `// Where a row's vectors begin. Beyond the image: its last row, whose scores are masked.
fn row_at(first: u32, row: u32, rows: u32, at: u32) -> u32 {
  return (first + min(row, rows - 1u)) * ROW + at;
}
`,
  begin: '',
  stageKeys: '',
  stageValues: '',
  queryRows: (rows) => `${lines(rows, (r) => `  let query${r} = row_at(tile.x, row + ${r}u, tile.y, head);`)}\n`,
  query: (r) => `vec4f(qkv[query${r} + i])`,
  keyRows: (quads) =>
    `${each(quads, 4, (g, k) => `      let key${g}${k} = row_at(tile.z, first + 4u * (part + ${g}u * PARTS) + ${k}u, tile.w, head + H * V);`)}\n`,
  key: (g, k) => `vec4f(qkv[key${g}${k} + i])`,
  valueRows: `${lines(4, (k) => `      let value${k} = row_at(tile.z, first + 4u * quad + ${k}u, tile.w, head + 2u * H * V);`)}\n`,
  value: (k, c) => `vec4f(qkv[value${k} + column${c}])`,
  // What is done once for each block is looped over: SwiftShader compiles long code for each exponential, and each store.
  sums: (rows, quads) => `  var s: array<vec4f, ${rows * quads}>; // scores of a query are neighbours
  var sums: array<f32, ${rows * quads}>;`,
  mask: (rows, quads) => `      s = array<vec4f, ${rows * quads}>(
${lines(
  rows,
  (r) =>
    `        ${range(quads)
      .map((g) => `s${r}${g},`)
      .join(' ')}`,
)}
      );
      for (var r = 0u; r < ${rows}u; r++) {
        var most = LOWEST;
        for (var g = 0u; g < ${quads}u; g++) {
          let valid = first + 4u * (part + g * PARTS) + vec4u(0u, 1u, 2u, 3u) < vec4u(tile.w);
          s[r * ${quads}u + g] = select(vec4f(LOWEST), s[r * ${quads}u + g], valid);
          most = max(most, max_of(s[r * ${quads}u + g]));
        }
        maxima[(row + r) * PARTS + part] = most;
      }`,
  weigh: (rows, quads) => `      for (var i = 0u; i < ${rows * quads}u; i++) {
        let r = row + i / ${quads}u;
        let p = exp2(fma(s[i], vec4f(SCALE), vec4f(-tops[r])));
        sums[i] = fma(sums[i], shrinks[r], add_up(p));
        weights[r * QUADS + part + i % ${quads}u * PARTS] = p;
      }`,
  keepSums: (rows, quads) => `    for (var i = 0u; i < ${rows * quads}u; i++) {
      weights[(row + i / ${quads}u) * QUADS + part + i % ${quads}u * PARTS] = vec4f(sums[i]);
    }`,
  stores: (columns) => `    var o = array<vec4f, ${ROWS * columns}>(
${lines(
  ROWS,
  (r) =>
    `      ${range(columns)
      .map((c) => `o${r}${c},`)
      .join(' ')}`,
)}
    );
    for (var i = 0u; i < ${ROWS * columns}u; i++) {
      store(tile, head, team + i / ${columns}u, member + i % ${columns}u * SIDE, o[i]);
    }`,
}

/** rows x 4·quads: scores of one thread; columns: vectors of the output that it accumulates for ROWS queries; read: as above. */
function attention({ rows, quads, columns, read }) {
  return `// y[p, h·D..] = Σ_r softmax_r(q_p · k_r / √D) v_r   for each head h, r over the rows of the image that p belongs to
// q, k, v of a row lie one after another in qkv: [P, 3·H·D].
// Work: a workgroup is ${ROWS}·TEAMS queries of one image and one head: grid (T, H). A team of threads owns ${ROWS} queries. For a
// block of keys a thread first computes ${rows} queries x ${4 * quads} keys of scores in registers, the team shares their maxima and weights
// through workgroup memory, then a thread adds up ${columns} vector${columns > 1 ? 's' : ''} of the output row of all ${ROWS} queries: at D = 72 both steps
// keep nearly all threads busy.
// ${read.work}
// Numerics: f32 throughout, whatever the storage. Online softmax in units of log2, so that exp(x) is one exp2, with a
// finite running maximum. Fixed for all attention kernels of f32: a score adds its D products in increasing d; o adds a
// block's keys in increasing order; weights are summed in fours, each place in the block for itself until the end. Blocks
// are counted from the image's first row: the bits of an image's output do not depend on what is packed beside it.
// Source: M. Milakov, N. Gimelshein, arXiv 1805.02867 (online softmax); T. Dao, arXiv 2307.08691 (FlashAttention-2).
// Generated by scripts/generate-attention.mjs.

const H = 16u;
const D = 72u; // multiple of 4
const KEYS = 32u; // keys of a block, multiple of ${4 * quads}
const TEAMS = 4u;
${read.constants}const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of qkv and y: f32, f16

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const V = D / 4u; // vectors of a head
const ROW = 3u * H * V; // vectors of a row of qkv
${read.stride}const QUADS = KEYS / 4u;
const PARTS = QUADS / ${quads}u; // threads side by side that compute all scores of a query
const SCORERS = PARTS * ${ROWS / rows}u; // threads of a team that compute scores
const SIDE = (V + ${columns - 1}u) / ${columns}u; // threads of a team that add up values
const TEAM = max(SCORERS, SIDE);
const THREADS = TEAM * TEAMS;
const QUERIES = ${ROWS}u * TEAMS;

@group(0) @binding(0) var<storage, read> qkv: array<vec4<Elem>>; // [P, 3C]
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>; // [T]: first query, queries, first row of image, its rows
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>; // [P, C]

${read.memory}var<workgroup> weights: array<vec4f, QUERIES * QUADS>;
var<workgroup> maxima: array<f32, QUERIES * PARTS>;
var<workgroup> tops: array<f32, QUERIES>; // greatest score so far, in units of log2
var<workgroup> shrinks: array<f32, QUERIES>; // by which it makes the sums so far smaller; at last the sums of weights

fn add(sum: vec4f, a: vec4f, b: mat4x4f) -> vec4f {
  return fma(a.wwww, b[3], fma(a.zzzz, b[2], fma(a.yyyy, b[1], fma(a.xxxx, b[0], sum))));
}

fn add_up(p: vec4f) -> f32 {
  return (p.x + p.y) + (p.z + p.w);
}

fn max_of(s: vec4f) -> f32 {
  return max(max(s.x, s.y), max(s.z, s.w));
}

${read.functions}
// Meets the scores of a new block: its greatest raises the row's maximum, by which all sums so far shrink.
fn raise(row: u32) {
  var most = maxima[row * PARTS];
  for (var part = 1u; part < PARTS; part++) {
    most = max(most, maxima[row * PARTS + part]);
  }
  let top = max(tops[row], most * SCALE);
  shrinks[row] = exp2(tops[row] - top);
  tops[row] = top;
}

// The sum of a row's weights: each vector of the row holds that of the keys which were at its place in their block.
fn total(row: u32) -> f32 {
  var sum = weights[row * QUADS].x;
  for (var quad = 1u; quad < QUADS; quad++) {
    sum += weights[row * QUADS + quad].x;
  }
  return sum;
}

fn store(tile: vec4u, head: u32, row: u32, column: u32, o: vec4f) {
  if (row < tile.y && column < V) {
    y[(tile.x + row) * H * V + head + column] = vec4<Elem>(o / shrinks[row]);
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.x];
  let head = group.y * V;
  let team = thread / TEAM * ${ROWS}u; // its first query
  let member = thread % TEAM;
  let scores = member < SCORERS;
  let row = team + member / PARTS * ${rows}u;
  let part = member % PARTS;
${lines(columns, (c) => `  let column${c} = min(member${c ? ` + ${c}u * SIDE` : ''}, V - 1u);`)}
${read.queryRows(rows)}
${read.begin}  for (var i = thread; i < QUERIES; i += THREADS) {
    tops[i] = LOWEST;
  }
${read.sums(rows, quads)}
${each(ROWS, columns, (r, c) => `  var o${r}${c} = vec4f();`)}

  for (var first = 0u; first < tile.w; first += KEYS) {
    workgroupBarrier();
${read.stageKeys}${each(rows, quads, (r, g) => `    var s${r}${g} = vec4f();`)}
    if (scores) {
${read.keyRows(quads)}      for (var i = 0u; i < V; i++) {
${lines(rows, (r) => `        let q${r} = ${read.query(r)};`)}
${lines(quads, (g) => {
  return `        let k${g} = transpose(mat4x4f(${range(4)
    .map((k) => read.key(g, k))
    .join(', ')}));
${lines(rows, (r) => `        s${r}${g} = add(s${r}${g}, q${r}, k${g});`)}`
})}
      }
${read.mask(rows, quads)}
    }
    workgroupBarrier();

${read.stageValues}    for (var i = thread; i < QUERIES; i += THREADS) {
      raise(i);
    }
    workgroupBarrier();

    if (scores) {
${read.weigh(rows, quads)}
    }
    workgroupBarrier();

${lines(ROWS, (r) => `    let scale${r} = shrinks[team + ${r}u];\n${lines(columns, (c) => `    o${r}${c} *= scale${r};`)}`)}
    for (var quad = 0u; quad < QUADS; quad++) {
${read.valueRows}${lines(ROWS, (r) => `      let p${r} = weights[(team + ${r}u) * QUADS + quad];`)}
${lines(columns, (c) => {
  return `      let v${c} = mat4x4f(${range(4)
    .map((k) => read.value(k, c))
    .join(', ')});
${lines(ROWS, (r) => `      o${r}${c} = add(o${r}${c}, p${r}, v${c});`)}`
})}
    }
  }

  workgroupBarrier();
  if (scores) {
${read.keepSums(rows, quads)}
  }
  workgroupBarrier();
  for (var i = thread; i < QUERIES; i += THREADS) {
    shrinks[i] = total(i);
  }
  workgroupBarrier();
  if (member < SIDE) {
${read.stores(columns)}
  }
}
`
}

const FILES = {
  'attention_4x4.wgsl': attention({ rows: 4, quads: 1, columns: 1, read: STAGED }),
  'attention_direct.wgsl': attention({ rows: 8, quads: 2, columns: 5, read: DIRECT }),
}

const checking = process.argv.includes('--check')
for (const [name, text] of Object.entries(FILES)) {
  const path = new URL(`../shaders/${name}`, import.meta.url)
  if (!checking) {
    writeFileSync(path, text)
  } else if (readFileSync(path, 'utf8') !== text) {
    console.error(`shaders/${name} is not what scripts/generate-attention.mjs writes: run it, or change the generator.`)
    process.exitCode = 1
  }
}
