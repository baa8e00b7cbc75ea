// y[p, h·D..] = Σ_r softmax_r(q_p · k_r / √D) v_r   for each head h, r over the rows of the image that p belongs to
// The plainest form of the other attentions, the oracle of their tests: one thread a query and head, which looks at all keys
// twice, first for the greatest score, then for weights and sum. f32; grid (T, H).

const H = 16u;
const D = 72u;
const TILE = 64u;
alias Elem = f32; // element of qkv and y: f32, f16

const C = H * D;

@group(0) @binding(0) var<storage, read> qkv: array<Elem>; // [P, 3C]
@group(0) @binding(1) var<storage, read> tiles: array<vec4u>; // [T]: first query, queries, first row of image, its rows
@group(0) @binding(2) var<storage, read_write> y: array<Elem>; // [P, C]

fn score(query: u32, key: u32, head: u32) -> f32 {
  var sum = 0.0;
  for (var d = 0u; d < D; d++) {
    sum += f32(qkv[query * 3u * C + head * D + d]) * f32(qkv[key * 3u * C + C + head * D + d]);
  }
  return sum / sqrt(f32(D));
}

@compute @workgroup_size(TILE)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
  let tile = tiles[group.x];
  let head = group.y;
  if (thread >= tile.y) {
    return;
  }
  let query = tile.x + thread;

  var top = score(query, tile.z, head);
  for (var r = 1u; r < tile.w; r++) {
    top = max(top, score(query, tile.z + r, head));
  }
  var total = 0.0;
  var o: array<f32, D>;
  for (var r = 0u; r < tile.w; r++) {
    let weight = exp(score(query, tile.z + r, head) - top);
    total += weight;
    for (var d = 0u; d < D; d++) {
      o[d] += weight * f32(qkv[(tile.z + r) * 3u * C + 2u * C + head * D + d]);
    }
  }
  for (var d = 0u; d < D; d++) {
    y[query * C + head * D + d] = Elem(o[d] / total);
  }
}
