import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type ConfigFile, configFilePath, readConfigFile, writeContext } from '../../src/cli/config-file.ts'
import { need, resolveSettings } from '../../src/cli/settings.ts'
import { ConfigError, InvalidError, NotFoundError } from '../../src/core/errors.ts'

const test = suite('settings')
let dir = ''
test.before.each(async () => {
  dir = await mkdtemp(join(tmpdir(), 'settings-'))
})
test.after.each(() => rm(dir, { recursive: true }))

const file: ConfigFile = {
  current: 'a',
  contexts: {
    a: { tracker: { url: 'https://a.example:8443' }, node: { socket: '/a.sock' } },
    b: { tracker: { url: 'https://b.example', name: 'tracker.b' } },
  },
}
const base = { flags: {}, env: {}, path: '/c.yaml', file }

async function refusal(text: string): Promise<Error> {
  const path = join(dir, 'config.yaml')
  await writeFile(path, text)
  try {
    await readConfigFile(path)
  } catch (error) {
    return error as Error
  }
  throw new Error('was accepted')
}

test('flags win over the environment, and that over the file', () => {
  const env = { BOOTSWARM_TRACKER: 'https://env.example', BOOTSWARM_SOCKET: '/env.sock' }
  const { values } = resolveSettings({ ...base, env, flags: { tracker: 'https://flag.example' } })
  assert.equal(values.tracker, { value: 'https://flag.example', from: '--tracker' })
  assert.equal(values.socket, { value: '/env.sock', from: 'BOOTSWARM_SOCKET' })
  assert.equal(resolveSettings(base).values.socket, { value: '/a.sock', from: '/c.yaml' })
})

test('the context is chosen by flag, environment or the file', () => {
  const urlOf = (init: Partial<typeof base>) => resolveSettings({ ...base, ...init }).values.tracker?.value
  assert.is(urlOf({}), 'https://a.example:8443')
  assert.is(urlOf({ env: { BOOTSWARM_CONTEXT: 'b' } }), 'https://b.example')
  assert.is(urlOf({ env: { BOOTSWARM_CONTEXT: 'b' }, flags: { context: 'a' } }), 'https://a.example:8443')
})

test('the name of the tracker is the host of its address unless given', () => {
  const nameOf = (context: string) =>
    resolveSettings({ ...base, flags: { context } }).values.trackerName?.value
  assert.is(nameOf('a'), 'a.example')
  assert.is(nameOf('b'), 'tracker.b')
})

test('an unknown context is not found, with those that there are', () => {
  assert.throws(
    () => resolveSettings({ ...base, flags: { context: 'c' } }),
    (error: unknown) => error instanceof NotFoundError && error.data['advice'] === 'It has: a, b',
  )
})

test('a tracker without TLS is refused', () => {
  for (const tracker of ['http://a.example', 'a.example:8443', 'ftp://x']) {
    assert.throws(
      () => resolveSettings({ ...base, flags: { tracker } }),
      (error: unknown) => error instanceof InvalidError,
    )
  }
})

test('what is missing is named with three ways to give it', () => {
  const settings = resolveSettings({ ...base, file: {} })
  assert.throws(
    () => need(settings, 'tracker'),
    (error: unknown) => {
      const advice = String((error as ConfigError).data['advice'])
      return error instanceof ConfigError && /--tracker.*BOOTSWARM_TRACKER.*context add/.test(advice)
    },
  )
  assert.is(need(settings, 'socket'), '/run/bootswarm/node.sock')
})

test('the file is found by XDG rules', () => {
  assert.is(configFilePath({ XDG_CONFIG_HOME: '/x', HOME: '/h' }), '/x/bootswarm/config.yaml')
  assert.is(configFilePath({ HOME: '/h' }), '/h/.config/bootswarm/config.yaml')
  assert.is(configFilePath({ BOOTSWARM_CONFIG: '/own.yaml', HOME: '/h' }), '/own.yaml')
})

test('a missing file is an empty configuration', async () => {
  assert.equal(await readConfigFile(join(dir, 'none.yaml')), { contexts: {} })
})

test('an unknown key is refused by its place', async () => {
  const error = await refusal('contexts: { a: { trakcer: { url: "https://x" } } }')
  assert.instance(error, ConfigError)
  assert.match(error.message, /config\.yaml: contexts\.a\.trakcer: Unexpected property/)
})

test('what is not YAML or not a map is refused', async () => {
  for (const text of [
    'a: [',
    '- 1',
    'just text',
    'current: 5',
    'contexts: { a: { identity: { key: 5 } } }',
  ]) {
    assert.instance(await refusal(text), ConfigError, text)
  }
})

test('aliases are not expanded without bound', async () => {
  const error = await refusal('a: &a [x, x]\nb: [*a, *a, *a]\n')
  assert.instance(error, ConfigError)
})

test('paths are relative to the file', async () => {
  const path = join(dir, 'config.yaml')
  await writeFile(
    path,
    'contexts: { a: { identity: { certificate: me.pem, key: /abs.key, ca: ../ca.pem } } }',
  )
  const { contexts } = await readConfigFile(path)
  assert.equal(contexts?.['a']?.identity, {
    certificate: join(dir, 'me.pem'),
    key: '/abs.key',
    ca: join(dir, '../ca.pem'),
  })
})

test('a context is added without losing comments, private to the user, the first one becoming current', async () => {
  const path = join(dir, 'deep', 'config.yaml')
  await writeContext(path, 'one', { context: { node: { socket: '/1.sock' } }, current: false })
  await writeFile(path, `# mine\n${await readFile(path, 'utf8')}`)
  await writeContext(path, 'two', { context: { node: { socket: '/2.sock' } }, current: false })
  assert.is((await readConfigFile(path)).current, 'one')
  await writeContext(path, 'two', { current: true })
  const config = await readConfigFile(path)
  assert.is(config.current, 'two')
  assert.equal(Object.keys(config.contexts ?? {}), ['one', 'two'])
  assert.match(await readFile(path, 'utf8'), /^# mine/)
  assert.is((await stat(path)).mode & 0o777, 0o600)
})

test.run()
