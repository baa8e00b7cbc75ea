import { execFileSync } from 'node:child_process'
import { describe, it } from 'vitest'

describe('generated shaders', () => {
  it.each(['attention', 'matmul'])('are what scripts/generate-%s.mjs writes', (name) => {
    execFileSync('node', [`scripts/generate-${name}.mjs`, '--check'], { stdio: 'pipe' }) // throws with its complaint
  })
})
