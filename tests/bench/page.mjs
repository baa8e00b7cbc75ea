// npm run bench:page [-- --rounds N]: how soon the built demo can be used, and shows its first tokens, from a server of this
// machine, each round in a fresh profile; and how much of it moves meanwhile. Prints the device first.
import { parseArgs } from 'node:util'
import { chromium } from 'playwright'
import { preview } from 'vite'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const executablePath = findChromium()
if (!executablePath) throw new Error(NO_CHROMIUM)

const server = await preview({ configFile: 'demo/vite.config.ts', preview: { port: 0 }, logLevel: 'warn' })
const url = server.resolvedUrls?.local[0]
const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })

/** In the page, before its own scripts: when the first tokens are said to be there, and what moved until then. */
function watch() {
  globalThis.measured = { tokens: NaN, shift: 0 }
  new PerformanceObserver((list) => {
    for (const { value } of list.getEntries()) globalThis.measured.shift += value
  }).observe({ type: 'layout-shift', buffered: true })
  new MutationObserver(() => {
    const said = document.getElementById('phase')?.textContent ?? ''
    if (said.includes('tokens in') && Number.isNaN(globalThis.measured.tokens)) {
      globalThis.measured.tokens = performance.now()
    }
  }).observe(document, { childList: true, subtree: true, characterData: true })
}

/** In the page. All listeners are there when the document's own scripts have run. */
function read() {
  const [{ domContentLoadedEventEnd }] = performance.getEntriesByType('navigation')
  const paint = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN
  return { usable: domContentLoadedEventEnd, paint, ...globalThis.measured }
}

const runs = []
for (let round = 0; round < Number(values.rounds); round++) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, serviceWorkers: 'block' })
  await page.addInitScript(watch)
  await page.goto(url)
  await page.waitForFunction(() => !Number.isNaN(globalThis.measured.tokens), null, { timeout: 120_000 })
  if (round === 0) console.log(`device: ${await page.locator('#fact-device').textContent()}`)
  runs.push(await page.evaluate(read))
  await page.close()
}
await browser.close()
await server.close()

const column = (key) => runs.map((run) => run[key]).sort((a, b) => a - b)
const time = (key) => {
  const sorted = column(key).map((ms) => ms / 1000)
  return `${sorted[sorted.length >> 1].toFixed(2)} s (${sorted[0].toFixed(2)} to ${sorted.at(-1).toFixed(2)})`
}
console.log(`median (least to most) of ${runs.length} first visits`)
console.log(`first paint            ${time('paint')}`)
console.log(`everything answers     ${time('usable')}`)
console.log(`first tokens on show   ${time('tokens')}`)
console.log(`layout shift, worst    ${column('shift').at(-1).toFixed(4)}`)
