/** Reads that nothing but the browser holds on to, while it collects garbage. */
import { expect, test } from 'vitest'
import { blobSource } from '../../src/checkpoint/memory.js'

declare const gc: undefined | ((options: { readonly execution: 'async' }) => Promise<void>)

const BYTES = 1_000_000
const READS = 20

// Node collects only when asked with a flag, and has no such bug.
test.runIf(typeof gc === 'function')('a read of a file survives a collection', async () => {
  const blob = new Blob([new Uint8Array(BYTES).fill(7)])
  let done = 0
  for (let i = 0; i < READS; i++)
    void blobSource(blob, 'a file')
      .read(i, BYTES)
      .then(() => done++)
  for (let i = 0; i < READS; i++) await gc?.({ execution: 'async' })
  await expect.poll(() => done, { timeout: 10_000 }).toBe(READS)
})
