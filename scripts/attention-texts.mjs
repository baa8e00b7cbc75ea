// How the generated attentions read queries, keys and values, and what they do once for each block (scripts/generate-attention.mjs).

export const range = (count) => Array.from({ length: count }, (_, i) => i)
export const lines = (count, line) => range(count).map(line).join('\n')
/** One line for each pair of a row and a part (a vector of keys, or of columns). */
export const each = (rows, parts, line) => lines(rows * parts, (i) => line(Math.floor(i / parts), i % parts))

export const ROWS = 8 // queries of a team, all of which each of its threads weighs values for

/** Four dimensions a turn for scores, and four keys for sums of values. */
const VECTORS = {
  add: `fn add(sum: vec4f, a: vec4f, b: mat4x4f) -> vec4f {
  return fma(a.wwww, b[3], fma(a.zzzz, b[2], fma(a.yyyy, b[1], fma(a.xxxx, b[0], sum))));
}`,
  dimensions: '      for (var i = 0u; i < V; i++) {',
  keys: (vectors) => `transpose(mat4x4f(${vectors.join(', ')}))`,
  keysOfBlock: '    for (var quad = 0u; quad < QUADS; quad++) {',
  weight: (row) => `weights[${row} * QUADS + quad]`,
}

/** What is in workgroup memory, and how a thread reads vectors of keys and of values. */
export const STAGED = {
  ...VECTORS,
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
  values: (c) =>
    `mat4x4f(${range(4)
      .map((k) => `block[(4u * quad + ${k}u) * STRIDE + column${c}]`)
      .join(', ')})`,
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

/** Named vectors as an array, a row of them a line. */
const array = (name, rows, parts, indent) => `array<vec4f, ${rows * parts}>(
${lines(
  rows,
  (r) =>
    `${indent}  ${range(parts)
      .map((part) => `${name}${r}${part},`)
      .join(' ')}`,
)}
${indent})`

/** For devices that run on a CPU, whose caches are what workgroup memory is to a GPU. */
export const DIRECT = {
  ...VECTORS,
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
  keysOfBlock: `${VECTORS.keysOfBlock}
${lines(4, (k) => `      let value${k} = row_at(tile.z, first + 4u * quad + ${k}u, tile.w, head + 2u * H * V);`)}`,
  values: (c) =>
    `mat4x4f(${range(4)
      .map((k) => `vec4f(qkv[value${k} + column${c}])`)
      .join(', ')})`,
  // What is done once for each block is looped over: SwiftShader compiles long code for each exponential, and each store.
  sums: (rows, quads) => `  var s: array<vec4f, ${rows * quads}>; // scores of a query are neighbours
  var sums: array<f32, ${rows * quads}>;`,
  mask: (rows, quads) => `      s = ${array('s', rows, quads, '      ')};
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
  stores: (columns) => `    var o = ${array('o', ROWS, columns, '    ')};
    for (var i = 0u; i < ${ROWS * columns}u; i++) {
      store(tile, head, team + i / ${columns}u, member + i % ${columns}u * SIDE, o[i]);
    }`,
}

/** The same by one dimension and one key a turn. */
export const DIRECT_SCALAR = {
  ...DIRECT,
  work: `${DIRECT.work}
// One dimension and one key a turn: it compiles what is written, and of four of each has half as much again to do. It also
// runs this 5% sooner; llvmpipe, which compiles in no time, 45% later.`,
  add: `fn add(sum: vec4f, a: f32, b: vec4f) -> vec4f {
  return fma(vec4f(a), b, sum);
}`,
  dimensions: `      for (var d = 0u; d < D; d++) {
        let i = d / 4u;
        let c = d % 4u;`,
  query: (r) => `f32(qkv[query${r} + i][c])`,
  key: (g, k) => `f32(qkv[key${g}${k} + i][c])`,
  keys: (numbers) => `vec4f(${numbers.join(', ')})`,
  keysOfBlock: `    for (var key = 0u; key < KEYS; key++) {
      let value = row_at(tile.z, first + key, tile.w, head + 2u * H * V);`,
  weight: (row) => `weights[${row} * QUADS + key / 4u][key % 4u]`,
  values: (c) => `vec4f(qkv[value + column${c}])`,
}
