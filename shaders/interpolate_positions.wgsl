// y[p,c] = Σ_i wr_i · (Σ_j wc_j · table[r_i, c_j, c])   the position table at the row and column of each patch
// Taps i of the patch's row and j of its column are listed one by one: border repeats name an index more than once.
// Work: a thread makes four columns of one patch, c fastest, so that neighbours read neighbouring vectors of the table and
// the same taps. The grid is two-dimensional, since one dimension ends at 65535 workgroups.
// Numerics: f32, by fma, in increasing j and then in increasing i, as torch adds along the columns first. The bits of a
// patch depend on its taps alone.
// Source: upsample_bicubic2d and _upsample_*_aa of ATen/native/cpu/UpSampleKernel.cpp in torch 2.13.

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const S = 27u;
const N = 1152u; // C, multiple of 4
const TABLE = BF16;
const THREADS = 64u;

@group(0) @binding(0) var<storage, read> table: array<vec2u>; // [S,S,C] as stored: f32, f16 or bf16
@group(0) @binding(1) var<storage, read> places: array<vec2u>; // [P]: row entry, column entry
@group(0) @binding(2) var<storage, read> axes: array<vec4u>; // [E]: first tap, taps, 0, 0
@group(0) @binding(3) var<storage, read> taps: array<vec2u>; // [N]: index along the axis, bits of the f32 weight
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>; // [P,C]
@group(0) @binding(5) var<uniform> size: vec4u; // P, 0, 0, 0

// Values 4·i4 .. 4·i4+3 of a row of table. bf16 is the upper half of an f32: a shift unpacks it exactly.
fn table_at(row: u32, i4: u32) -> vec4f {
  let i = row * (N / 4u) + i4;
  if (TABLE == F32) {
    return bitcast<vec4f>(vec4u(table[2u * i], table[2u * i + 1u]));
  }
  let w = table[i];
  if (TABLE == F16) {
    return vec4f(unpack2x16float(w.x), unpack2x16float(w.y));
  }
  return bitcast<vec4f>(vec4u(w.x << 16u, w.x & 0xffff0000u, w.y << 16u, w.y & 0xffff0000u));
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * THREADS + id.x;
  let p = i / (N / 4u);
  if (p >= size.x) {
    return;
  }
  let rows = axes[places[p].x];
  let columns = axes[places[p].y];
  var sum = vec4f();
  for (var r = rows.x; r < rows.x + rows.y; r++) {
    let row = taps[r];
    var line = vec4f();
    for (var c = columns.x; c < columns.x + columns.y; c++) {
      let column = taps[c];
      line = fma(vec4f(bitcast<f32>(column.y)), table_at(row.x * S + column.x, i % (N / 4u)), line);
    }
    sum = fma(vec4f(bitcast<f32>(row.y)), line, sum);
  }
  y[i] = sum;
}
