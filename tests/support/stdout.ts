import { vi } from 'vitest'

/** Takes what is written to standard output, until mocks are restored. */
export function captureStdout(): { readonly text: () => string; readonly clear: () => void } {
  let said = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown, ...rest: unknown[]) => {
    said += String(text)
    const done = rest.at(-1) as (() => void) | undefined
    done?.()
    return true
  })
  return { text: () => said, clear: () => void (said = '') }
}
