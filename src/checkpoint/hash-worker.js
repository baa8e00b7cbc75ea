// A worker that hashes what is moved to it, and moves it back: Chromium (156) digests on the thread that asks.
// JavaScript, as hash-thread.js is.
globalThis.onmessage = async ({ data: { buffer, spans } }) => {
  const hashes = []
  // One after another: each is copied when it is asked for, and in Chromium nothing is gained by asking for all at once.
  for (const [begin, end] of spans) {
    const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(buffer, begin, end - begin))
    hashes.push([...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join(''))
  }
  globalThis.postMessage({ buffer, hashes }, [buffer])
}
globalThis.postMessage('ready')
