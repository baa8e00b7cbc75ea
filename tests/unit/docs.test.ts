/** The documents: their snippets type-check, their links lead somewhere, their lists are complete. */
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fencesOf, GUIDE, NAMES, nameOf, PAGES, proseOf, readPage, ROOT, snippets } from '../support/fences.js'

/** Whatever people read, whether it has snippets or not. */
const DOCUMENTS = [
  ...PAGES,
  ...['CONTRIBUTING.md', 'CHANGELOG.md', 'weights/README.md'],
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]
const INDEX = 'docs/guide/README.md'

describe('snippets', () => {
  let folder: string
  let complaints: readonly string[]

  /** One program for all, as the compiler takes longer to read the DOM than all snippets. */
  beforeAll(() => {
    mkdirSync(join(ROOT, 'test-results'), { recursive: true })
    folder = mkdtempSync(join(ROOT, 'test-results/snippets-'))
    mkdirSync(join(folder, 'node_modules'))
    symlinkSync(ROOT, join(folder, 'node_modules/sovit'), 'junction')
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    for (const snippet of snippets()) {
      // On its own line of the page, so that the compiler's complaints name that.
      writeFileSync(join(folder, `${nameOf(snippet)}.ts`), `${'\n'.repeat(snippet.line)}${snippet.code}export {}\n`)
    }
    const compilerOptions = {
      ...{ module: 'esnext', moduleResolution: 'bundler', target: 'es2022', moduleDetection: 'force' },
      ...{ lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.Iterable'], types: ['@webgpu/types', 'node'] },
      ...{ strict: true, noEmit: true, skipLibCheck: true },
    }
    const files = [join(ROOT, NAMES)]
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files, include: ['*.ts'] }))
    complaints = compile(folder)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(snippets().map((snippet) => [nameOf(snippet)] as const))('%s type-checks', (name) => {
    expect(complaints.filter((line) => line.startsWith(`${name}.ts`))).toEqual([])
  })

  test('nothing else is wrong', () => {
    const names = snippets().map((snippet) => `${nameOf(snippet)}.ts`)
    expect(complaints.filter((line) => !names.some((name) => line.startsWith(name)))).toEqual([])
  })
})

/** One line for each complaint of the compiler. */
function compile(folder: string): readonly string[] {
  try {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
    execFileSync('node', [tsc, '-p', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8', stdio: 'pipe' })
    return []
  } catch (error) {
    return (error as { readonly stdout: string }).stdout.split('\n').filter((line) => /^\S/.test(line))
  }
}

test.each(GUIDE.filter((page) => page !== INDEX))('%s has a snippet that is run', (page) => {
  expect(fencesOf(page).some(({ runs }) => runs)).toBe(true)
})

test('the index of the guide names every page', () => {
  const named = linksOf(INDEX).map(({ path }) => path)
  expect(GUIDE.filter((page) => page !== INDEX && !named.includes(page))).toEqual([])
})

test('the page of errors lists exactly the codes that there are', () => {
  const source = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8')
  const [list = ''] = /export type SovitErrorCode =[^]*?\n\n/.exec(source) ?? []
  const codes = [...list.matchAll(/^ {2}\| '(\w+)'$/gm)].map(([, code]) => code)
  const listed = [...readPage('docs/guide/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(30)
  expect(listed).toEqual(codes)
})

test('the README is read in two minutes', () => {
  expect(readPage('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200)
})

test("the README's headers are the guide's, which are tested", () => {
  const headersOf = (page: string) =>
    new Set(readPage(page).match(/^(Content-Security-Policy|Access-Control-[\w-]+): .*$/gm))
  expect(headersOf('README.md').size).toBe(3)
  expect(headersOf('README.md')).toEqual(headersOf('docs/guide/embed.md'))
})

interface Link {
  readonly to: string
  /** From the root; the page itself for a link to one of its headings. */
  readonly path: string
  readonly anchor: string | undefined
}

function linksOf(page: string): Link[] {
  const links = [...proseOf(readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to)
  return links
    .filter((to) => !/^[a-z]+:/.test(to))
    .map((to) => {
      const [path = '', anchor] = to.split('#')
      return { to, path: path === '' ? page : normalize(join(dirname(page), path)), anchor }
    })
}

/** Anchors of headings, as GitHub makes them. */
function anchorsOf(page: string): Set<string> {
  const found = new Set<string>()
  for (const [, heading = ''] of readPage(page)
    .replace(/^```[^]*?^```$/gm, '')
    .matchAll(/^#+ (.+)$/gm)) {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_\- ]/gu, '')
      .replaceAll(' ', '-')
    let unused = anchor
    for (let i = 1; found.has(unused); i++) unused = `${anchor}-${i}`
    found.add(unused)
  }
  return found
}

test.each(DOCUMENTS)('links of %s lead somewhere', (page) => {
  const broken = linksOf(page).filter(({ path, anchor }) => {
    if (!existsSync(join(ROOT, path))) return true
    return anchor !== undefined && !anchorsOf(path).has(anchor)
  })
  expect(broken.map(({ to }) => to)).toEqual([])
})
