import { VisionEncoder } from 'sovit/worker'

interface KnownModel {
  readonly name: string
  /** Bytes of the vision tower, in words. */
  readonly size: string
  /** The only pictures that it takes, where its positions are of one size. */
  readonly side?: number
}

export const KNOWN_MODELS: readonly KnownModel[] = [
  { name: 'openbmb/MiniCPM-V-2_6', size: '0.8 GB' },
  { name: 'openbmb/MiniCPM-V-4_5', size: '0.8 GB' },
  { name: 'google/siglip-so400m-patch14-384', size: '1.7 GB', side: 378 },
  { name: 'google/siglip2-so400m-patch14-384', size: '1.7 GB', side: 378 },
]

/** What loading this name or address will fetch, as far as it can be told without asking a server. */
export async function whatIsFetched(name: string): Promise<string> {
  if (name.includes('/') && (await VisionEncoder.cache.isCached(name).catch(() => false))) {
    return 'All of it is kept in this browser: nothing needs to be fetched.'
  }
  const known = KNOWN_MODELS.find((model) => model.name === name.replace(/^hf:|@.*$/g, ''))
  if (!known)
    return 'Only the vision tower is fetched, some 0.8 GB (1.7 GB in 32-bit floats), and kept in this browser.'
  const only = known.side ? ` It takes ${known.side} × ${known.side} pixels only.` : ''
  return `Only the vision tower is fetched, some ${known.size}, and kept in this browser.${only}`
}
