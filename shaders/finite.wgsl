// status[index] = 2 where a weight in words [first, first + words) is NaN or infinite
// weights: f32, or f16 and bf16 as stored, two to a word.
// Work: a thread looks at WORDS words, a workgroup's threads side by side, and speaks up at most once. Eight words a turn: a
// rasteriser takes a third of the time of one at a time. The grid is two-dimensional, since one dimension ends at 65535 workgroups.
// Numerics: none. NaN and infinity are the values whose exponent is all ones (IEEE 754-2019, 3.4).

const F32 = 0u;
const F16 = 1u;
const BF16 = 2u;

const FROM = BF16;
const THREADS = 64u;
const WORDS = 256u;

@group(0) @binding(0) var<storage, read> weights: array<u32>;
@group(0) @binding(1) var<storage, read_write> status: array<atomic<u32>>; // [tensors]
@group(0) @binding(2) var<uniform> size: vec4<u32>; // words, first word, index in status, 0

// Added to its lowest bit, an exponent of ones, and no other, carries into the sign, which the mask has emptied.
fn exponents() -> u32 {
  return select(select(0x7f807f80u, 0x7c007c00u, FROM == F16), 0x7f800000u, FROM == F32);
}

fn lowest_bits() -> u32 {
  return select(select(0x00800080u, 0x04000400u, FROM == F16), 0x00800000u, FROM == F32);
}

fn look(at: u32) -> u32 {
  return (weights[at] & exponents()) + lowest_bits();
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let run = (group.y * groups.x + group.x) * THREADS * WORDS;
  let end = size.y + min(size.x, run + THREADS * WORDS);
  var carried = 0u;
  var at = size.y + run + thread;
  for (; at + 7u * THREADS < end; at += 8u * THREADS) {
    carried |= look(at) | look(at + THREADS) | look(at + 2u * THREADS) | look(at + 3u * THREADS);
    carried |= look(at + 4u * THREADS) | look(at + 5u * THREADS) | look(at + 6u * THREADS) | look(at + 7u * THREADS);
  }
  for (; at < end; at += THREADS) {
    carried |= look(at);
  }
  if ((carried & 0x80008000u) != 0u) {
    atomicMax(&status[size.z], 2u);
  }
}
