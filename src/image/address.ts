import { SovitError, throwIfAborted } from '../errors.js'
import { inBrowser } from './decode-browser.js'
import type { DecodeOptions } from './decode.js'

/**
 * The encoded picture at an address, in Node also at a path, and what messages call it.
 *
 * @throws SovitError `NOT_FOUND`, `ACCESS_DENIED`, `NETWORK`, `ABORTED`
 */
export async function readAddress(
  address: string | URL,
  options: DecodeOptions,
): Promise<{ readonly file: Blob; readonly what: string }> {
  const text = String(address)
  const what = `The picture ${shorten(text)}`
  const isFile = text.startsWith('file:') || !/^[a-z][a-z\d+.-]+:/i.test(text)
  const file =
    !inBrowser && isFile ? (await import('./decode-node.js')).readPath(address) : fetchBlob(address, what, options)
  return { file: await file, what }
}

async function fetchBlob(
  address: string | URL,
  what: string,
  { signal, fetch: get = fetch }: DecodeOptions,
): Promise<Blob> {
  let response: Response
  try {
    response = await get(address, { signal })
    if (response.ok) return await response.blob()
  } catch (cause) {
    throwIfAborted(signal, 'Fetching a picture')
    const way = 'Check the address, the connection and, across origins, that the server allows it (CORS).'
    throw new SovitError('NETWORK', `${what} could not be fetched. ${way}`, { cause })
  }
  const code = STATUS_CODES[response.status] ?? 'NETWORK'
  throw new SovitError(code, `${what} could not be fetched: the server answered ${response.status}. Check the address.`)
}

const STATUS_CODES: Readonly<Record<number, 'ACCESS_DENIED' | 'NOT_FOUND'>> = {
  401: 'ACCESS_DENIED',
  403: 'ACCESS_DENIED',
  404: 'NOT_FOUND',
  410: 'NOT_FOUND',
}

/** data: addresses hold the whole picture. */
function shorten(address: string): string {
  return address.length > 120 ? `${address.slice(0, 117)}...` : address
}
