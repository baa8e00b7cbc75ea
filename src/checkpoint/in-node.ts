/** Some bundlers put a `process` without `versions` into pages, so nothing is taken for granted. */
export const inNode =
  (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node !== undefined
