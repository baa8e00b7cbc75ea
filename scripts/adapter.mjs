// Prints the WebGPU adapter of a lane: `node scripts/adapter.mjs dawn|chromium`. Exit status 1 when there is none.
import { CHROMIUM_FLAGS, findChromium } from './browser.mjs'

/** Describes an adapter, in Node or in a page (Playwright sends this function there as source). */
async function describe(gpu = navigator.gpu) {
  const info = (await gpu?.requestAdapter())?.info
  return info && [info.vendor, info.architecture, info.description].filter(Boolean).join(', ')
}

async function dawn() {
  const { create } = await import('webgpu')
  return describe(create([]))
}

async function chromium() {
  const { chromium } = await import('playwright')
  const browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_FLAGS })
  try {
    const page = await browser.newPage()
    // WebGPU exists in secure contexts only; localhost is one.
    await page.route('http://localhost/', (route) => route.fulfill({ contentType: 'text/html', body: '' }))
    await page.goto('http://localhost/')
    return await page.evaluate(describe, undefined)
  } finally {
    await browser.close()
  }
}

const found = await (process.argv[2] === 'chromium' ? chromium() : dawn())
if (found) console.log(found)
process.exit(found ? 0 : 1)
