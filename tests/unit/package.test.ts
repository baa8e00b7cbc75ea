import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** What a user installs: looks at dist/ as `npm run build` left it (`npm run test:unit` builds first). */
const ROOT = join(import.meta.dirname, '../..')
const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, string | Record<string, string>>
  bin: Record<string, string>
}
const builtFiles = (): string[] => readdirSync(join(ROOT, 'dist')).filter((file) => file.endsWith('.js'))
const read = (file: string): string => readFileSync(join(ROOT, 'dist', file), 'utf8')

type Payload = ConstructorParameters<typeof SourceMap>[0]

/** Runs a module in a plain Node process and returns what it prints. */
const runModule = (code: string): string =>
  execFileSync('node', ['--input-type=module', '-e', code], { cwd: ROOT, encoding: 'utf8' }).trim()

describe('the built package', () => {
  test('has every file that package.json names', () => {
    const files = Object.values(exports).flatMap((target) =>
      typeof target === 'string' ? [target] : Object.values(target),
    )
    for (const file of [...files, ...Object.values(bin)]) expect(existsSync(join(ROOT, file)), file).toBe(true)
  })

  test('imports in Node by its names, and touches no navigator while it does', () => {
    const entries = Object.keys(exports).filter((name) => !name.endsWith('.json') && name !== './worker-entry')
    const printed = runModule(`
      Object.defineProperty(globalThis, 'navigator', { get() { throw new Error('navigator was touched') } })
      const names = ${JSON.stringify(entries)}.map((name) => 'sovit' + name.slice(1))
      const modules = await Promise.all(names.map((name) => import(name)))
      console.log(modules.filter((module) => Object.keys(module).length > 0).length, 'VisionEncoder' in modules[0])`)
    expect(entries.length).toBeGreaterThan(3)
    expect(printed).toBe(`${entries.length} true`)
  })

  test('its library needs no package', () => {
    const imported = builtFiles()
      .filter((file) => !file.startsWith('cli'))
      .flatMap((file) =>
        [...read(file).matchAll(/(?:from|import)\s*\(?\s*["']([^."'][^"']*)["']/g)].map(([, name]) => name),
      )
    expect(imported.filter((name) => name !== 'webgpu' && !name?.startsWith('node:'))).toEqual([])
  })

  test('files it finds beside itself are there', () => {
    for (const file of builtFiles()) {
      for (const [, path] of read(file).matchAll(/new URL\(["'](\.[^"']+)["'],\s*import\.meta\.url/g)) {
        expect(existsSync(join(ROOT, 'dist', path ?? '')), `${file}: ${path ?? ''}`).toBe(true)
      }
    }
  })

  test.skipIf(process.platform === 'win32')('its command can be executed', () => {
    expect(read('cli.js').startsWith('#!/usr/bin/env node\n')).toBe(true)
    expect(statSync(join(ROOT, 'dist/cli.js')).mode & 0o111).toBe(0o111)
  })
})

describe('its source maps', () => {
  const maps = builtFiles().flatMap((file) => {
    const [, map] = /\n\/\/# sourceMappingURL=(.+)$/.exec(read(file)) ?? []
    return map ? [{ file, map: JSON.parse(read(map)) as Payload }] : []
  })

  test('are there for all code', () => {
    const without = builtFiles().filter((file) => !maps.some((map) => map.file === file))
    for (const file of without) expect(read(file), file).toMatch(/^((import|export) .*\n?)+$/)
    expect(maps.length).toBeGreaterThan(without.length)
  })

  test('hold the sources as they are written, shaders too', () => {
    for (const { file, map } of maps) {
      map.sources.forEach((source, i) => {
        const written = readFileSync(join(ROOT, 'dist', source.replace(/\?raw$/, '')), 'utf8')
        expect(map.sourcesContent[i] === written, `${file}: ${source}`).toBe(true)
      })
    }
  })

  test('lead from each function and class to where it is written', () => {
    let found = 0
    for (const { file, map } of maps) {
      const sourceMap = new SourceMap(map)
      read(file)
        .split('\n')
        .forEach((line, row) => {
          const [, name] = /^(?:async )?(?:function\*? |class )(\w+)/.exec(line) ?? []
          if (!name) return
          const entry = sourceMap.findEntry(row, line.indexOf(name))
          if (!('originalSource' in entry)) throw new Error(`${file}: ${name} comes from nowhere.`)
          const lines = map.sourcesContent[map.sources.indexOf(entry.originalSource)]?.split('\n')
          expect(lines?.[entry.originalLine], `${file}: ${name}`).toContain(name)
          found++
        })
    }
    expect(found).toBeGreaterThan(300)
  })
})
