/** What the page shows against what the library says: every view, from tokens that the page itself saved. */
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { readSafetensors } from '../../src/checkpoint/safetensors-read.js'
import { cosineMap, crossCosineMap, matchPatches, pcaColors, viridis, zeroShotMap } from '../../src/features/index.js'
import { sliceSizes } from '../../src/index.js'
import { loadLabels } from '../../src/nano.js'
import { encoded, openSite, SHOTS, violations, type Site } from './page.js'

const [ROWS, COLUMNS, CHANNELS] = [18, 24, 144]
const DIMS: [number, number] = [ROWS * COLUMNS, CHANNELS]
const SIZE = 'size=252x336'

let site: Site
let page: Page

beforeAll(async () => {
  site = await openSite()
  page = await site.open({ width: 1280, colorScheme: 'light' }, { path: `#picture=Animals&${SIZE}` })
  await encoded(page)
})
afterAll(() => site.close())
afterEach(() => {
  expect(site.faults()).toEqual({ complaints: [], strangers: [] })
})

const text = async (id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? ''
const number = async (id: string): Promise<number> => Number((await text(id)).replace('−', '-'))
const view = (name: string): Promise<void> => page.locator('#view').getByText(name, { exact: true }).click()

async function savedBy(button: string): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), page.locator(`#${button}`).click()])
  return readFile(await download.path())
}

/** Tokens on show, as the page saves them. */
async function savedTokens(): Promise<Float32Array> {
  const file = readSafetensors(new Uint8Array(await savedBy('export-tokens')))
  const { data, shape } = file.get('last_hidden_state.0') ?? {}
  expect(shape).toEqual(DIMS)
  return new Float32Array((data ?? new Uint8Array()).slice().buffer)
}

/** RGBA in the middle of each patch of a canvas, [P, 4]. */
function patchColours(id: string): Promise<number[]> {
  return page.locator(`#${id}`).evaluate(
    (canvas: HTMLCanvasElement, [rows, columns]) => {
      const context = canvas.getContext('2d')
      const colours: number[] = []
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const x = Math.floor(((column + 0.5) * canvas.width) / columns)
          const y = Math.floor(((row + 0.5) * canvas.height) / rows)
          colours.push(...(context?.getImageData(x, y, 1, 1).data ?? []))
        }
      }
      return colours
    },
    [ROWS, COLUMNS] as const,
  )
}

async function markAt(row: number, column: number): Promise<number> {
  await page.locator('#view').scrollIntoViewIfNeeded()
  const box = await page.locator('#view-picture').boundingBox()
  if (!box) throw new Error('The picture has no box.')
  await page.mouse.move(box.x + (box.width * (column + 0.5)) / COLUMNS, box.y + (box.height * (row + 0.5)) / ROWS)
  await expect.poll(async () => [await number('read-row'), await number('read-column')]).toEqual([row, column])
  return row * COLUMNS + column
}

/** A slider moved as by a hand, and let go. */
async function slide(id: string, value: number): Promise<void> {
  await page.locator(`#${id}`).fill(String(value))
  await page.waitForTimeout(50) // a frame
}

test("the likeness map is the library's cosine map, colour by colour", async () => {
  const tokens = await savedTokens()
  for (const [row, column] of [
    [12, 6],
    [0, 0],
    [17, 23],
  ] as const) {
    const patch = await markAt(row, column)
    const cosines = cosineMap(tokens, DIMS, patch)
    const shown = await patchColours('view-third')
    let wrong = 0
    cosines.forEach((cosine, i) => {
      if (i === patch) return // under the mark
      const off = viridis((cosine + 1) / 2).map((value, c) => Math.abs(value - (shown[i * 4 + c] ?? NaN)))
      if (!(Math.max(...off) <= 2)) wrong++
    })
    // Lines of the mark lie over its neighbours.
    expect(wrong).toBeLessThanOrEqual(0)
    const others = [...cosines.keys()].filter((i) => i !== patch)
    const best = others.reduce((a, b) => ((cosines[b] ?? 0) > (cosines[a] ?? 0) ? b : a))
    const where = `row ${Math.floor(best / COLUMNS)}, column ${best % COLUMNS}`
    expect(await text('read-other')).toBe(`${where} (${cosines[best]?.toFixed(2).replace('-', '−')})`)
  }
})

