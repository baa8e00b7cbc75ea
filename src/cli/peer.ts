import { SovitError } from '../errors.js'

/** Passes an optional package's module on; its absence becomes `MISSING_PACKAGE` with the line that installs it. */
export async function peer<T>(name: string, why: string, load: Promise<T>): Promise<T> {
  try {
    return await load
  } catch (cause) {
    const what = `${why} needs the package ${name}, which cannot be loaded`
    throw new SovitError('MISSING_PACKAGE', `${what}. Install it: npm install ${name}`, { cause })
  }
}
