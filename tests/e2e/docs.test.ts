/** Snippets of the documents that say `run`, run as they stand: on a software device, with tiny models in the hub's place. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium } from 'playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'
import { adapterOf, NODE, NODE_ON_MESA } from '../../scripts/dawn.mjs'
import type { FamilyModel } from '../support/families.js'
import { fencesOf, GUIDE, nameOf, ROOT, snippets } from '../support/fences.js'
import { serve, type StaticServer } from '../support/serve.js'

/** Tiny models of the same names, configs and heads, with random weights. */
const { families } = JSON.parse(readFileSync(join(ROOT, 'tests/fixtures/families.json'), 'utf8')) as {
  readonly families: readonly FamilyModel[]
}
/** What lies beside the snippets. */
const FILES: Readonly<Record<string, string>> = {
  'photo.png': 'tests/fixtures/images/large.png',
  'texts.json': 'tests/fixtures/zero-shot-texts.json',
  'tower.safetensors': 'tests/fixtures/models/sovit-tiny/model.safetensors',
}

let folder: string
let hub: StaticServer
beforeAll(async () => {
  mkdirSync(join(ROOT, 'test-results'), { recursive: true })
  folder = mkdtempSync(join(ROOT, 'test-results/docs-'))
  for (const model of families) for (const name of model.checkpoints) playHub(name, model)
  for (const [name, file] of Object.entries(FILES)) symlinkSync(join(ROOT, file), join(folder, name))
  hub = await serve(join(folder, 'hub'))
})
afterAll(async () => {
  await hub.close()
  rmSync(folder, { recursive: true })
})

/** The files of a repository, where a load asks for them. Of several namings of one network the first counts. */
function playHub(name: string, { folder: from, files, shared = {} }: FamilyModel): void {
  const to = join(folder, 'hub', name, 'resolve/main')
  if (!name.includes('/') || existsSync(to)) return
  mkdirSync(to, { recursive: true })
  const own = files.map((file) => [file, `${from}/${file}`] as const)
  for (const [file, path] of [...own, ...Object.entries(shared)]) symlinkSync(join(ROOT, path), join(to, file))
}

interface Ran {
  readonly printed: string
  readonly failed?: string
}

/** One process for all, as Dawn and the driver take longer to start than most snippets to run. */
async function runAll(): Promise<Readonly<Record<string, Ran>>> {
  const [program = 'node', ...before] = adapterOf(NODE, 'dawn') ? NODE : NODE_ON_MESA
  const env = { ...process.env, HF_ENDPOINT: hub.origin, HF_TOKEN: '' }
  const args = [...before, 'tests/support/run-snippets.mjs', folder]
  const { stdout } = await promisify(execFile)(program, args, { cwd: ROOT, env })
  return JSON.parse(stdout) as Readonly<Record<string, Ran>>
}

describe('in Node', () => {
  const running = snippets().filter(({ runs }) => runs)
  let ran: Readonly<Record<string, Ran>>
  beforeAll(async () => {
    for (const snippet of running) writeFileSync(join(folder, `${nameOf(snippet)}.mjs`), snippet.code)
    ran = await runAll()
  })

  test.each(running.map((snippet) => [nameOf(snippet), snippet] as const))('%s', (name, { prints }) => {
    const { printed, failed } = ran[`${name}.mjs`] ?? { printed: '' }
    expect(failed).toBeUndefined()
    if (prints !== null) expect(printed).toBe(prints)
  })
})

describe('in Chromium', () => {
  const executablePath = findChromium()
  const [page] = GUIDE.flatMap(fencesOf).filter(({ language, runs }) => language === 'html' && runs)

  test('the page without a bundler encodes a picture', async () => {
    if (!executablePath) throw new Error(NO_CHROMIUM)
    const site = await serve(ROOT)
    const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
    try {
      const tab = await browser.newPage()
      const complaints: string[] = []
      tab.on('pageerror', ({ message }) => complaints.push(message))
      await tab.route('**/page.html', (route) => route.fulfill({ contentType: 'text/html', body: page?.code ?? '' }))
      await tab.route('**/sovit/**', (route) =>
        route.fulfill({ path: join(ROOT, new URL(route.request().url()).pathname.replace('/sovit/', '')) }),
      )
      await tab.goto(`${site.origin}/page.html`)
      await tab.waitForFunction(() => document.querySelector('input')?.onchange)
      await tab.locator('input').setInputFiles(join(ROOT, FILES['photo.png'] ?? ''))
      await expect.poll(() => tab.locator('output').textContent(), { timeout: 60_000 }).toBe(page?.prints?.trim())
      expect(complaints).toEqual([])
    } finally {
      await browser.close()
      await site.close()
    }
  })
})
