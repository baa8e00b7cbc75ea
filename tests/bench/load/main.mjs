// npm run bench:load [-- --rounds N] [--kills N] [--only node|chromium|kills]: what the load of a full-size tower costs,
// from a server of this machine that has a repository shaped like MiniCPM-V-2_6. Prints each figure beside its bound.
import { execFile, fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { parseArgs, promisify } from 'node:util'
import { adapterOf, NODE, NODE_ON_MESA } from '../../../scripts/dawn.mjs'
import { clearCache, measureLoad, newProfile, openPage, timeDownload, timeLoad } from './chromium.mjs'
import { measureKills } from './kills.mjs'
import { makeRepository } from './repository.mjs'

const FOLDER = '.cache/load'
const CHILD = 'tests/bench/load/node-child.mjs'
const MANIFEST = join(FOLDER, 'manifest.json')

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    kills: { type: 'string', default: '20' },
    only: { type: 'string' },
  },
})
const rounds = Number(values.rounds)
const wanted = (part) => values.only === undefined || values.only === part

const run = promisify(execFile)
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`
const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? NaN
const seconds = (list) =>
  `${(median(list) / 1000).toFixed(2)} s (${list
    .map((ms) => (ms / 1000).toFixed(2))
    .sort()
    .join(' ')})`
/** The greatest, which a bound of peaks is for, and all in their order. */
const worst = (list, digits) => {
  const sorted = list.map((value) => value.toFixed(digits)).sort((a, b) => a - b)
  return `${sorted.at(-1)} (${sorted.join(' ')})`
}
const row = (name, bound, value) => console.log(`${name.padEnd(62)} ${bound.padEnd(24)} ${value}`)

async function startServer() {
  const server = fork('tests/bench/load/server.mjs', [FOLDER], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const port = await new Promise((done) => server.stdout.once('data', (text) => done(Number(text))))
  const at = (host) => `http://${host}:${port}/`
  const asked = async () => (await fetch(`${at('127.0.0.1')}stats`)).json()
  return { page: at('127.0.0.1'), address: `${at('localhost')}repository/`, asked, stop: () => server.kill() }
}

const childOf =
  (address, [program, ...before] = NODE) =>
  async (task) =>
    JSON.parse((await run(program, [...before, CHILD, address, JSON.stringify(task)])).stdout)

/** Of what was asked of the shards, and of all else: 437 tensors are some 70 reads. */
function count(asked) {
  const bytes = asked.reduce((sum, [, begin, end]) => sum + end - begin, 0)
  return { requests: asked.length, bytes, weights: asked.filter(([path]) => path.endsWith('.safetensors')).length }
}

async function nodeFigures({ address, asked }, { declared, span }) {
  const child = childOf(address)
  await asked()
  const memory = await child({ device: 'keeping', cache: false })
  const { requests, bytes } = count(await asked())
  row('requests for the tower, headers and index included', '≤ 80', requests)
  row(
    `bytes fetched, of ${(declared / 1e9).toFixed(1)} GB`,
    '≤ 1.005 × asked + headers',
    `${mb(bytes)}, ${(bytes / memory.weightBytes).toFixed(5)} ×`,
  )
  const hashed = await child({ device: 'keeping', cache: false, manifest: MANIFEST })
  row(
    'Node, null device: peak memory above idle, and if all is hashed',
    '≤ weights + 250 MB',
    `weights + ${mb(memory.above - memory.weightBytes)}, ${mb(hashed.above - hashed.weightBytes)}`,
  )
  const own = [NODE, NODE_ON_MESA].find((command) => adapterOf(command, 'dawn'))
  if (own) {
    const task = { device: 'own', cache: false }
    const loads = [await childOf(address, own)(task), await childOf(address, own)({ ...task, manifest: MANIFEST })]
    row(
      `Node, ${loads[0].device.slice(0, 40)}: the same`,
      '≤ 1.2 × weights',
      loads.map(({ above, weightBytes }) => `${(above / weightBytes).toFixed(3)} ×`).join(', '),
    )
  }
  const folder = mkdtempSync(join(tmpdir(), 'sovit-load-'))
  const ms = { plain: [], hashes: [], read: [], hashed: [], kept: [], second: [] }
  // Short, and by how the scheduler places two processes the plain fetch alone varies by a third.
  for (let i = 0; i < 3 * rounds; i++) {
    rmSync(folder, { recursive: true, force: true })
    const discarding = { device: 'discarding', cache: false }
    ms.plain.push((await child({ plain: span })).ms)
    ms.hashes.push((await child({ hashes: span.end - span.begin })).ms)
    ms.read.push((await child(discarding)).ms)
    ms.hashed.push((await child({ ...discarding, manifest: MANIFEST })).ms)
    ms.kept.push((await child({ ...discarding, cache: folder })).ms)
    await asked()
    ms.second.push((await child({ ...discarding, cache: folder })).ms)
    if (i === 0)
      row(
        'Node, second load: requests of more than a byte',
        '0',
        (await asked()).filter(([, begin, end]) => end - begin > 1).length,
      )
  }
  rmSync(folder, { recursive: true, force: true })
  times('Node', ms, 1.5)
}

