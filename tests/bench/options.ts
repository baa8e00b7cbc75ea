import { parseArgs } from 'node:util'

export const HELP = `npm run bench -- [options]

  --quick           fewer runs, and fewer tokens on a software rasteriser
  --peers LIST      none, all, or of ort (onnxruntime-node), web (onnxruntime-web in Chromium), torch (PYTHON=python);
                    default ort,web, and torch where PYTHON is set; with --quick none
  --tokens N        a square number of patches, default 1024 (448×448)
  --layers L        blocks of the whole encoder, default 27, on a software rasteriser 1
  --scaling         up to 10 360 tokens also on a software rasteriser, where it takes minutes; on a GPU always, but with --quick
  --model           no device: what each kernel and tile costs on paper, and the bound that follows for known devices
  --json            one JSON document on standard output instead of tables

Peers are installed into .cache/bench-peers at the first use, which says so.
`

const PEERS = ['ort', 'web', 'torch'] as const
export type PeerName = (typeof PEERS)[number]

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
  return { help, json, model, quick, scaling, peers: readPeers(values.peers ?? usual), side, layers }
}

function readPeers(list: string): PeerName[] {
  if (list === 'none') return []
  if (list === 'all') return [...PEERS]
  return list.split(',').map((name) => {
    const peer = PEERS.find((known) => known === name)
    if (!peer) throw new Error(`--peers: there is no peer '${name}'. Use none, all, or some of ${PEERS.join(',')}.`)
    return peer
  })
}
