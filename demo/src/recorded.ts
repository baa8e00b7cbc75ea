import { MEANWHILE, patchAt, pictureOnStage } from './encoding.js'
import { SAMPLES } from './pictures.js'
import type { Tokens } from './shown.js'
import { theStage } from './stage.js'
import { showNote } from './status.js'

type Header = Readonly<
  Record<string, { readonly shape: number[]; readonly data_offsets: [number, number] } | undefined>
>

/** What `sovit encode` made of the first sample (demo/samples/record.mjs). */
async function recordedTokens(): Promise<Tokens> {
  const response = await fetch('./recorded.safetensors')
  if (!response.ok) throw new Error(`The recorded result could not be fetched: the server answered ${response.status}.`)
  // This one file is known: the library's reader, which trusts no file, is more code than the page has on its first view.
  const file = await response.arrayBuffer()
  const begin = 8 + Number(new DataView(file).getBigUint64(0, true))
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, begin - 8))) as Header
  const bytes = (name: string): ArrayBuffer => {
    const [from, to] = header[name]?.data_offsets ?? [0, 0]
    return file.slice(begin + from, begin + to)
  }
  const [patches = 0, channels = 0] = header['last_hidden_state.0']?.shape ?? []
  const [rows = 0, columns = 0] = new Int32Array(bytes('grid.0'))
  return {
    tokens: new Float32Array(bytes('last_hidden_state.0')),
    dims: [patches, channels],
    grid: [rows, columns],
    coverage: [1, 1],
    pooled: new Float32Array(bytes('pooler_output.0')),
    layers: [],
    depth: 0,
  }
}

/** Shows it where nothing can be computed. */
export async function showRecorded(): Promise<void> {
  const [sample] = SAMPLES
  if (!sample) return
  const [tokens, picture] = await Promise.all([recordedTokens(), sample.open()])
  theStage.showPicture(await createImageBitmap(picture), sample.emoji, true)
  theStage.showTokens(tokens, true, patchAt(sample, tokens.grid))
}

/** Shows it where the model takes its time, until something was computed. */
export async function showMeanwhile(): Promise<void> {
  const waits = (): boolean => theStage.shown?.tokens === null && pictureOnStage() === SAMPLES[0]
  if (!waits()) return
  const tokens = await recordedTokens()
  if (!waits() || !SAMPLES[0]) return
  theStage.showTokens(tokens, true, patchAt(SAMPLES[0], tokens.grid))
  showNote(MEANWHILE)
}
