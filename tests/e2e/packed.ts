/** The package as `npm pack` makes it, installed in an app of its own, and pages that use it under a content policy. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright'
import { build } from 'vite'
import { CHROMIUM_FLAGS, findChromium, NO_CHROMIUM } from '../../scripts/browser.mjs'
import { serve, type StaticServer } from '../support/serve.js'
import type * as Features from '../../src/features/index.js'
import type * as Direct from '../../src/index.js'
import type * as Nano from '../../src/nano.js'
import type * as InWorker from '../../src/worker/index.js'

/** What the app puts in reach of the tests. */
declare global {
  interface Window {
    app: {
      readonly direct: typeof Direct
      readonly worker: typeof InWorker
      readonly nano: typeof Nano
      readonly features: typeof Features
    }
  }
}

const MAIN = `import * as direct from 'sovit'
import * as worker from 'sovit/worker'
import * as nano from 'sovit/nano'
import * as features from 'sovit/features'
window.app = { direct, worker, nano, features }
`
/** Names as package.json's exports resolve them, which a page without a bundler must be told. */
const IMPORT_MAP = JSON.stringify({
  imports: Object.fromEntries(
    ['index', 'worker', 'nano', 'features'].map((name) => {
      return [name === 'index' ? 'sovit' : `sovit/${name}`, `/node_modules/sovit/dist/${name}.js`]
    }),
  ),
})
const page = (scripts: string): string =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>app</title>${scripts}`

export interface PackedFile {
  readonly path: string
  readonly size: number
}

export interface App {
  /** Where the package is installed: a folder outside this one, so that nothing of ours is found by accident. */
  readonly folder: string
  readonly tarball: { readonly size: number; readonly unpackedSize: number; readonly files: readonly PackedFile[] }
  remove(): void
}

/** Packs what was built, and installs it with no network: nothing but the tarball may be needed. */
export function installPacked(): App {
  const folder = mkdtempSync(join(tmpdir(), 'sovit-app-'))
  const npm = (args: readonly string[], cwd: string): string =>
    execFileSync('npm', [...args, '--ignore-scripts'], { cwd, encoding: 'utf8', shell: process.platform === 'win32' })
  const [tarball] = JSON.parse(npm(['pack', '--json', '--pack-destination', folder], '.')) as [
    App['tarball'] & { readonly filename: string },
  ]
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  npm(['install', '--offline', '--cache', join(folder, 'cache'), `./${tarball.filename}`], folder)
  writeFileSync(join(folder, 'main.js'), MAIN)
  writeFileSync(join(folder, 'index.html'), page('<script type="module" src="/main.js"></script>'))
  const scripts = `<script type="importmap">${IMPORT_MAP}</script><script type="module" src="/main.js"></script>`
  writeFileSync(join(folder, 'plain.html'), page(scripts))
  return { folder, tarball, remove: () => rmSync(folder, { recursive: true }) }
}

/** As users with no configuration build. */
export async function buildWithVite(folder: string): Promise<void> {
  await build({ root: folder, configFile: false, logLevel: 'warn' })
}

/** The policy that the guide promises to suffice, and nothing besides; an import map is let in by its hash. */
function contentPolicy(importMap: boolean): string {
  const [, policy] = /^Content-Security-Policy: (.*)$/m.exec(readFileSync('docs/guide/embed.md', 'utf8')) ?? []
  if (!policy) throw new Error('The guide names no Content-Security-Policy.')
  const hash = createHash('sha256').update(IMPORT_MAP).digest('base64')
  const scripts = importMap ? policy.replace("script-src 'self'", `script-src 'self' 'sha256-${hash}'`) : policy
  return `default-src 'none'; img-src data:; ${scripts}; report-uri /violations`
}

export interface Watched {
  readonly page: Page
  readonly origin: string
  /** Paths asked of the server so far, in order. */
  readonly paths: readonly string[]
  /** Whatever must not happen: errors, violations of the policy, requests with a body, or of others, or in vain. */
  readonly faults: string[]
  close(): Promise<void>
}

export async function launch(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) throw new Error(NO_CHROMIUM)
  return chromium.launch({ executablePath, args: CHROMIUM_FLAGS })
}

/** Opens a page of the app in a context of its own, and watches all that it and its workers do. */
export async function openWatched(browser: Browser, folder: string, path: string, importMap = false): Promise<Watched> {
  const faults: string[] = []
  const paths: string[] = []
  let server: StaticServer | null = null
  const headers = { 'content-security-policy': contentPolicy(importMap) }
  server = await serve(resolve(folder), {
    headers,
    onRequest: (request) => {
      const { url = '', method = '', headers } = request
      paths.push(url)
      const body = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
      if (method !== 'GET' || body) request.on('data', (data) => faults.push(`${method} ${url}: ${String(data)}`))
    },
  })
  const { origin } = server
  const context = await browser.newContext()
  context.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && url !== 'data:,') faults.push(`asked of another: ${url}`)
    if (request.postDataBuffer() !== null) faults.push(`sent to ${url}: ${request.postData() ?? ''}`)
  })
  context.on('requestfailed', (request) => {
    const why = request.failure()?.errorText ?? ''
    // A reader that has the bytes it wanted drops the rest.
    if (why !== 'net::ERR_ABORTED') faults.push(`${why}: ${request.url()}`)
  })
  context.on('response', (response) => response.ok() || faults.push(`${response.status()}: ${response.url()}`))
  context.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  context.on('weberror', (error) => faults.push(error.error().message))
  const page = await context.newPage()
  await page.exposeFunction('violated', (what: string) => faults.push(what))
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
      ;(window as unknown as { violated(what: string): void }).violated(`${violatedDirective}: ${blockedURI}`)
    })
  })
  await page.goto(origin + path)
  await page.waitForFunction(() => 'app' in window)
  return {
    ...{ page, origin, paths, faults },
    async close() {
      await context.close()
      await server.close()
    },
  }
}
