// y[t] = the end of ITERATIONS fused multiply-adds in each of eight chains: what arithmetic units do when nothing is loaded
// Work: one thread per output. Eight chains hide the latency of an fma; their names keep them in registers. The factors
// come from a buffer, so that no compiler can know the end, and every chain's end is used, so that none may be left out.
// Numerics: with |a| < 1 every chain tends to b / (1 - a); nothing overflows. The result says nothing, its time does.

alias Elem = f32; // f32, f16
alias Vec = vec4<Elem>; // Elem, or vec2 or vec4 of it
const ITERATIONS = 256u;

@group(0) @binding(0) var<storage, read> factors: array<f32>; // [2]: a, b
@group(0) @binding(1) var<storage, read_write> y: array<Vec>; // [T]

// Steps of the loop by eights: a rasteriser pays as much for going round as for several multiply-adds.
fn eight(c: Vec, a: Vec, b: Vec) -> Vec {
  let d = fma(fma(fma(fma(c, a, b), a, b), a, b), a, b);
  return fma(fma(fma(fma(d, a, b), a, b), a, b), a, b);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) thread: vec3u) {
  let a = Vec(Elem(factors[0]));
  let b = Vec(Elem(factors[1]));
  var c0 = Vec(Elem(thread.x % 8u));
  var c1 = c0 + b;
  var c2 = c1 + b;
  var c3 = c2 + b;
  var c4 = c3 + b;
  var c5 = c4 + b;
  var c6 = c5 + b;
  var c7 = c6 + b;
  for (var i = 0u; i < ITERATIONS; i += 8u) {
    c0 = eight(c0, a, b);
    c1 = eight(c1, a, b);
    c2 = eight(c2, a, b);
    c3 = eight(c3, a, b);
    c4 = eight(c4, a, b);
    c5 = eight(c5, a, b);
    c6 = eight(c6, a, b);
    c7 = eight(c7, a, b);
  }
  y[thread.x] = (c0 + c1) + (c2 + c3) + (c4 + c5) + (c6 + c7);
}
