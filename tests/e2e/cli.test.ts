/** The built command line as a user runs it, in processes of its own. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'
import { encodeSafetensors } from '../../src/checkpoint/safetensors-write.js'
import { testPixels } from '../fixtures/pixels.js'
import { goldenTensors } from '../support/fixture.js'
import { minCosine, nmse } from '../support/metrics.js'
import { withCrc } from '../support/png.js'
import { goldens, sha256 } from '../unit/image/goldens.js'

const MODEL = 'tests/fixtures/models/siglip-f32'
const PICTURE = 'tests/fixtures/images/rgb8.png'
const LARGE = 'tests/fixtures/images/large.png'
const dawn = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA

let folder: string
let out: string

beforeAll(() => {
  if (existsSync('dist/cli.js')) return
  expect(spawnSync('npm run --silent build', { shell: true, stdio: 'inherit' }).status).toBe(0)
})
beforeEach(() => {
  if (folder) rmSync(folder, { recursive: true })
  folder = mkdtempSync(join(tmpdir(), 'sovit-cli-'))
  out = join(folder, 'out.safetensors')
})
afterAll(() => rmSync(folder, { recursive: true }))

function sovit(args: readonly string[], on: readonly string[] = NODE) {
  const [program = 'node', ...before] = on
  const { status, stdout, stderr } = spawnSync(program, [...before, 'dist/cli.js', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

function writeFile(name: string, parts: readonly (Uint8Array | string)[]): string {
  const path = join(folder, name)
  writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part))))
  return path
}

function tensorsIn(path: string) {
  return goldenTensors(Uint8Array.from(readFileSync(path)).buffer)
}

/** Keys, modes and pictures of tests/fixtures/goldens.json for MODEL; its `5x5` needs another mode than these. */
const CASES = [
  { key: '1x1', grid: [1, 1], pixels: testPixels(2, 16, 16) },
  { key: '2x3', grid: [2, 3], pixels: testPixels(3, 28, 45) },
] as const

test('a tower converted to a file of its own has the same tokens, bit for bit', () => {
  const model = join(folder, 'tower.safetensors')
  const converted = sovit(['convert', MODEL, '--out', model])
  expect(converted).toMatchObject({ status: 0, stderr: '' })
  const tokens = [MODEL, model].map((path) => {
    const { status, stderr } = sovit(['encode', PICTURE, '--size', '70', '--model', path, '--out', out], dawn)
    expect(status, stderr).toBe(0)
    return readFileSync(out)
  })
  expect(tokens[0]?.equals(tokens[1] ?? Buffer.alloc(0))).toBe(true)
  expect(sovit(['inspect', model]).stdout).toMatch(/metadata .*format: pt\n *sovit.source: siglip-f32\n/)
})

describe.each([
  ['node', dawn],
  ['chromium', NODE],
] as const)('encode on %s', (runtime, node) => {
  test("equals torch's tokens and hidden states for pictures of several sizes in one call", () => {
    const pixels = CASES.map(({ pixels: { width, height, data } }, i) => {
      return { name: `pixel_values.${String(i)}`, dtype: 'F32', shape: [3, height, width], data } as const
    })
    const input = writeFile('pixels.safetensors', encodeSafetensors(pixels))
    const options = `--runtime ${runtime} --precision f32 --positions navit --hidden-states --json`.split(' ')
    const { status, stdout, stderr } = sovit(
      ['encode', '--pixels', input, '--model', MODEL, '--out', out, ...options],
      node,
    )
    expect(status, stderr).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      model: { source: MODEL, layout: 'vision_model', dtype: 'F32', layers: 2, width: 64, heads: 2, mlp: 68, table: 5 },
      precision: 'f32',
      runtime,
      images: [
        { grid: [1, 1], tokens: 1 },
        { grid: [2, 3], tokens: 6 },
      ],
      ms: [expect.any(Number)],
    })
    const golden = goldenTensors(Uint8Array.from(readFileSync('tests/fixtures/goldens/siglip-f32.safetensors')).buffer)
    const found = tensorsIn(out)
    CASES.forEach(({ key, grid }, i) => {
      expect(found.get(`grid.${String(i)}`)).toEqual(Int32Array.from(grid))
      const pairs = [
        [`last_hidden_state.${String(i)}`, `${key}.tokens`],
        ...[0, 1, 2].map((layer) => [`hidden_states.${String(i)}.${String(layer)}`, `${key}.hidden.${String(layer)}`]),
      ]
      for (const [name = '', reference = ''] of pairs) {
        const actual = found.get(name) as Float32Array
        const expected = golden.get(reference) as Float32Array
        expect(actual.length, name).toBe(expected.length)
        expect(minCosine(actual, expected, 64), name).toBeGreaterThanOrEqual(0.99999)
        expect(nmse(actual, expected), name).toBeLessThanOrEqual(1e-9)
      }
    })
  })
})

