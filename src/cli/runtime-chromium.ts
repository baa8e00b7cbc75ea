import { join } from 'node:path'
import type { Browser, BrowserType, Page } from 'playwright-core'
import type { ProgressEvent } from '../checkpoint/types.js'
import type { Encoding } from '../encoder/types.js'
import { SovitError, throwIfAborted, type SovitErrorCode } from '../errors.js'
import { findChromium } from './chromium-find.js'
import { encodeInPage, loadInPage, type Failure, type LoadRequest, type PageEncoding } from './chromium-page.js'
import { filesOf } from './model-ref.js'
import { packageRoot } from './package.js'
import { startPageServer, type PageServer } from './page-server.js'
import { watchPeak } from './peak.js'
import { peer } from './peer.js'
import type { EncodeJob, EncodeReport, Runtime } from './runtime.js'

const HARDWARE = ['--enable-unsafe-webgpu', '--enable-features=Vulkan', '--ignore-gpu-blocklist']

/** The only CPU adapter that Chromium accepts. */
const SWIFTSHADER = [
  ...HARDWARE,
  '--use-vulkan=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
]

/** A headless Chromium: with the machine's GPU, else with its software rasteriser. Throws as `openNode`. */
export async function openChromium(signal: AbortSignal): Promise<Runtime> {
  const { chromium } = await peer('playwright-core', '--runtime chromium', import('playwright-core'))
  const executablePath = findChromium(chromium.executablePath())
  for (const args of [HARDWARE, SWIFTSHADER]) {
    throwIfAborted(signal, 'The start of Chromium')
    const browser = await launch(chromium, executablePath, args)
    if (await hasAdapter(browser)) {
      return { name: 'chromium', encode: (job) => encode(browser, job), close: () => browser.close() }
    }
    await browser.close()
  }
  const wayOut = 'Update it, or name another with SOVIT_CHROMIUM (a headless shell has no WebGPU)'
  throw new SovitError('NO_ADAPTER', `${executablePath} offers no WebGPU adapter, not even a software one. ${wayOut}.`)
}

async function launch(chromium: BrowserType, executablePath: string, args: readonly string[]): Promise<Browser> {
  // Chromium's sandbox refuses to run as root, as in containers.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  try {
    return await chromium.launch({ executablePath, args: [...args, ...sandbox], handleSIGINT: false })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n', 1).join('') : String(cause)
    throw new SovitError('NO_ADAPTER', `${executablePath} does not start: ${why}`, { cause })
  }
}

/** Asked on a served page: WebGPU exists only in secure contexts, and `about:blank` is none. */
async function hasAdapter(browser: Browser): Promise<boolean> {
  const page = await browser.newPage()
  await page.route('**', (route) => route.fulfill({ contentType: 'text/html', body: '' }))
  await page.goto('http://127.0.0.1/')
  const found = await page.evaluate(async () => Boolean(await (navigator as { gpu?: GPU }).gpu?.requestAdapter()))
  await page.close()
  return found
}

async function encode(browser: Browser, job: EncodeJob): Promise<EncodeReport> {
  const server = await startPageServer({
    library: join(packageRoot(), 'dist'),
    model: job.model,
    pixels: job.pictures.map(({ pixels }) => pixels),
  })
  // Closing the browser fails whatever the page is doing, at once.
  const stop = (): void => void browser.close()
  job.signal.addEventListener('abort', stop, { once: true })
  try {
    return await encodeOnPage(await browser.newPage(), server, job)
  } catch (cause) {
    throwIfAborted(job.signal, 'The encode')
    if (cause instanceof SovitError) throw cause
    const why = cause instanceof Error ? cause.message.split('\n', 1).join('') : String(cause)
    throw new SovitError('DEVICE_LOST', `The Chromium page ended before the result: ${why}`, { cause })
  } finally {
    job.signal.removeEventListener('abort', stop)
    server.close()
  }
}

async function encodeOnPage(page: Page, server: PageServer, job: EncodeJob): Promise<EncodeReport> {
  const named = <T extends { name: string }>(event: T): T => ({ ...event, name: job.model.name })
  await page.exposeFunction('sovitProgress', (event: ProgressEvent) => job.onProgress(named(event)))
  await page.goto(server.root)
  const model = `${server.root}model/${filesOf(job.model).file}`
  const shown = (failure: Failure): SovitError => {
    const message = failure.message.replaceAll(model, job.model.name).replaceAll(`${server.root}model/`, '')
    return new SovitError(failure.code as SovitErrorCode, message)
  }

  const heap = await page.context().newCDPSession(page)
  const peak = watchPeak(async () => {
    const usage: { usedSize: number; backingStorageSize?: number } = await heap.send('Runtime.getHeapUsage')
    return usage.usedSize + (usage.backingStorageSize ?? 0)
  })
  const request: LoadRequest = { library: `${server.root}lib/index.js`, model, tower: job.tower }
  const loaded = await page.evaluateHandle(loadInPage, request).finally(peak.stop)
  const peakHostBytes = await peak.stop()
  const failure = await loaded.evaluate((result) => result.failure)
  if (failure) throw shown(failure)

  const report = await loaded.evaluate(encodeInPage, {
    pictures: job.pictures.map(({ pixels: { width, height }, source }, i) => {
      return { url: `${server.root}pixels/${i}`, width, height, source }
    }),
    hiddenStates: job.hiddenStates,
    repeat: job.repeat,
    results: `${server.root}results/`,
  })
  if ('failure' in report) throw shown(report.failure)
  return {
    model: report.model,
    device: { ...report.device, backend: 'chromium' },
    precision: report.precision,
    arithmetic: report.arithmetic,
    load: { ...report.load, gpuBytes: report.gpuBytes, peakHostBytes },
    encodings: report.encodings.map((encoding, i) => collect(encoding, i, server.results)),
    ms: report.ms,
    gpuMs: report.gpuMs,
  }
}

/** Puts the posted arrays of picture `i` back beside its shapes. */
function collect(
  { layers, heads, ...encoding }: PageEncoding,
  i: number,
  results: ReadonlyMap<string, Float32Array>,
): Encoding {
  const array = (name: string): Float32Array => {
    const found = results.get(`${i}/${name}`)
    if (!found) throw new SovitError('NETWORK', `The page did not send ${name} of picture ${i} back. Try again.`)
    return found
  }
  const states = Array.from({ length: layers }, (_, layer) => array(String(layer)))
  const features = Object.entries(heads).map(([name, dims]) => [name, { data: array(name), dims, type: 'float32' }])
  return {
    ...encoding,
    ...(Object.fromEntries(features) as Pick<Encoding, 'pooled' | 'resampled' | 'merged'>),
    tokens: array('tokens'),
    ...(layers > 0 && { hiddenStates: states }),
  }
}
