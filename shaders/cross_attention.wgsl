// y[b·Q + i, h·D..] = Σ_r softmax_r(q_i · k_r / √D) v_r   for each head h, r over the key rows of group b
// Learned queries, shared by all groups: the form for many of them (MiniCPM-V's resampler); few take pool_attention.wgsl.
// Work: a workgroup is 4·TEAMS queries of one head and group: grid (B, H, ⌈Q / 4·TEAMS⌉). A block of keys, then of values,
// is staged once for all of them; queries are left to the cache. A thread keeps 4 queries x 4 columns of the output, and
// scores 2 queries against a key at a time: V threads of a team share out its 2·KEYS pairs.
// Numerics: f32 throughout, whatever the storage. Online softmax in units of log2, so that exp(x) is one exp2, with a
// finite running maximum. A score adds its D products in increasing d, o and the sum of weights add keys in increasing
// order, in blocks counted from the group's first row: a group's bits do not depend on what is packed beside it.
// Source: M. Milakov, N. Gimelshein, arXiv 1805.02867 (online softmax); T. Dao, arXiv 2307.08691 (FlashAttention-2).

const H = 28u;
const D = 128u; // multiple of 4
const Q = 64u;
const KEYS = 16u; // keys of a block
const TEAMS = 4u; // of 4 queries each
const LOG2E = 1.4426950408889634;
alias Elem = f32; // element of q, k, v and y: f32, f16

const SCALE = LOG2E / sqrt(f32(D));
const LOWEST = -3.4e38; // minus infinity would make NaN of LOWEST - LOWEST
const V = D / 4u; // vectors of a head
const ROW = H * V; // vectors of a row

@group(0) @binding(0) var<storage, read> q: array<vec4<Elem>>; // [Q, C], C = H·D
@group(0) @binding(1) var<storage, read> k: array<vec4<Elem>>; // [P, C]
@group(0) @binding(2) var<storage, read> v: array<vec4<Elem>>; // [P, C]
@group(0) @binding(3) var<storage, read> groups: array<vec4u>; // [B]: first key row, key rows, 0, 0
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Elem>>; // [B, Q, C]

var<workgroup> block: array<vec4f, KEYS * V>; // keys, then values
var<workgroup> scores: array<vec2f, TEAMS * KEYS * 2u>; // [TEAMS, KEYS, 4]: raw
var<workgroup> weights: array<vec2f, TEAMS * KEYS * 2u>; // the same, after the softmax

fn add_dot(a: vec4f, b: vec4f, sum: f32) -> f32 {
  return fma(a.w, b.w, fma(a.z, b.z, fma(a.y, b.y, fma(a.x, b.x, sum))));
}

// Vector c of query i in q. Spare queries repeat the last one and are not stored.
fn query_at(i: u32, c: u32) -> vec4f {
  return vec4f(q[min(i, Q - 1u) * ROW + c]);
}

fn store(group: u32, i: u32, c: u32, o: vec4f) {
  if (i < Q) {
    y[(group * Q + i) * ROW + c] = vec4<Elem>(o);
  }
}

@compute @workgroup_size(TEAMS * V)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) thread: u32) {
  let rows = groups[workgroup.x];
  let head = workgroup.y * V;
  let team = thread / V;
  let column = thread % V;
  let first_query = (workgroup.z * TEAMS + team) * 4u;
  let mine = team * KEYS * 2u; // of the team in scores

  var top = vec4f(LOWEST);
  var total = vec4f();
  var o0 = vec4f();
  var o1 = vec4f();
  var o2 = vec4f();
  var o3 = vec4f();
  for (var first = 0u; first < rows.y; first += KEYS) {
    let keys = min(KEYS, rows.y - first);
    let start = (rows.x + first) * ROW + head;
    workgroupBarrier();
    for (var i = thread; i < keys * V; i += TEAMS * V) {
      block[i] = vec4f(k[start + (i / V) * ROW + i % V]);
    }
    workgroupBarrier();

    for (var i = column; i < keys * 2u; i += V) {
      let query = first_query + (i % 2u) * 2u;
      let key = (i / 2u) * V;
      var score = vec2f();
      for (var d = 0u; d < V; d++) {
        score.x = add_dot(query_at(query, head + d), block[key + d], score.x);
        score.y = add_dot(query_at(query + 1u, head + d), block[key + d], score.y);
      }
      scores[mine + i] = score * SCALE;
    }
    workgroupBarrier();

    var new_top = top;
    for (var r = 0u; r < keys; r++) {
      new_top = max(new_top, vec4f(scores[mine + 2u * r], scores[mine + 2u * r + 1u]));
    }
    let shrink = exp2(top - new_top);
    top = new_top;
    for (var i = column; i < keys * 2u; i += V) {
      weights[mine + i] = exp2(scores[mine + i] - select(top.xy, top.zw, i % 2u == 1u));
    }
    for (var i = thread; i < keys * V; i += TEAMS * V) {
      block[i] = vec4f(v[start + (i / V) * ROW + i % V]);
    }
    workgroupBarrier();

    o0 *= shrink.x;
    o1 *= shrink.y;
    o2 *= shrink.z;
    o3 *= shrink.w;
    var sum = vec4f();
    for (var r = 0u; r < keys; r++) {
      let weight = vec4f(weights[mine + 2u * r], weights[mine + 2u * r + 1u]);
      let value = block[r * V + column];
      o0 = fma(weight.xxxx, value, o0);
      o1 = fma(weight.yyyy, value, o1);
      o2 = fma(weight.zzzz, value, o2);
      o3 = fma(weight.wwww, value, o3);
      sum += weight;
    }
    total = fma(total, shrink, sum);
  }

  store(workgroup.x, first_query, head + column, o0 / total.x);
  store(workgroup.x, first_query + 1u, head + column, o1 / total.y);
  store(workgroup.x, first_query + 2u, head + column, o2 / total.z);
  store(workgroup.x, first_query + 3u, head + column, o3 / total.w);
}
