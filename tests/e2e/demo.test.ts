import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import type { Page } from 'playwright'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { encodeAt, encoded, openSite, restyle, SHOTS, violations, type Look, type Site } from './page.js'

const SAMPLE = 'demo/public/samples/street.png'

let site: Site

beforeAll(async () => {
  site = await openSite()
})
afterAll(() => site.close())
afterEach(() => {
  expect(site.faults()).toEqual({ complaints: [], strangers: [] })
})

/** How many different colours a canvas shows. */
function colours(page: Page, id: string): Promise<number> {
  return page.locator(`#${id}`).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    const seen = new Set<number>()
    for (let i = 0; i < data.length; i += 4)
      seen.add((data[i] ?? 0) * 65536 + (data[i + 1] ?? 0) * 256 + (data[i + 2] ?? 0))
    return seen.size
  })
}

async function readout(page: Page): Promise<[number, number]> {
  const text = await Promise.all(['row', 'column'].map((name) => page.locator(`#read-${name}`).textContent()))
  return [Number(text[0]), Number(text[1])]
}

/** One page for all, as a rasteriser takes seconds to load and to encode. Each test leaves it with tokens on show. */
describe('the page', () => {
  let page: Page

  beforeAll(async () => {
    page = await site.open({ width: 390, colorScheme: 'dark' })
    await encoded(page)
  })

  test('encodes the first sample as it opens, and shows its tokens and what is marked in it', async () => {
    expect(await page.locator('#fact-tokens').textContent()).toMatch(/^1024 × \d+, grid 32 × 32/)
    expect(await colours(page, 'view-pca')).toBeGreaterThan(100)
    expect(await colours(page, 'view-third')).toBeGreaterThan(50)
    expect(await page.locator('#read-value').textContent()).toBe('1.00')
    expect(await readout(page)).toEqual([22, 8])
  })

  test.each<Look>([
    { width: 390, colorScheme: 'dark' },
    { width: 800, colorScheme: 'light' },
    { width: 1920, colorScheme: 'dark' },
    { width: 1280, colorScheme: 'light' },
  ])('fits $width pixels, $colorScheme', async (look) => {
    await restyle(page, look)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(look.width)
    await page.screenshot({ path: `${SHOTS}/${look.width}-${look.colorScheme}.png`, fullPage: true })
    expect(await violations(page)).toEqual([])
  })

  test('moves with the arrow keys, and stops at the edges', async () => {
    await page.locator('#stage').focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowUp')
    expect(await readout(page)).toEqual([21, 9])
    expect(await page.locator('#spoken').textContent()).toMatch(
      /^Row 21, column 9, cosine 0\.\d\d$|^Row 21, column 9, cosine 1\.00$/,
    )
    for (const key of ['End', 'ArrowRight', 'PageDown', 'ArrowDown']) await page.keyboard.press(key)
    expect(await readout(page)).toEqual([31, 31])
  })

  test('follows the pointer and holds a patch on a click', async () => {
    const box = await page.locator('#view-pca').boundingBox()
    if (!box) throw new Error('The PCA view has no box.')
    const point = async (row: number, column: number): Promise<void> => {
      await page.mouse.move(box.x + (box.width * (column + 0.5)) / 32, box.y + (box.height * (row + 0.5)) / 32)
    }
    await point(3, 28)
    await expect.poll(() => readout(page)).toEqual([3, 28])
    await page.mouse.down()
    await page.mouse.up()
    await point(27, 4)
    await expect.poll(() => readout(page)).toEqual([27, 4])
    expect(await page.locator('#read-other').textContent()).toBe('row 3, column 28')
    expect(Number((await page.locator('#read-value').textContent())?.replace('−', '-'))).toBeLessThan(0.995)
  })

  test('encodes other sizes', async () => {
    await encodeAt(page, 150, 280)
    expect(await page.locator('#grid-note').textContent()).toContain('10 × 20')
  })

  test('encodes a chosen, a dropped and a pasted picture', async () => {
    const bytes = [...(await readFile(SAMPLE))]
    const give = (kind: 'drop' | 'paste'): Promise<void> =>
      page.evaluate(
        ([bytes, kind]) => {
          const data = new DataTransfer()
          data.items.add(new File([new Uint8Array(bytes)], 'x.png', { type: 'image/png' }))
          const options = { bubbles: true, cancelable: true }
          const event =
            kind === 'drop'
              ? new DragEvent('drop', { ...options, dataTransfer: data })
              : new ClipboardEvent('paste', { ...options, clipboardData: data })
          document.body.dispatchEvent(event)
        },
        [bytes, kind] as const,
      )
    const aspect = (): Promise<number> =>
      page.locator('#view-picture').evaluate((canvas: HTMLCanvasElement) => canvas.width / canvas.height)
    const tall = page.getByRole('button', { name: 'Balloons' })
    for (const way of [() => page.setInputFiles('#picture-file', SAMPLE), () => give('drop'), () => give('paste')]) {
      await tall.click()
      await expect.poll(aspect).toBeLessThan(1)
      await encoded(page)
      await way()
      await expect.poll(aspect).toBeCloseTo(2.4, 1)
      await encoded(page)
      expect(await colours(page, 'view-pca')).toBeGreaterThan(100)
      expect(await tall.getAttribute('aria-pressed')).toBe('false')
    }
  })

  test('says what is wrong with a file, moves nothing, and goes on', async () => {
    const before = await page.locator('#stage').boundingBox()
    await page.setInputFiles('#picture-file', { name: '<b>.png', mimeType: 'image/png', buffer: Buffer.from('no') })
    await page.getByRole('alert').getByText('cannot decode').waitFor()
    expect(await page.locator('#stage').boundingBox()).toEqual(before)
    await page.screenshot({ path: `${SHOTS}/alert.png`, fullPage: true })
    expect(await violations(page)).toEqual([])
    await page.getByRole('button', { name: 'Dismiss' }).click()

    await page.getByText('Files', { exact: true }).click()
    await page.setInputFiles('#model-file-input', { name: 'x.safetensors', mimeType: '', buffer: Buffer.from('no') })
    await page.getByRole('alert').getByText('x.safetensors').waitFor()
    expect(await page.getByRole('radio', { name: 'Built in' }).isChecked()).toBe(true)
    expect(await page.getByRole('button', { name: 'Choose other files' }).isVisible()).toBe(true)
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await page.locator('#size-apply').click()
    await encoded(page)
    expect(await page.getByRole('alert').isVisible()).toBe(false)
  })
})

