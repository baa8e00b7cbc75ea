/** `bytes` of an array [from], with its axes in another order. `width`: bytes of an element, 2 or 4. */
export function permute(
  bytes: Uint8Array,
  from: readonly number[],
  axes: readonly number[],
  width: 2 | 4,
): Uint8Array<ArrayBuffer> {
  const Elements = width === 2 ? Uint16Array : Uint32Array
  const source = new Elements(bytes.slice().buffer)
  const result = new Elements(source.length)
  const strides = from.map((_, axis) => from.slice(axis + 1).reduce((product, size) => product * size, 1))
  // Four axes, the first of them of one where there are fewer.
  const missing = Array.from({ length: 4 - axes.length }, () => 0)
  const [a = 0, b = 0, c = 0, d = 0] = [...missing.map(() => 1), ...axes.map((axis) => from[axis] ?? 1)]
  const [sa = 0, sb = 0, sc = 0, sd = 0] = [...missing, ...axes.map((axis) => strides[axis] ?? 0)]
  let at = 0
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        const row = i * sa + j * sb + k * sc
        for (let l = 0; l < d; l++) result[at++] = source[row + l * sd] ?? 0
      }
    }
  }
  return new Uint8Array(result.buffer)
}