test('encode of a PNG says what it did, and writes tokens and a picture of them', () => {
  const pca = join(folder, 'pca.png')
  const size = ['--size', '28x42', '--runtime', 'node', '--repeat', '3']
  const { status, stdout, stderr } = sovit(['encode', PICTURE, '--out', out, '--pca', pca, ...size], dawn)
  expect(status, stderr).toBe(0)
  for (const words of ['6 layers × 144', 'MB fetched', 'as 42×28, grid 2×3, 6 tokens', 'median of 3 runs', out, pca]) {
    expect(stdout).toContain(words)
  }
  expect(tensorsIn(out).get('last_hidden_state.0')?.length).toBe(6 * 144)
  expect(readFileSync(pca).subarray(1, 4).toString()).toBe('PNG')
})

test('preprocess equals Pillow bit for bit, and needs no GPU', () => {
  const files = goldens.preprocess.map(({ file }) => `tests/fixtures/images/${file}`)
  const { status, stderr } = sovit(['preprocess', ...files, '--out', out])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const tensors = tensorsIn(out)
  goldens.preprocess.forEach(({ file, sha256: expected }, i) => {
    expect(sha256(tensors.get(`pixel_values.${String(i)}`) as Float32Array), file).toBe(expected)
    expect(tensors.get(`grid.${String(i)}`)).toEqual(Int32Array.of(32, 32))
    expect(tensors.get(`source.${String(i)}`)).toEqual(Int32Array.of(i, -1, -1))
  })
})

/** What the reference makes of LARGE in at most two slices: see tests/reference/make_slicing_goldens.py. */
interface Sliced {
  readonly file: string
  readonly maxSlices: number
  readonly pieces: readonly { place: [number, number]; height: number; width: number; sha256: string }[]
}
const { slicing } = JSON.parse(readFileSync('tests/fixtures/slicing.json', 'utf8')) as { slicing: readonly Sliced[] }
const PIECES = slicing.find(({ file, maxSlices }) => LARGE.endsWith(file) && maxSlices === 2)?.pieces ?? []
const IN_TWO = ['--size', 'minicpm-v', '--max-slices', '2']

test('preprocess cuts a picture as MiniCPM-V does, after one that stays whole', () => {
  const { status, stdout, stderr } = sovit(['preprocess', PICTURE, LARGE, '--out', out, '--json', ...IN_TWO])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  const { images } = JSON.parse(stdout) as { images: unknown[] }
  expect(images.length).toBe(1 + PIECES.length)
  const tensors = tensorsIn(out)
  PIECES.forEach(({ place, height, width, sha256: expected }, at) => {
    const i = at + 1
    expect(sha256(tensors.get(`pixel_values.${i}`) as Float32Array)).toBe(expected)
    expect(tensors.get(`grid.${i}`)).toEqual(Int32Array.of(height / 14, width / 14))
    expect(tensors.get(`source.${i}`)).toEqual(Int32Array.of(1, ...place))
    expect(images[i]).toMatchObject({ source: LARGE, piece: [1, ...place], height, width })
  })
})

test('encode writes the tokens of every piece, and where it comes from', () => {
  const { status, stdout, stderr } = sovit(['encode', LARGE, '--out', out, '--json', ...IN_TWO], dawn)
  expect(status, stderr).toBe(0)
  const { images } = JSON.parse(stdout) as { images: unknown[] }
  const tensors = tensorsIn(out)
  PIECES.forEach(({ place, height, width }, i) => {
    const grid = [height / 14, width / 14] as const
    expect(images[i]).toEqual({ source: LARGE, piece: [0, ...place], grid, tokens: grid[0] * grid[1] })
    expect(tensors.get(`source.${i}`)).toEqual(Int32Array.of(0, ...place))
    expect(tensors.get(`last_hidden_state.${i}`)?.length).toBe(grid[0] * grid[1] * 144)
  })
  expect(images.length).toBe(PIECES.length)
})

test('inspect describes a checkpoint', () => {
  const { status, stdout, stderr } = sovit(['inspect', MODEL, '--json'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout)).toMatchObject({ source: MODEL, layers: 2, width: 64, patch: 14, positions: 'bicubic' })
})

test('help and version', () => {
  expect(sovit(['--help'])).toMatchObject({ status: 0, stderr: '' })
  expect(sovit(['encode', '--help']).stdout).toContain('--pixels FILE')
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  expect(sovit(['--version']).stdout).toBe(`${version}\n`)
})

