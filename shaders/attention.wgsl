// y[p, h·D..] = Σ_r softmax_r(q_p · k_r / √D) v_r   for each head h, r over the rows of the image that p belongs to
// q, k, v of a row lie one after another in qkv: [P, 3·H·D].
// Work: a workgroup is TILE queries of one image and one head: grid (T, H). A thread keeps one query and its output row,
// more than a GPU has registers for: made for devices that run on a CPU. All threads read the same key at once, which
// is one scalar load for all lanes there; the group stages each block of keys, then of values, in coalesced vectors.
// Numerics: f32 throughout, whatever the storage. Online softmax in units of log2, so that exp(x) is one exp2, with a
// finite running maximum. Fixed for all attention kernels: a score adds its D products in increasing d; o adds a block's
// keys in increasing order; weights are summed in fours, each place in the block for itself until the end. Blocks are
// counted from the image's first row: the bits of an image's output do not depend on what is packed beside it.
// Source: M. Milakov, N. Gimelshein, arXiv 1805.02867 (online softmax); T. Dao, arXiv 2307.08691 (FlashAttention-2).

const H = 16u;
const D = 72u; // multiple of 4
const KEYS = 32u; // keys of a block: 8, 16 or 32
const TILE = 128u; // queries of a workgroup, one a thread
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of qkv and y: f32, f16

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const V = D / 4u; // vectors of a head
const ROW = 3u * H * V; // vectors of a row of qkv
const NONE = mat2x4f(vec4f(LOWEST), vec4f(LOWEST)); // scores of keys beyond a block
alias Head = array<vec4f, V>; // a query, or its output

@group(0) @binding(0) var<storage, read> qkv: array<vec4<Elem>>; // [P, 3C]
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>; // [T]: first query, queries, first row of image, its rows
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>; // [P, C]

var<workgroup> block: array<vec4f, KEYS * V>; // keys, then values

fn add_dot(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

fn add_up(p: vec4f) -> f32 {
  return (p.x + p.y) + (p.z + p.w);
}

fn mask(s: vec4f, key: u32, keys: u32) -> vec4f {
  return select(vec4f(LOWEST), s, vec4u(key) + vec4u(0u, 1u, 2u, 3u) < vec4u(keys));
}

// Keys or values, which begin at vector 'at' of their rows. Beyond the image: its last row, whose scores are masked.
fn stage(tile: vec4u, at: u32, first: u32, thread: u32) {
  workgroupBarrier();
  for (var i = thread; i < KEYS * V; i += TILE) {
    block[i] = vec4f(qkv[(tile.z + min(first + i / V, tile.w - 1u)) * ROW + at + i % V]);
  }
  workgroupBarrier();
}

// Scores of eight keys of a block, of which 'left' are keys of the image.
fn scores(q: ptr<function, Head>, eight: u32, left: u32) -> mat2x4f {
  var a = vec4f();
  var b = vec4f();
  let at = 8u * eight * V;
  for (var i = 0u; i < V; i++) {
    let qi = (*q)[i];
    a.x = add_dot(qi, block[at + i], a.x);
    a.y = add_dot(qi, block[at + V + i], a.y);
    a.z = add_dot(qi, block[at + 2u * V + i], a.z);
    a.w = add_dot(qi, block[at + 3u * V + i], a.w);
    b.x = add_dot(qi, block[at + 4u * V + i], b.x);
    b.y = add_dot(qi, block[at + 5u * V + i], b.y);
    b.z = add_dot(qi, block[at + 6u * V + i], b.z);
    b.w = add_dot(qi, block[at + 7u * V + i], b.w);
  }
  return mat2x4f(mask(a, 8u * eight, left), mask(b, 8u * eight + 4u, left));
}

fn weights(s: mat2x4f, top: f32) -> mat2x4f {
  return mat2x4f(exp2(fma(s[0], vec4f(SCALE), vec4f(-top))), exp2(fma(s[1], vec4f(SCALE), vec4f(-top))));
}

fn add_sums(sums: vec2f, shrink: f32, p: mat2x4f) -> vec2f {
  return fma(sums, vec2f(shrink), vec2f(add_up(p[0]), add_up(p[1])));
}

fn add_values(o: ptr<function, Head>, eight: u32, p: mat2x4f) {
  let at = 8u * eight * V;
  for (var i = 0u; i < V; i++) {
    var oi = fma(p[0].xxxx, block[at + i], (*o)[i]);
    oi = fma(p[0].yyyy, block[at + V + i], oi);
    oi = fma(p[0].zzzz, block[at + 2u * V + i], oi);
    oi = fma(p[0].wwww, block[at + 3u * V + i], oi);
    oi = fma(p[1].xxxx, block[at + 4u * V + i], oi);
    oi = fma(p[1].yyyy, block[at + 5u * V + i], oi);
    oi = fma(p[1].zzzz, block[at + 6u * V + i], oi);
    (*o)[i] = fma(p[1].wwww, block[at + 7u * V + i], oi);
  }
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.x];
  let head = group.y * V;
  let row = tile.x + min(thread, tile.y - 1u); // spare threads repeat the last query and store nothing

  var q: Head;
  var o: Head;
  for (var i = 0u; i < V; i++) {
    q[i] = vec4f(qkv[row * ROW + head + i]);
  }
  var sums0 = vec2f();
  var sums1 = vec2f();
  var sums2 = vec2f();
  var sums3 = vec2f();
  var top = LOWEST;

  for (var first = 0u; first < tile.w; first += KEYS) {
    stage(tile, head + H * V, first, thread);
    let left = tile.w - first;
    var p0 = scores(&q, 0u, left);
    var p1 = NONE;
    var p2 = NONE;
    var p3 = NONE;
    if (KEYS > 8u) {
      p1 = scores(&q, 1u, left);
    }
    if (KEYS > 16u) {
      p2 = scores(&q, 2u, left);
      p3 = scores(&q, 3u, left);
    }
    let most = max(max(max(p0[0], p0[1]), max(p1[0], p1[1])), max(max(p2[0], p2[1]), max(p3[0], p3[1])));
    let new_top = max(top, max(max(most.x, most.y), max(most.z, most.w)) * SCALE);
    let shrink = exp2(top - new_top);
    top = new_top;
    p0 = weights(p0, top);
    p1 = weights(p1, top);
    p2 = weights(p2, top);
    p3 = weights(p3, top);
    sums0 = add_sums(sums0, shrink, p0);
    sums1 = add_sums(sums1, shrink, p1);
    sums2 = add_sums(sums2, shrink, p2);
    sums3 = add_sums(sums3, shrink, p3);

    stage(tile, head + 2u * H * V, first, thread);
    for (var i = 0u; i < V; i++) {
      o[i] *= shrink;
    }
    add_values(&o, 0u, p0);
    if (KEYS > 8u) {
      add_values(&o, 1u, p1);
    }
    if (KEYS > 16u) {
      add_values(&o, 2u, p2);
      add_values(&o, 3u, p3);
    }
  }

  let total = sums0.x + sums0.y + sums1.x + sums1.y + sums2.x + sums2.y + sums3.x + sums3.y;
  if (thread < tile.y) {
    for (var i = 0u; i < V; i++) {
      y[row * H * V + head + i] = vec4<Elem>(o[i] / total);
    }
  }
}
