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
const KEYS = 32u; // keys of a block, multiple of 8
const TILE = 64u; // queries of a workgroup, one a thread
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of qkv and y: f32, f16

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const V = D / 4u; // vectors of a head
const ROW = 3u * H * V; // vectors of a row of qkv
const QUADS = KEYS / 4u;

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

// Keys or values, which begin at vector 'at' of their rows. Beyond the image: its last row, whose scores are masked.
fn stage(tile: vec4u, at: u32, first: u32, thread: u32) {
  workgroupBarrier();
  for (var i = thread; i < KEYS * V; i += TILE) {
    block[i] = vec4f(qkv[(tile.z + min(first + i / V, tile.w - 1u)) * ROW + at + i % V]);
  }
  workgroupBarrier();
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.x];
  let head = group.y * V;
  let row = tile.x + min(thread, tile.y - 1u); // spare threads repeat the last query and store nothing

  var q: array<vec4f, V>;
  var o: array<vec4f, V>;
  for (var i = 0u; i < V; i++) {
    q[i] = vec4f(qkv[row * ROW + head + i]);
  }
  var s: array<vec4f, QUADS>; // scores of a block, then their weights
  var sums: array<f32, QUADS>;
  var top = LOWEST;

  for (var first = 0u; first < tile.w; first += KEYS) {
    stage(tile, head + H * V, first, thread);
    var most = vec4f(LOWEST);
    for (var quad = 0u; quad < QUADS; quad += 2u) {
      let at = 4u * quad * V;
      var a = vec4f();
      var b = vec4f();
      for (var i = 0u; i < V; i++) {
        let qi = q[i];
        a.x = add_dot(qi, block[at + i], a.x);
        a.y = add_dot(qi, block[at + V + i], a.y);
        a.z = add_dot(qi, block[at + 2u * V + i], a.z);
        a.w = add_dot(qi, block[at + 3u * V + i], a.w);
        b.x = add_dot(qi, block[at + 4u * V + i], b.x);
        b.y = add_dot(qi, block[at + 5u * V + i], b.y);
        b.z = add_dot(qi, block[at + 6u * V + i], b.z);
        b.w = add_dot(qi, block[at + 7u * V + i], b.w);
      }
      let key = vec4u(first + 4u * quad) + vec4u(0u, 1u, 2u, 3u);
      a = select(vec4f(LOWEST), a, key < vec4u(tile.w));
      b = select(vec4f(LOWEST), b, key + 4u < vec4u(tile.w));
      most = max(most, max(a, b));
      s[quad] = a;
      s[quad + 1u] = b;
    }

    let new_top = max(top, max(max(most.x, most.y), max(most.z, most.w)) * SCALE);
    let shrink = exp2(top - new_top);
    top = new_top;
    for (var quad = 0u; quad < QUADS; quad++) {
      let p = exp2(fma(s[quad], vec4f(SCALE), vec4f(-top)));
      sums[quad] = fma(sums[quad], shrink, add_up(p));
      s[quad] = p;
    }
    for (var i = 0u; i < V; i++) {
      o[i] *= shrink;
    }

    stage(tile, head + 2u * H * V, first, thread);
    for (var quad = 0u; quad < QUADS; quad += 2u) {
      let a = s[quad];
      let b = s[quad + 1u];
      let at = 4u * quad * V;
      for (var i = 0u; i < V; i++) {
        var oi = fma(a.xxxx, block[at + i], o[i]);
        oi = fma(a.yyyy, block[at + V + i], oi);
        oi = fma(a.zzzz, block[at + 2u * V + i], oi);
        oi = fma(a.wwww, block[at + 3u * V + i], oi);
        oi = fma(b.xxxx, block[at + 4u * V + i], oi);
        oi = fma(b.yyyy, block[at + 5u * V + i], oi);
        oi = fma(b.zzzz, block[at + 6u * V + i], oi);
        o[i] = fma(b.wwww, block[at + 7u * V + i], oi);
      }
    }
  }

  var total = sums[0];
  for (var quad = 1u; quad < QUADS; quad++) {
    total += sums[quad];
  }
  if (thread < tile.y) {
    for (var i = 0u; i < V; i++) {
      y[row * H * V + head + i] = vec4<Elem>(o[i] / total);
    }
  }
}