test('shows a recorded result while the model takes its time, and moves nothing', async () => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  const prepare = async (page: Page): Promise<void> => {
    await page.addInitScript(() => {
      const seen = { shift: 0 }
      Object.assign(globalThis, { seen })
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries() as (PerformanceEntry & { value: number })[]) seen.shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
    })
    await page.route(/sovit-nano.*\.safetensors$/, async (route) => {
      await held
      await route.continue()
    })
  }
  const page = await site.open({ width: 1280, colorScheme: 'light' }, { prepare })
  await expect.poll(() => page.locator('#progress-note').textContent(), { timeout: 20_000 }).toContain('is recorded')
  expect(await page.locator('#grid-note').textContent()).toBe('and its 18 × 24 patches')
  expect(await readout(page)).toEqual([12, 6])
  release()
  await encoded(page)
  expect(await page.locator('#grid-note').textContent()).toBe('and its 32 × 32 patches')
  expect(await page.locator('#progress-note').textContent()).toBe('')
  const shift = await page.evaluate(() => (globalThis as unknown as { seen: { shift: number } }).seen.shift)
  expect(shift).toBeLessThan(0.01)
})

test('opens again without a network, and is small', async () => {
  const page = await site.open({ width: 1280, colorScheme: 'light' }, { path: '#size=56x56', offline: true })
  await encoded(page)
  const loaded = await page.evaluate(() =>
    performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname),
  )
  // Code of the first view, in the page and its worker, as a server sends it; kernels of rasterisers are for no GPU.
  const ofRasterisers = /(matmul-direct|attention-direct|patch-embed-direct)-/
  const inWorker = page
    .workers()[0]
    ?.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname))
  const code = new Set(
    [...loaded, ...((await inWorker) ?? []), '/index.html'].filter(
      (path) => /\.(js|css|html)$/.test(path) && !ofRasterisers.test(path),
    ),
  )
  const bytes = [...code].map((path) => gzipSync(readFileSync(`demo/dist${path}`)).length)
  expect(code.size).toBeGreaterThan(10)
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(100_000)

  const kept = (): Promise<boolean> =>
    page.evaluate(async () => (await navigator.serviceWorker.getRegistration())?.active?.state === 'activated')
  await expect.poll(kept, { timeout: 20_000 }).toBe(true)
  await page.context().setOffline(true)
  await page.reload()
  await encoded(page)
  await page.getByRole('button', { name: 'Picnic' }).click()
  await encoded(page)
  expect(await page.locator('#fact-model').textContent()).toContain('sovit-nano')
})

test('explains itself without WebGPU', async () => {
  // In the worker, where the encoder would run.
  const without = "Object.defineProperty(self.navigator, 'gpu', { value: undefined });"
  const prepare = (page: Page): Promise<unknown> =>
    page.route(/worker-entry.*\.js$/, async (route) => {
      const response = await route.fetch()
      await route.fulfill({ response, body: without + (await response.text()) })
    })
  const page = await site.open({ width: 1280, colorScheme: 'light' }, { prepare })
  await page.getByRole('heading', { name: 'This page needs WebGPU' }).waitFor()
  expect(await page.locator('#unsupported-reason').textContent()).toContain('NO_WEBGPU')
  expect(await page.locator('.advice .here').textContent()).toContain('Chromium')
  expect(await page.locator('#view-picture').isVisible()).toBe(true)
  // What is kept of the picture is fetched, and comes a little later.
  const patience = { timeout: 30_000 }
  await expect.poll(() => page.locator('#grid-note').textContent(), patience).toBe('and its 18 × 24 patches')
  await expect.poll(() => colours(page, 'view-third'), patience).toBeGreaterThan(20)
  expect(await page.locator('#settings').isVisible()).toBe(false)
  await page.screenshot({ path: `${SHOTS}/no-webgpu.png`, fullPage: true })
  expect(await violations(page)).toEqual([])
})
