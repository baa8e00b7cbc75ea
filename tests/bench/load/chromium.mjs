// Loads in a page of Chromium, with a profile on disk as people have: memory of the page and of all processes, and time.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import puppeteer from 'puppeteer-core'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../../scripts/browser.mjs'

const POLL_MS = 50
/** Chromium loads pages of its own when it has opened, as for its address bar: 1 s of a core and 60 MB. */
const SETTLE_MS = 3000

/** A folder for the profile of a browser, which outlives it. */
export function newProfile() {
  const profile = mkdtempSync(join(tmpdir(), 'sovit-load-'))
  return { profile, remove: () => rmSync(profile, { recursive: true, force: true }) }
}

/**
 * A page that has imported the library, in a browser of its own.
 * @param {string} root of the server: `dist/` and `page.html` lie there
 */
export async function openPage(root, profile) {
  const executablePath = findChromium()
  if (!executablePath) throw new Error(NO_CHROMIUM)
  const browser = await puppeteer.launch({
    executablePath,
    args: CHROMIUM_FLAGS,
    userDataDir: profile,
    // Else the page keeps the bodies of answers for an inspector: some 200 MB of a load, and 20 ms a request.
    networkEnabled: false,
  })
  const page = await browser.newPage()
  await page.goto(`${root}page.html`)
  const cdp = await page.createCDPSession()
  const adapter = await page.evaluate(prepare, `${root}dist/index.js`)
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  return { page, cdp, adapter, close: () => browser.close() }
}

/** In the page: imports the library, and has the GPU process started. */
async function prepare(library) {
  const { VisionEncoder } = await import(library)
  globalThis.VisionEncoder = VisionEncoder
  const support = await VisionEncoder.support()
  const { vendor, architecture, description } = support.device
  return [vendor, architecture, description].filter(Boolean).join(' ')
}

/** In the page: loads, or reads the same bytes and drops them. Returns milliseconds. */
async function load({ address, cache, manifest: file }) {
  const manifest = file && (await (await fetch(file)).json())
  const start = performance.now()
  const encoder = await globalThis.VisionEncoder.load(address, { cache, manifest, precision: 'f32', heads: 'none' })
  const ms = performance.now() - start
  const { fetchedBytes, cachedBytes, weightBytes } = encoder.load
  encoder.dispose()
  return { ms, fetchedBytes, cachedBytes, weightBytes }
}

async function download({ address, span: { file, begin, end } }) {
  const start = performance.now()
  const headers = { range: `bytes=${begin}-${end - 1}` }
  const response = await fetch(new URL(file, address), { headers, cache: 'no-store' })
  const reader = response.body.getReader()
  for (;;) if ((await reader.read()).done) break
  return { ms: performance.now() - start }
}

/** One load, with the peaks of the page's heap and array buffers and of the memory of all processes, above idle. */
export async function measureLoad({ page, cdp }, task) {
  const heap = async () => {
    const { usedSize, backingStorageSize = 0 } = await cdp.send('Runtime.getHeapUsage')
    return usedSize + backingStorageSize
  }
  await cdp.send('HeapProfiler.collectGarbage')
  const idle = { heap: await heap(), tree: treeBytes() }
  const peak = { ...idle }
  let running = true
  const watch = (async () => {
    while (running) {
      peak.heap = Math.max(peak.heap, await heap())
      peak.tree = Math.max(peak.tree, treeBytes())
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  })()
  const result = await page.evaluate(load, task)
  running = false
  await watch
  return { ...result, idle, heap: peak.heap - idle.heap, tree: peak.tree - idle.tree }
}

export const timeLoad = ({ page }, task) => page.evaluate(load, task)
export const clearCache = ({ page }) => page.evaluate(() => globalThis.VisionEncoder.cache.clear())
export const timeDownload = ({ page }, task) => page.evaluate(download, task)

/** Memory of all processes below this one, each shared page once: only Linux tells. */
function treeBytes() {
  const parents = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ')
      parents.set(Number(name), Number(fields[1]))
    } catch {
      // It has ended.
    }
  }
  const isBelow = (pid) =>
    pid !== undefined && pid > 1 && (parents.get(pid) === process.pid || isBelow(parents.get(pid)))
  return [...parents.keys()].filter(isBelow).reduce((sum, pid) => sum + memoryOf(pid), 0)
}

function memoryOf(pid) {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('server.mjs')) return 0
    return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
