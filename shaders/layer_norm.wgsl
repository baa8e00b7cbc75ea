// y[p,c] = (x[p,c] - mean_p) / √(var_p + eps) · weight[c] + bias[c]   mean, var (biased) over the C values of row p
// Work: a workgroup is ROWS rows of LANES threads; neighbours read neighbouring vectors. A thread keeps one partial sum,
// and after one barrier every thread of the row adds all LANES of them: cheaper than a tree of barriers on software
// drivers, and on a GPU all threads of a row read the same word at once. Grid: two-dimensional, ⌈P/ROWS⌉ groups in all.
// Numerics: f32. Two passes, mean first, then the squares of differences, corrected by the mean of the differences,
// so that the rounding of a large mean does not count (Chan, Golub, LeVeque, The American Statistician 37, 1983, 1.7).
// The order of additions depends on C alone, not on P.

const C = 1152u; // multiple of 4
const EPS = 1e-6;
alias Out = f32; // element of y: f32, f16

const V = C / 4u; // vectors of a row
const ROWS = 4u;
const LANES = 16u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [P,C]
@group(0) @binding(1) var<storage, read> weight: array<vec4f>; // [C]
@group(0) @binding(2) var<storage, read> bias: array<vec4f>; // [C]
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Out>>; // [P,C]
@group(0) @binding(4) var<uniform> size: vec4u; // P, 0, 0, 0

var<workgroup> sums: array<f32, ROWS * LANES>;
var<workgroup> moments: array<vec2f, ROWS * LANES>; // sums of differences and of their squares

@compute @workgroup_size(LANES, ROWS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
) {
  let lane = local.x;
  let slot = local.y * LANES;
  let row = (group.y * groups.x + group.x) * ROWS + local.y;
  let at = min(row, size.x - 1u) * V; // rows beyond the last read the last one and store nothing

  var sum = vec4f();
  for (var i = lane; i < V; i += LANES) {
    sum += x[at + i];
  }
  sums[slot + lane] = (sum.x + sum.y) + (sum.z + sum.w);
  workgroupBarrier();
  var mean = 0.0;
  for (var i = 0u; i < LANES; i++) {
    mean += sums[slot + i];
  }
  mean /= f32(C);

  var first = vec4f();
  var second = vec4f();
  for (var i = lane; i < V; i += LANES) {
    let difference = x[at + i] - mean;
    first += difference;
    second = fma(difference, difference, second);
  }
  moments[slot + lane] = vec2f((first.x + first.y) + (first.z + first.w), (second.x + second.y) + (second.z + second.w));
  workgroupBarrier();
  var moment = vec2f();
  for (var i = 0u; i < LANES; i++) {
    moment += moments[slot + i];
  }
  moment /= f32(C);
  let variance = max(moment.y - moment.x * moment.x, 0.0);
  let scale = 1.0 / sqrt(variance + EPS);

  if (row < size.x) {
    for (var i = lane; i < V; i += LANES) {
      let difference = (x[at + i] - mean) - moment.x;
      y[at + i] = vec4<Out>(fma(difference * scale, weight[i], bias[i]));
    }
  }
}
