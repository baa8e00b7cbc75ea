// status[index] = 2 where a weight in words [first, first + words) is NaN or infinite
// weights: f32, or f16 and bf16 as stored, two to a word.
// Work: a thread looks at WORDS words, a workgroup's threads side by side, and speaks up at most once; a workgroup never
// looks beyond its run. The grid is two-dimensional, since one dimension ends at 65535 workgroups.
// Numerics: none. NaN and infinity are the values whose exponent is all ones (IEEE 754-2019, 3.4).

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;
const I8 = 3u; // has neither

const FROM = BF16;
const THREADS = 64u;
const WORDS = 16u;

@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read_write> status: array<atomic<u32>>; // [tensors]
@group(0) @binding(2) var<uniform> size: vec4<u32>; // words, first word, index in status, 0

fn all_set(word: u32, mask: u32) -> bool {
  return (word & mask) == mask;
}

fn is_bad(word: u32) -> bool {
  if (FROM == F32) {
    return all_set(word, 0x7f800000u);
  }
  if (FROM == F16) {
    return all_set(word, 0x7c00u) || all_set(word, 0x7c000000u);
  }
  return FROM == BF16 && (all_set(word, 0x7f80u) || all_set(word, 0x7f800000u));
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let begin = (group.y * groups.x + group.x) * THREADS * WORDS + thread;
  var bad = false;
  for (var i = 0u; i < WORDS; i++) {
    let at = begin + i * THREADS;
    if (at < size.x) {
      bad = bad || is_bad(weights[size.y + at]);
    }
  }
  if (bad) {
    atomicMax(&status[size.z], 2u);
  }
}
