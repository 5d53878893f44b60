import { readFile } from 'node:fs/promises'
import type { IdentityPaths } from '../../../testnet/layout.ts'
import { mint } from '../../../testnet/pki.ts'
import { createTestnet } from '../../../testnet/testnet.ts'
import type { Caller } from './caller.ts'
import { type FuzzInit, type FuzzReport, fuzzHttp } from './fuzz.ts'

/** Fuzzes a real tracker, a process of its own, with an enrolled node. */
export async function fuzzTestnet(init: Omit<FuzzInit, 'target' | 'callers'>): Promise<FuzzReport> {
  const testnet = await createTestnet({
    ...{ nodes: 1, config: { tracker: { users: { onFirstContact: 'active' } } } },
  })
  try {
    const { layout, tracker } = testnet
    const user = await mint(layout, { kind: 'user', commonName: 'fuzzuser' })
    const caPem = await readFile(layout.identity('ca').certificate, 'utf8')
    const callers = {
      anonymous: { name: 'anonymous' },
      node: await callerOf('node', layout.identity('node-1')),
      user: await callerOf('user', user),
      admin: await callerOf('admin', testnet.publisher),
    }
    return await fuzzHttp({
      ...init,
      target: { url: tracker.url, serverName: tracker.serverName, caPem },
      callers,
    })
  } finally {
    await testnet.destroy()
  }
}

async function callerOf(name: string, { certificate, key }: IdentityPaths): Promise<Caller> {
  const [certificatePem, keyPem] = [await readFile(certificate, 'utf8'), await readFile(key, 'utf8')]
  return { name, certificatePem, keyPem }
}
