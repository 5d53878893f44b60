import { homedir } from 'node:os'
import { findCaDirectory, findIdentityFiles, type GridUser } from '../identity/grid-places.ts'
import type { Setting, SettingKey, Settings } from './settings.ts'
import type { Shell } from './shell.ts'

/**
 * Settings with certificate, key and authorities from where grid users have them, where nothing else names any.
 * Errors: CertificateError when what is there cannot be used.
 */
export async function withGridPlaces(shell: Shell, settings: Settings): Promise<Settings> {
  const values: Partial<Record<SettingKey, Setting>> = { ...settings.values }
  const user = gridUser(shell)
  if (values.certificate === undefined && values.key === undefined) {
    const found = await findIdentityFiles(user)
    if (found !== undefined) {
      values.certificate = { value: found.certificate, from: found.source }
      values.key = { value: found.key, from: found.source }
    }
  }
  if (values.ca === undefined) {
    const ca = await findCaDirectory(user)
    if (ca !== undefined) values.ca = { value: ca, from: 'grid certificates' }
  }
  return { ...settings, values }
}

/** With sudo, the proxy of who typed it. */
function gridUser(shell: Shell): GridUser {
  const { env } = shell.terminal
  const own = process.getuid?.() ?? 0
  const sudo = Number(env['SUDO_UID'])
  const uid = own === 0 && Number.isInteger(sudo) && sudo > 0 ? sudo : own
  return { env, uid, home: env['HOME'] || homedir() }
}
