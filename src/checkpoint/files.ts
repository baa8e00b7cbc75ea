/** Files that the user of a page chose or dropped: one by one, or as a folder with all that lies in it. */
import { blobSource } from './memory.js'
import type { Folder } from './sources.js'

/**
 * The files that lie side by side in the one folder that counts: the one nearest to the top that holds a checkpoint, as
 * names repeat in subfolders, and files of different folders do not belong together.
 */
export function filesFolder(all: readonly File[]): Folder {
  const files = nearest(all) ?? all
  const [first] = files
  const folder = first ? folderOf(first) : ''
  const loose = first && files.length === 1 ? first.name : `${files.length} files`
  return {
    name: folder === '' ? loose : folder,
    weightFiles: files.map(({ name }) => name).filter(isWeights),
    find(name) {
      const file = files.find((one) => one.name === name)
      return Promise.resolve(file ? blobSource(file, name) : null)
    },
  }
}

function nearest(all: readonly File[]): readonly File[] | undefined {
  const folders = new Map<string, File[]>()
  for (const file of all) {
    const folder = folderOf(file)
    const known = folders.get(folder)
    if (known) known.push(file)
    else folders.set(folder, [file])
  }
  const depth = (folder: string): number => folder.split('/').length
  const [found] = [...folders].filter(([, files]) => holdsCheckpoint(files)).sort(([a], [b]) => depth(a) - depth(b))
  return found?.[1]
}

/** What can be opened: weights of the usual name, the index of shards, or the only weights there are. */
function holdsCheckpoint(files: readonly File[]): boolean {
  const names = files.map(({ name }) => name)
  const usual = names.some((name) => /^model\.safetensors(\.index\.json)?$/.test(name))
  return usual || names.filter(isWeights).length === 1
}

function isWeights(name: string): boolean {
  return name.endsWith('.safetensors')
}

/** The path that a folder picker gives without the file's name. Chosen one by one, and in Node, files have none. */
function folderOf(file: File): string {
  const path = (file as { readonly webkitRelativePath?: string }).webkitRelativePath ?? ''
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}
