/** The page of benchmarks: its report, and its way to stop. */
import type { Page } from 'playwright'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { openSite, restyle, SHOTS, violations, type Look, type Site } from './page.js'

let site: Site

beforeAll(async () => {
  site = await openSite()
})
afterAll(() => site.close())
afterEach(() => {
  expect(site.faults()).toEqual({ complaints: [], strangers: [] })
})

const open = (look: Look): Promise<Page> => site.open(look, { path: 'bench.html' })

test('measures the smallest picture, and hands out a report', async () => {
  const page = await open({ width: 390, colorScheme: 'dark' })
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
  await restyle(page, { width: 1280, colorScheme: 'light' })
  await page.screenshot({ path: `${SHOTS}/bench-1280-light.png`, fullPage: true })
  expect(await violations(page)).toEqual([])
})

test('stops between two measurements, and keeps what it has', async () => {
  const page = await open({ width: 1280, colorScheme: 'light' })
  const phase = page.locator('#phase')
  await page.getByText('56 × 56').click()
  await page.getByRole('button', { name: 'Measure' }).click()
  await expect.poll(() => phase.textContent(), { timeout: 60_000 }).toMatch(/^Kernels/)
  await page.getByRole('button', { name: 'Stop' }).click()
  await expect.poll(() => phase.textContent(), { timeout: 60_000 }).toMatch(/^Stopped/)
  expect(await page.locator('#sections h2').allTextContents()).toEqual(['Device', 'Measured peak'])
  expect(await page.getByRole('button', { name: 'Copy' }).isEnabled()).toBe(true)
  expect(await page.locator('#alert').isVisible()).toBe(false)
})
