import type { WeightCache } from '../../src/index.js'

/** A cache that ends with the test. */
export class MemoryCache implements WeightCache {
  readonly entries = new Map<string, { bytes: Uint8Array; headers: Headers }>()
  match(key: string): Promise<Response | undefined> {
    const entry = this.entries.get(key)
    return Promise.resolve(entry && new Response(new Uint8Array(entry.bytes), { headers: entry.headers }))
  }
  async put(key: string, response: Response): Promise<void> {
    this.entries.set(key, { bytes: new Uint8Array(await response.arrayBuffer()), headers: response.headers })
  }
  delete(key: string): Promise<boolean> {
    return Promise.resolve(this.entries.delete(key))
  }
  keys(): Promise<string[]> {
    return Promise.resolve([...this.entries.keys()])
  }
}
