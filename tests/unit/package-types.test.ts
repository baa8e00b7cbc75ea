import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** The declarations as strict users compile them, with `skipLibCheck` off: whatever they name must be declared. */
const ROOT = join(import.meta.dirname, '../..')

const USE = `
  import { VisionEncoder, type Encoding, type LoadOptions } from 'sovit'
  import * as features from 'sovit/features'
  import { bench } from 'sovit/bench'
  import { loadLabels } from 'sovit/nano'
  import { VisionEncoder as InWorker } from 'sovit/worker'
  import 'sovit/worker-entry'
  export async function use(picture: Blob): Promise<[number, number, Float32Array, typeof features]> {
    const encoder = await VisionEncoder.load('owner/repo', { precision: 'f32' })
    const { tokens, grid }: Encoding = await encoder.encode(picture)
    return [grid[0], grid[1], tokens, features]
  }
  export async function useWorker(picture: Blob, worker: Worker): Promise<Float32Array> {
    const encoder = await InWorker.load('owner/repo', { worker, onProgress: ({ loaded }) => loaded })
    // @ts-expect-error: a buffer cannot cross
    await encoder.encode(picture, { output: 'gpu' })
    return (await encoder.encode(picture, { transfer: true })).tokens
  }
  export const others = { bench, loadLabels }
  export const { buffer } = {} as Encoding
  buffer?.destroy()
  // @ts-expect-error: neither \`any\` nor \`unknown\`
  buffer?.nothing
  // @ts-expect-error: likewise
  export const wrong: LoadOptions = { device: 'none' }`

/** Where WebGPU's types exist, ours are theirs. */
const USE_WEBGPU = `
  export const typed: GPUBuffer | undefined = buffer
  export const options = (device: GPUDevice, gpu: GPU): LoadOptions => ({ device, gpu })
  // @ts-expect-error: a device is wanted
  export const like: LoadOptions = { device: { queue: {}, destroy: () => {} } }`

/** `lib.dom` of TypeScript 7, in small. */
const DOM_WITH_WEBGPU = `
  interface GPU { requestAdapter(options?: { powerPreference?: string }): Promise<null> }
  declare var GPU: { prototype: GPU; new(): GPU }
  interface GPUDevice { readonly lost: Promise<never>; destroy(): void }
  declare var GPUDevice: { prototype: GPUDevice; new(): GPUDevice }
  interface GPUBuffer { readonly size: number; destroy(): void }
  declare var GPUBuffer: { prototype: GPUBuffer; new(): GPUBuffer }`

/** Without a page's types, `sovit/worker` among what is imported: whoever shares code between page and server has it all. */
const USE_NOWHERE = `
  import { VisionEncoder, builtInModel, type Encoding, type ImageInput, type LoadOptions } from 'sovit'
  import { matchPatches } from 'sovit/features'
  import { bench } from 'sovit/bench'
  import { loadLabels, selfCheck } from 'sovit/nano'
  import { encodeSafetensors } from 'sovit/safetensors'
  import { VisionEncoder as InWorker } from 'sovit/worker'
  import 'sovit/worker-entry'
  export async function use(): Promise<Float32Array> {
    const encoder = await VisionEncoder.load(builtInModel, { precision: 'f32' })
    await selfCheck(encoder)
    const raw: ImageInput = { width: 14, height: 14, data: new Uint8Array(588) }
    const { tokens, dims }: Encoding = await encoder.encode(raw)
    encodeSafetensors([{ name: 'tokens', dtype: 'F32', shape: dims, data: tokens }])
    return tokens
  }
  export const others = { bench, loadLabels, matchPatches, InWorker }
  export const address: string = builtInModel.href
  // @ts-expect-error: no picture
  export const wrong: ImageInput = 5
  // @ts-expect-error: neither \`any\` nor \`unknown\`
  export const none: LoadOptions = { signal: 5 }`

/** What Node itself has. */
const USE_NODE = `
  export const picture: ImageInput = new Blob([])
  export const options: LoadOptions = { signal: AbortSignal.timeout(1), fetch }
  export const url: URL = builtInModel
  export const parts = new Blob(encodeSafetensors([]))`

/** What a page has: ours are theirs. */
const USE_PAGE = `
  import type { ImageInput } from 'sovit'
  import { encodeSafetensors } from 'sovit/safetensors'
  export const inputs = (a: HTMLImageElement, b: VideoFrame, c: ImageData): ImageInput[] => [a, b, c]
  export const picked = (files: FileList) => VisionEncoder.load(files, { signal: AbortSignal.timeout(1), fetch })
  export const parts = new Blob(encodeSafetensors([]))
  // @ts-expect-error: no worker
  void InWorker.load('owner/repo', { worker: {} })`

const DISPOSE = `
  using disposed = await VisionEncoder.load()
  export const { dims } = await disposed.encode(new Blob())`

const PAGE = ['ES2022', 'DOM']

interface User {
  readonly name: string
  readonly moduleResolution: 'bundler' | 'nodenext'
  readonly types?: readonly string[]
  readonly lib?: readonly string[]
  readonly code: string
  readonly globals?: string
}

const USERS: readonly User[] = [
  { name: 'neither WebGPU nor disposables', moduleResolution: 'nodenext', code: USE + USE_PAGE },
  { name: 'no page and no Node', moduleResolution: 'nodenext', lib: ['ES2022'], code: USE_NOWHERE },
  {
    ...{ name: '@types/node alone', moduleResolution: 'nodenext', types: ['node'], lib: ['ES2022'] },
    code: USE_NOWHERE + USE_NODE,
  },
  {
    ...{
      name: '@webgpu/types',
      moduleResolution: 'bundler',
      types: ['@webgpu/types'],
      lib: [...PAGE, 'ESNext.Disposable'],
    },
    code: USE + USE_WEBGPU + DISPOSE,
  },
  {
    ...{ name: 'WebGPU in lib.dom', moduleResolution: 'nodenext', globals: DOM_WITH_WEBGPU },
    code: USE + USE_WEBGPU,
  },
]

let folder: string
beforeAll(() => {
  mkdirSync(join(ROOT, 'test-results'), { recursive: true })
  folder = mkdtempSync(join(ROOT, 'test-results/types-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/sovit'), 'junction')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rmSync(folder, { recursive: true }))

test.each(USERS)('compile with $name, by $moduleResolution', (user) => {
  const { moduleResolution, types = [], lib = PAGE, code, globals = '' } = user
  const compilerOptions = {
    ...{ module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext', moduleResolution, target: 'es2022' },
    ...{ strict: true, exactOptionalPropertyTypes: true, noEmit: true, skipLibCheck: false },
    ...{ types, lib },
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts', 'globals.d.ts'] }))
  writeFileSync(join(folder, 'user.ts'), code)
  writeFileSync(join(folder, 'globals.d.ts'), globals)
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  let said = ''
  try {
    execFileSync('node', [tsc, '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    said = (error as { stdout: string }).stdout
  }
  expect(said).toBe('')
})
