import type { Command } from 'commander'
import { ACL_TYPE } from '../core/acl.ts'
import { CertificateError, InvalidError, SignatureError } from '../core/errors.ts'
import { RECORD_TYPE } from '../core/record.ts'
import { teach } from './help.ts'
import { addFormatOption, type FormatFlags, printList } from './output.ts'
import type { Judgement } from './records.ts'
import { addSettingOptions, type SettingFlags } from './settings.ts'
import type { Shell } from './shell.ts'
import { verifyAclChain, verifyRecordChain } from './signed/chain.ts'
import { readChain, typeOf } from './signed/files.ts'
import { describeAcl, describeChain } from './signed/proof.ts'
import { offlineJudge } from './verify.ts'

type Flags = FormatFlags & SettingFlags & { readonly at?: string }

/** What a file was found to be; a row of `-o json`. */
interface VerifiedFile {
  readonly file: string
  /** namespace:NAME, image:UUID or record:UUID. */
  readonly target: string
  readonly statements: number
  readonly chain: string
  readonly newest: string
}

export function addAclVerify(acl: Command, shell: Shell): void {
  const command = acl
    .command('verify')
    .argument('<file...>', 'chains of ACLs or records: acl history --out, image proof')
    .description('check the signatures and the order of every statement in files, asking nobody')
    .option('--at <date>', 'judge certificates as of this date instead of now')
  addFormatOption(command)
  addSettingOptions(command, ['ca', 'trackerName'])
  command.addHelpText(
    'after',
    '\nA file cannot show that it is the newest: compare the version with acl show where you can reach the tracker.',
  )
  teach(command, [
    ['bootswarm acl verify site-acl.jws --ca ca.pem --tracker-name tracker.example.org', 'offline'],
  ])
  command.action(async (files: string[], flags: Flags) => {
    const { judge } = await offlineJudge(shell, flags)
    const verified: VerifiedFile[] = []
    for (const file of files) verified.push(await verifyFile(file, judge))
    printList(shell, verified, {
      ...flags,
      columns: [
        { title: 'file', cell: (row) => row.file },
        { title: 'of', cell: (row) => row.target },
        { title: 'chain', cell: (row) => row.chain },
        { title: 'newest', cell: (row) => row.newest },
      ],
      name: (row) => row.file,
    })
  })
}

async function verifyFile(file: string, judge: Judgement): Promise<VerifiedFile> {
  const tokens = await readChain(file)
  try {
    const typ = typeOf(tokens)
    if (typ === ACL_TYPE) return { file, ...(await ofAcls(tokens, judge)) }
    if (typ === RECORD_TYPE) return { file, ...(await ofRecords(tokens, judge)) }
    throw new SignatureError('there are no statements of ACLs or records in it')
  } catch (error) {
    const isOurs =
      error instanceof CertificateError || error instanceof InvalidError || error instanceof SignatureError
    if (!isOurs) throw error
    throw new SignatureError(`${file}: ${error.message}`, { cause: error })
  }
}

async function ofAcls(tokens: readonly string[], judge: Judgement): Promise<Omit<VerifiedFile, 'file'>> {
  const chain = await verifyAclChain(tokens, judge)
  const { target } = chain.newest.statement
  const statements = chain.statements.length
  return { target, statements, chain: describeChain(chain), newest: describeAcl(chain.newest.statement) }
}

async function ofRecords(tokens: readonly string[], judge: Judgement): Promise<Omit<VerifiedFile, 'file'>> {
  const chain = await verifyRecordChain(tokens, judge)
  const { image, iat } = chain.newest.statement
  const versions = [...chain.standing.versions.values()].map(
    ({ record }) => `${record.namespace}/${record.name}@${record.version}`,
  )
  const date = new Date(iat * 1000).toISOString()
  const newest = `${versions.length === 0 ? 'no version' : versions.join(' ')}, ${date}`
  return {
    target: `record:${image}`,
    statements: chain.statements.length,
    chain: describeChain(chain),
    newest,
  }
}
