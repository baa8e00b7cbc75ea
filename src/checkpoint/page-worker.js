// A worker of a page: hashes what is moved to it, keeps it in a file or reads it from one, and moves it back. Chromium (156)
// digests on the thread that asks, and only workers read and write files of the page's own at once and without copies on the way.
// JavaScript, as hash-thread.js is.

/** Of a SHA-256 in hex, with which a file begins, as in hash.ts: a worker's script imports nothing. */
const HASH_BYTES = 64

let turn = Promise.resolve()
// One after another: answers are known by their order, and where digests are made by other threads the shorter would come first.
globalThis.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data))
}
globalThis.postMessage('ready')

async function answer({ buffer, spans, file }) {
  const hashes = []
  let failure
  try {
    for (const [begin, end] of spans) {
      const bytes = new Uint8Array(buffer, begin, end - begin)
      hashes.push(file ? await access(bytes, file) : hex(await crypto.subtle.digest('SHA-256', bytes)))
    }
  } catch ({ message }) {
    failure = message
  }
  globalThis.postMessage({ buffer, hashes, failure }, [buffer])
}

const hex = (hash) => [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('')

/** Writes a file if it has a hash to be written, and reads it if not. */
async function access(bytes, { path, hash }) {
  const options = { create: hash !== undefined, mode: hash ? 'readwrite' : 'read-only' }
  const folders = path.split('/')
  const name = folders.pop()
  let folder = await navigator.storage.getDirectory()
  for (const next of folders) folder = await folder.getDirectoryHandle(next, options)
  const file = await (await folder.getFileHandle(name, options)).createSyncAccessHandle(options)
  let isWhole = !hash
  try {
    const head = hash ? new TextEncoder().encode(hash) : new Uint8Array(HASH_BYTES)
    if (hash) file.truncate(0)
    const move = (part, at) => (hash ? file.write(part, { at }) : file.read(part, { at }))
    const moved = move(head, 0) + move(bytes, HASH_BYTES)
    if (moved < HASH_BYTES + bytes.length) throw new Error(`only ${moved} bytes of ${path}`)
    isWhole = true
    return new TextDecoder().decode(head)
  } finally {
    file.close()
    if (!isWhole) await folder.removeEntry(name) // of a full disk: what is there has the room that others need
  }
}
