/** Files of chunks that a page keeps, as the library's worker writes them: a hash of 64 bytes, then the chunk. */
export const PAGE_FOLDER = 'sovit-weights-2'

/** The files of chunks; records, which say what a file of the network is, are left out. */
export async function pageChunks(): Promise<FileSystemFileHandle[]> {
  const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(PAGE_FOLDER)
  const chunks: FileSystemFileHandle[] = []
  for await (const group of root.values()) {
    if (!(group instanceof FileSystemDirectoryHandle)) continue
    for await (const file of group.values()) {
      if (file instanceof FileSystemFileHandle && /\.\d+-\d+$/.test(file.name)) chunks.push(file)
    }
  }
  return chunks
}

/** Makes other bytes of those of a file. */
export async function rewrite(file: FileSystemFileHandle, change: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const bytes = change(new Uint8Array(await (await file.getFile()).arrayBuffer()))
  const writable = await file.createWritable()
  await writable.write(bytes as Uint8Array<ArrayBuffer>)
  await writable.close()
}
