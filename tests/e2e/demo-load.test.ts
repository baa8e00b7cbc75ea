/** Loading checkpoints in the demo: by name from a hub that is played here, from files, and what is kept of them. */
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Page } from 'playwright'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { folderFiles, Hub, HUB, padded, type Repository } from '../support/hub.js'
import { encodeAt, encoded, openSite, restyle, SHOTS, violations, type Site } from './page.js'

/** Two of its three shards hold the tower, and each is read at once. Its table is of 224×224 pixels. */
const FOLDER = 'tests/fixtures/models/minicpmv-sharded-bf16'
const FILES = readdirSync(FOLDER).map((name) => `${FOLDER}/${name}`)
const LAST = 'model-00003-of-00003.safetensors'
const NAME = 'openbmb/MiniCPM-V-2_6'
const TOKENS = /^256 × 72, grid 16 × 16/

let site: Site
let page: Page
const hub = new Hub({ [NAME]: folderFiles(FOLDER), 'openbmb/large': large() })

/** Of more bytes than a load without ranges holds in memory. */
function large(): Repository {
  const files = folderFiles('tests/fixtures/models/minicpmv-drop-stored')
  return new Map([...files].map(([name, bytes]) => [name, name.endsWith('.json') ? bytes : padded(bytes, 9e6)]))
}

/** One page for all, as a rasteriser takes seconds to load and to encode. */
beforeAll(async () => {
  site = await openSite()
  page = await site.open({ width: 1280, colorScheme: 'light' }, { stranger: HUB, prepare: (page) => hub.play(page) })
  await encodeAt(page, 56, 56)
})
afterAll(() => site.close())
afterEach(() => {
  expect(site.faults()).toEqual({ complaints: [], strangers: [] })
})

const text = (id: string): Promise<string | null> => page.locator(`#${id}`).textContent()
const shows = (id: string, what: string | RegExp): Promise<unknown> =>
  expect.poll(() => text(id), { timeout: 60_000 }).toEqual(expect.stringMatching(what))
const kind = (): Promise<string> => page.locator('input[name=model]:checked').inputValue()
/** Exactly, as the page has it for programs. */
const kept = async (): Promise<number> => Number(await page.locator('#kept-size').getAttribute('value'))
const action = (name: string | RegExp) => page.getByRole('alert').getByRole('button', { name })

/** Where the parts of the page are, however far it is scrolled. */
const layout = (): Promise<number[]> =>
  page.evaluate(() =>
    ['#stage', '.panels', '.explain'].map(
      (part) => (document.querySelector(part)?.getBoundingClientRect().top ?? 0) + window.scrollY,
    ),
  )

async function loadByName(name = NAME): Promise<void> {
  await page.getByText('By name', { exact: true }).click()
  await page.locator('#model-name-input').fill(name)
  await page.getByRole('button', { name: 'Load', exact: true }).click()
}

async function shoot(name: string): Promise<void> {
  await page.evaluate(() => {
    window.scrollTo(0, 0)
  })
  // A rasteriser is slow to draw what another size uncovers.
  await page.waitForTimeout(300)
  await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true })
}

async function useBuiltIn(): Promise<void> {
  if ((await text('fact-model'))?.startsWith('Built in')) return
  await page.getByText('Built in', { exact: true }).click()
  await shows('fact-model', /^Built in/)
  await encoded(page)
}

/** Dropped as by hand: the browser itself makes the event of paths. */
async function drop(paths: readonly string[]): Promise<void> {
  const session = await page.context().newCDPSession(page)
  const data = { items: [], files: paths.map((path) => resolve(path)), dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, x: 400, y: 300, data })
  }
  await session.detach()
}

test('shows how far a load by name is, and cancels it at once', async () => {
  expect(await page.locator('#kept').isVisible()).toBe(false)
  const before = await layout()
  await page.getByText('By name', { exact: true }).click()
  await shows('model-name-note', 'some 0.8 GB')
  expect(await page.locator('#known-models option').count()).toBeGreaterThan(3)
  hub.hold(LAST)
  await loadByName()
  await shows('phase', 'Fetching weights')
  await shows('bytes', '^246 kB of 431 kB')
  expect(await page.locator('#progress').evaluate((bar: HTMLProgressElement) => bar.value)).toBeCloseTo(0.571, 2)
  expect(await layout()).toEqual(before)
  expect(await violations(page)).toEqual([])
  await shoot('loading-light')
  await restyle(page, { width: 390, colorScheme: 'dark' })
  await shoot('loading-390-dark')
  await restyle(page, { width: 1280, colorScheme: 'light' })

  // The model in use goes on meanwhile, and the bar tells of the load.
  await page.locator('#fact-encode').evaluate((fact) => (fact.textContent = 'of the picture before'))
  await page.getByRole('button', { name: 'Traffic' }).click()
  await shows('fact-encode', / m?s$/)
  await shows('grid-note', '^and its 4 × 4 patches')
  expect(await text('phase')).toBe('Fetching weights')

  await page.getByRole('button', { name: 'Cancel' }).click()
  expect(await text('phase')).toBe('Cancelled')
  await shows('progress-note', /^\d+ kB are kept, loading again goes on from there\.$/)
  expect(await page.getByRole('alert').isVisible()).toBe(false)
  expect(await kind()).toBe('built-in')
  expect(await text('fact-model')).toContain('Built in')
  await expect.poll(kept).toBe(hub.bytes)
  expect(await page.locator('#kept').innerText()).toMatch(/^Kept in this browser:\s\d+ kB\sDelete$/)
  expect(await layout()).toEqual(before)
  await shoot('cancelled-light')
  await restyle(page, { width: 390, colorScheme: 'dark' })
  await shoot('cancelled-390-dark')
  await restyle(page, { width: 1280, colorScheme: 'light' })
  await encodeAt(page, 70, 70)
})

