import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { chromium, type Browser, type Page } from 'playwright'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'
import { serve, type StaticServer } from '../support/serve.js'

const SHOTS = 'test-results/demo'
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let server: StaticServer
let browser: Browser

beforeAll(async () => {
  if (!existsSync('dist/bench.js')) throw new Error('dist/ is missing: run `npm run build` first.')
  const executablePath = findChromium()
  if (!executablePath) throw new Error(NO_CHROMIUM)
  await build({ configFile: 'demo/vite.config.ts', logLevel: 'warn' })
  await mkdir(SHOTS, { recursive: true })
  server = await serve('demo/dist')
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
})

afterAll(async () => {
  await browser.close()
  await server.close()
})

async function open(width: number, colorScheme: 'light' | 'dark'): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.origin)) complaints.push(request.url())
  })
  await page.goto(`${server.origin}/bench.html`)
  return { page, complaints }
}

test('measures the smallest picture, and hands out a report', async () => {
  const { page, complaints } = await open(390, 'dark')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByText('56 × 56').click()
  await page.getByRole('button', { name: 'Measure' }).click()
  await expect.poll(() => page.locator('#phase').textContent(), { timeout: 240_000 }).toBe('Done')
  expect(await page.locator('#sections h2').allTextContents()).toEqual([
    ...['Device', 'Measured peak', 'Kernels, f32, 16 tokens', 'Encoder, 1 of 27 blocks, 16 tokens'],
  ])
  expect(await page.locator('#software-note').isVisible()).toBe(true)
  await page.getByRole('button', { name: 'Copy' }).click()
  await expect.poll(() => page.locator('#phase').textContent()).toBe('Report copied')
  const report = await page.evaluate(() => navigator.clipboard.readText())
  expect(report).toContain('A software rasteriser: no measure of any GPU.')
  expect(report).toMatch(/\| qkv +\| matmul_direct_16x16 +\| direct-16x16 +\| +[\d.]+ ms \|/)
  expect(report).toMatch(/\| f32 +\|.*\| +9 \|/) // two dispatches, and seven of the block
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390)
  await page.screenshot({ path: `${SHOTS}/bench-390-dark.png`, fullPage: true })
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
  await page.screenshot({ path: `${SHOTS}/bench-1280-light.png`, fullPage: true })
  await page.evaluate(await readFile(axe, 'utf8'))
  const violations = await page.evaluate(async () => {
    const { violations } = await (window as unknown as { axe: typeof import('axe-core') }).axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
  })
  expect({ violations, complaints }).toEqual({ violations: [], complaints: [] })
})

test('stops between two measurements, and keeps what it has', async () => {
  const { page, complaints } = await open(1280, 'light')
  const phase = page.locator('#phase')
  await page.getByText('56 × 56').click()
  await page.getByRole('button', { name: 'Measure' }).click()
  await expect.poll(() => phase.textContent(), { timeout: 60_000 }).toMatch(/^Kernels/)
  await page.getByRole('button', { name: 'Stop' }).click()
  await expect.poll(() => phase.textContent(), { timeout: 60_000 }).toMatch(/^Stopped/)
  expect(await page.locator('#sections h2').allTextContents()).toEqual(['Device', 'Measured peak'])
  expect(await page.getByRole('button', { name: 'Copy' }).isEnabled()).toBe(true)
  expect(await page.locator('#alert').isVisible()).toBe(false)
  expect(complaints).toEqual([])
})
