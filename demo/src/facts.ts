import type { DeviceInfo, Encoding, VisionEncoder } from 'sovit'
import { byId } from './dom.js'
import { formatBytes, formatTime } from './format.js'

/** What is known once a model is loaded. */
export function showModelFacts(encoder: VisionEncoder): void {
  const { config, layout, dtype } = encoder.model
  write('device', deviceName(encoder.device))
  byId('software-note', HTMLParagraphElement).hidden = !encoder.device.software
  write('model', `${config.layers} layers, width ${config.width}, ${config.heads} heads, ${dtype} (${layout})`)
  write('precision', encoder.precision === 'f16' ? 'f16, sums in f32' : 'f32')
  write('load', `${formatTime(encoder.load.ms)}, ${formatBytes(encoder.load.fetchedBytes)} read`)
  write('memory', formatBytes(encoder.gpuBytes))
}

/** What is known once a picture is encoded. `ms`: wall time of the encode, decoding and readback included. */
export function showEncodeFacts(encoder: VisionEncoder, encoding: Encoding, ms: number): void {
  const [rows, columns] = encoding.grid
  const [patches, width] = encoding.dims
  write('tokens', `${patches} × ${width}, grid ${rows} × ${columns}, ${encoding.positions} positions`)
  write('encode', formatTime(ms))
  write('memory', formatBytes(encoder.gpuBytes))
}

/** Browsers tell vendor and architecture, and hide the rest. */
function deviceName(device: DeviceInfo): string {
  const name = [device.vendor, device.architecture || device.description].filter(Boolean).join(', ')
  return name || 'not disclosed by this browser'
}

function write(fact: string, text: string): void {
  byId(`fact-${fact}`, HTMLElement).textContent = text
}
