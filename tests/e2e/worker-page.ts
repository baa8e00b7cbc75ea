/** A page that imports the built package both ways, without a bundler, and what its tests run in it. */
import { existsSync } from 'node:fs'
import { chromium, type Page } from 'playwright'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'
import { serve } from '../support/serve.js'
import type * as Direct from '../../src/index.js'
import type * as InWorker from '../../src/worker/index.js'

export type Input = Direct.ImageInput | { readonly pixels: Direct.PixelValues }

/** What tests find in the page, besides the browser's own. */
export interface Lab {
  readonly direct: typeof Direct
  readonly worker: typeof InWorker
  /** The same model here and in a worker. */
  readonly here: Direct.VisionEncoder
  readonly there: InWorker.VisionEncoder
  /** What an error says, in a form that a page can answer a test. */
  readonly failure: (promise: Promise<unknown>) => Promise<Failure>
  /** A picture of every alpha, unpremultiplied. */
  readonly colours: () => ImageData
  /** Whether both encoders give the same bits for what `make` makes, tokens of which are not all the same. */
  readonly same: (make: () => Promise<Input> | Input, options?: InWorker.WorkerWholeOptions) => Promise<boolean>
}

export interface Failure {
  readonly name?: string
  readonly code?: string
  readonly message: string
  readonly cause?: string
}

declare global {
  interface Window {
    lab: Lab
  }
}

const PAGE = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>worker</title>
<script type="module">
  import * as direct from '/dist/index.js'
  import * as worker from '/dist/worker.js'
  const failure = (promise) => promise.then(
    () => ({ message: 'nothing failed' }),
    ({ name, code, message, cause }) => ({ name, code, message, cause: cause && String(cause.message ?? cause) }),
  )
  const colours = () => {
    const data = Uint8ClampedArray.from({ length: 64 * 48 * 4 }, (_, i) => (i % 4 === 3 ? i >> 2 : i * 37) & 255)
    return new ImageData(data, 64, 48)
  }
  const bits = ({ tokens }) => new Uint32Array(tokens.buffer, tokens.byteOffset, tokens.length)
  async function same(make, options = {}) {
    const a = bits(await lab.here.encode(await make(), { size: 56 }))
    const b = bits(await lab.there.encode(await make(), { size: 56, ...options }))
    return a.length === b.length && new Set(a).size > 100 && a.every((one, i) => one === b[i])
  }
  window.lab = { direct, worker, failure, colours, same }
</script>`

export interface Site {
  readonly page: Page
  readonly origin: string
  /** What the page complained about since the last call. */
  complaints(): string[]
  close(): Promise<void>
}

export async function openPage(): Promise<Site> {
  if (!existsSync('dist/worker.js')) throw new Error('dist/ is missing: run `npm run build` first.')
  const executablePath = findChromium()
  if (!executablePath) throw new Error(NO_CHROMIUM)
  const server = await serve('.')
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
  const page = await browser.newPage()
  let complaints: string[] = []
  page.on('pageerror', ({ message }) => complaints.push(message))
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  await page.route('**/lab/page.html', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }))
  await page.goto(`${server.origin}/lab/page.html`)
  await page.waitForFunction(() => 'lab' in window)
  return {
    page,
    origin: server.origin,
    complaints() {
      const found = complaints
      complaints = []
      return found
    },
    async close() {
      await browser.close()
      await server.close()
    },
  }
}

/** Loads the built-in model here and in a worker. */
export async function loadBoth(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { direct, worker } = window.lab
    const encoders = { here: await direct.VisionEncoder.load(), there: await worker.VisionEncoder.load() }
    Object.assign(window.lab, encoders)
  })
}
