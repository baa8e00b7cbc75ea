import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const MAX_LINES = 300

/**
 * Rooms of src/, top floor first: a file imports from its own room and from floors below.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['index'],
  ['cli', 'worker', 'bench'],
  ['encoder'],
  ['built-in'],
  ['checkpoint'],
  ['image'],
  ['graph'],
  ['gpu'],
  ['model'],
  ['features'],
  ['errors'],
]

const roomOf = (path: string): string => (path.split(sep)[0] ?? '').replace(/\.ts$/, '')
const floorOf = (room: string): number => FLOORS.findIndex((rooms) => rooms.includes(room))

function filesIn(folder: string): string[] {
  if (!existsSync(join(ROOT, folder))) return []
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|wgsl)$/.test(file))
    .map((file) => join(folder, file))
}

function importsOf(file: string): string[] {
  const code = readFileSync(join(ROOT, file), 'utf8')
  return [...code.matchAll(/(?:from|import\(|import)\s*'(\.{1,2}\/[^']+)'/g)]
    .map(([, path]) => relative(join(ROOT, 'src'), join(ROOT, dirname(file), path ?? '')).replace(/\.js$/, '.ts'))
    .filter((path) => !path.startsWith('..'))
}

const sources = filesIn('src')

test.each([...sources, ...filesIn('shaders')])('%s fits in a head', (file) => {
  const lines = readFileSync(join(ROOT, file), 'utf8').trimEnd().split('\n').length
  expect(lines).toBeLessThanOrEqual(MAX_LINES)
})

test.each(sources)('%s imports only from rooms further down', (file) => {
  const room = roomOf(relative('src', file))
  expect(floorOf(room), `room '${room}' is not in the list of rooms`).toBeGreaterThanOrEqual(0)
  const upwards = importsOf(file).filter((path) => roomOf(path) !== room && floorOf(roomOf(path)) <= floorOf(room))
  expect(upwards).toEqual([])
})
