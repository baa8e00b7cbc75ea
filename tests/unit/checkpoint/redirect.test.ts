import { afterEach, describe, expect, it } from 'vitest'
import { httpSource } from '../../../src/checkpoint/http.js'
import type { ByteSource } from '../../../src/checkpoint/types.js'
import { expectError, pattern } from './safetensors-cases.js'
import { CLIENTS, files, hurried, serve, type Server } from './server.js'

const bytes = pattern(10_000)
const open: Server[] = []

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
})

describe.each(CLIENTS)('by $client', ({ send }) => {
  /**
   * A hub that redirects each request to an address with a new signature, on a content host that answers with these statuses
   * in turn, and then with the last. `log` has the requests of both, as `hub` or the signed address.
   */
  async function hub(...statuses: number[]): Promise<{ file: ByteSource; log: string[]; waits: number[] }> {
    const log: string[] = []
    let asked = 0
    const content = await serve((request, response) => {
      const path = request.url ?? ''
      const status = statuses[Math.min(asked++, statuses.length - 1)] ?? 206
      log.push(path)
      if (status === 206) files({ [path]: bytes })(request, response)
      else response.writeHead(status).end('expired')
    })
    const front = await serve((_request, response) => {
      log.push('hub')
      response.writeHead(302, { location: `${content.url}/signed/${asked + 1}` }).end()
    })
    open.push(content, front)
    const { patience, waits } = hurried()
    return { file: httpSource(new URL(`${front.url}/f`), send, patience), log, waits }
  }

  describe('a redirect', () => {
    it('is followed anew by every request, so that no signature is kept', async () => {
      const { file, log } = await hub(206)
      expect(await file.read(5, 500)).toEqual(bytes.subarray(5, 500))
      expect(log).toEqual(['hub', '/signed/1', 'hub', '/signed/2'])
    })

    it.each([403, 410])('to an expired address (%i) is asked for again, at once', async (status) => {
      const { file, log, waits } = await hub(206, status, 206)
      expect(await file.read(0, 100)).toEqual(bytes.subarray(0, 100))
      expect(log.slice(2)).toEqual(['hub', '/signed/2', 'hub', '/signed/3'])
      expect(waits).toEqual([])
    })

    it('to a refusal is asked for again only once: ACCESS_DENIED', async () => {
      const { file, log } = await hub(206, 403)
      await expectError(file.read(0, 100), 'ACCESS_DENIED', 403)
      expect(log).toHaveLength(6)
    })

    it('to a refusal from the start is not asked for again: ACCESS_DENIED', async () => {
      const { file, log } = await hub(403, 206)
      await expectError(file.size(), 'ACCESS_DENIED', 403)
      expect(log).toHaveLength(2)
    })
  })

  it('a refusal without a redirect is not asked about again', async () => {
    let asked = 0
    const server = await serve((request, response) =>
      asked++ === 0 ? files({ '/f': bytes })(request, response) : response.writeHead(403).end(),
    )
    open.push(server)
    await expectError(httpSource(new URL(`${server.url}/f`), send).read(0, 9), 'ACCESS_DENIED', 403)
    expect(server.log).toHaveLength(2)
  })
})
