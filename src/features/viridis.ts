/**
 * Ten evenly spaced colours of viridis by Stéfan van der Walt and Nathaniel Smith (2015, CC0), as published with
 * matplotlib and as `viridis(10)` of the R package viridisLite.
 */
const STOPS: readonly (readonly [number, number, number])[] = [
  [0x44, 0x01, 0x54],
  [0x48, 0x28, 0x78],
  [0x3e, 0x4a, 0x89],
  [0x31, 0x68, 0x8e],
  [0x26, 0x82, 0x8e],
  [0x1f, 0x9e, 0x89],
  [0x35, 0xb7, 0x79],
  [0x6d, 0xcd, 0x59],
  [0xb4, 0xde, 0x2c],
  [0xfd, 0xe7, 0x25],
]

/**
 * The viridis colour map, interpolated between its published colours.
 *
 * @param t 0 (dark violet) to 1 (yellow); values outside are clipped, NaN is taken as 0
 * @returns [red, green, blue], whole numbers 0..255
 */
export function viridis(t: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, t || 0)) * (STOPS.length - 1)
  const below = STOPS[Math.floor(place)] ?? [0, 0, 0]
  const above = STOPS[Math.ceil(place)] ?? below
  const mix = (channel: 0 | 1 | 2): number =>
    Math.round(below[channel] + (above[channel] - below[channel]) * (place - Math.floor(place)))
  return [mix(0), mix(1), mix(2)]
}
