import type { DeviceInfo, Encoding, VisionEncoder } from 'sovit/worker'
import { byId } from './dom.js'
import { formatBytes, formatTime } from './format.js'
import type { Model } from './models.js'

/** What is known once a model is loaded. */
export function showModelFacts(encoder: VisionEncoder, { kind, label }: Model): void {
  const { config, layout, dtype } = encoder.model
  write('device', deviceName(encoder.device))
  byId('software-note', HTMLParagraphElement).hidden = !encoder.device.software
  write('model', label)
  write(
    'network',
    `${config.layers} layers, width ${config.width}, ${config.heads} ${config.heads === 1 ? 'head' : 'heads'}, ${dtype} (${layout})`,
  )
  write('precision', encoder.precision === 'f16' ? 'f16, sums in f32' : 'f32')
  const { ms, fetchedBytes, cachedBytes } = encoder.load
  write('load', formatTime(ms))
  const kept = cachedBytes > 0 ? `, ${formatBytes(cachedBytes)} from this browser` : ''
  write(
    'read',
    kind === 'files' ? `${formatBytes(fetchedBytes)} of files` : `${formatBytes(fetchedBytes)} from the network${kept}`,
  )
  // What is on show is of another model.
  write('tokens', '–')
  write('encode', '–')
  void showMemory(encoder)
}

/** What is known once a picture is encoded. `ms`: wall time of the encode, decoding and readback included. */
export function showEncodeFacts(encoder: VisionEncoder, encoding: Encoding, ms: number): void {
  const [rows, columns] = encoding.grid
  const [patches, width] = encoding.dims
  write('tokens', `${patches} × ${width}, grid ${rows} × ${columns}, ${encoding.positions} positions`)
  write('encode', formatTime(ms))
  void showMemory(encoder)
}

async function showMemory(encoder: VisionEncoder): Promise<void> {
  const use = await encoder.memory().catch(() => null) // disposed meanwhile: another model's is shown then
  if (use) write('memory', formatBytes(use.bytes))
}

/** Browsers tell vendor and architecture, and hide the rest. */
function deviceName(device: DeviceInfo): string {
  const name = [device.vendor, device.architecture || device.description].filter(Boolean).join(', ')
  return name || 'not disclosed by this browser'
}

function write(fact: string, text: string): void {
  byId(`fact-${fact}`, HTMLElement).textContent = text
}