test.each(['', 'encod', 'encode', 'encode a.png --sise 448', 'encode a.png --size big', 'preprocess a.png'])(
  'wrong usage: "sovit %s"',
  (line) => {
    const { status, stdout, stderr } = sovit(line.split(' ').filter(Boolean))
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^sovit: USAGE: [^\n]+\n$/)
  },
)

/** A PNG's signature and IHDR, which is all that a size check may look at. */
function pngOfSize(width: number, height: number): Buffer {
  const png = Uint8Array.from(readFileSync(PICTURE))
  const view = new DataView(png.buffer)
  view.setUint32(16, width)
  view.setUint32(20, height)
  return Buffer.from(withCrc(png, 8))
}

const header = (json: string): Buffer =>
  Buffer.concat([Buffer.from([json.length, 0, 0, 0, 0, 0, 0, 0]), Buffer.from(json)])

describe('failures are one line, exit status 1, and leave no file', () => {
  test.each<[string, string, Buffer]>([
    ['no image', 'BAD_IMAGE', Buffer.from('no image')],
    ['an empty file', 'BAD_IMAGE', Buffer.alloc(0)],
    ['half a PNG', 'BAD_IMAGE', readFileSync(PICTURE).subarray(0, 60)],
    ['a PNG of 0 pixels', 'IMAGE_SIZE', pngOfSize(0, 10)],
    ['a PNG of 100000 pixels', 'IMAGE_SIZE', pngOfSize(100_000, 10)],
  ])('picture: %s', (_, code, bytes) => {
    fails(['encode', writeFile('picture.png', [bytes])], code)
  })

  test.each<[string, string, Buffer]>([
    ['nothing', 'BAD_SAFETENSORS', Buffer.alloc(0)],
    ['a header longer than the file', 'BAD_SAFETENSORS', Buffer.from([255, 0, 0, 0, 0, 0, 0, 0, 123, 125])],
    ['no JSON', 'BAD_SAFETENSORS', header('{"a":')],
    ['missing bytes', 'BAD_SAFETENSORS', header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}')],
    ['no tower', 'UNKNOWN_LAYOUT', header('{}')],
  ])('checkpoint: %s', (_, code, bytes) => {
    fails(['encode', PICTURE, '--model', writeFile('model.safetensors', [bytes])], code)
  })

  test.each([
    ['encode no-such.png', 'NOT_FOUND'],
    [`encode ${PICTURE} --model ./no-such-model`, 'NOT_FOUND'],
    ['encode --pixels no-such.safetensors', 'NOT_FOUND'],
    ['encode --pixels tests/fixtures/models/sovit-tiny/model.safetensors', 'TENSOR_MISSING'],
    [`encode ${PICTURE} --size 13`, 'IMAGE_SIZE'],
    [`encode ${LARGE} --size minicpm-v --max-slices 2 --pca x.png`, 'BAD_OPTION'],
    [`encode ${PICTURE} --positions table`, 'BAD_POSITIONS'],
    [`encode ${PICTURE} ${PICTURE} --pca x.png`, 'BAD_OPTION'],
    [`encode ${PICTURE} --layers 7`, 'BAD_OPTION'],
    [`encode ${PICTURE} --size 28 --precision f16 --runtime chromium`, 'NO_FEATURE'],
    ['convert ./no-such-model', 'NOT_FOUND'],
  ])('sovit %s', (line, code) => {
    fails(line.split(' '), code)
  })

  test('an out file that is the picture, which stays as it was', () => {
    const bytes = readFileSync(PICTURE)
    out = writeFile('picture.png', [bytes])
    fails(['encode', out], 'BAD_OPTION')
    fails(['preprocess', out], 'BAD_OPTION')
    expect(readFileSync(out).equals(bytes)).toBe(true)
  })

  test('a folder that does not exist', () => {
    out = join(folder, 'missing', 'out.safetensors')
    fails(['encode', PICTURE], 'WRITE')
  })

  function fails(args: readonly string[], code: string): void {
    const before = readdirSync(folder)
    const { status, stdout, stderr } = sovit([...args, '--out', out])
    expect(stderr).toMatch(new RegExp(`^sovit: ${code}: [^\n]+\n$`))
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
    expect(readdirSync(folder)).toEqual(before)
  }
})

test('Ctrl-C ends an encode with status 130 and leaves no file', async () => {
  const [program = 'node', ...before] = dawn
  const args = ['encode', PICTURE, '--size', '28', '--runtime', 'node', '--repeat', '100000', '--out', out]
  const child = spawn(program, [...before, 'dist/cli.js', ...args])
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  // Long enough to be in the middle of the runs, of which there are enough for hours.
  await new Promise((resolve) => setTimeout(resolve, 3000))
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(stderr).toMatch(/^sovit: ABORTED: [^\n]+\n$/m)
  expect(readdirSync(folder)).toEqual([])
})
