import { basename } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { CHROMIUM_FLAGS, findChromium } from './scripts/browser.mjs'

const gpu = {
  include: ['tests/gpu/**/*.test.ts'],
  // One device for all files, one file at a time: software devices are slow, and share the cores.
  isolate: false,
  fileParallelism: false,
  testTimeout: 300_000,
  hookTimeout: 300_000,
  setupFiles: ['tests/support/typed-arrays.ts'],
}

/** Seconds of the slowest files on two cores, in Node and in Chromium. All others take some 5. */
const SECONDS: Readonly<Record<string, readonly [node: number, chromium: number]>> = {
  'encoder.golden': [160, 85],
  families: [100, 30],
  'matmul-matrix': [90, 2],
  'attention-matrix': [50, 0],
  matmul: [35, 100],
  attention: [20, 55],
  slicing: [8, 65],
  'cross-attention': [8, 55],
}

/** Deals files out to shards, the slowest first, each to the shard that has least to do. */
class ByTime extends BaseSequencer {
  override shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index = 1, count = 1 } = this.ctx.config.shard ?? {}
    const seconds = ({ moduleId, project }: TestSpecification): number =>
      SECONDS[basename(moduleId, '.test.ts')]?.[project.name === 'gpu-node' ? 0 : 1] ?? 5
    const shards = Array.from({ length: count }, () => ({ files: [] as TestSpecification[], seconds: 0 }))
    for (const file of [...files].sort((a, b) => seconds(b) - seconds(a))) {
      const least = shards.reduce((a, b) => (b.seconds < a.seconds ? b : a))
      least.files.push(file)
      least.seconds += seconds(file)
    }
    return Promise.resolve(shards[index - 1]?.files ?? [])
  }
}

/** Lanes. `npm test` runs them all; see scripts/test.mjs for what each needs. */
export default defineConfig({
  optimizeDeps: { exclude: ['webgpu'] },
  test: {
    sequence: { sequencer: ByTime },
    projects: [
      // More than two cores have: many tests wait for servers and timers.
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000, maxWorkers: 3 } },
      {
        test: {
          ...gpu,
          name: 'gpu-node',
          // Not processes: under scripts/mesa.sh process.execPath is the loader, which cannot be forked.
          pool: 'threads',
          setupFiles: [...gpu.setupFiles, 'tests/support/patient-dawn.ts'],
        },
      },
      {
        extends: true,
        test: {
          ...gpu,
          name: 'gpu-browser',
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findChromium(), args: [...CHROMIUM_FLAGS, '--js-flags=--expose-gc'] },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['tests/e2e/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
