import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CertificateAndKey } from '../identity/ca.ts'
import {
  type IssuedCrl,
  parseSerial,
  REVOCATION_REASONS,
  type RevocationReason,
  serialToRevoke,
} from '../identity/ca-crl.ts'
import { loadCa } from '../identity/ca-files.ts'
import { crlPath, updateCrl } from '../identity/crl-file.ts'
import { exists, readIdentityFile } from '../identity/files.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printItem } from './output.ts'
import type { Shell } from './shell.ts'
import { formatFacts } from './table.ts'

interface CrlFlags extends FormatFlags {
  readonly caDir: string
  readonly days?: number
}

interface RevokeFlags extends CrlFlags {
  readonly reason?: RevocationReason
}

/** Data of both commands. */
interface ListFacts {
  readonly crl: string
  /** Decimal. */
  readonly number: string
  /** Serial numbers on the list, hexadecimal. */
  readonly revoked: readonly string[]
  readonly nextUpdate: string
}

/** `bootswarm ca revoke` and `bootswarm ca crl`. */
export function addCrlCommands(ca: Command, shell: Shell): void {
  addRevoke(ca, shell)
  addCrl(ca, shell)
}

function addRevoke(ca: Command, shell: Shell): void {
  const command = ca
    .command('revoke')
    .description('take certificates back: puts them on the revocation list of the CA, ca.crl')
    .argument('<certificate...>', 'files (PEM), or serial numbers in hexadecimal')
    .addOption(new Option('--reason <reason>', 'why').choices(Object.keys(REVOCATION_REASONS)))
  addListOptions(command)
  teach(command, [
    [
      'bootswarm ca revoke node-1.pem --reason keyCompromise --ca-dir ca',
      'then copy ca/ca.crl to tracker and nodes',
    ],
    [
      'bootswarm ca revoke 5A:01:9C:7F --ca-dir ca',
      'the file is lost: by the serial number, as openssl prints it',
    ],
  ])
  command.action(async (certificates: string[], flags: RevokeFlags) => {
    const ca = await loadCa(flags.caDir)
    const revoked: string[] = []
    for (const one of certificates) revoked.push(await serialOfArgument(one, ca))
    await update(shell, flags, { ca, revoked, reason: flags.reason })
  })
}

function addCrl(ca: Command, shell: Shell): void {
  const command = ca
    .command('crl')
    .description('issue the revocation list of the CA again, before it ends; the first one is empty')
  addListOptions(command)
  teach(command, [
    ['bootswarm ca crl --ca-dir ca', 'every few weeks: past its end nothing of the CA counts'],
    ['bootswarm ca crl --days 7 --ca-dir ca', 'for a CA that is at hand every day'],
  ])
  command.action(async (flags: CrlFlags) => {
    await update(shell, flags, { ca: await loadCa(flags.caDir), revoked: [], reason: undefined })
  })
}

function addListOptions(command: Command): void {
  command
    .option('--days <n>', 'until the next list at the latest (default: 30)', parseDays)
    .option('--ca-dir <dir>', 'folder of ca.pem, ca.key and ca.crl', '.')
  addFormatOption(command)
}

async function serialOfArgument(argument: string, ca: CertificateAndKey): Promise<string> {
  if (!(await exists(argument))) return parseSerial(argument)
  return serialToRevoke(await readIdentityFile(argument, 'certificate file'), ca)
}

async function update(
  shell: Shell,
  flags: CrlFlags,
  what: { ca: CertificateAndKey; revoked: readonly string[]; reason: RevocationReason | undefined },
): Promise<void> {
  const path = crlPath(flags.caDir)
  const issued = await updateCrl(path, { ...what, nowMs: shell.clock.now(), days: flags.days })
  printItem(shell, factsOf(path, issued), { ...flags, text: describe, name: ({ crl }) => crl })
}

function factsOf(crl: string, { number, revoked, nextUpdateMs }: IssuedCrl): ListFacts {
  return { crl, number: `${number}`, revoked: [...revoked], nextUpdate: new Date(nextUpdateMs).toISOString() }
}

function describe({ crl, number, revoked, nextUpdate }: ListFacts): string {
  return formatFacts([
    ['revocation list', crl],
    ['number', number],
    ['revoked', `${revoked.length}`],
    ['next before', nextUpdate],
  ])
}

function parseDays(value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value)
  throw new InvalidArgumentError('a number of days is wanted, for example 30')
}
