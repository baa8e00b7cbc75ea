/** Progress, aborts, and the life of workers, in Chromium, through the built package. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPage, type Site } from './worker-page.js'

let site: Site
beforeAll(async () => {
  site = await openPage()
})
afterAll(() => site.close())
beforeEach(() => void site.complaints())

/** Waits until so many workers of the page live. */
const living = (count: number): Promise<void> => expect.poll(() => site.page.workers().length).toBe(count)

describe('loads', () => {
  test('tell their progress as they do without a worker', async () => {
    const [there, here] = await site.page.evaluate(async () => {
      const { direct, worker } = window.lab
      const events: string[][] = []
      for (const { VisionEncoder } of [worker, direct]) {
        const told: string[] = []
        const onProgress = (event: unknown): void => void told.push(JSON.stringify(event))
        ;(await VisionEncoder.load(undefined, { onProgress })).dispose()
        events.push(told)
      }
      return events
    })
    expect(there?.length).toBeGreaterThan(4)
    expect(there).toEqual(here)
  })

  test('are aborted, with the reason of the signal, and leave no worker behind', async () => {
    const failure = await site.page.evaluate(() => {
      const { failure, worker } = window.lab
      const abort = new AbortController()
      const onProgress = (): void => abort.abort(new Error('enough'))
      return failure(worker.VisionEncoder.load(undefined, { onProgress, signal: abort.signal }))
    })
    expect(failure).toMatchObject({ name: 'AbortError', code: 'ABORTED', cause: 'enough' })
    await living(0)
  })

  test('of a folder of Files find config.json beside the weights', async () => {
    const layers = await site.page.evaluate(async () => {
      const files = await Promise.all(
        ['config.json', 'model.safetensors'].map(async (name) => {
          const bytes = await (await fetch(`/tests/fixtures/models/siglip-map/${name}`)).arrayBuffer()
          const file = new File([bytes], name)
          return Object.defineProperty(file, 'webkitRelativePath', { value: `siglip-map/${name}` })
        }),
      )
      const encoder = await window.lab.worker.VisionEncoder.load(files)
      encoder.dispose()
      return { source: encoder.model.source, scale: encoder.logitScale?.scale !== undefined }
    })
    expect(layers).toEqual({ source: 'siglip-map', scale: true })
  })
})

test('an encode is aborted alone; others go on', async () => {
  const { failure, tokens } = await site.page.evaluate(async () => {
    const { failure, worker, colours } = window.lab
    const encoder = await worker.VisionEncoder.load()
    const abort = new AbortController()
    const aborted = failure(encoder.encode(colours(), { size: 112, signal: abort.signal }))
    const other = encoder.encode(colours(), { size: 56 })
    setTimeout(() => abort.abort('too slow'), 1)
    const result = { failure: await aborted, tokens: (await other).tokens.length }
    encoder.dispose()
    return result
  })
  expect(failure).toMatchObject({ name: 'AbortError', code: 'ABORTED', cause: 'too slow' })
  expect(tokens).toBe(16 * 144)
})

