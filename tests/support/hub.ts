import { readFileSync, readdirSync } from 'node:fs'
import type { Page, Request, Route } from 'playwright'

export const HUB = 'https://huggingface.co'
const CORS = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'content-range, etag' }

/** Files by name. */
export type Repository = ReadonlyMap<string, Buffer>

export function folderFiles(folder: string): Repository {
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(`${folder}/${name}`)]))
}

/** A weights file with so many bytes of another model behind those of its own. */
export function padded(file: Buffer, bytes: number): Buffer {
  const size = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + size)) as Record<string, unknown>
  const data = file.subarray(8 + size)
  header['llm.padding'] = { dtype: 'U8', shape: [bytes], data_offsets: [data.length, data.length + bytes] }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, data, Buffer.alloc(bytes)])
}

/** Plays repositories of the hub for a page, and can be made to misbehave. */
export class Hub {
  /** Ranges that were answered, as `FILE BEGIN-END` (end inclusive), without those of one byte that only ask for the size. */
  answered: string[] = []
  /** Answers this, if it is a status above 299, to everything. */
  status = 206
  /** No answer comes at all. */
  unreachable = false
  /** Ranges of this file, but for its header, are answered only when it is set to null. */
  #held: string | null = null
  #waiting: (() => void)[] = []
  readonly #cancelled = new Set<Request>()

  constructor(private readonly repositories: Readonly<Record<string, Repository>>) {}

  async play(page: Page): Promise<void> {
    page.on('requestfailed', (request) => this.#cancelled.add(request))
    await page.route(`${HUB}/**`, (route) => this.#answer(route))
  }

  /** Ranges of this file, but for its header, wait until `release`. */
  hold(file: string): void {
    this.#held = file
  }

  release(): void {
    this.#held = null
    for (const go of this.#waiting.splice(0)) go()
  }

  /** Bytes that were answered. */
  get bytes(): number {
    return this.answered.reduce((sum, line) => {
      const [, begin = 0, end = 0] = /(\d+)-(\d+)$/.exec(line) ?? []
      return sum + Number(end) - Number(begin) + 1
    }, 0)
  }

  async #answer(route: Route): Promise<void> {
    const request = route.request()
    const { pathname } = new URL(request.url())
    const [, repository = '', name = ''] = /^\/(.+)\/resolve\/main\/([^/]+)$/.exec(pathname) ?? []
    const bytes = this.repositories[repository]?.get(name)
    if (this.unreachable) return route.abort()
    if (this.status > 299 || !bytes)
      return route.fulfill({ status: this.status > 299 ? this.status : 404, headers: CORS })
    const etag = `"${name}"`
    if (this.status === 200) return route.fulfill({ status: 200, headers: { ...CORS, etag }, body: bytes })
    const [, begin = 0, end = 0] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers().range ?? '') ?? []).map(Number)
    const headerEnd = 8 + Number(bytes.readBigUInt64LE(0))
    if (name === this.#held && begin >= headerEnd) await new Promise<void>((go) => this.#waiting.push(go))
    const range = `bytes ${begin}-${Math.min(end, bytes.length - 1)}/${bytes.length}`
    const headers = { ...CORS, etag, 'content-range': range }
    if (this.#cancelled.has(request)) return
    await route.fulfill({ status: 206, headers, body: bytes.subarray(begin, end + 1) })
    if (end > 0) this.answered.push(`${name} ${begin}-${end}`)
  }
}
