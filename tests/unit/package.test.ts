import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  mkdirSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** What a user installs: looks at dist/ as `npm run build` left it (`npm run test:unit` builds first). */
const ROOT = join(import.meta.dirname, '../..')
const { exports, bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, string | Record<string, string>>
  bin: Record<string, string>
}
const builtFiles = (): string[] => readdirSync(join(ROOT, 'dist')).filter((file) => file.endsWith('.js'))
const read = (file: string): string => readFileSync(join(ROOT, 'dist', file), 'utf8')

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

  test('imports in Node by its name, and touches no navigator while it does', () => {
    const printed = runModule(`
      Object.defineProperty(globalThis, 'navigator', { get() { throw new Error('navigator was touched') } })
      const names = await Promise.all([import('sovit'), import('sovit/features'), import('sovit/worker')])
      console.log(names.map((module) => Object.keys(module).length > 0).join(), 'VisionEncoder' in names[0])`)
    expect(printed).toBe('true,true,true true')
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

describe('its types', () => {
  let folder: string

  beforeAll(() => {
    mkdirSync(join(ROOT, 'test-results'), { recursive: true })
    folder = mkdtempSync(join(ROOT, 'test-results/consumer-'))
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(ROOT, join(folder, 'node_modules/sovit'), 'junction')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(['bundler', 'nodenext'])('work for a strict user with %s resolution', (moduleResolution) => {
    const module = moduleResolution === 'bundler' ? 'esnext' : 'nodenext'
    // No skipLibCheck: the declarations themselves must hold with nothing but WebGPU's types.
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          ...{
            module,
            moduleResolution,
            target: 'es2022',
            lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'],
          },
          ...{ strict: true, noEmit: true, types: ['@webgpu/types'], skipLibCheck: false },
        },
        files: ['user.ts'],
      }),
    )
    writeFileSync(
      join(folder, 'user.ts'),
      `import { VisionEncoder, type Encoding } from 'sovit'
       import * as features from 'sovit/features'
       import { VisionEncoder as InWorker } from 'sovit/worker'
       export async function use(picture: Blob): Promise<[number, number, Float32Array, typeof features]> {
         using encoder = await VisionEncoder.load('owner/repo', { precision: 'f32' })
         const { tokens, grid }: Encoding = await encoder.encode(picture)
         return [grid[0], grid[1], tokens, features]
       }
       export async function useWorker(picture: Blob, worker: Worker): Promise<Float32Array> {
         using encoder = await InWorker.load('owner/repo', { worker, onProgress: ({ loaded }) => loaded })
         // @ts-expect-error: a buffer cannot cross
         await encoder.encode(picture, { output: 'gpu' })
         return (await encoder.encode(picture, { transfer: true })).tokens
       }`,
    )
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    expect(() => execFileSync('node', [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' })).not.toThrow()
  })
})
