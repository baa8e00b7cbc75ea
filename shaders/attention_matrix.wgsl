enable subgroups;
enable chromium_experimental_subgroup_matrix;

// y[p, h·D..] = Σ_r softmax_r(q_p · k_r / √D) v_r   for each head h, r over the rows of the image that p belongs to
// q, k, v of a row lie one after another in qkv: [P, 3·H·D]. Both products run on matrix units.
// Work: a workgroup is QUERIES queries of one image and one head: grid (T, H). Each of its SUBGROUPS keeps the queries and
// the output of its TILES·M rows in registers, so that a block of KEYS keys and values in workgroup memory serves all of
// them. Matrices have no element access: scores go through workgroup memory to the softmax, weights come back the same way.
// Rows there begin an odd multiple of 16 bytes apart, which keeps loads of matrices free of bank conflicts. The next keys
// and values are fetched into registers before a product and stored after it, so that memory and matrix units overlap.
// Values are followed by a column of ones: the sum of a row's weights is one more column of the output.
// Numerics: scores, weights and sums are f32. A weight is rounded to In, the same in its product and in the sum of weights.
// It is 2^(score - reference), where a row's reference stands HEADROOM below the greatest score when it was set, and is
// raised only when a score exceeds that by SLACK: a weight is then at most 2^15, and normal in f16 down to 2^-29 of that.
// Raising is the only time that output leaves its registers. It multiplies a row by its own power, and the others by exactly
// 1: a row's bits depend on its image, KEYS and the matrices' sizes, not on QUERIES, nor on the rows beside it.
// Source: T. Dao, arXiv 2307.08691 (FlashAttention-2).

const H = 16u;
const D = 72u; // multiple of 4
const M = 8u;
const N = 8u;
const K = 8u;
const KEYS = 16u; // keys of a block: multiple of M, N and K
const LANES = 32u; // of the largest subgroup
const SUBGROUPS = 4u;
const TILES = 1u; // matrices of M rows that a subgroup owns
const UNIT = 1u; // vec4<In> of 16 bytes: 1 of f32, 2 of f16
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of qkv and y: f32, f16
alias In = f32; // element of what matrix units multiply: f32, f16

alias Left = subgroup_matrix_left<In, K, M>;
alias Right = subgroup_matrix_right<In, N, K>;
alias Result = subgroup_matrix_result<f32, N, M>;

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const HEADROOM = 8.0;
const SLACK = 7.0;
const V = D / 4u; // vectors of a head
const ROW = 3u * H * V; // vectors of a row of qkv
const STEPS = (D + K - 1u) / K; // matrices side by side in queries and keys
const COLUMNS = (D + N) / N; // in values and output, with the column of ones
const WIDTH = max(STEPS * K, COLUMNS * N) / 4u; // vectors of a staged row
const STRIDE = ((WIDTH / UNIT) | 1u) * UNIT;
const QUADS = KEYS / 4u;
const WEIGHT_STRIDE = ((QUADS / UNIT) | 1u) * UNIT;
const SCORE_STRIDE = QUADS | 1u;
const ACROSS = KEYS / N; // matrices side by side in scores
const CHUNKS = (COLUMNS + ACROSS - 1u) / ACROSS; // in which output passes through the memory of scores
const THREADS = LANES * SUBGROUPS;
const ROWS = TILES * M;
const QUERIES = ROWS * SUBGROUPS;
const SIDE = clamp(LANES / ROWS, 1u, QUADS); // threads side by side that share a row of scores, all of one subgroup
const PART = QUADS / SIDE; // vectors of each
const TURNS = max(1u, QUERIES * SIDE / THREADS); // rows of a thread
const SHARE = (KEYS * V + THREADS - 1u) / THREADS; // vectors of a block that a thread stages

@group(0) @binding(0) var<storage, read> qkv: array<vec4<Elem>>; // [P, 3C]
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>; // [T]: first query, queries, first row of image, its rows
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>; // [P, C]

const VALUES = KEYS * STRIDE; // where values begin
var<workgroup> block: array<vec4<In>, 2u * KEYS * STRIDE>; // keys, then values
var<workgroup> scores: array<vec4f, QUERIES * SCORE_STRIDE>; // and a chunk of output
var<workgroup> weights: array<vec4<In>, QUERIES * WEIGHT_STRIDE>;
var<workgroup> raised: atomic<u32>; // last key of the last block that raised any row's reference

