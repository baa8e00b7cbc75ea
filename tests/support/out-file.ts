import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, vi } from 'vitest'
import { captureStdout } from './stdout.js'

interface Written {
  folder: string
  out: string
  said: ReturnType<typeof captureStdout>
}

/** For each test of a file a folder of its own, a file to write in it, and what is printed meanwhile. */
export function eachWithOutFile(): Written {
  const at = { folder: '', out: '' } as Written
  beforeEach(() => {
    at.folder = mkdtempSync(join(tmpdir(), 'sovit-out-'))
    at.out = join(at.folder, 'out.safetensors')
    at.said = captureStdout()
  })
  afterEach(() => {
    vi.restoreAllMocks()
    rmSync(at.folder, { recursive: true })
  })
  return at
}
