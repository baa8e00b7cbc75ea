// y[b·Q + i, h·D..] = Σ_r softmax_r(q_i · k_r / √D) v_r   for each head h, r over the key rows of group b
// Learned queries, shared by all groups: the form for few of them (SigLIP's pooling head has one); many take
// cross_attention.wgsl.
// Work: a workgroup is one query of one head and group: grid (B, H, Q). Keys go by in blocks of THREADS. First a thread
// scores one key; then it adds every PARTS-th value of the block to one column of four, so that neighbours read
// neighbouring vectors; the parts are added at the end.
// Numerics: f32 throughout, whatever the storage. Online softmax in units of log2, so that exp(x) is one exp2, with a
// finite running maximum. A score adds its D products in increasing d. Each place in a block has its own sum of weights,
// and each part its own output until the end; blocks are counted from the group's first row: a group's bits do not depend
// on what is packed beside it.
// Source: M. Milakov, N. Gimelshein, arXiv 1805.02867 (online softmax); T. Dao, arXiv 2307.08691 (FlashAttention-2).

const H = 16u;
const D = 72u; // multiple of 4, at most 4·THREADS
const Q = 1u;
const THREADS = 256u; // and keys of a block; multiple of 4
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of q, k, v and y: f32, f16

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const V = D / 4u; // vectors of a head
const ROW = H * V; // vectors of a row
const PARTS = THREADS / V;

@group(0) @binding(0) var<storage, read> q: array<vec4<Elem>>; // [Q, C], C = H·D
@group(0) @binding(1) var<storage, read> k: array<vec4<Elem>>; // [P, C]
@group(0) @binding(2) var<storage, read> v: array<vec4<Elem>>; // [P, C]
@group(0) @binding(3) var<storage, read> groups: array<vec4u>; // [B]: first key row, key rows, 0, 0
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Elem>>; // [B, Q, C]

var<workgroup> query: array<vec4f, V>;
var<workgroup> scores: array<f32, THREADS>; // of a block; at the end the sums of weights
var<workgroup> weights: array<f32, THREADS>;
var<workgroup> parts: array<vec4f, PARTS * V>;

fn add_dot(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

fn scores_at(i: u32) -> vec4f {
  return vec4f(scores[4u * i], scores[4u * i + 1u], scores[4u * i + 2u], scores[4u * i + 3u]);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let rows = groups[workgroup.x];
  let head = workgroup.y * V;
  let column = thread % V;
  let part = thread / V; // threads beyond the last part add no values

  if (thread < V) {
    query[thread] = vec4f(q[workgroup.z * ROW + head + thread]);
  }
  workgroupBarrier();

  var top = LOWEST;
  var sum = 0.0;
  var o = vec4f();
  for (var first = 0u; first < rows.y; first += THREADS) {
    let keys = min(THREADS, rows.y - first);
    let start = (rows.x + first) * ROW + head;
    var score = LOWEST;
    if (thread < keys) {
      score = 0.0;
      for (var d = 0u; d < V; d++) {
        score = add_dot(query[d], vec4f(k[start + thread * ROW + d]), score);
      }
      score *= SCALE;
    }
    scores[thread] = score;
    workgroupBarrier();

    var most = vec4f(top);
    for (var i = 0u; i < (keys + 3u) / 4u; i++) {
      most = max(most, scores_at(i));
    }
    let new_top = max(max(most.x, most.y), max(most.z, most.w));
    let shrink = exp2(top - new_top);
    top = new_top;
    let weight = exp2(score - top); // of LOWEST: 0
    weights[thread] = weight;
    sum = fma(sum, shrink, weight);
    workgroupBarrier();

    o *= shrink;
    if (part < PARTS) {
      for (var r = part; r < keys; r += PARTS) {
        o = fma(vec4f(weights[r]), vec4f(v[start + r * ROW + column]), o);
      }
    }
  }

  workgroupBarrier();
  scores[thread] = sum;
  if (part < PARTS) {
    parts[thread] = o;
  }
  workgroupBarrier();
  if (thread < V) {
    var totals = vec4f();
    for (var i = 0u; i < THREADS / 4u; i++) {
      totals += scores_at(i);
    }
    for (var i = 1u; i < PARTS; i++) {
      o += parts[i * V + thread];
    }
    let total = (totals.x + totals.y) + (totals.z + totals.w);
    y[(workgroup.x * Q + workgroup.z) * ROW + head + thread] = vec4<Elem>(o / total);
  }
}
