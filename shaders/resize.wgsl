// out[i] = clamp((2²¹ + Σ taps[i,k] · in[first[i] + k]) >> 22, 0, 255)   one pass, along one axis, of Pillow's resampling
// source: pixels of 8 bits a channel, rows `stride` pixels apart. taps [target, 2 + most]: for every position of the axis
// where its source begins, how many weights it has, and the weights, of 22 fractional bits. result: pixels of one word,
// red in the low byte, or normalised values, planar [3, height, width], the bits of levels[byte].
// Work: a thread makes one pixel, x fastest, so that neighbours read neighbouring words down the columns, and overlapping
// ones along the rows; they share all taps down the columns.
// Numerics: integers that wrap as C's and JavaScript's do, and a table for the normalisation, so the result is bit-equal
// to src/image/resize.ts, the oracle of its tests in place of a naive twin: this is the plainest form already.
// Source: ImagingResampleHorizontal_8bpc and ImagingResampleVertical_8bpc of libImaging/Resample.c in Pillow 13.

struct Size {
  width: u32, // of the result
  height: u32,
  stride: u32, // pixels from one row of the source to the next
  down: u32, // 1: along the columns, 0: along the rows
  most: u32, // weights of a position, at most
  offset: u32, // of the first value in result
}

const SOURCE_BYTES = 4u; // of a pixel: 4 (the last is not looked at), or 3 without padding
const NORMALISE = false; // result is values, not pixels
const PRECISION_BITS = 22u;

@group(0) @binding(0) var<storage, read> source: array<u32>; // [source height, stride], SOURCE_BYTES each
@group(0) @binding(1) var<storage, read> taps: array<i32>; // [target, 2 + most]
@group(0) @binding(2) var<storage, read> levels: array<u32>; // [256], f32
@group(0) @binding(3) var<storage, read_write> result: array<u32>; // pixels [height, width], or values from offset on
@group(0) @binding(4) var<uniform> size: Size;

// A word whose three low bytes are pixel i.
fn word_at(i: u32) -> u32 {
  if (SOURCE_BYTES == 4u) {
    return source[i];
  }
  let byte = 3u * i;
  let low = source[byte / 4u] >> (8u * (byte % 4u));
  if (byte % 4u < 2u) {
    return low;
  }
  return low | (source[byte / 4u + 1u] << (8u * (4u - byte % 4u)));
}

fn channels(word: u32) -> vec3i {
  return vec3i((vec3u(word) >> vec3u(0u, 8u, 16u)) & vec3u(255u));
}

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= size.width || id.y >= size.height) {
    return;
  }
  let down = size.down == 1u;
  let row = select(id.x, id.y, down) * (2u + size.most);
  let first = u32(taps[row]);
  var at = select(id.y * size.stride + first, first * size.stride + id.x, down);
  let step = select(1u, size.stride, down);
  var sum = vec3i(1 << (PRECISION_BITS - 1u));
  for (var k = 0; k < taps[row + 1u]; k++) {
    sum += taps[row + 2u + u32(k)] * channels(word_at(at));
    at += step;
  }
  let bytes = vec3u(clamp(sum >> vec3u(PRECISION_BITS), vec3i(0), vec3i(255)));
  let i = id.y * size.width + id.x;
  if (NORMALISE) {
    let plane = size.width * size.height;
    result[size.offset + i] = levels[bytes.x];
    result[size.offset + plane + i] = levels[bytes.y];
    result[size.offset + 2u * plane + i] = levels[bytes.z];
  } else {
    result[i] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u);
  }
}
