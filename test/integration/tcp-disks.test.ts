import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mint } from '../../testnet/pki.ts'
import { createTestnet } from '../../testnet/testnet.ts'
import { withNode } from '../../testnet/with-node.ts'
import { freePort } from '../fixtures/byte-gate.ts'
import { writeDiskImage } from '../fixtures/disk-image.ts'

import { runClient } from '../fixtures/nbd-process.ts'
import { missingPrograms, testsThatNeed } from '../fixtures/programs.ts'
import { pushImage } from '../fixtures/testnet-steps.ts'

const test = suite('disks over TCP')
const withClients = testsThatNeed(test, missingPrograms('nbdinfo', 'qemu-img'))
const SIZE = 1024 * 1024

withClients('are read by those whom the configuration names, with TLS, and by nobody else', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'bs-tcp-'))
  const port = await freePort()
  const allow = ['/O=Testnet/OU=users/CN=reader']
  const testnet = await createTestnet({
    nodes: 1,
    config: { nodes: { 0: { disk: { tcp: { listen: `127.0.0.1:${port}`, allow } } } } },
  })
  try {
    const image = join(dir, 'disk.img')
    await writeDiskImage(image, SIZE)
    await pushImage(testnet, image, 'site/disk:1')
    const [node] = testnet.nodes
    assert.ok(node)
    const { export: name } = await withNode(node, (client) =>
      client.disks.attach({ reference: 'site/disk:1' }),
    )
    const certificates = async (commonName: string) => {
      const pki = join(dir, commonName)
      await mkdir(pki)
      const { certificate, key } = await mint(testnet.layout, { kind: 'user', commonName })
      await copyFile(testnet.layout.identity('ca').certificate, join(pki, 'ca-cert.pem'))
      await copyFile(certificate, join(pki, 'client-cert.pem'))
      await copyFile(key, join(pki, 'client-key.pem'))
      return pki
    }
    // nodes of a testnet have certificates without names of hosts
    const compare = async (commonName: string) => {
      const dir = await certificates(commonName)
      const tls = `tls-creds-x509,id=tls0,dir=${dir},endpoint=client,verify-peer=no`
      const remote = `driver=nbd,host=127.0.0.1,port=${port},export=${name},tls-creds=tls0`
      const local = `driver=raw,file.driver=file,file.filename=${image}`
      return await runClient('qemu-img', 'compare', '--object', tls, '--image-opts', remote, local)
    }
    const { code, stdout, stderr } = await compare('reader')
    assert.is(code, 0, stderr)
    assert.match(stdout, 'Images are identical')
    assert.is((await compare('stranger')).code, 2)
    assert.is.not((await runClient('nbdinfo', `nbd://127.0.0.1:${port}/`)).code, 0)
  } finally {
    await testnet.destroy()
    await rm(dir, { recursive: true })
  }
})

test.run()