function times(where, { plain, ...ours }, bound) {
  row(`${where}: a plain fetch that discards the same bytes`, '', seconds(plain))
  const names = {
    hashes: 'SHA-256 alone, of as many bytes in memory',
    read: 'a load',
    hashed: 'a load, all bytes hashed',
    kept: 'a load, hashed and kept on disk',
    second: 'a second load',
  }
  for (const [key, list] of Object.entries(ours)) {
    const ratio = (median(list) / median(plain)).toFixed(2)
    // A page keeps what it loads unless it is told otherwise: hashes are a part of that.
    const bounded = key === 'hashed' || (where !== 'Node' && key === 'kept')
    row(`${where}: ${names[key]}`, bounded ? `≤ ${bound} × plain` : '', `${ratio} ×, ${seconds(list)}`)
  }
}

async function chromiumFigures({ page: root, address, asked }, { span }) {
  const ms = { plain: [], read: [], hashed: [], kept: [], second: [] }
  const peaks = { heap: [], read: [], kept: [] }
  /** The first load of a browser: an earlier one's memory would be given back meanwhile. */
  const measure = async (page, cache) => {
    const { heap, tree, weightBytes } = await measureLoad(page, { address, cache })
    peaks.heap.push(heap / 1e6)
    peaks[cache ? 'kept' : 'read'].push(tree / weightBytes)
  }
  /** A later load of a browser but for the second visit, and while nobody looks at its memory, which takes time itself. */
  const time = async (page, name, task) => ms[name].push((await timeLoad(page, { address, cache: false, ...task })).ms)
  const visits = [
    (page) => measure(page, true),
    async (page, i) => {
      await asked()
      await time(page, 'second', { cache: true })
      const weights = (await asked()).filter(([path, begin, end]) => path.endsWith('.safetensors') && end - begin > 1)
      await clearCache(page)
      if (i > 0) return
      console.log(`Chromium on ${page.adapter}`)
      row('Chromium, second visit: requests for weights', '0', weights.length)
    },
    async (page) => {
      await measure(page, false)
      ms.plain.push((await timeDownload(page, { address, span })).ms)
      await time(page, 'read', {})
      await time(page, 'hashed', { manifest: '/manifest.json' })
      await time(page, 'kept', { cache: true })
    },
  ]
  for (let i = 0; i < rounds; i++) {
    const { profile, remove } = newProfile()
    try {
      for (const visit of visits) {
        const page = await openPage(root, profile)
        await visit(page, i)
        await page.close()
      }
    } finally {
      remove()
    }
  }
  row('Chromium: peak of heap and array buffers above idle', '≤ 64 MB', `${worst(peaks.heap, 1)} MB`)
  row('Chromium: peak of all processes above idle', '≤ 1.15 × weights', `${worst(peaks.read, 3)} ×`)
  row('Chromium: the same of loads that keep all', '≤ 1.15 × weights', `${worst(peaks.kept, 3)} ×`)
  times('Chromium', ms, 2.5)
}

if (!existsSync('dist/cli.js')) throw new Error('dist/cli.js is missing. Run: npm run build')
const repository = await makeRepository(join(FOLDER, 'repository'))
writeFileSync(join(FOLDER, 'page.html'), '<!doctype html><title>load</title>')
if (!existsSync(join(FOLDER, 'dist'))) symlinkSync(resolve('dist'), join(FOLDER, 'dist'))
rmSync(MANIFEST, { force: true }) // of another version's pieces, perhaps
await run(process.execPath, ['dist/cli.js', 'manifest', join(FOLDER, 'repository'), '--out', MANIFEST])
const server = await startServer()
try {
  console.log(
    `${cpus().length} × ${cpus()[0]?.model}, server and browser on the same machine; medians of ${rounds} interleaved rounds, in Node of ${3 * rounds}\n`,
  )
  if (wanted('node')) await nodeFigures(server, repository)
  if (wanted('chromium')) await chromiumFigures(server, repository)
  if (wanted('kills')) {
    const { kills, same, midway, kept } = await measureKills(
      [...NODE, CHILD],
      server.address,
      childOf(server.address),
      Number(values.kills),
    )
    row('killed at random moments, then loaded to the same bits', `${kills} of ${kills}`, `${same} of ${kills}`)
    row('  of which found something kept, and how much on average', '', `${midway}, ${(kept * 100).toFixed(0)}%`)
  }
} finally {
  server.stop()
}
process.exit()
