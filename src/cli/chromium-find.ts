import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { SovitError } from '../errors.js'

const NAMES = ['google-chrome', 'google-chrome-stable', 'chromium', 'chromium-browser', 'chrome']

/** Installations that are not on the PATH: macOS, Windows. */
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ...['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((variable) => {
    const folder = process.env[variable]
    return folder ? [join(folder, 'Google', 'Chrome', 'Application', 'chrome.exe')] : []
  }),
]

/** A full Chromium: SOVIT_CHROMIUM, else the system's, else Playwright's own (at `playwrights`). */
export function findChromium(playwrights: string, env: NodeJS.ProcessEnv = process.env): string {
  const named = env.SOVIT_CHROMIUM
  if (named) {
    if (existsSync(named)) return named
    throw new SovitError('NO_ADAPTER', `SOVIT_CHROMIUM names ${named}, which does not exist. Correct or unset it.`)
  }
  const onPath = (env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)))
  const found = [...onPath, ...PLACES, playwrights].find(isExecutable)
  if (found) return found
  const wayOut = 'Install Chrome or Chromium, run `npx playwright-core install chromium`, or set SOVIT_CHROMIUM'
  throw new SovitError('NO_ADAPTER', `There is no Chromium here. ${wayOut}.`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
