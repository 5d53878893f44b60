import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { type CertificateAndKey, createCa, issueCertificate } from '../src/identity/ca.ts'
import { mapLimit } from './concurrency.ts'
import { type IdentityPaths, type Layout, nodeName, TRACKER_NAME } from './layout.ts'

const ORGANISATION = 'Testnet'

/** Mints a CA of its own and certificates for the tracker, the publisher and every node. */
export async function mintIdentities(layout: Layout, nodes: number): Promise<void> {
  await mkdir(layout.pki, { recursive: true, mode: 0o700 })
  const ca = await createCa({ commonName: 'Testnet CA', organization: ORGANISATION, days: 30 })
  await writeFile(layout.identity('ca').certificate, ca.certificatePem)
  await writeFile(layout.identity('ca').key, ca.keyPem, { mode: 0o600 })
  type Wanted = { file: string; init: Parameters<typeof issueCertificate>[1] }
  const wanted: Wanted[] = [
    { file: 'tracker', init: { kind: 'tracker', commonName: TRACKER_NAME, dnsNames: [TRACKER_NAME] } },
    { file: 'publisher', init: { kind: 'user', commonName: 'publisher' } },
  ]
  for (let index = 0; index < nodes; index++) {
    wanted.push({ file: nodeName(index), init: { kind: 'node', commonName: nodeName(index) } })
  }
  await mapLimit(wanted, availableParallelism(), async ({ file, init }) => {
    await issueInto(layout.identity(file), ca, init)
  })
}

/** One more certificate, beside those of the testnet. */
export async function mint(
  layout: Layout,
  { kind, commonName }: { kind: 'node' | 'user'; commonName: string },
): Promise<IdentityPaths> {
  const { certificate, key } = layout.identity('ca')
  const [certificatePem, keyPem] = [await readFile(certificate, 'utf8'), await readFile(key, 'utf8')]
  const paths = layout.identity(commonName)
  await issueInto(paths, { certificatePem, keyPem }, { kind, commonName })
  return paths
}

async function issueInto(
  paths: IdentityPaths,
  ca: CertificateAndKey,
  init: Parameters<typeof issueCertificate>[1],
): Promise<void> {
  const issued = await issueCertificate(ca, { ...init, organization: ORGANISATION, days: 30 })
  await writeFile(paths.certificate, issued.certificatePem)
  await writeFile(paths.key, issued.keyPem, { mode: 0o600 })
}
