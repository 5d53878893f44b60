import type { Command } from 'commander'
import { TrackerClient } from '../api/tracker-client.ts'
import type { WhoamiAnswer } from '../api/user-schemas.ts'
import type { Clock } from '../core/clock.ts'
import { loadIdentity } from '../identity/identity-files.ts'
import { serverCheck } from '../identity/server-check.ts'
import { type Context, configFilePath, writeContext } from './config-file.ts'
import { withGridPlaces } from './grid.ts'
import { teach } from './help.ts'
import { addSettingOptions, need, resolveSettings, type SettingFlags, type Settings } from './settings.ts'
import { interruptible, type Shell } from './shell.ts'
import { printable } from './units.ts'

type Flags = Omit<SettingFlags, 'context'> & { name?: string }

export function addLoginCommand(program: Command, shell: Shell): void {
  const command = program
    .command('login')
    .argument('<url>', 'https:// address of the tracker')
    .description('find your certificate or proxy, try it at a tracker, and keep both as the current context')
    .option('--name <context>', 'what the context is called; the host of the tracker unless given')
  addSettingOptions(command, ['trackerName', 'certificate', 'key', 'ca'])
  command.addHelpText(
    'after',
    `
Without --certificate and --key it takes the first of $X509_USER_PROXY, /tmp/x509up_u<uid>, $X509_USER_CERT with
$X509_USER_KEY, ~/.globus/usercert.pem with userkey.pem. Without --ca the authorities are those of $X509_CERT_DIR,
~/.globus/certificates or /etc/grid-security/certificates. Keys that others may read are refused.`,
  )
  teach(command, [
    ['bootswarm login https://tracker.example:8443', 'with your proxy or grid certificate'],
    [
      'bootswarm login https://tracker.example:8443 --certificate alice.pem --key alice.key --ca ca.pem',
      'with these files',
    ],
  ])
  command.action((url: string, flags: Flags) =>
    interruptible('nothing was kept', (signal) => login(shell, { ...flags, tracker: url }, signal)),
  )
}

async function login(shell: Shell, { name, ...flags }: Flags, signal: AbortSignal): Promise<void> {
  const path = configFilePath(shell.terminal.env)
  const given = resolveSettings({ flags, env: {}, path, file: {} })
  const settings = await withGridPlaces(shell, given)
  const who = await introduce(settings, { clock: shell.clock, signal })
  const context = name ?? new URL(need(settings, 'tracker')).hostname
  await writeContext(path, context, { context: contextOf(settings), current: true })
  const { certificate } = settings.values
  shell.terminal.stderr.write(
    `${need(settings, 'tracker')} knows you as ${printable(who.dn)}, by ${certificate?.value} (from ${certificate?.from})\n` +
      `kept as the context ${context} in ${path}\n`,
  )
}

/** What the tracker says of this identity. Errors: CertificateError, those of the tracker. */
async function introduce(
  settings: Settings,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<WhoamiAnswer> {
  const [url, name] = [need(settings, 'tracker'), need(settings, 'trackerName')]
  const files = {
    certificate: need(settings, 'certificate'),
    key: need(settings, 'key'),
    ca: need(settings, 'ca'),
  }
  const { certificatePem, keyPem, trust } = await loadIdentity(files)
  const client = new TrackerClient({
    ...{ url, name, certificatePem, keyPem, caPem: trust.pem },
    checkServer: serverCheck({ trust, clock }),
  })
  try {
    return await client.whoami({ signal })
  } finally {
    await client.close()
  }
}

/** What was given by flags. A proxy that lies in its usual place is not written down: the next one may lie elsewhere. */
function contextOf(settings: Settings): Context {
  const { tracker, trackerName, certificate, key, ca } = settings.values
  const given = Object.entries({ certificate, key, ca }).flatMap(([name, setting]) =>
    setting?.from.startsWith('--') ? [[name, setting.value] as const] : [],
  )
  return {
    ...(tracker && {
      tracker: {
        url: tracker.value,
        ...(trackerName?.from === '--tracker-name' && { name: trackerName.value }),
      },
    }),
    ...(given.length > 0 && { identity: Object.fromEntries(given) }),
  }
}
