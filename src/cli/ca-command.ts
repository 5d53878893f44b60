import { Argument, type Command, InvalidArgumentError } from 'commander'
import { type CertificateKind, createCa, issueCertificate } from '../identity/ca.ts'
import {
  caPaths,
  issuedPaths,
  loadCa,
  type PairPaths,
  refuseExisting,
  writePair,
} from '../identity/ca-files.ts'
import { describeCertificate } from '../identity/describe.ts'
import { addCrlCommands } from './ca-crl-command.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import type { Shell } from './shell.ts'
import { formatFacts } from './table.ts'

/** Data of both commands: what was written, never the key itself. */
interface Issued {
  readonly dn: string
  /** The same name as RFC 4514 writes it. */
  readonly rfc4514: string
  readonly certificate: string
  readonly key: string
  readonly validUntil: string
  readonly fingerprint256: string
}

interface InitFlags extends FormatFlags {
  readonly dir: string
  readonly name: string
  readonly organization?: string
  readonly days?: number
}

interface IssueFlags extends FormatFlags {
  readonly dns?: string[]
  readonly ip?: string[]
  readonly organization?: string
  readonly days?: number
  readonly caDir: string
  readonly out: string
}

/** `bootswarm ca`: the certificate authority of a site that has none. */
export function addCaCommands(program: Command, shell: Shell): void {
  const ca = program
    .command('ca')
    .description('certificates of a site: make its authority, issue for machines and users, revoke')
  teach(ca, [
    [
      'bootswarm ca init --dir ca --name "Example CA" --organization Example',
      'once for the site; keep ca/ca.key safe',
    ],
    ['bootswarm ca issue tracker tracker.example.org --ca-dir ca', 'for the registry, in its own name'],
    ['bootswarm ca issue node node-1 --ca-dir ca', 'for every hypervisor'],
    ['bootswarm ca issue user "Alice Smith" --ca-dir ca', 'for everybody who pushes images'],
    ['bootswarm ca revoke node-1.pem --ca-dir ca', 'takes a certificate back'],
  ])
  addInit(ca, shell)
  addIssue(ca, shell)
  addCrlCommands(ca, shell)
}

function addInit(ca: Command, shell: Shell): void {
  const command = ca
    .command('init')
    .description('make the authority of a site: ca.pem (to be given to everybody) and ca.key (secret)')
    .option('--dir <dir>', 'folder for both files', '.')
    .option('--name <name>', 'its common name', 'Bootswarm CA')
    .option('--organization <name>', 'its organization, which the certificates that it issues inherit')
    .option('--days <n>', 'how long it is valid (default: ten years)', parseDays)
  addFormatOption(command)
  teach(command, [
    [
      'bootswarm ca init --dir ca --name "Example CA" --organization Example',
      'writes ca/ca.pem and ca/ca.key',
    ],
  ])
  command.action(async (flags: InitFlags) => {
    const { dir, name, organization, days } = flags
    const paths = caPaths(dir)
    await refuseExisting(paths)
    const pair = await createCa({ commonName: name, organization, days })
    await writePair(dir, paths, pair)
    printItem(shell, issuedFacts(paths, pair.certificatePem), {
      ...flags,
      text: describe,
      name: ({ dn }) => dn,
    })
  })
}

function addIssue(ca: Command, shell: Shell): void {
  const command = ca
    .command('issue')
    .description('issue a certificate with a new key: NAME.pem (0644) and NAME.key (0600)')
    .addArgument(new Argument('<kind>', 'what it is for').choices(['tracker', 'node', 'user']))
    .argument('<name>', 'host name of a machine, or name of a user')
    .option('--dns <name>', 'a host name that it is for; may be repeated', collect)
    .option('--ip <address>', 'an IP address that it is for; may be repeated', collect)
    .option('--organization <name>', 'organization (default: that of the CA)')
    .option('--days <n>', 'how long it is valid, at most as long as the CA (default: a year)', parseDays)
    .option('--ca-dir <dir>', 'folder of ca.pem and ca.key', '.')
    .option('--out <dir>', 'folder for both files', '.')
  addFormatOption(command)
  teach(command, [
    [
      'bootswarm ca issue tracker tracker.example.org --ca-dir ca',
      'its name is also the one that TLS checks',
    ],
    [
      'bootswarm ca issue tracker tracker.example.org --dns tracker --ip 192.0.2.7 --ca-dir ca',
      'more names and addresses',
    ],
    ['bootswarm ca issue node node-1 --ca-dir ca --out /etc/bootswarm', 'a hypervisor'],
    [
      'bootswarm ca issue user "Alice Smith" --days 90 --ca-dir ca',
      'a user: /O=Example/OU=users/CN=Alice Smith',
    ],
  ])
  command.action((kind: CertificateKind, name: string, flags: IssueFlags) =>
    issue(shell, { kind, name, flags }),
  )
}

async function issue(
  shell: Shell,
  { kind, name, flags }: { kind: CertificateKind; name: string; flags: IssueFlags },
): Promise<void> {
  const { dns, ip, organization, days } = flags
  const paths = issuedPaths(flags.out, name)
  await refuseExisting(paths)
  const init = { kind, commonName: name, organization, dnsNames: dns, ipAddresses: ip, days }
  const pair = await issueCertificate(await loadCa(flags.caDir), init)
  await writePair(flags.out, paths, pair)
  printItem(shell, issuedFacts(paths, pair.certificatePem), {
    ...flags,
    text: describe,
    name: ({ dn }) => dn,
  })
}

function issuedFacts(paths: PairPaths, certificatePem: string): Issued {
  const { dn, rfc4514, notAfterMs, fingerprint256 } = describeCertificate(certificatePem)
  return { dn, rfc4514, ...paths, validUntil: new Date(notAfterMs).toISOString(), fingerprint256 }
}

function describe(issued: Issued): string {
  return formatFacts([
    ['certificate', issued.certificate],
    ['key (secret)', issued.key],
    ['name', issued.dn],
    ['valid until', issued.validUntil],
    ['fingerprint', issued.fingerprint256],
  ])
}

function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

function parseDays(value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value)
  throw new InvalidArgumentError('a number of days is wanted, for example 365')
}
