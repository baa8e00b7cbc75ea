/** Has a service worker keep the page, so that it opens without a network. Only the built page has one. */
export async function keepPage(): Promise<void> {
  if (import.meta.env.MODE === 'development' || !('serviceWorker' in navigator)) return
  // Refused in some private windows: the page works all the same while there is a network.
  await navigator.serviceWorker.register('./sw.js').catch(() => undefined)
}
