enable f16;
enable chromium_experimental_subgroup_matrix;

// y[s,c,M,N] = the end of ITERATIONS steps of  y += left[M,K] · right[K,N]  in each of four chains c of each workgroup s
// Work: one workgroup is one subgroup; four chains hide the latency of a step. Operands are filled from a buffer, so that
// no compiler can know the end, and every chain is stored, so that none may be left out: what matrix units do when nothing
// is loaded. A device that splits the workgroup into several subgroups does more than is counted; one that emulates matrices
// may take the products, which are the same in every step, out of the loop, and seem faster than it is.
// Numerics: operands are small powers of two; nothing overflows. The result says nothing, its time does.

alias In = f16; // f32, f16
alias Sum = f32; // f32, f16
const M = 8u;
const N = 8u;
const K = 8u;
const THREADS = 128u; // size of the largest subgroup
const ITERATIONS = 256u;

alias Left = subgroup_matrix_left<In, K, M>;
alias Right = subgroup_matrix_right<In, N, K>;
alias Result = subgroup_matrix_result<Sum, N, M>;

@group(0) @binding(0) var<storage, read> factors: array<f32>; // [2]: every value of left, of right
@group(0) @binding(1) var<storage, read_write> y: array<Sum>; // [S,4,M,N]

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) workgroup: vec3u) {
  let left = Left(In(factors[0]));
  let right = Right(In(factors[1]));
  var c0 = Result(Sum(0));
  var c1 = Result(Sum(1));
  var c2 = Result(Sum(2));
  var c3 = Result(Sum(3));
  for (var i = 0u; i < ITERATIONS; i++) {
    c0 = subgroupMatrixMultiplyAccumulate(left, right, c0);
    c1 = subgroupMatrixMultiplyAccumulate(left, right, c1);
    c2 = subgroupMatrixMultiplyAccumulate(left, right, c2);
    c3 = subgroupMatrixMultiplyAccumulate(left, right, c3);
  }
  let first = 4u * workgroup.x;
  subgroupMatrixStore<row_major>(&y, first * M * N, c0, N);
  subgroupMatrixStore<row_major>(&y, (first + 1u) * M * N, c1, N);
  subgroupMatrixStore<row_major>(&y, (first + 2u) * M * N, c2, N);
  subgroupMatrixStore<row_major>(&y, (first + 3u) * M * N, c3, N);
}
