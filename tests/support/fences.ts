/** Code in the Markdown of the repository, as its readers copy it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '../..')

/** Pages whose snippets are tested. */
export const GUIDE = readdirSync(join(ROOT, 'docs/guide'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/guide/${name}`)
export const PAGES = ['README.md', ...GUIDE]

/** Names that snippets of the guide use without making them. */
export const NAMES = 'docs/guide/names.d.ts'

export interface Fence {
  readonly page: string
  /** Of the opening fence, from 1: the code begins on the next. */
  readonly line: number
  readonly language: string
  /** It says `run` behind its language: it is run, besides being type-checked. */
  readonly runs: boolean
  readonly code: string
  /** What it must print: the `text` fence that follows with nothing but one empty line between. */
  readonly prints: string | null
}

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

export function fencesOf(page: string): Fence[] {
  const text = readPage(page)
  const found = [...text.matchAll(/^```(\w+)(.*)\n([^]*?)^```$/gm)]
  return found.map((match, i) => {
    const [whole, language = '', words = '', code = ''] = match
    const next = found[i + 1]
    const end = match.index + whole.length
    const follows = next?.[1] === 'text' && text.slice(end, next.index) === '\n\n'
    return {
      page,
      line: text.slice(0, match.index).split('\n').length,
      language,
      runs: words.trim() === 'run',
      code,
      prints: follows ? (next[3] ?? '') : null,
    }
  })
}

/** JavaScript and TypeScript of all pages. */
export const snippets = (): Fence[] =>
  PAGES.flatMap(fencesOf).filter(({ language }) => language === 'js' || language === 'ts')

/** A name for its file that says where it is from. */
export const nameOf = ({ page, line }: Pick<Fence, 'page' | 'line'>): string =>
  `${page.replace(/\.md$/, '').replaceAll('/', '-')}-${line}`

/** The text without code, whose brackets are no links. */
export const proseOf = (text: string): string => text.replace(/^```[^]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'code')
