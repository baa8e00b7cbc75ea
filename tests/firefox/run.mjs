// npm run test:firefox: encodes the built-in model's picture in a headless Firefox, whose WebGPU (wgpu, with the compiler
// naga) shares no code with Dawn, and compares the tokens with torch's; then keeps the model and loads it without the network. On
// demand, not part of npm test.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import puppeteer from 'puppeteer-core'

const ROOT = join(import.meta.dirname, '../..')
const PATHS = ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox']
const PREFERENCES = {
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true, // software drivers are on it
  'gfx.webgpu.force-enabled': true,
}

/** The bounds of tests/gpu/encoder.golden.test.ts. */
const BOUNDS = { f32: { cosine: 0.99999, nmse: 1e-9 }, f16: { cosine: 0.9995, nmse: Infinity } }

/** Serves dist/ and weights/ from localhost, a secure context, beside an empty page; parts of files, too. */
async function serve() {
  const server = createServer((request, response) => {
    const path = normalize(request.url ?? '/')
    if (path === '/') return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>')
    if (!/^\/(dist|weights)\//.test(path)) return response.writeHead(404).end()
    readFile(join(ROOT, path)).then(
      (bytes) => {
        const type = extname(path) === '.js' ? 'text/javascript' : 'application/octet-stream'
        const [, begin, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
        if (!last) return response.writeHead(200, { 'content-type': type }).end(bytes)
        const part = bytes.subarray(begin, Number(last) + 1)
        response.writeHead(206, { 'content-range': `bytes ${begin}-${last}/${bytes.length}` }).end(part)
      },
      () => response.writeHead(404).end(),
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

/** Runs in the page: the adapter in words, and for each precision how far the tokens are from torch's. */
async function encodeInPage() {
  const { VisionEncoder } = await import('/dist/index.js')
  const { selfCheck } = await import('/dist/nano.js')
  const support = await VisionEncoder.support()
  if (!support.ok) throw new Error(support.message)
  const { vendor, architecture, description, features } = support.device
  const results = []
  for (const precision of features.includes('shader-f16') ? ['f32', 'f16'] : ['f32']) {
    const start = performance.now()
    const encoder = await VisionEncoder.load(undefined, { precision })
    const loaded = performance.now()
    const errors = await selfCheck(encoder)
    const seconds = [loaded - start, performance.now() - loaded].map((time) => time / 1000)
    encoder.dispose()
    results.push({ precision, seconds, ...errors })
  }
  return { adapter: [vendor, architecture, description].filter(Boolean).join(', '), features, results }
}

/** Runs in the page: bytes of a load that keeps what it reads, and of the next; the files that are kept; what failed of that. */
async function keepInPage() {
  const { VisionEncoder } = await import('/dist/index.js')
  const failures = []
  const onProgress = ({ message }) => message && failures.push(message)
  const loads = []
  for (let i = 0; i < 2; i++) {
    const encoder = await VisionEncoder.load('/weights/nano/sovit-nano.safetensors', { onProgress })
    const { fetchedBytes, cachedBytes } = encoder.load
    loads.push({ fetchedBytes, cachedBytes })
    encoder.dispose()
  }
  const files = []
  for await (const folder of (await navigator.storage.getDirectory()).values())
    for await (const group of folder.values()) for await (const file of group.keys()) files.push(file)
  await VisionEncoder.cache.clear()
  return { loads, files: files.length, failures, left: await VisionEncoder.cache.size() }
}

const executablePath = [process.env.SOVIT_FIREFOX, ...PATHS].find((path) => path && existsSync(path))
if (!executablePath) {
  console.error(
    'No Firefox found: install one (Debian: apt-get install firefox-esr), or set SOVIT_FIREFOX to its path.',
  )
  process.exit(1)
}
const server = await serve()
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  headless: true,
  extraPrefsFirefox: PREFERENCES,
  protocolTimeout: 300_000,
})
try {
  const page = await browser.newPage()
  await page.goto(`http://localhost:${server.address().port}/`)
  const { adapter, features, results } = await page.evaluate(encodeInPage)
  // Firefox names no adapter, so the driver is the best that can be said.
  const driver = adapter || process.env.VK_DRIVER_FILES
  console.log(`${await browser.version()}, ${driver}, ${features.join(' ') || 'no features'}`)
  for (const { precision, seconds, cosine, nmse } of results) {
    const passed = cosine >= BOUNDS[precision].cosine && nmse <= BOUNDS[precision].nmse
    const times = `loaded in ${seconds[0].toFixed(1)} s, encoded in ${seconds[1].toFixed(1)} s`
    const errors = `min cosine ${cosine.toFixed(8)}, NMSE ${nmse.toExponential(1)}`
    console.log(`${precision}: ${errors}: ${passed ? 'passed' : 'FAILED'} (${times})`)
    if (!passed) process.exitCode = 1
  }
  const { loads, files, failures, left } = await page.evaluate(keepInPage)
  const [first, second] = loads
  const kept = second.fetchedBytes === 0 && second.cachedBytes === first.fetchedBytes && left === 0 && files > 1
  const words = `${first.fetchedBytes} bytes kept in ${files} files, ${second.cachedBytes} taken from there, ${left} left`
  console.log([`${words}: ${kept && failures.length === 0 ? 'passed' : 'FAILED'}`, ...failures].join('\n'))
  if (!kept || failures.length > 0) process.exitCode = 1
} finally {
  await browser.close()
  server.close()
}
