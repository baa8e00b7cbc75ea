// y[b,j,i] = x[b,i,j]   matrices of 16 or 32 bits an element, transposed one by one while weights are loaded
// 16-bit elements lie two to a word, the earlier in the low half; where their number is odd, half of the last word is 0.
// Work: a thread makes one word of y, which with an odd number of rows may hold the end of one row and the start of the
// next; neighbours write neighbouring words. Reads are a row of x apart, and meet their cache lines again in the next
// columns: plain enough for what happens once a load. It has no twin. The grid is two-dimensional, since one dimension
// ends at 65535 workgroups.
// Numerics: none; bits are moved as they are.

const BATCHES = 1u; // B
const ROWS = 3584u; // R
const COLUMNS = 3584u; // S
const BYTES = 2u; // of an element: 2, 4
const THREADS = 64u;

const COUNT = BATCHES * ROWS * COLUMNS;

@group(0) @binding(0) var<storage, read> x: array<u32>; // [B,R,S]
@group(0) @binding(1) var<storage, read_write> y: array<u32>; // [B,S,R]

// Where element i of y lies in x.
fn source_of(i: u32) -> u32 {
  let matrix = i / (ROWS * COLUMNS);
  let within = i % (ROWS * COLUMNS);
  return matrix * (ROWS * COLUMNS) + (within % ROWS) * COLUMNS + within / ROWS;
}

// Element i of y, of 16 bits.
fn half_at(i: u32) -> u32 {
  if (i >= COUNT) {
    return 0u;
  }
  let at = source_of(i);
  return (x[at / 2u] >> (16u * (at % 2u))) & 0xffffu;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let word = id.y * groups.x * THREADS + id.x;
  if (word * (4u / BYTES) >= COUNT) {
    return;
  }
  if (BYTES == 2u) {
    y[word] = half_at(2u * word) | (half_at(2u * word + 1u) << 16u);
  } else {
    y[word] = x[source_of(word)];
  }
}