// What lies beside the D columns of staged rows, and never changes: zeros, and the column of ones.
fn pad(thread: u32) {
  for (var i = thread; i < 2u * KEYS * (STRIDE - V); i += THREADS) {
    let row = i / (STRIDE - V);
    let column = i % (STRIDE - V);
    block[row * STRIDE + V + column] = vec4<In>(In(select(0.0, 1.0, row >= KEYS && column == 0u)), 0, 0, 0);
  }
}

// A thread's share of KEYS rows from `first` on of `count` rows at `at`. Beyond them the last row: its scores are masked.
fn fetch(at: u32, first: u32, count: u32, thread: u32) -> array<vec4<Elem>, SHARE> {
  var share: array<vec4<Elem>, SHARE>;
  for (var i = 0u; i < SHARE; i++) {
    let vector = i * THREADS + thread;
    share[i] = qkv[at + min(first + vector / V, count - 1u) * ROW + vector % V];
  }
  return share;
}

fn stage(base: u32, share: array<vec4<Elem>, SHARE>, thread: u32) {
  for (var i = 0u; i < SHARE; i++) {
    let vector = i * THREADS + thread;
    if (vector < KEYS * V) {
      block[base + vector / V * STRIDE + vector % V] = vec4<In>(share[i]);
    }
  }
}

// Chunks are compared with, not computed from, so that matrices are indexed by constants and stay in registers.
fn put(o: ptr<function, array<Result, TILES * COLUMNS>>, chunk: u32, row: u32) {
  for (var t = 0u; t < TILES; t++) {
    for (var c = 0u; c < COLUMNS; c++) {
      if (c / ACROSS == chunk) {
        let at = (row + t * M) * SCORE_STRIDE + c % ACROSS * N / 4u;
        subgroupMatrixStore<row_major>(&scores, at, (*o)[t * COLUMNS + c], SCORE_STRIDE);
      }
    }
  }
}

fn take(o: ptr<function, array<Result, TILES * COLUMNS>>, chunk: u32, row: u32) {
  for (var t = 0u; t < TILES; t++) {
    for (var c = 0u; c < COLUMNS; c++) {
      if (c / ACROSS == chunk) {
        let at = (row + t * M) * SCORE_STRIDE + c % ACROSS * N / 4u;
        (*o)[t * COLUMNS + c] = subgroupMatrixLoad<Result, row_major>(&scores, at, SCORE_STRIDE);
      }
    }
  }
}