test('goes on where it was', async () => {
  hub.release()
  const before = hub.bytes
  hub.answered = []
  await loadByName()
  await shows('fact-model', NAME)
  await encoded(page)
  await shows('fact-tokens', '25')
  expect(hub.answered).toEqual([`${LAST} 2808-187815`])
  await shoot('loaded-light')
  await encodeAt(page, 224, 224)
  await shows('fact-tokens', TOKENS)
  expect(await text('fact-model')).toBe(NAME)
  expect(await kind()).toBe('name')
  expect(await text('fact-read')).toMatch(/^\d\d\d kB from the network, \d\d\d kB from this browser$/)
  await expect.poll(kept).toBe(before + hub.bytes)
})

test('after a reload no weights are fetched', async () => {
  await page.reload()
  await encodeAt(page, 224, 224)
  await expect.poll(kept).toBeGreaterThan(431_000)
  hub.answered = []
  await loadByName()
  await shows('fact-model', NAME)
  await encoded(page)
  await shows('fact-tokens', TOKENS)
  expect(hub.answered).toEqual([])
  expect(await text('fact-read')).toMatch(/^0 B from the network, \d\d\d kB from this/)
  await shows('model-name-note', 'nothing needs to be fetched')
  await restyle(page, { width: 390, colorScheme: 'dark' })
  await shoot('kept-390-dark')
  expect(await violations(page)).toEqual([])
  await restyle(page, { width: 1280, colorScheme: 'light' })
})

test('what is kept can be deleted', async () => {
  await page.getByRole('button', { name: 'Delete' }).click()
  await shows('kept-said', /^Deleted \d\d\d kB\.$/)
  expect(await page.locator('#kept').isVisible()).toBe(false)
  await shows('model-name-note', 'some 0.8 GB')
  expect(await kept()).toBe(0)
})

test('says when a server knows no ranges', async () => {
  await useBuiltIn()
  const notes = await page.evaluateHandle(() => {
    const seen: string[] = []
    const note = document.getElementById('progress-note')
    if (note) new MutationObserver(() => seen.push(note.textContent)).observe(note, { childList: true })
    return seen
  })
  hub.status = 200
  await loadByName('openbmb/large')
  await shows('fact-model', 'openbmb/large')
  hub.status = 206
  await encoded(page)
  expect((await notes.jsonValue()).join()).toContain('only from their start')
  expect(await text('progress-note')).toBe('')
})

test.each<[string, (hub: Hub) => void, RegExp, string]>([
  ['refused', (hub) => (hub.status = 403), /refused \(status 403\)/, 'Choose files'],
  ['absent', (hub) => (hub.status = 404), /^Neither model\.safetensors/, 'Change the name'],
  ['unreachable', (hub) => (hub.unreachable = true), /could not be read/, 'Try again'],
])('%s: says why and what helps, and leaves the model in use', async (name, break_, message, remedy) => {
  await useBuiltIn()
  break_(hub)
  await loadByName(`openbmb/${name}`)
  await page.getByRole('alert').getByText(message).waitFor()
  expect(await kind()).toBe('built-in')
  expect(await text('fact-model')).toContain('Built in')
  expect(await action(remedy).isVisible()).toBe(true)
  if (remedy === 'Change the name') {
    await action(remedy).click()
    expect(await page.locator('#model-name-input').evaluate((field) => field === document.activeElement)).toBe(true)
  }
  hub.status = 206
  hub.unreachable = false
  if (remedy === 'Try again') {
    await action(remedy).click()
    await page
      .getByRole('alert')
      .getByText(/^Neither model/)
      .waitFor()
  }
})

test.each<[string, () => Promise<void>, RegExp]>([
  ['chosen shards', () => page.setInputFiles('#model-file-input', FILES), /^5 files$/],
  ['a chosen folder', () => page.setInputFiles('#model-folder-input', FOLDER), /^minicpmv-sharded-bf16$/],
  ['dropped shards', () => drop(FILES), /^5 files$/],
  ['a dropped folder', () => drop([FOLDER]), /^minicpmv-sharded-bf16$/],
])('loads %s', async (_, give, label) => {
  const before = await kept()
  await give()
  await shows('fact-model', label)
  await shows('fact-tokens', TOKENS)
  expect(await kind()).toBe('files')
  expect(await text('fact-read')).toMatch(/^\d\d\d kB of files$/)
  expect(await kept()).toBe(before)
})

test('a picture is still a picture when it is dropped', async () => {
  const aspect = page.locator('#view-picture')
  await drop(['demo/public/samples/street.png'])
  await expect
    .poll(() => aspect.evaluate((canvas: HTMLCanvasElement) => canvas.width / canvas.height))
    .toBeCloseTo(2.4, 1)
  await encoded(page)
})

// The last one: the page is no good afterwards.
test('a cache that fails is worth a quiet note, and no more', async () => {
  await useBuiltIn()
  await page.workers()[0]?.evaluate(() => {
    StorageManager.prototype.getDirectory = () => Promise.reject(new Error('no files'))
    CacheStorage.prototype.open = () => Promise.reject(new Error('no room'))
  })
  await loadByName()
  await shows('fact-model', NAME)
  await encoded(page)
  await shows('progress-note', /^The cache of weights fails \(no room\); the network is used instead\.$/)
  expect(await page.getByRole('alert').isVisible()).toBe(false)
  await shoot('cache-note-light')
})
