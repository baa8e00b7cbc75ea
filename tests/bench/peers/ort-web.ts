import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright'
import { build, type Rolldown } from 'vite'
import { CHROMIUM_FLAGS, findChromium } from '../../../scripts/browser.mjs'
import { onnxTower, type AttentionForm } from '../onnx/tower.js'
import { peerFolder } from './install.js'
import type { Racer } from './race.js'
import { checkpointFile, writeParts, type Subject } from './subject.js'

const ORIGIN = 'http://localhost'

/** What ort-web-page.ts puts on the page. */
export interface PageRacer {
  run(): Promise<number>
  hidden(): Promise<string>
}
declare global {
  var racers: Record<string, PageRacer>
  var openOurs: (file: string, pixels: string, side: number) => Promise<void>
  var openOrt: (name: string, file: string, rows: string, dims: number[]) => Promise<void>
}

/** A page of the browser that tests use, with onnxruntime-web and the library of this folder in it. */
export class WebRace {
  readonly #browser: Browser
  readonly #page: Page
  readonly #subject: Subject

  private constructor(browser: Browser, page: Page, subject: Subject) {
    this.#browser = browser
    this.#page = page
    this.#subject = subject
  }

  static async open(subject: Subject): Promise<WebRace> {
    // Its own rasteriser, not the driver that scripts/mesa.sh names.
    const { VK_DRIVER_FILES: _, ...env } = process.env
    const browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS, env })
    const page = await browser.newPage()
    const dist = join(peerFolder('onnxruntime-web'), 'node_modules/onnxruntime-web/dist')
    const code = await pageCode()
    await page.route(`${ORIGIN}/**`, async (route) => {
      const name = basename(new URL(route.request().url()).pathname)
      if (name === '')
        return route.fulfill({ contentType: 'text/html', body: '<script type=module src=page.js></script>' })
      const body = code.get(name)
      if (body !== undefined) return route.fulfill({ contentType: 'text/javascript', body })
      const path = join(name.startsWith('ort') ? dist : subject.folder, name)
      return existsSync(path) ? route.fulfill({ path }) : route.fulfill({ status: 404 })
    })
    await page.goto(`${ORIGIN}/`)
    await page.waitForFunction(() => 'racers' in globalThis)
    return new WebRace(browser, page, subject)
  }

  async ours(): Promise<Racer> {
    checkpointFile(this.#subject)
    const { folder, pixels, side } = this.#subject
    writeParts(join(folder, 'pixels.f32'), [bytesOf(pixels.data)])
    await this.#page.evaluate((side) => openOurs('model.safetensors', 'pixels.f32', side), side)
    return this.#racer('sovit f32')
  }

  async ort(attention: AttentionForm): Promise<Racer> {
    const { folder, rows, positions } = this.#subject
    const name = `onnxruntime-web f32, ${attention} attention`
    const file = `${attention}.onnx`
    writeParts(join(folder, file), onnxTower({ ...this.#subject, element: 'f32', attention }).parts)
    writeParts(join(folder, 'rows.f32'), [bytesOf(rows)])
    const dims = [1, positions.length, rows.length / positions.length]
    await this.#page.evaluate(([name, file, dims]) => openOrt(name, file, 'rows.f32', dims), [
      name,
      file,
      dims,
    ] as const)
    return this.#racer(name)
  }

  close(): Promise<void> {
    return this.#browser.close()
  }

  #racer(name: string): Racer {
    return {
      name,
      run: () => this.#page.evaluate((name) => racers[name]?.run() ?? NaN, name),
      hidden: async () => {
        const base64 = await this.#page.evaluate((name) => racers[name]?.hidden() ?? '', name)
        return new Float32Array(Uint8Array.from(Buffer.from(base64, 'base64')).buffer)
      },
      close: () => undefined,
    }
  }
}

/** The page's scripts by name, with the library from its sources: `page.js`, and what that loads when it needs it. */
async function pageCode(): Promise<ReadonlyMap<string, string>> {
  const entry = join(import.meta.dirname, 'ort-web-page.ts')
  const output = { entryFileNames: 'page.js', chunkFileNames: '[name]-[hash].js' }
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, target: 'es2022', rolldownOptions: { input: entry, external: [/^\/ort/], output } },
  })) as Rolldown.RolldownOutput
  return new Map(
    built.output.flatMap((one) => (one.type === 'chunk' ? [[basename(one.fileName), one.code] as const] : [])),
  )
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
