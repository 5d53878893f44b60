import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CertificateError } from '../../src/core/errors.ts'
import { findCaDirectory, findIdentityFiles, type GridUser } from '../../src/identity/grid-places.ts'
import { withScratch } from '../fixtures/scratch.ts'

const test = suite('grid places')
const uid = process.getuid?.() ?? 0

/** A user with an empty home in a folder that goes away. */
const withUser = (task: (user: GridUser & { proxyDir: string; gridDir: string }) => Promise<void>) => () =>
  withScratch(async (dir) => {
    const user = {
      env: {},
      uid,
      home: join(dir, 'home'),
      proxyDir: join(dir, 'tmp'),
      gridDir: join(dir, 'grid'),
    }
    for (const one of [join(user.home, '.globus'), user.proxyDir, join(user.gridDir, 'certificates')]) {
      await mkdir(one, { recursive: true })
    }
    await task(user)
  })

async function put(...path: string[]): Promise<string> {
  const file = join(...path)
  await writeFile(file, '', { mode: 0o600 })
  return file
}

async function refused(user: GridUser, pattern: RegExp): Promise<void> {
  await findIdentityFiles(user).then(
    () => assert.unreachable('found'),
    (error) => {
      assert.instance(error, CertificateError)
      assert.match(error.message, pattern)
    },
  )
}

test(
  'finds nothing where there is nothing',
  withUser(async (user) => {
    assert.is(await findIdentityFiles({ ...user, uid: 4711 }), undefined)
    assert.is(await findCaDirectory({ ...user, gridDir: join(user.home, 'none') }), undefined)
  }),
)

test(
  'takes the first of the usual places',
  withUser(async (user) => {
    const host = await put(user.gridDir, 'hostcert.pem')
    const hostKey = await put(user.gridDir, 'hostkey.pem')
    const ofRoot = await findIdentityFiles({ ...user, uid: 0 })
    assert.equal(ofRoot, { certificate: host, key: hostKey, source: host })
    assert.is(await findIdentityFiles({ ...user, uid: 4711 }), undefined)
    const certificate = await put(user.home, '.globus', 'usercert.pem')
    const key = await put(user.home, '.globus', 'userkey.pem')
    assert.equal(await findIdentityFiles(user), { certificate, key, source: certificate })
    const env = { X509_USER_CERT: host, X509_USER_KEY: hostKey }
    assert.is((await findIdentityFiles({ ...user, env }))?.source, 'X509_USER_CERT')
    const proxy = await put(user.proxyDir, `x509up_u${uid}`)
    assert.equal(await findIdentityFiles({ ...user, env }), { certificate: proxy, key: proxy, source: proxy })
    const other = await put(user.home, 'proxy')
    const named = await findIdentityFiles({ ...user, env: { ...env, X509_USER_PROXY: other } })
    assert.equal(named, { certificate: other, key: other, source: 'X509_USER_PROXY' })
    assert.is((await findIdentityFiles({ ...user, env: { X509_USER_PROXY: '' } }))?.source, proxy)
  }),
)

test(
  'looks nowhere else when a variable names what is not there',
  withUser(async (user) => {
    await put(user.proxyDir, `x509up_u${uid}`)
    await refused(
      { ...user, env: { X509_USER_PROXY: join(user.home, 'gone') } },
      /X509_USER_PROXY names .*gone/,
    )
    const env = { X509_CERT_DIR: join(user.home, 'gone') }
    await findCaDirectory({ ...user, env }).then(
      () => assert.unreachable(),
      (error) => assert.match(error.message, 'X509_CERT_DIR names'),
    )
  }),
)

test(
  'wants both of a pair',
  withUser(async (user) => {
    const file = await put(user.home, 'file')
    await refused({ ...user, env: { X509_USER_CERT: file } }, /X509_USER_KEY is not set/)
    await refused({ ...user, env: { X509_USER_KEY: file } }, /X509_USER_CERT is not set/)
    await put(user.home, '.globus', 'usercert.pem')
    assert.is(await findIdentityFiles({ ...user, uid: 4711 }), undefined)
  }),
)

test(
  'takes no proxy that somebody else has put there',
  withUser(async (user) => {
    const path = await put(user.proxyDir, `x509up_u${uid + 1}`)
    await refused({ ...user, uid: uid + 1 }, /is not a file of the user/)
    await symlink(path, join(user.proxyDir, `x509up_u${uid}`))
    await refused(user, /is not a file of the user/)
  }),
)

test(
  'says how to convert PKCS #12',
  withUser(async (user) => {
    await put(user.home, '.globus', 'usercred.p12')
    await refused(user, /openssl pkcs12 -in .*usercred.p12 .*chmod 600/)
  }),
)

test(
  'finds the directory of the authorities',
  withUser(async (user) => {
    const grid = join(user.gridDir, 'certificates')
    assert.is(await findCaDirectory(user), grid)
    const own = join(user.home, '.globus', 'certificates')
    await mkdir(own)
    assert.is(await findCaDirectory(user), own)
    assert.is(await findCaDirectory({ ...user, env: { X509_CERT_DIR: grid } }), grid)
  }),
)

test.run()
