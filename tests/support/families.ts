import type { PositionMode } from '../../src/index.js'
import { fixtureBytes } from './fixture.js'

/** A tiny checkpoint of tests/fixtures/families.json. */
export interface FamilyModel {
  readonly name: string
  readonly family: string
  readonly reference: string
  readonly checkpoints: readonly string[]
  readonly folder: string
  readonly files: readonly string[]
  /** Files that are another model's, by the name they have here. */
  readonly shared?: Readonly<Record<string, string>>
  readonly layout: string
  readonly shape: Readonly<Record<'width' | 'heads' | 'mlp' | 'layers' | 'table' | 'patch', number>> & { gelu: string }
  readonly goldens: string
  readonly cases: readonly FamilyCase[]
}

export interface FamilyCase {
  readonly key: string
  readonly pictures: readonly { readonly seed: number; readonly height: number; readonly width: number }[]
  readonly grids: readonly (readonly [number, number])[]
  readonly positions: PositionMode
  readonly merge?: '4x' | '16x'
  readonly temporalIds?: readonly (readonly number[])[]
  /** Pieces of one picture, that was cut before. */
  readonly sources?: readonly (readonly [number, number, number])[]
}

/** Its files as a page gets them from a folder that is dropped. */
export async function familyFiles({ folder, files, shared = {} }: FamilyModel): Promise<File[]> {
  const own = files.map((name) => [name, `${folder}/${name}`] as const)
  return Promise.all(
    [...own, ...Object.entries(shared)].map(async ([name, path]) => new File([await fixtureBytes(path)], name)),
  )
}
