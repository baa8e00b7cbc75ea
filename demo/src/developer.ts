import { selfCheck } from 'sovit/nano'
import { VisionEncoder, type StepTime } from 'sovit/worker'
import { byId } from './dom.js'
import { formatBytes, formatTime } from './format.js'

/** Limits that decide which pictures and kernels a device takes. */
const LIMITS = {
  maxBufferSize: 'Largest buffer',
  maxStorageBufferBindingSize: 'Largest binding',
  maxComputeWorkgroupStorageSize: 'Workgroup memory',
  maxComputeInvocationsPerWorkgroup: 'Workgroup size',
} as const

const profileNote = byId('profile-note', HTMLSpanElement)
const checkResult = byId('check-result', HTMLParagraphElement)

/** Who the panel asks; `picture` and `size` are those on the stage. */
export interface DeveloperSource {
  readonly encoder: () => VisionEncoder | null
  readonly profile: () => Promise<readonly StepTime[]>
}

/** Has the panel's buttons work. */
export function startDeveloper(source: DeveloperSource): void {
  const profile = byId('profile-run', HTMLButtonElement)
  profile.addEventListener('click', () => void busy(profile, () => measure(source)))
  const check = byId('check-run', HTMLButtonElement)
  check.addEventListener('click', () => void busy(check, runCheck))
}

/** Writes what is known of device and memory. */
export async function refreshDeveloper({ encoder }: DeveloperSource): Promise<void> {
  const now = encoder()
  if (!now) return
  const { vendor, architecture, description, features, software, matrixUnits } = now.device
  const adapter = await navigator.gpu.requestAdapter()
  const limits = Object.entries(LIMITS).map(([key, words]): [string, string] => {
    const value = adapter?.limits[key as keyof typeof LIMITS] ?? NaN
    return [words, key.endsWith('Size') && !key.includes('Invocations') ? formatBytes(value) : String(value)]
  })
  write('adapter', [
    ['Adapter', [vendor, architecture, description].filter(Boolean).join(', ') || 'not disclosed'],
    ['Kind', software ? 'software rasteriser' : 'GPU'],
    ['Features', features.join(', ') || 'none of those that help'],
    ['Precision', `${now.precision}, products in ${now.arithmetic}, sums in f32`],
    ['Matrix units', matrixUnits ? 'yes' : 'not offered'],
    ...limits,
  ])
  const use = await now.memory().catch(() => null)
  if (!use) return
  const { weightBytes } = now.load
  write('ledger', [
    ['Weights', formatBytes(weightBytes)],
    ['Activations, tables, staging', formatBytes(Math.max(0, use.bytes - weightBytes))],
    ['In all', `${formatBytes(use.bytes)} in ${use.buffers} buffers`],
  ])
}

async function measure({ profile }: DeveloperSource): Promise<void> {
  profileNote.textContent = 'Measuring'
  try {
    const steps = await profile()
    const total = steps.reduce((sum, { ms }) => sum + ms, 0)
    const flops = steps.reduce((sum, step) => sum + step.flops, 0)
    byId('timeline', HTMLDivElement).replaceChildren(timeline(steps))
    const rate = (flops / total / 1e6).toFixed(1)
    profileNote.textContent = `${steps.length} dispatches, ${formatTime(total)} on the device, ${rate} GFLOP/s`
  } catch (error) {
    profileNote.textContent = error instanceof Error ? error.message : String(error)
  }
}

/** One row for each kind of step, longest first. */
function timeline(steps: readonly StepTime[]): HTMLTableElement {
  const kinds = new Map<string, { count: number; ms: number; kernels: Set<string> }>()
  for (const { label, kernel, variant, ms } of steps) {
    const kind = label.replace(/^.*\//, '').replace(/^layer\.\d+$/, 'MLP out, residual')
    const row = kinds.get(kind) ?? { count: 0, ms: 0, kernels: new Set() }
    row.count++
    row.ms += ms
    row.kernels.add(variant ? `${kernel} ${variant}` : kernel)
    kinds.set(kind, row)
  }
  const total = steps.reduce((sum, { ms }) => sum + ms, 0)
  const table = document.createElement('table')
  table.createCaption().textContent = 'Time on the device by kind of step'
  const head = table.createTHead().insertRow()
  for (const title of ['Step', 'Kernel', 'Times', 'In all', 'Share']) {
    const cell = document.createElement('th')
    cell.scope = 'col'
    cell.textContent = title
    head.append(cell)
  }
  const body = table.createTBody()
  for (const [kind, { count, ms, kernels }] of [...kinds].sort(([, a], [, b]) => b.ms - a.ms)) {
    const row = body.insertRow()
    for (const text of [kind, [...kernels].join(', '), String(count), formatTime(ms)])
      row.insertCell().textContent = text
    const meter = document.createElement('meter')
    meter.value = total > 0 ? ms / total : 0
    meter.setAttribute('aria-label', `${Math.round(meter.value * 100)}% of the time`)
    row.insertCell().append(meter)
  }
  return table
}

/** By an encoder of its own, in f32: another model may be on the stage. */
async function runCheck(): Promise<void> {
  checkResult.textContent = 'Encoding'
  try {
    const encoder = await VisionEncoder.load(undefined, { precision: 'f32' })
    try {
      const { nmse, cosine } = await selfCheck(encoder)
      const good = nmse <= 1e-9 && cosine >= 0.99999
      const figures = `error ${nmse.toExponential(1)} of the signal's power (at most 1e-9), least cosine ${cosine.toFixed(8)}`
      checkResult.textContent = `${good ? 'This device computes rightly' : 'This device computes wrong results'}: ${figures}.`
    } finally {
      encoder.dispose()
    }
  } catch (error) {
    checkResult.textContent = error instanceof Error ? error.message : String(error)
  }
}

async function busy(button: HTMLButtonElement, work: () => Promise<void>): Promise<void> {
  button.setAttribute('aria-disabled', 'true')
  if (button.dataset.busy) return
  button.dataset.busy = 'yes'
  await work()
  delete button.dataset.busy
  button.removeAttribute('aria-disabled')
}

function write(id: string, entries: readonly (readonly [string, string])[]): void {
  const rows = entries.map(([term, text]) => {
    const row = document.createElement('div')
    const name = document.createElement('dt')
    const value = document.createElement('dd')
    name.textContent = term
    value.textContent = text
    row.append(name, value)
    return row
  })
  byId(id, HTMLElement).replaceChildren(...rows)
}
