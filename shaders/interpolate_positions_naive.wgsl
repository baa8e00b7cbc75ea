// y[p,c] = Σ_i wr_i · (Σ_j wc_j · table[r_i, c_j, c])   the position table at the row and column of each patch
// The plainest form, the oracle of interpolate_positions.wgsl on the same device: one thread, one output.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const S = 27u;
const N = 1152u; // C
const TABLE = BF16;

@group(0) @binding(0) var<storage, read> table: array<u32>; // [S,S,C] as stored: f32, f16 or bf16
@group(0) @binding(1) var<storage, read> places: array<vec2u>; // [P]: row entry, column entry
@group(0) @binding(2) var<storage, read> axes: array<vec4u>; // [E]: first tap, taps, 0, 0
@group(0) @binding(3) var<storage, read> taps: array<vec2u>; // [N]: index along the axis, bits of the f32 weight
@group(0) @binding(4) var<storage, read_write> y: array<f32>; // [P,C]
@group(0) @binding(5) var<uniform> size: vec4u; // P, 0, 0, 0

fn table_at(i: u32) -> f32 {
  if (TABLE == F32) {
    return bitcast<f32>(table[i]);
  }
  let half = (table[i / 2u] >> (16u * (i % 2u))) & 0xffffu;
  return select(bitcast<f32>(half << 16u), unpack2x16float(half).x, TABLE == F16);
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let c = id.x;
  let p = id.y;
  if (p >= size.x || c >= N) {
    return;
  }
  let rows = axes[places[p].x];
  let columns = axes[places[p].y];
  var sum = 0.0;
  for (var i = rows.x; i < rows.x + rows.y; i++) {
    for (var j = columns.x; j < columns.x + columns.y; j++) {
      let weight = bitcast<f32>(taps[i].y) * bitcast<f32>(taps[j].y);
      sum += weight * table_at((taps[i].x * S + taps[j].x) * N + c);
    }
  }
  y[p * N + c] = sum;
}
