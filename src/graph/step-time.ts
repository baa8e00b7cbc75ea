/** What one dispatch took on the device. */
export interface StepTime {
  /** The value that it makes, e.g. `layer.12/attention`. */
  readonly label: string
  /** Its shader, and which of those that compute the same (a tile). */
  readonly kernel: string
  readonly variant: string
  readonly ms: number
  readonly flops: number
}
