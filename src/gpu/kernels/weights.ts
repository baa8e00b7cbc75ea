import { SovitError } from '../../errors.js'

/** Forms in which a checkpoint's weights lie on the GPU; only matrices of blocks are `i8`, with a scale for each row. */
export type WeightType = 'f32' | 'f16' | 'bf16' | 'i8'

/** Name of the form in shaders (`const WEIGHT = BF16;`). */
export const weightConst = (type: WeightType): string => type.toUpperCase()

/** Value of a `const` of type u32. */
export const u32 = (value: number): string => `${value}u`

/** Workgroups in two dimensions: one ends at `maxComputeWorkgroupsPerDimension`, 65535 on every device. */
export function spreadOut(workgroups: number): readonly [number, number, number] {
  const x = Math.min(workgroups, 65535)
  return [x, Math.ceil(workgroups / x), 1]
}

/** Kernels read rows of weights four at a time. */
export function requireMultipleOf4(kernel: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (size % 4 !== 0 || size <= 0) {
      throw new SovitError(
        'SHADER',
        `${kernel}: ${name} = ${size} is not a positive multiple of 4, which its vectors need.`,
      )
    }
  }
}
