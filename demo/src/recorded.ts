import { readSafetensors } from 'sovit/safetensors'
import { SAMPLES } from './pictures.js'
import { theStage } from './stage.js'

/** Shows what `sovit encode` made of the first sample, where nothing can be computed. */
export async function showRecorded(): Promise<void> {
  const [sample] = SAMPLES
  const [picture, response] = await Promise.all([sample.open(), fetch('./recorded.safetensors')])
  if (!response.ok) return
  const file = readSafetensors(new Uint8Array(await response.arrayBuffer()), 'recorded.safetensors')
  const numbers = <T>(name: string, read: (buffer: ArrayBuffer) => T): T =>
    read((file.get(name)?.data ?? new Uint8Array()).slice().buffer)
  const tokens = numbers('last_hidden_state.0', (buffer) => new Float32Array(buffer))
  const [rows = 0, columns = 0] = numbers('grid.0', (buffer) => new Int32Array(buffer))
  theStage.showPicture(await createImageBitmap(picture), sample.emoji, true)
  const [patches = 0, channels = 0] = file.get('last_hidden_state.0')?.shape ?? []
  const pooled = numbers('pooler_output.0', (buffer) => new Float32Array(buffer))
  theStage.showTokens(
    { tokens, dims: [patches, channels], grid: [rows, columns], coverage: [1, 1], pooled, layers: [], depth: 0 },
    true,
    Math.floor(0.71 * rows) * columns + Math.floor(0.26 * columns),
  )
}
