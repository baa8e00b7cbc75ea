import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Exact versions: figures of another version are other figures. */
const PEERS = { 'onnxruntime-node': '1.30.0', 'onnxruntime-web': '1.30.0' } as const
const FOLDER = '.cache/bench-peers'

/**
 * The folder in which a peer is installed; installs it, and says so first. Its install scripts, which want another
 * download, are not run: WebGPU is in the package.
 */
export function peerFolder(name: keyof typeof PEERS): string {
  const folder = join(process.cwd(), FOLDER)
  const version = PEERS[name]
  if (installedVersion(folder, name) === version) return folder
  console.error(`Installing the peer ${name} ${version} into ${FOLDER} (some 150 to 300 MB; nothing else changes)`)
  mkdirSync(folder, { recursive: true })
  const manifest = join(folder, 'package.json')
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n')
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact', `${name}@${version}`]
  execFileSync('npm', args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  return folder
}

function installedVersion(folder: string, name: string): string | null {
  const manifest = join(folder, 'node_modules', name, 'package.json')
  if (!existsSync(manifest)) return null
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
