/** One word after `sovit`. */
export interface Command {
  readonly summary: string
  /** Everything that `--help` shows. */
  readonly help: string
  /** Throws `UsageError` for wrong usage and `SovitError` for any other failure. */
  run(args: readonly string[], signal: AbortSignal): Promise<void>
}
