// What the scripts that generate shaders share: they write files of shaders/, or with --check tell which are not what comes out.
import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import process from 'node:process'

/** Without what a pattern leaves at its first places: `row + 0u`, `part + 0u * PARTS`, `1u * LANES`, and the brackets around them. */
const tidy = (text) =>
  text
    .replace(/ \+ 0u\b( \* \w+)*(?! [*/%&<>])/g, '')
    .replace(/(?<![*/%] )\b1u \* (?=\w)/g, '')
    .replace(/(?<![\w>]|if )\((\w+)\)/g, '$1')

/** @param {Record<string, string>} files texts by their names */
export function writeShaders(files) {
  const checking = process.argv.includes('--check')
  for (const [name, pattern] of Object.entries(files)) {
    const path = new URL(`../shaders/${name}`, import.meta.url)
    const text = tidy(pattern)
    if (!checking) {
      writeFileSync(path, text)
    } else if (readFileSync(path, 'utf8') !== text) {
      const script = `scripts/${basename(process.argv[1] ?? '')}`
      console.error(`shaders/${name} is not what ${script} writes: run it, or change the generator.`)
      process.exitCode = 1
    }
  }
}
