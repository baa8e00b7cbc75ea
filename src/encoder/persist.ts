/** Asks the browser not to evict what this origin keeps. Of its own file, as only pages may ask, not workers. */
export async function persist(): Promise<boolean> {
  // Insecure pages and Node have none, whatever the types say.
  const { storage } = (globalThis.navigator as { readonly storage?: StorageManager } | undefined) ?? {}
  return (await storage?.persist()) ?? false
}
