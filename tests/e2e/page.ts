/** What tests of the built demo share: its server, its pages, and what is asked of every page. */
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium, type Page } from 'playwright'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'
import { serve } from '../support/serve.js'

export const SHOTS = 'test-results/demo'
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

export interface Look {
  readonly width: number
  readonly colorScheme: 'light' | 'dark'
}

export interface OpenOptions {
  /** Runs before the page's own scripts. */
  readonly script?: () => void
  /** Whether the page may keep itself for a visit without a network. */
  readonly offline?: boolean
  /** The page, and what its link says: what follows the origin's slash. */
  readonly path?: string
  /** Another origin that the page may ask, and whose refusals are no fault. */
  readonly stranger?: string
  /** Called before the page is loaded. */
  readonly prepare?: (page: Page) => Promise<unknown>
}

export interface Site {
  open(look: Look, options?: OpenOptions): Promise<Page>
  /** What the pages complained about, and asked of other origins, since the last call. */
  faults(): { readonly complaints: string[]; readonly strangers: string[] }
  close(): Promise<void>
}

/** Serves the built demo, and starts a browser for it. */
export async function openSite(): Promise<Site> {
  if (!existsSync('demo/dist/index.html')) throw new Error('demo/dist is missing: run `npm run build:demo` first.')
  const executablePath = findChromium()
  if (!executablePath) throw new Error(NO_CHROMIUM)
  await mkdir(SHOTS, { recursive: true })
  const server = await serve('demo/dist')
  // The camera is one of Chromium's own, and allowed.
  const camera = ['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']
  const browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, ...camera] })
  let complaints: string[] = []
  let strangers: string[] = []
  return {
    async open({ width, colorScheme }, { script, stranger, prepare, offline = false, path = '' } = {}) {
      const expected = (url: string): boolean => stranger !== undefined && url.startsWith(stranger)
      // No motion: colours half-way between two schemes would be measured, and drawn.
      const look = { viewport: { width, height: 900 }, colorScheme, reducedMotion: 'reduce' } as const
      // One of the built page's own is for pages without a network; requests behind it cannot be played with.
      const page = await browser.newPage({ ...look, serviceWorkers: offline ? 'allow' : 'block' })
      page.on('pageerror', (error) => complaints.push(error.message))
      page.on('console', (message) => {
        if (message.type() === 'error' && !expected(message.location().url)) complaints.push(message.text())
      })
      page.on('request', (request) => {
        const url = request.url()
        const own = /^(blob|data):/.test(url) || url.startsWith(server.origin)
        if (!own && !expected(url)) strangers.push(url)
      })
      if (script) await page.addInitScript(script)
      await prepare?.(page)
      await page.goto(`${server.origin}/${path}`)
      return page
    },
    faults() {
      const faults = { complaints, strangers }
      complaints = []
      strangers = []
      return faults
    },
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

export async function restyle(page: Page, { width, colorScheme }: Look): Promise<void> {
  await page.setViewportSize({ width, height: 900 })
  await page.emulateMedia({ colorScheme })
}

/** Waits for the end of an encode. */
export async function encoded(page: Page): Promise<void> {
  await page.waitForFunction(() => document.getElementById('phase')?.textContent.includes('tokens in'), null, {
    timeout: 120_000,
  })
}

/** Encodes at this size in pixels, now and later. */
export async function encodeAt(page: Page, height: number, width: number): Promise<void> {
  await page.getByText('Custom', { exact: true }).click()
  await page.locator('#size-height').fill(String(height))
  await page.locator('#size-width').fill(String(width))
  await page.locator('#size-apply').click()
  await encoded(page)
}

/** Rules of axe-core that the page breaks. axe is let in beside the content policy, by the debugger. */
export async function violations(page: Page): Promise<string[]> {
  await page.evaluate(await readFile(axe, 'utf8'))
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import('axe-core') }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
  })
}
