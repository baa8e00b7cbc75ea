import { parseArgs } from 'node:util'
import type { Arithmetic } from '../../src/gpu/arithmetic.js'

export const HELP = `npm run bench -- [options]

  --quick           fewer runs, and fewer tokens on a software rasteriser
  --peers LIST      none, all, or of ort (onnxruntime-node), web (onnxruntime-web in Chromium), torch (PYTHON=python);
                    default ort,web, and torch where PYTHON is set; with --quick none
  --tokens N        a square number of patches, default 1024 (448×448)
  --layers L        blocks of the whole encoder, default 27, on a software rasteriser 1
  --scaling         up to 10 360 tokens also on a software rasteriser, where it takes minutes; on a GPU always, but with --quick
  --arithmetic LIST some of matrix,f16,f32: how the encoder multiplies; default on a GPU all that it has, else auto
  --model           no device: what each kernel and tile costs on paper, and the bound that follows for known devices
  --json            one JSON document on standard output instead of tables

Peers are installed into .cache/bench-peers at the first use, which says so.
`

const PEERS = ['ort', 'web', 'torch'] as const
export type PeerName = (typeof PEERS)[number]
const ARITHMETICS = ['matrix', 'f16', 'f32'] as const satisfies readonly Arithmetic[]

export interface BenchArguments {
  readonly help: boolean
  readonly json: boolean
  readonly model: boolean
  readonly quick: boolean
  /** Undefined: where it does not take long. */
  readonly scaling?: boolean
  readonly peers: readonly PeerName[]
  /** Patches along each side. */
  readonly side?: number
  readonly layers?: number
  /** Undefined: by device. */
  readonly arithmetics?: readonly Arithmetic[]
}

/** Reads the command line; throws an Error whose message says what to write instead. */
export function readArguments(
  args: string[],
  environment: Readonly<Record<string, string | undefined>>,
): BenchArguments {
  const { values } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      model: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      scaling: { type: 'boolean' },
      peers: { type: 'string' },
      tokens: { type: 'string' },
      layers: { type: 'string' },
      arithmetic: { type: 'string' },
    },
  })
  const { help, json, model, quick, scaling } = values
  const usual = quick ? 'none' : environment.PYTHON ? 'all' : 'ort,web'
  const side = values.tokens === undefined ? undefined : Math.sqrt(Number(values.tokens))
  if (side !== undefined && !(Number.isInteger(side) && side >= 1 && side <= 70)) {
    throw new Error(`--tokens ${values.tokens ?? ''} is no square from 1 to 4900. Use 256, 1024 or 4900, for example.`)
  }
  const layers = values.layers === undefined ? undefined : Number(values.layers)
  if (layers !== undefined && !(Number.isInteger(layers) && layers >= 1 && layers <= 27)) {
    throw new Error(`--layers ${values.layers ?? ''} is not from 1 to 27.`)
  }
  const arithmetics =
    values.arithmetic === undefined ? undefined : readList('arithmetic', values.arithmetic, ARITHMETICS)
  const peers = readList('peers', values.peers ?? usual, PEERS)
  return { help, json, model, quick, scaling, peers, side, layers, arithmetics }
}

function readList<T extends string>(option: string, list: string, known: readonly T[]): T[] {
  if (list === 'none') return []
  if (list === 'all') return [...known]
  return list.split(',').map((name) => {
    const found = known.find((one) => one === name)
    if (found) return found
    throw new Error(`--${option}: there is no '${name}'. Use none, all, or some of ${known.join(',')}.`)
  })
}
