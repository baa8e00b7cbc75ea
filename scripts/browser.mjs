import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chromium } from 'playwright'

/** Makes any Chromium offer WebGPU on its own software rasteriser: the same device on every machine. */
export const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan',
  '--use-vulkan=swiftshader',
  '--use-webgpu-adapter=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

const SYSTEM_CHROMIUMS = {
  linux: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/opt/google/chrome/chrome'],
  darwin: ['Google Chrome', 'Chromium'].map((name) => `/Applications/${name}.app/Contents/MacOS/${name}`),
  win32: [process.env['PROGRAMFILES'], process.env['PROGRAMFILES(X86)'], process.env['LOCALAPPDATA']].map(
    (folder) => `${folder}\\Google\\Chrome\\Application\\chrome.exe`,
  ),
}

/**
 * Path of a full Chromium (the headless shell has no WebGPU): SOVIT_CHROMIUM, the system's, Playwright's own.
 * @returns {string | undefined}
 */
export function findChromium() {
  const fromEnvironment = process.env['SOVIT_CHROMIUM']
  if (fromEnvironment) return fromEnvironment
  const system = SYSTEM_CHROMIUMS[process.platform] ?? []
  return [...system, chromium.executablePath()].find((path) => existsSync(path))
}

export const NO_CHROMIUM =
  'No Chromium found: install Chrome or Chromium, run `npx playwright install chromium`, ' +
  'or set SOVIT_CHROMIUM to the path of one.'

/** Installs Debian's Chromium, which only root can do. Returns its path, or undefined where that is impossible. */
export function installChromium() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return undefined
  console.log('Installing the Debian package chromium (about 100 MB) with apt-get')
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
    if (spawnSync('apt-get', ['-qq', ...args], { env, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
      return undefined
  }
  return findChromium()
}
