/** Headers are read while the device opens: what one is good for without the other is given up. */
import { expect, test, vi } from 'vitest'
import { VisionEncoder } from '../../src/index.js'
import { testGpu } from '../support/device.js'
import { failure } from '../support/failure.js'

const gpu = await testGpu()
const TOWER = 'https://models.test/tower/'

test('where no device opens, no header is waited for', async () => {
  const stopped = vi.fn()
  const silent: typeof fetch = (_, init) =>
    new Promise((_, reject) => {
      init?.signal?.addEventListener('abort', () => {
        stopped()
        reject(new Error('stopped'))
      })
    })
  const none = { requestAdapter: () => Promise.resolve(null) } as unknown as GPU
  await failure(VisionEncoder.load(TOWER, { gpu: none, cache: false, fetch: silent }), 'NO_ADAPTER')
  expect(stopped).toHaveBeenCalled()
})

test.each(['before', 'after'])('a header that is refused %s the device is open leaves none', async (when) => {
  const opened: GPUDevice[] = []
  let open = (): void => undefined
  const isOpen = new Promise<void>((resolve) => (open = resolve))
  const refused = vi.fn()
  const watched = {
    async requestAdapter(options?: GPURequestAdapterOptions) {
      if (when === 'before') await vi.waitFor(() => expect(refused).toHaveBeenCalled())
      const adapter = await gpu.requestAdapter(options)
      const request = adapter?.requestDevice.bind(adapter)
      if (!adapter || !request) return null
      adapter.requestDevice = async (descriptor) => {
        const device = await request(descriptor)
        opened.push(device)
        open()
        return device
      }
      return adapter
    },
  } as unknown as GPU
  const missing: typeof fetch = async () => {
    if (when === 'after') await isOpen
    refused()
    return new Response(null, { status: 404 })
  }
  await failure(VisionEncoder.load(TOWER, { gpu: watched, cache: false, fetch: missing }), 'NOT_FOUND')
  expect(opened).toHaveLength(1)
  expect(await opened[0]?.lost).toMatchObject({ reason: 'destroyed' })
})
