// y[p,c] = x[p,c] + table[e_c, c mod C/2] + temporal[f,c]   e_c: column of patch p for c < C/2, its row for the others
// The positions of MiniCPM-V's resampler. Their sines and cosines come in tables: those of a GPU are inexact for angles
// as large as a frame's number.
// Work: a thread makes four columns of one patch, c fastest, so that neighbours read neighbouring vectors. The grid is
// two-dimensional, since one dimension ends at 65535 workgroups. This is the plainest form already: it has no twin.
// Numerics: f32, whatever the storage; both positions are added before x.
// Source: resampler.py of MiniCPM-V 2.6 and 4.5.

const C = 3584u; // multiple of 8
const THREADS = 64u;
alias Elem = f32; // element of x and y: f32, f16

const V = C / 4u; // vectors of a row

@group(0) @binding(0) var<storage, read> x: array<vec4<Elem>>; // [P,C]
@group(0) @binding(1) var<storage, read> table: array<vec4f>; // [E,C/2]: sines, then cosines, of a coordinate
@group(0) @binding(2) var<storage, read> temporal: array<vec4f>; // [F,C]: sines, then cosines, of a frame
@group(0) @binding(3) var<storage, read> coordinates: array<vec4u>; // [P]: row, column, row of temporal + 1 (0: none), 0
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Elem>>; // [P,C]
@group(0) @binding(5) var<uniform> size: vec4u; // P, 0, 0, 0

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * THREADS + id.x;
  let p = i / V;
  let c = i % V;
  if (p >= size.x) {
    return;
  }
  let place = coordinates[p];
  let entry = select(place.x, place.y, c < V / 2u);
  var position = table[entry * (V / 2u) + c % (V / 2u)];
  if (place.z > 0u) {
    position += temporal[(place.z - 1u) * V + c];
  }
  y[i] = vec4<Elem>(vec4f(x[i]) + position);
}