describe('a worker', () => {
  test('serves several encoders, and ends with the last', async () => {
    await site.page.evaluate(async () => {
      const { VisionEncoder } = window.lab.worker
      const [a, b] = await Promise.all([VisionEncoder.load(), VisionEncoder.load()])
      Object.assign(window, { a, b })
    })
    await living(1)
    const [tokens, gone] = await site.page.evaluate(async () => {
      const { a, b } = window as unknown as Record<
        'a' | 'b',
        Awaited<ReturnType<typeof window.lab.worker.VisionEncoder.load>>
      >
      const waits = window.lab.failure(a.encode(window.lab.colours(), { size: 56 }))
      a.dispose()
      const gone = [await waits, await window.lab.failure(a.encode(window.lab.colours()))]
      return [(await b.encode(window.lab.colours(), { size: 56 })).tokens.length, gone.map(({ code }) => code)] as const
    })
    expect(tokens).toBe(16 * 144)
    expect(gone).toEqual(['DISPOSED', 'DISPOSED'])
    await living(1)
    await site.page.evaluate(() => (window as unknown as { b: Disposable }).b[Symbol.dispose]())
    await living(0)
  })

  test("of the app's serves too, beside what else it does, and lives on", async () => {
    const script = `import '/dist/worker-entry.js'; onmessage = ({ data }) => data === 'ping' && postMessage('pong')`
    await site.page.route('**/lab/app.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }))
    const answers = await site.page.evaluate(async () => {
      const { VisionEncoder } = window.lab.worker
      const worker = new Worker('/lab/app.js', { type: 'module' })
      const pong = new Promise((resolve) => {
        worker.addEventListener('message', ({ data }) => data === 'pong' && resolve(data))
      })
      worker.postMessage('ping')
      const support = await VisionEncoder.support({ worker })
      const encoder = await VisionEncoder.load(undefined, { worker })
      const { tokens } = await encoder.encode(window.lab.colours(), { size: 56 })
      encoder.dispose()
      return [support.ok, tokens.length, await pong, await VisionEncoder.cache.size({ worker })]
    })
    expect(answers).toEqual([true, 16 * 144, 'pong', 0])
    await living(1)
  })

  test('that cannot start, or dies, fails what waits, and the next load starts another', async () => {
    await site.page.route('**/dist/worker-entry.js', (route) => route.abort(), { times: 1 })
    const failures = await site.page.evaluate(async () => {
      const { failure, worker } = window.lab
      const lost = await failure(worker.VisionEncoder.load())
      const support = await worker.VisionEncoder.support()
      const encoder = await worker.VisionEncoder.load()
      encoder.dispose()
      return [lost.code, support.ok, encoder.precision]
    })
    expect(failures).toEqual(['WORKER', true, expect.stringMatching(/f32|f16/)])
  })
})

test('what is kept is asked and cleared in a worker', async () => {
  const answers = await site.page.evaluate(async () => {
    const { VisionEncoder } = window.lab.worker
    const before = await VisionEncoder.cache.isCached('/tests/fixtures/models/siglip-map/')
    ;(await VisionEncoder.load('../tests/fixtures/models/siglip-map/')).dispose()
    const after = await VisionEncoder.cache.isCached('/tests/fixtures/models/siglip-map/')
    const size = await VisionEncoder.cache.size({ source: '/tests/fixtures/models/siglip-map/' })
    await VisionEncoder.cache.clear()
    return [before, after, size > 0, await VisionEncoder.cache.size(), typeof (await VisionEncoder.cache.persist())]
  })
  expect(answers).toEqual([false, true, true, 0, 'boolean'])
})

describe("the page's thread", () => {
  /** Runs a load and an encode of a raw picture of 23 MB. Times in ms. */
  const work = (inWorker: boolean, transfer: boolean) =>
    site.page.evaluate(
      async ({ inWorker, transfer }) => {
        const { VisionEncoder } = inWorker ? window.lab.worker : window.lab.direct
        const data = new Uint8Array(3200 * 2400 * 3).map((_, i) => i * 7)
        await new Promise((resolve) => setTimeout(resolve, 200))
        const tasks: number[] = []
        const note = (list: PerformanceEntryList): void => void tasks.push(...list.map((one) => one.duration))
        const observer = new PerformanceObserver((list) => note(list.getEntries()))
        observer.observe({ type: 'longtask' })
        performance.mark('sovit')
        let [gap, last] = [0, performance.now()]
        const timer = setInterval(() => {
          const now = performance.now()
          ;[gap, last] = [Math.max(gap, now - last), now]
        }, 4)
        const encoder = await VisionEncoder.load()
        await encoder.encode({ width: 3200, height: 2400, data }, { size: 112, ...(inWorker && { transfer }) })
        await new Promise((resolve) => setTimeout(resolve, 100))
        encoder.dispose()
        clearInterval(timer)
        note(observer.takeRecords())
        observer.disconnect()
        return { gap, tasks }
      },
      { inWorker, transfer },
    )

  /** Also the most CPU time that one task of it took: other processes cannot stretch that, as they do the times above. */
  async function measure(inWorker: boolean, transfer = false) {
    const browser = site.page.context().browser()
    await browser?.startTracing(site.page, { categories: ['toplevel', 'blink.user_timing'] })
    const seen = await work(inWorker, transfer)
    const trace = JSON.parse(String(await browser?.stopTracing())) as { traceEvents: TraceEvent[] }
    return { ...seen, cpu: longestTask(trace.traceEvents) }
  }

  test('has no task of 16 ms during a load and an encode', async () => {
    const here = await measure(false)
    const copied = await measure(true)
    // A machine that is busy with others stretches a task of 0.5 ms to 150 ms: what is the library's own is seen each time.
    let moved = await measure(true, true)
    for (let tries = 1; tries < 3 && moved.tasks.length > 0 && moved.cpu < 16; tries++)
      moved = await measure(true, true)
    for (const [what, { cpu, gap, tasks }] of Object.entries({ here, copied, moved })) {
      console.log(
        `${what}: ${cpu.toFixed(1)} ms of CPU in one task, ${gap.toFixed(1)} ms gap, ${tasks.length} long tasks`,
      )
    }
    expect(here.cpu, 'the measure sees what a worker takes away').toBeGreaterThan(2 * copied.cpu)
    expect(moved.tasks).toEqual([])
    expect(moved.cpu).toBeLessThan(16)
    // The copy takes its time: 23 MB.
    expect(copied.cpu).toBeLessThan(50)
  })
})

interface TraceEvent {
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  /** CPU time in µs. */
  readonly tdur?: number
}

/** Most CPU time in ms of a task on the page's thread, or of the promises settled behind one, since the page's mark. */
function longestTask(events: readonly TraceEvent[]): number {
  const mark = events.find(({ name }) => name === 'sovit')
  const tasks = events.filter(({ pid, tid, ts }) => pid === mark?.pid && tid === mark.tid && ts > mark.ts)
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000
}
