// y[w,c] = (x[4w,c] + x[4w+1,c] + x[4w+2,c] + x[4w+3,c]) / 4   the mean of the four patches of a window
// Work: a thread makes four columns of one window, neighbours neighbouring ones. The grid is two-dimensional, since one
// dimension ends at 65535 workgroups. This is the plainest form already: it has no twin.
// Numerics: f32, added in increasing row.

const C = 1152u; // multiple of 4
const THREADS = 64u;

const V = C / 4u; // vectors of a row

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [P,4,C]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [P,C]
@group(0) @binding(2) var<uniform> size: vec4u; // P windows, 0, 0, 0

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * THREADS + id.x;
  let w = i / V;
  if (w >= size.x) {
    return;
  }
  let at = 4u * w * V + i % V;
  y[i] = (x[at] + x[at + V] + x[at + 2u * V] + x[at + 3u * V]) * 0.25;
}
