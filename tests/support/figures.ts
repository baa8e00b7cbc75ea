/** Keeps what a test measured where scripts find it: `test-results/<name>-<lane>.json`. */
export async function keepFigures(name: string, figures: unknown): Promise<void> {
  const text = `${JSON.stringify(figures, null, 1)}\n`
  if (typeof window === 'undefined') {
    const { mkdir, writeFile } = await import('node:fs/promises')
    await mkdir('test-results', { recursive: true })
    return writeFile(`test-results/${name}-node.json`, text)
  }
  const { commands } = await import('vitest/browser')
  return commands.writeFile(`test-results/${name}-browser.json`, text)
}