test("tokens as colours are the library's, and the foreground alone has colours of its own", async () => {
  await page.mouse.move(0, 0)
  const tokens = await savedTokens()
  const expected = pcaColors(tokens, DIMS)
  const shown = await patchColours('view-pca')
  const off = [...expected].filter((value, i) => {
    const patch = Math.floor(i / 3)
    return Math.abs(value - (shown[patch * 4 + (i % 3)] ?? NaN)) > 2
  })
  expect(off.length / expected.length).toBeLessThan(0.02) // the marked patch

  await slide('foreground', 60)
  expect(await text('foreground-value')).toBe('40%')
  const clear = (await patchColours('view-pca')).filter((value, i) => i % 4 === 3 && value === 0).length
  expect(clear / DIMS[0]).toBeCloseTo(0.6, 1)
  await slide('foreground', 0)
})

test('a layer shows the tokens of that layer', async () => {
  const last = await savedTokens()
  await slide('layer', 2)
  expect(await text('layer-value')).toBe('2 of 6')
  const second = await savedTokens()
  expect(second).not.toEqual(last)
  const patch = await markAt(12, 6)
  const cosines = cosineMap(second, DIMS, patch)
  const shown = await patchColours('view-third')
  const colour = viridis(((cosines[0] ?? 0) + 1) / 2)
  expect(colour.every((value, c) => Math.abs(value - (shown[c] ?? NaN)) <= 2)).toBe(true)
  await slide('layer', 6)
  expect(await text('layer-value')).toBe('last')
  expect(await savedTokens()).toEqual(last)
})

test('finds by name what the labels say, and names no photo', async () => {
  const tokens = await savedTokens()
  const { names, emoji, vectors, patch } = await loadLabels()
  const scores = zeroShotMap(tokens, DIMS, vectors, patch)
  await view('Find by name')
  await expect.poll(() => page.locator('#find-names option').count()).toBe(names.length)
  const seen = (name: string): number =>
    Array.from({ length: DIMS[0] }, (_, p) => scores[p * names.length + names.indexOf(name)] ?? 0).filter(
      (share) => share >= 0.5,
    ).length
  for (const name of ['dog', 'fir', 'piano']) {
    await page.locator('#find-input').fill(name)
    await page.keyboard.press('Enter')
    const found = seen(name) === 0 ? 'is not seen in any patch' : `is seen in ${seen(name)} of ${DIMS[0]} patches`
    await expect.poll(() => text('find-note')).toBe(`${emoji[names.indexOf(name)]} ${name} ${found}.`)
  }
  expect(seen('dog')).toBeGreaterThan(4)
  await page.screenshot({ path: `${SHOTS}/find.png` })
  expect(await violations(page)).toEqual([])

  await page.getByRole('button', { name: 'Street' }).click()
  await encoded(page)
  expect(await text('find-note')).toContain('names for a photo would be wrong')
  expect(await page.locator('#find-input').isDisabled()).toBe(true)
  expect(await page.locator('#find-seen li').count()).toBe(0)
  await page.getByRole('button', { name: 'My picture shows emoji' }).click()
  expect(await page.locator('#find-input').isDisabled()).toBe(false)
})

