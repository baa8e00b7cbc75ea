/** Files of the repository, in a page (the test server serves the project's root) and in Node alike. */
export async function fixtureBytes(path: string): Promise<ArrayBuffer> {
  if (typeof window !== 'undefined') {
    const response = await fetch(`/${path}`)
    if (!response.ok) throw new Error(`${path}: ${String(response.status)}`)
    return response.arrayBuffer()
  }
  const { readFile } = await import('node:fs/promises')
  return Uint8Array.from(await readFile(path)).buffer
}

export async function fixtureJson<T>(path: string): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await fixtureBytes(path))) as T
}

interface HeaderEntry {
  readonly dtype: string
  readonly data_offsets: readonly [number, number]
}

/** F32 and I32 tensors of a golden file. Plain and trusting: it reads our own files, and is no part of what is tested. */
export function goldenTensors(bytes: ArrayBuffer): Map<string, Float32Array | Int32Array> {
  const headerSize = Number(new DataView(bytes).getBigUint64(0, true))
  const text = new TextDecoder().decode(new Uint8Array(bytes, 8, headerSize))
  const { __metadata__: _, ...header } = JSON.parse(text) as Record<string, HeaderEntry>
  const tensors = new Map<string, Float32Array | Int32Array>()
  for (const [
    name,
    {
      dtype,
      data_offsets: [begin, end],
    },
  ] of Object.entries(header)) {
    const data = bytes.slice(8 + headerSize + begin, 8 + headerSize + end)
    tensors.set(name, dtype === 'I32' ? new Int32Array(data) : new Float32Array(data))
  }
  return tensors
}
