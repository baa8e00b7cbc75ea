export const CACHE_OPTION = {
  cache: { value: 'DIR', help: 'keeps what http(s) brings there (default ~/.cache/sovit/weights); off: nowhere' },
} as const

/** `off`, a folder, or by default the user's cache folder. */
export function cacheOption({ cache }: { readonly cache: string | undefined }): boolean | string {
  return cache === 'off' ? false : (cache ?? true)
}
