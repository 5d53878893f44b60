import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const test = suite('loaded modules')
const ROOT = join(import.meta.dirname, '../..')
const LOADER = fileURLToPath(new URL('../fixtures/loaded-modules.ts', import.meta.url))

/** What importing these modules of ours loads. */
async function loadedBy(...paths: readonly string[]): Promise<string[]> {
  const args = [LOADER, ...paths.map((path) => join(ROOT, path))]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 4 * 1024 * 1024 })
  return JSON.parse(stdout)
}

const among = (loaded: readonly string[], ...pieces: readonly string[]) =>
  loaded.filter((name) => pieces.some((piece) => name.includes(piece)))

test('a node that serves loads no command, nothing that only a tracker needs, and one HTTP client', async () => {
  const loaded = await loadedBy('src/cli/daemon-program.ts', 'node/main.ts', 'node/node.ts')
  assert.ok(among(loaded, '/src/exchange/exchange.ts', '/undici/lib/dispatcher/agent.js').length === 2)
  const unused = [
    '/node-forge/',
    '/re2js/',
    '/fast-xml-parser/',
    '/src/cli/image-',
    '/tracker/',
    '/undici/index.js',
  ]
  assert.equal(among(loaded, ...unused), [])
  // what `import` of node:http would bring
  assert.equal(among(loaded, 'internal/deps/undici'), [])
})

test('what workers do needs no library', async () => {
  const loaded = await loadedBy(
    'src/core/frame-codec.ts',
    'src/store/solid-run.ts',
    'src/image/image-jobs.ts',
  )
  assert.ok(among(loaded, '/src/core/digest.ts').length === 1)
  assert.equal(among(loaded, '/node_modules/', 'internal/crypto/webcrypto'), [])
})

test.run()
