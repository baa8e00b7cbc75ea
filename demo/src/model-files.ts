import type { Model } from './models.js'

/** What was dropped on the page: files, or folders whose files come later. */
export interface Dropped {
  readonly files: readonly File[]
  readonly folders: readonly FileSystemDirectoryEntry[]
}

/** Called in the event itself: afterwards a drop has nothing any more. */
export function readDrop({ items }: DataTransfer): Dropped {
  const files: File[] = []
  const folders: FileSystemDirectoryEntry[] = []
  for (const item of items) {
    // Null for what a script made, and for text.
    const entry = item.webkitGetAsEntry()
    const file = item.getAsFile()
    if (isDirectory(entry)) folders.push(entry)
    else if (file) files.push(file)
  }
  return { files, folders }
}

/** Whether these are for the model, and not a picture. */
export function isModel({ files, folders }: Dropped): boolean {
  return folders.length > 0 || files.some(({ name }) => /\.safetensors(\.index\.json)?$/.test(name))
}

/** Files of a checkpoint, whose names are all that is looked at before the model is loaded. */
export function modelOfFiles(files: readonly File[], folder?: string): Model {
  const [first] = files
  const top = folder ?? first?.webkitRelativePath.split('/')[0] ?? ''
  const loose = first && files.length === 1 ? first.name : `${files.length} files`
  return { kind: 'files', source: files, label: top === '' ? loose : top }
}

export async function modelOfDrop({ files, folders }: Dropped): Promise<Model> {
  const inside = await Promise.all(folders.map(filesIn))
  return modelOfFiles([...files, ...inside.flat()], folders[0]?.name)
}

/** The files that may belong to a checkpoint, of this folder alone: those of a checkpoint lie side by side. */
async function filesIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const reader = folder.createReader()
  const files: Promise<File>[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject)
    })
    // A large folder comes in parts, and ends with an empty one.
    if (some.length === 0) return Promise.all(files)
    files.push(
      ...some
        .filter(isFile)
        .filter(({ name }) => /\.(safetensors|json)$/.test(name))
        .map(fileOf),
    )
  }
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject)
  })
}

function isDirectory(entry: FileSystemEntry | null): entry is FileSystemDirectoryEntry {
  return entry?.isDirectory === true
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}
