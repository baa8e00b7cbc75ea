// y[b·Q + i, h·D..] = Σ_r softmax_r(q_i · k_r / √D) v_r   for each head h, r over the key rows of group b
// The plainest form of cross_attention.wgsl and pool_attention.wgsl, the oracle of their tests: one thread a query, head
// and group, which looks at all keys twice, first for the greatest score, then for weights and sum. f32; grid (B, H, Q).

const H = 28u;
const D = 128u;
const Q = 64u;
alias Elem = f32; // element of q, k, v and y: f32, f16

const C = H * D;

@group(0) @binding(0) var<storage, read> q: array<Elem>; // [Q, C]
@group(0) @binding(1) var<storage, read> k: array<Elem>; // [P, C]
@group(0) @binding(2) var<storage, read> v: array<Elem>; // [P, C]
@group(0) @binding(3) var<storage, read> groups: array<vec4u>; // [B]: first key row, key rows, 0, 0
@group(0) @binding(4) var<storage, read_write> y: array<Elem>; // [B, Q, C]

fn score(query: u32, key: u32, head: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < D; d++) {
    sum += f32(q[query * C + head * D + d]) * f32(k[key * C + head * D + d]);
  }
  return sum / sqrt(f32(D));
}

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let rows = groups[group.x];
  let head = group.y;
  let query = group.z;

  var top = score(query, rows.x, head);
  for (var r = 1u; r < rows.y; r++) {
    top = max(top, score(query, rows.x + r, head));
  }
  var total = 0.0;
  var o: array<f32, D>;
  for (var r = 0u; r < rows.y; r++) {
    let weight = exp(score(query, rows.x + r, head) - top);
    total += weight;
    for (var d = 0u; d < D; d++) {
      o[d] += weight * f32(v[(rows.x + r) * C + head * D + d]);
    }
  }
  for (var d = 0u; d < D; d++) {
    y[(group.x * Q + query) * C + head * D + d] = Elem(o[d] / total);
  }
}
