// y[p, h·D..] = Σ_r softmax_r(q_p · k_r / √D) v_r   for each head h, r over the rows of the image that p belongs to
// q, k, v of a row lie one after another in qkv: [P, 3·H·D].
// Work: a workgroup is TILE queries of one image and one head: grid (T, H). A thread keeps one query and its output row
// in registers and meets the keys 8 at a time. All threads read the same key at once, which both GPUs (broadcast) and
// software drivers (one scalar load for all lanes) do well; the group loads each block once, in coalesced vectors.
// Numerics: f32 throughout, whatever the storage. Online softmax, finite running maximum; √D and log2(e) are folded into
// q, so that exp(x) is one exp2. Blocks of keys are counted from the image's first row: the bits of an image's output do
// not depend on what is packed beside it.
// Source: M. Milakov, N. Gimelshein, arXiv 1805.02867 (online softmax); T. Dao, arXiv 2307.08691 (FlashAttention-2).

const H = 16u;
const D = 72u; // multiple of 4
const TILE = 64u; // queries of a workgroup, one a thread
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of qkv and y: f32, f16

const V = D / 4u; // vectors of a head
const KEYS = 8u; // keys of a block
const ROW = 3u * H * V; // vectors of a row of qkv
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST

@group(0) @binding(0) var<storage, read> qkv: array<vec4<Elem>>; // [P, 3C]
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>; // [T]: first query, queries, first row of image, its rows
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Elem>>; // [P, C]

var<workgroup> keys: array<vec4f, KEYS * V>;
var<workgroup> values: array<vec4f, KEYS * V>;

fn add_dot(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.x];
  let head = group.y * V;
  let row = tile.x + min(thread, tile.y - 1u); // spare threads repeat the last query and store nothing
  let scale = LOG2E / sqrt(f32(D));

  var q: array<vec4f, V>;
  var o: array<vec4f, V>;
  for (var i = 0u; i < V; i++) {
    q[i] = vec4f(qkv[row * ROW + head + i]) * scale;
  }
  var top = LOWEST;
  var total = 0.0;

  for (var block = 0u; block < tile.w; block += KEYS) {
    workgroupBarrier();
    for (var i = thread; i < KEYS * V; i += TILE) {
      let key = min(block + i / V, tile.w - 1u); // beyond the image: its last row, masked below
      let at = (tile.z + key) * ROW + H * V + head + i % V;
      keys[i] = vec4f(qkv[at]);
      values[i] = vec4f(qkv[at + H * V]);
    }
    workgroupBarrier();

    var a = vec4f(); // scores of keys 0..3 of the block, then their weights
    var b = vec4f(); // of keys 4..7
    for (var i = 0u; i < V; i++) {
      let qi = q[i];
      a.x = add_dot(qi, keys[i], a.x);
      a.y = add_dot(qi, keys[V + i], a.y);
      a.z = add_dot(qi, keys[2u * V + i], a.z);
      a.w = add_dot(qi, keys[3u * V + i], a.w);
      b.x = add_dot(qi, keys[4u * V + i], b.x);
      b.y = add_dot(qi, keys[5u * V + i], b.y);
      b.z = add_dot(qi, keys[6u * V + i], b.z);
      b.w = add_dot(qi, keys[7u * V + i], b.w);
    }
    let left = vec4u(tile.w - block);
    let valid_a = vec4u(0u, 1u, 2u, 3u) < left;
    let valid_b = vec4u(4u, 5u, 6u, 7u) < left;
    let most = max(select(vec4f(LOWEST), a, valid_a), select(vec4f(LOWEST), b, valid_b));
    let new_top = max(top, max(max(most.x, most.y), max(most.z, most.w)));
    let shrink = exp2(top - new_top);
    top = new_top;
    a = select(vec4f(), exp2(a - top), valid_a);
    b = select(vec4f(), exp2(b - top), valid_b);
    let sum = a + b;
    total = fma(total, shrink, (sum.x + sum.y) + (sum.z + sum.w));

    for (var i = 0u; i < V; i++) {
      var oi = o[i] * shrink;
      oi = fma(vec4f(a.x), values[i], oi);
      oi = fma(vec4f(a.y), values[V + i], oi);
      oi = fma(vec4f(a.z), values[2u * V + i], oi);
      oi = fma(vec4f(a.w), values[3u * V + i], oi);
      oi = fma(vec4f(b.x), values[4u * V + i], oi);
      oi = fma(vec4f(b.y), values[5u * V + i], oi);
      oi = fma(vec4f(b.z), values[6u * V + i], oi);
      o[i] = fma(vec4f(b.w), values[7u * V + i], oi);
    }
  }

  if (thread < tile.y) {
    for (var i = 0u; i < V; i++) {
      y[row * H * V + head + i] = vec4<Elem>(o[i] / total);
    }
  }
}