test('compares with a second picture as the library does', async () => {
  await page.getByRole('button', { name: 'Night' }).click()
  await encoded(page)
  const night = { tokens: await savedTokens(), dims: DIMS }
  await page.getByRole('button', { name: 'Animals' }).click()
  await encoded(page)
  const animals = { tokens: await savedTokens(), dims: DIMS }
  await view('Second picture')
  await page.locator('#pair-select').selectOption('Night')
  await expect.poll(() => text('read-other'), { timeout: 60_000 }).toMatch(/^row/)
  const patch = await markAt(12, 6)
  const cosines = crossCosineMap(animals, patch, night)
  const best = cosines.indexOf(Math.max(...cosines))
  expect(await text('read-other')).toBe(`row ${Math.floor(best / COLUMNS)}, column ${best % COLUMNS}`)
  expect(await number('read-value')).toBeCloseTo(cosines[best] ?? NaN, 2)
  await page.locator('#pair-matches').check()
  const matches = Math.min(24, matchPatches(animals, night).length)
  await expect.poll(() => text('pair-note')).toContain(`The ${matches} best`)
  await page.screenshot({ path: `${SHOTS}/pair.png` })
  expect(await violations(page)).toEqual([])
})

test('shows the slices that MiniCPM-V would read, and encodes them', async () => {
  await view('Slices')
  const { overview, refined } = sliceSizes({ width: 640, height: 480 }, 14, 9)
  const tokens = (width: number, height: number): number => (width * height) / 196
  const all = tokens(overview.width, overview.height) + tokens(refined?.width ?? 0, refined?.height ?? 0)
  await expect.poll(() => text('slices-note')).toContain(`${refined?.columns} × ${refined?.rows} slices`)
  expect(await text('slices-note')).toContain(`${all} tokens in all`)
  await page.getByRole('button', { name: 'Encode the slices' }).click()
  await expect.poll(() => text('slices-note'), { timeout: 120_000 }).toContain('Encoded in')
  await page.screenshot({ path: `${SHOTS}/slices.png` })
})

test('a link brings back what was shown, and saves no picture', async () => {
  await view('Find by name')
  await page.locator('#find-input').fill('cat')
  await page.keyboard.press('Enter')
  await slide('foreground', 30)
  await page.locator('#foreground').dispatchEvent('change')
  const link = page.url()
  expect(new URL(link).hash).toBe('#picture=Animals&size=252x336&view=find&foreground=30&find=cat')
  await page.goto('about:blank')
  await page.goto(link)
  await encoded(page)
  await expect.poll(() => text('find-note')).toContain('🐱 cat is')
  expect(await text('foreground-value')).toBe('70%')
  expect(await text('grid-note')).toContain(`${ROWS} × ${COLUMNS}`)
  const png = await savedBy('export-png')
  expect(png.subarray(1, 4).toString()).toBe('PNG')
  expect(png.readUInt32BE(16)).toBeGreaterThan(900)
})

test('tells developers of the device, its memory and kernels, and checks it against PyTorch', async () => {
  await page.locator('#developer summary').click()
  await expect.poll(() => page.locator('#adapter').textContent()).toContain('swiftshader')
  expect(await text('ledger')).toMatch(/In all\d+\.\d MB in \d+ buffers/)
  await page.getByRole('button', { name: 'Measure each kernel' }).click()
  await expect.poll(() => text('profile-note'), { timeout: 60_000 }).toMatch(/^\d+ dispatches, .* GFLOP\/s$/)
  expect(await page.locator('#timeline tbody tr').count()).toBeGreaterThan(8)
  await page.getByRole('button', { name: 'Compare with PyTorch' }).click()
  await expect.poll(() => text('check-result'), { timeout: 60_000 }).toMatch(/^This device computes rightly/)
  expect(await violations(page)).toEqual([])
})

test('takes a picture of the camera', async () => {
  await page.getByRole('button', { name: 'Camera' }).click()
  const take = page.getByRole('button', { name: 'Take the picture' })
  await expect.poll(() => take.isVisible(), { timeout: 20_000 }).toBe(true)
  expect(await violations(page)).toEqual([])
  await take.click()
  await expect.poll(() => page.getByRole('button', { name: 'Animals' }).getAttribute('aria-pressed')).toBe('false')
  await encoded(page)
  expect(await page.locator('#camera').isVisible()).toBe(false)
})