fn max_of(s: vec4f) -> f32 {
  return max(max(s.x, s.y), max(s.z, s.w));
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(subgroup_id) subgroup: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let tile = tiles[group.x];
  let head = group.y * V;
  let thread = subgroup * size + lane; // rows are shared by lanes of one subgroup, whatever numbers it has in the group
  let works = subgroup < SUBGROUPS; // a device may make the subgroups smaller, and more of them
  let row0 = subgroup * ROWS;
  let part = thread % SIDE * PART;

  pad(thread);
  var q: array<Left, TILES * STEPS>;
  for (var first = 0u; first < QUERIES; first += KEYS) {
    stage(0u, fetch(tile.x * ROW + head, first, tile.y, thread), thread);
    workgroupBarrier();
    for (var t = 0u; t < TILES; t++) {
      let row = row0 + t * M;
      if (works && row / KEYS * KEYS == first) {
        for (var k = 0u; k < STEPS; k++) {
          q[t * STEPS + k] = subgroupMatrixLoad<Left, row_major>(&block, row % KEYS * STRIDE + k * K / 4u, STRIDE);
        }
      }
    }
    workgroupBarrier();
  }

  let keys = tile.z * ROW + head + H * V;
  let values = keys + H * V;
  stage(0u, fetch(keys, 0u, tile.w, thread), thread);
  var o: array<Result, TILES * COLUMNS>;
  for (var i = 0u; i < TILES * COLUMNS; i++) {
    o[i] = Result(0.0);
  }
  var references: array<f32, TURNS>; // of the rows that this thread shares, in units of log2
  for (var i = 0u; i < TURNS; i++) {
    references[i] = LOWEST;
  }
  workgroupBarrier();

  for (var first = 0u; first < tile.w; first += KEYS) {
    let next_values = fetch(values, first, tile.w, thread);
    if (works) {
      var s: array<Result, TILES * ACROSS>;
      for (var i = 0u; i < TILES * ACROSS; i++) {
        s[i] = Result(0.0); // Dawn does not clear matrices in a loop
      }
      for (var k = 0u; k < STEPS; k++) {
        for (var n = 0u; n < ACROSS; n++) {
          let right = subgroupMatrixLoad<Right, col_major>(&block, n * N * STRIDE + k * K / 4u, STRIDE);
          for (var t = 0u; t < TILES; t++) {
            s[t * ACROSS + n] = subgroupMatrixMultiplyAccumulate(q[t * STEPS + k], right, s[t * ACROSS + n]);
          }
        }
      }
      for (var t = 0u; t < TILES; t++) {
        for (var n = 0u; n < ACROSS; n++) {
          let at = (row0 + t * M) * SCORE_STRIDE + n * N / 4u;
          subgroupMatrixStore<row_major>(&scores, at, s[t * ACROSS + n], SCORE_STRIDE);
        }
      }
    }
    stage(VALUES, next_values, thread);
    workgroupBarrier();

    var shrinks: array<f32, TURNS>; // by which references make the output so far smaller
    for (var i = 0u; i < TURNS; i++) {
      let row = (i * THREADS + thread) / SIDE;
      var s: array<vec4f, PART>;
      var top = LOWEST;
      for (var j = 0u; j < PART; j++) {
        let key = first + 4u * (part + j) + vec4u(0u, 1u, 2u, 3u);
        s[j] = select(vec4f(LOWEST), scores[row * SCORE_STRIDE + part + j], key < vec4u(tile.w));
        top = max(top, max_of(s[j]));
      }
      for (var step = 1u; step < SIDE; step *= 2u) {
        top = max(top, subgroupShuffleXor(top, step));
      }
      top = fma(top, SCALE, -HEADROOM);
      shrinks[i] = 1.0;
      if (top > references[i] + SLACK) {
        shrinks[i] = exp2(references[i] - top);
        references[i] = top;
        if (first > 0u) { // before that there is no output
          atomicStore(&raised, first);
        }
      }
      for (var j = 0u; j < PART; j++) {
        if (row < QUERIES) { // always, unless subgroups are wider than their scores
          weights[row * WEIGHT_STRIDE + part + j] = vec4<In>(exp2(fma(s[j], vec4f(SCALE), vec4f(-references[i]))));
        }
      }
    }

    if (workgroupUniformLoad(&raised) == max(first, 1u)) { // 1: no block begins there
      for (var chunk = 0u; chunk < CHUNKS; chunk++) {
        if (works) {
          put(&o, chunk, row0);
        }
        workgroupBarrier();
        for (var i = 0u; i < TURNS; i++) {
          let row = (i * THREADS + thread) / SIDE;
          for (var j = 0u; j < PART; j++) {
            if (row < QUERIES) {
              scores[row * SCORE_STRIDE + part + j] *= shrinks[i];
            }
          }
        }
        workgroupBarrier();
        if (works) {
          take(&o, chunk, row0);
        }
        workgroupBarrier();
      }
    }

    let next_keys = fetch(keys, first + KEYS, tile.w, thread);
    if (works) {
      for (var k = 0u; k < KEYS / K; k++) {
        var left: array<Left, TILES>;
        for (var t = 0u; t < TILES; t++) {
          let at = (row0 + t * M) * WEIGHT_STRIDE + k * K / 4u;
          left[t] = subgroupMatrixLoad<Left, row_major>(&weights, at, WEIGHT_STRIDE);
        }
        for (var c = 0u; c < COLUMNS; c++) {
          let right = subgroupMatrixLoad<Right, row_major>(&block, VALUES + k * K * STRIDE + c * N / 4u, STRIDE);
          for (var t = 0u; t < TILES; t++) {
            o[t * COLUMNS + c] = subgroupMatrixMultiplyAccumulate(left[t], right, o[t * COLUMNS + c]);
          }
        }
      }
    }
    stage(0u, next_keys, thread);
    workgroupBarrier();
  }

  // From the last chunk on, where the sums of weights are.
  var sums: array<f32, TURNS>;
  for (var chunk = CHUNKS; chunk > 0u; chunk--) {
    let column0 = (chunk - 1u) * QUADS;
    if (works) {
      put(&o, chunk - 1u, row0);
    }
    workgroupBarrier();
    for (var i = 0u; i < TURNS; i++) {
      let row = (i * THREADS + thread) / SIDE;
      if (chunk == CHUNKS) {
        sums[i] = scores[row * SCORE_STRIDE + V - column0].x;
      }
      for (var j = 0u; j < PART; j++) {
        let column = column0 + part + j;
        if (row < tile.y && column < V) {
          y[(tile.x + row) * H * V + head + column] = vec4<Elem>(scores[row * SCORE_STRIDE + part + j] / sums[i]);
        }
      }
    }
    workgroupBarrier();
  }
}
