/** What one dispatch took on the device. */
export interface StepTime {
  /** The value that it makes, e.g. `layer.12/attention`. */
  readonly label: string
  /** Its shader. */
  readonly kernel: string
  /** Which of those that compute the same: a tile. */
  readonly variant: string
  /** Milliseconds. */
  readonly ms: number
  /** Additions and multiplications that it stands for. */
  readonly flops: number
}
