/** The package as users get it: what `npm pack` makes, installed in an app outside this folder, from pages and from Node. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Browser } from 'playwright'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'
import { FIRST_LOAD, nameOf } from '../../scripts/size.mjs'
import { goldenTensors } from '../support/fixture.js'
import { minCosine, nmse } from '../support/metrics.js'
import { buildWithVite, installPacked, launch, openWatched, type App, type Watched } from './packed.js'

/** Every file that the package may hold. Another model is another line. */
const CONTENT = [
  /^(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
  /^dist\/[\w-]+\.js(\.map)?$/,
  /^dist\/types\/([\w-]+\/)*[\w-]+\.d\.ts$/,
  /^weights\/README\.md$/,
  /^weights\/nano\/(config\.json|(sovit-nano|labels|expected)\.safetensors)$/,
]
const MAX_PACKED = 5.5e6
const MAX_UNPACKED = 9e6

/** What a GPU loads and the software rasteriser of these tests does not: it does not measure. */
const ONLY_ON_GPUS = ['tuner']
/** What the rasteriser loads besides, and what reads a PNG. */
const NOT_ON_GPUS = [
  'matmul-direct',
  'attention-direct',
  'patch-embed-direct',
  'on-processor',
  'preprocess',
  'fit',
  'png',
]

const golden = goldenTensors(Uint8Array.from(readFileSync('weights/nano/expected.safetensors')).buffer)
const [pixels, expected] = ['pixel_values.0', 'last_hidden_state.0'].map((name) => [...(golden.get(name) ?? [])])
const WIDTH = 144
/** Browsers report what breaks a policy a moment later; milliseconds. */
const REPORTED = 200

/** The bounds of tests/gpu/encoder.golden.test.ts. */
function expectGolden(tokens: readonly number[] | undefined): void {
  const [is, should] = [Float32Array.from(tokens ?? []), Float32Array.from(expected ?? [])]
  expect(should.length).toBe(12 * WIDTH)
  expect(is.length).toBe(should.length)
  expect(minCosine(is, should, WIDTH)).toBeGreaterThanOrEqual(0.99999)
  expect(nmse(is, should)).toBeLessThanOrEqual(1e-9)
}

let app: App
let browser: Browser
beforeAll(async () => {
  app = installPacked()
  browser = await launch()
})
afterAll(async () => {
  await browser.close()
  app.remove()
})

describe('the tarball', () => {
  test('holds what it should, and nothing else', () => {
    const paths = app.tarball.files.map(({ path }) => path)
    expect(paths.filter((path) => !CONTENT.some((one) => one.test(path)))).toEqual([])
    expect(CONTENT.filter((one) => !paths.some((path) => one.test(path)))).toEqual([])
    expect(paths).toEqual(expect.arrayContaining(['README.md', 'LICENSE', 'weights/nano/sovit-nano.safetensors']))
    expect(app.tarball.size).toBeLessThan(MAX_PACKED)
    expect(app.tarball.unpackedSize).toBeLessThan(MAX_UNPACKED)
  })

  test('names no folder of the machine that made it', () => {
    const texts = app.tarball.files.filter(({ path }) => !path.endsWith('.safetensors'))
    const told = texts.filter(({ path }) =>
      readFileSync(join(app.folder, 'node_modules/sovit', path), 'utf8').includes(process.cwd()),
    )
    expect(told).toEqual([])
  })
})

describe('in Node', () => {
  test('encodes by its name, on Dawn', () => {
    writeFileSync(
      join(app.folder, 'encode.js'),
      `import { VisionEncoder } from 'sovit'
       import { create, globals } from ${JSON.stringify(import.meta.resolve('webgpu'))}
       Object.assign(globalThis, globals)
       const encoder = await VisionEncoder.load(undefined, { gpu: create([]), precision: 'f32' })
       const pixels = { width: 56, height: 42, data: Float32Array.of(${String(pixels)}) }
       const { tokens } = await encoder.encode({ pixels })
       console.log(JSON.stringify([...tokens]))
       encoder.dispose()`,
    )
    const dawn = adapterOf(NODE, 'dawn')
      ? NODE
      : NODE_ON_MESA.map((word) => word.replace(/^scripts\//, `${resolve('scripts')}/`))
    const [program = 'node', ...before] = dawn
    const printed = execFileSync(program, [...before, 'encode.js'], { cwd: app.folder, encoding: 'utf8' })
    expectGolden(JSON.parse(printed) as number[])
  })

  test('has a command that npx finds', () => {
    const npx = (...args: string[]): string =>
      execFileSync('npx', ['--no-install', 'sovit', ...args], {
        cwd: app.folder,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      })
    expect(npx('--help')).toContain('Usage: sovit COMMAND')
    expect(npx('inspect')).toMatch(/^model +sovit-nano, built in/)
  })
})

/** Loads the built-in model, here or in a worker, and encodes the golden's pixels, and a picture. */
function encodeIn({ page }: Watched, where: 'direct' | 'worker', heads: 'all' | 'none', source?: string) {
  const values = pixels ?? []
  return page.evaluate(
    async ({ where, heads, source, values }) => {
      const encoder = await window.app[where].VisionEncoder.load(source, { precision: 'f32', heads })
      const { tokens } = await encoder.encode({ pixels: { width: 56, height: 42, data: Float32Array.from(values) } })
      const canvas = new OffscreenCanvas(56, 42)
      const colours = Uint8ClampedArray.from({ length: 56 * 42 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * i) >> 3))
      canvas.getContext('2d')?.putImageData(new ImageData(colours, 56, 42), 0, 0)
      const picture = await encoder.encode(await canvas.convertToBlob(), { size: { width: 56, height: 42 } })
      encoder.dispose()
      return { tokens: [...tokens], picture: [...picture.tokens] }
    },
    { where, heads, source, values },
  )
}

describe('in a page built by vite, under the policy of the guide', () => {
  let site: Watched
  beforeAll(async () => {
    await buildWithVite(app.folder)
    site = await openWatched(browser, join(app.folder, 'dist'), '/')
  })
  afterAll(() => site.close())

  test('encodes, and in a worker the same bits', async () => {
    const here = await encodeIn(site, 'direct', 'none')
    expectGolden(here.tokens)
    const there = await encodeIn(site, 'worker', 'none')
    expect(there).toEqual(here)
    expect(new Set(here.picture).size).toBeGreaterThan(1000)
  })

  test('finds the names of the model', async () => {
    const names = await site.page.evaluate(async () => (await window.app.nano.loadLabels()).names)
    expect(names.length).toBeGreaterThan(100)
  })

  test('asks for files that were built, sends nothing, and breaks no rule of the policy', async () => {
    await setTimeout(REPORTED)
    expect(site.faults).toEqual([])
    for (const path of site.paths) expect(path).toMatch(/^\/$|^\/assets\/[\w-]+\.(js|safetensors)$/)
    const needed = [/\/sovit-nano-.*safetensors$/, /\/labels-.*safetensors$/, /\/worker-entry-.*js$/]
    expect(needed.filter((file) => !site.paths.some((path) => file.test(path)))).toEqual([])
  })

  test('would be caught sending, or breaking a rule, in a worker too', async () => {
    writeFileSync(
      join(app.folder, 'dist/assets/worse.js'),
      `try { eval('1') } catch {} fetch('/upload', { method: 'POST', body: 'picture' }).finally(() => postMessage(0))`,
    )
    await site.page.evaluate(async () => {
      await fetch('https://example.org').catch(() => undefined)
      await new Promise((resolve) => (new Worker('/assets/worse.js').onmessage = resolve))
    })
    const caught = (what: RegExp) => expect.poll(() => site.faults.some((fault) => what.test(fault)))
    await caught(/^connect-src: https:\/\/example\.org/).toBe(true)
    await caught(/^POST \/violations: .*"blocked-uri":"eval"/).toBe(true)
    await caught(/^sent to .*\/upload: picture$/).toBe(true)
    await caught(/^POST \/upload: picture$/).toBe(true)
  })
})

describe('in a bundle', () => {
  test('leaves out what is not used', async () => {
    const input = join(app.folder, 'little.js')
    writeFileSync(
      input,
      `import 'sovit'
       import 'sovit/nano'
       import { meanCenter } from 'sovit/features'
       self.used = meanCenter`,
    )
    const built = await build({
      root: app.folder,
      configFile: false,
      logLevel: 'silent',
      build: { write: false, modulePreload: false, rolldownOptions: { input } },
    })
    const [bundle] = [built].flat()
    if (!bundle || !('output' in bundle)) throw new Error('Vite built nothing.')
    const code = bundle.output.map((file) => (file.type === 'chunk' ? file.code : '')).join('')
    expect(code).toContain('used')
    expect(code.length).toBeLessThan(1000)
  })
})

describe('in a page without a bundler, its import map let in by its hash', () => {
  let site: Watched
  beforeAll(async () => {
    site = await openWatched(browser, app.folder, '/plain.html', true)
  })
  afterAll(() => site.close())

  test('encodes, sends nothing, and breaks no rule of the policy', async () => {
    const { tokens } = await encodeIn(site, 'direct', 'all', '/node_modules/sovit/weights/nano/sovit-nano.safetensors')
    expectGolden(tokens)
    await setTimeout(REPORTED)
    expect(site.faults).toEqual([])
    for (const path of site.paths) expect(path).toMatch(/^\/(plain\.html|main\.js|node_modules\/sovit\/[\w./-]+)$/)
  })

  test('fetches what `npm run size` counts', () => {
    const dist = join(app.folder, 'node_modules/sovit/dist')
    const fetched = site.paths.filter((path) => path.includes('/sovit/dist/')).map((path) => path.replace(/^.*\//, ''))
    const atOnce = staticImports(dist, ['index.js', 'worker.js', 'nano.js', 'features.js'])
    // The script of a worker is no import: half a kilobyte.
    const later = fetched.filter((file) => !atOnce.has(file) && file !== 'page-worker.js')
    const elsewhere = later.filter((file) => NOT_ON_GPUS.includes(nameOf(file)))
    const counted = later.filter((file) => FIRST_LOAD.includes(nameOf(file)))
    const known = staticImports(dist, [...elsewhere, ...counted])
    expect(later.filter((file) => !known.has(file))).toEqual([])
    const expected = FIRST_LOAD.filter((name) => !ONLY_ON_GPUS.includes(name))
    expect(new Set(counted.map(nameOf))).toEqual(new Set(expected))
  })
})

/** Files of a folder that these import at once, and they themselves. */
function staticImports(folder: string, files: readonly string[], seen = new Set<string>()): Set<string> {
  for (const file of files.filter((file) => !seen.has(file))) {
    seen.add(file)
    const code = readFileSync(join(folder, file), 'utf8')
    const imports = [...code.matchAll(/^(?:import|export) (?:.* from )?"\.\/([^"]+)";$/gm)].map(
      ([, name]) => name ?? '',
    )
    staticImports(folder, imports, seen)
  }
  return seen
}
