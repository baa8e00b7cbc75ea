import type { Gpu } from './device.js'
import type { Kernel } from './kernel.js'

/** Where choices of kernels are kept between loads: a few hundred bytes a device and network. Failures do no harm. */
export interface TuningStore {
  /** Small networks, and software rasterisers, are not measured for it, but run by rule. Default: all are measured. */
  readonly largeOnly?: boolean
  /** What was set, or null. */
  get(key: string): Promise<string | null>
  /** Remembers it. */
  set(key: string, value: string): Promise<void>
}

/** Limits that decide which kernels run, and how. */
const LIMITS = ['maxComputeWorkgroupStorageSize', 'maxComputeInvocationsPerWorkgroup'] as const

/** Names a device and what it chooses among: any change of adapter, features, limits or shaders is another name. */
export function fingerprint({ device, info }: Gpu, steps: readonly (readonly Kernel[])[]): string {
  const { vendor, architecture, description, features } = info
  const limits = LIMITS.map((limit) => device.limits[limit])
  const kernels = steps.flat().map(({ name, variant, dims, code }) => [name, variant, dims, code])
  const about = [vendor, architecture, device.adapterInfo.device, description, ...features, ...limits]
  return `${vendor}-${architecture}-${hash(JSON.stringify([about, kernels])).toString(16)}`
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo). A collision would only make a choice slow. */
function hash(text: string): number {
  let state = 0x811c9dc5
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193)
  return state >>> 0
}

/** The browser's Cache API, or null where there is none (Node, insecure pages). It works in workers too. */
export function cacheStore(): TuningStore | null {
  if (typeof caches === 'undefined') return null
  const open = () => caches.open('sovit-tuning')
  const address = (key: string) => `https://sovit.invalid/tuning/${encodeURIComponent(key)}`
  return {
    get: async (key) => (await (await open()).match(address(key)))?.text() ?? null,
    set: async (key, value) => (await open()).put(address(key), new Response(value)),
  }
}
