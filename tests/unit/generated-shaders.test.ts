import { execFileSync } from 'node:child_process'
import { describe, it } from 'vitest'

describe('generated shaders', () => {
  it('are what scripts/generate-matmul.mjs writes', () => {
    execFileSync('node', ['scripts/generate-matmul.mjs', '--check'], { stdio: 'pipe' }) // throws with its complaint
  })
})
