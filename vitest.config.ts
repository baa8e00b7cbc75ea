import { statSync } from 'node:fs'
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
}

/** Deals files out to shards by size, the largest first: shards by the hash of a name took twice as long as others. */
class BySize extends BaseSequencer {
  override shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { index = 1, count = 1 } = this.ctx.config.shard ?? {}
    const size = (file: TestSpecification): number => statSync(file.moduleId).size
    const sorted = [...files].sort((a, b) => size(b) - size(a))
    return Promise.resolve(sorted.filter((_, i) => i % count === index - 1))
  }
}

/** Lanes. `npm test` runs them all; see scripts/test.mjs for what each needs. */
export default defineConfig({
  optimizeDeps: { exclude: ['webgpu'] },
  test: {
    sequence: { sequencer: BySize },
    projects: [
      { test: { name: 'unit', include: ['tests/unit/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          ...gpu,
          name: 'gpu-node',
          // Not processes: under scripts/mesa.sh process.execPath is the loader, which cannot be forked.
          pool: 'threads',
          setupFiles: ['tests/support/patient-dawn.ts'],
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
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
