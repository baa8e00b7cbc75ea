// y[p,:] = x[order[p],:]   rows of a matrix in another order
// Work: a thread moves four elements of one row, neighbours neighbouring ones. The grid is two-dimensional, since one
// dimension ends at 65535 workgroups. This is the plainest form already: it has no twin.
// Numerics: none; bits are moved as they are.

const C = 1152u; // multiple of 4
const THREADS = 64u;
alias Four = vec4u; // four elements: vec4u of 32 bits each, vec2u of 16

const V = C / 4u; // fours of a row

@group(0) @binding(0) var<storage, read> x: array<Four>; // [P,C]
@group(0) @binding(1) var<storage, read> order: array<u32>; // [P]: the row of x that each takes
@group(0) @binding(2) var<storage, read_write> y: array<Four>; // [P,C]
@group(0) @binding(3) var<uniform> size: vec4u; // P, 0, 0, 0

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.y * groups.x * THREADS + id.x;
  let p = i / V;
  if (p >= size.x) {
    return;
  }
  y[i] = x[order[p] * V + i % V];
}
