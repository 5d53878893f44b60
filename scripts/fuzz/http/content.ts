import { createHash } from 'node:crypto'
import { StateError } from '../../../src/core/errors.ts'
import type { FuzzCaller } from './caller.ts'

/** Bytes of the image that everybody may read. */
export const PUBLIC_BYTES = Buffer.alloc(50_000, 'bytes of a public image ')
export const PUBLIC_PATH = '/api/images/raw/fuzzuser/public'

/** Names of what `makeContent` makes, and of what is always there. */
export const KNOWN = [
  ...['fuzzuser', 'other', 'public', 'private', 'team', 'admins', 'users', 'latest', 'xen', 'kvm', '1', '2'],
  ...['image_create', 'user_create', 'node-1', '__hypervisor__', 'raw'],
]

/** Users, a group, images with and without bytes. `user` is the account fuzzuser, which comes to be by its first request. */
export async function makeContent(callers: { admin: FuzzCaller; user: FuzzCaller }): Promise<void> {
  const { admin, user } = callers
  // Makes the account.
  await send(user, { method: 'GET', path: '/api/whoami', body: undefined, headers: [] })
  await post(admin, '/api/users', {
    user_name: 'other',
    cert_dn: '/O=Elsewhere/CN=other',
    email: 'o@example.org',
  })
  await post(admin, '/api/groups', { name: 'team', users: ['other', 'fuzzuser'] })
  await post(user, '/api/images', { name: 'public', unauthenticated_access: true, hypervisor: 'kvm,xen' })
  await post(user, '/api/images', { name: 'private', description: 'nobody else' })
  await send(user, { method: 'PUT', path: PUBLIC_PATH, body: PUBLIC_BYTES, headers: [] })
  await send(user, {
    method: 'PUT',
    path: '/api/images/raw/private',
    body: Buffer.from('private'),
    headers: [],
  })
  await post(user, '/api/images/private/share/group/team', {})
}

/** Everything that a refused request must not have changed: accounts, groups, images and what is said of them. */
export async function stateOf(admin: FuzzCaller): Promise<string> {
  const hash = createHash('sha256')
  for (const path of [
    '/api/users',
    '/api/groups',
    '/api/namespaces',
    '/api/images?view=objects',
    '/api/nodes',
  ]) {
    const { body } = await send(admin, { method: 'GET', path, body: undefined, headers: [] })
    // Reading is no change, though it is counted.
    hash.update(body.toString().replaceAll(/"(access_count|accessed|seen_at|seenAt)":[^,}]*/g, ''))
  }
  return hash.digest('hex')
}

/** Whether the server works: it is ready, knows the admin and gives the public image, if it is still there. */
export async function isWell(callers: {
  admin: FuzzCaller
  anonymous: FuzzCaller
}): Promise<string | undefined> {
  const get = async (caller: FuzzCaller, path: string) =>
    await caller.send({ method: 'GET', path, body: undefined, headers: [], cutAt: undefined })
  const ready = await get(callers.anonymous, '/readyz')
  if (ready?.status !== 200) return `the server is not ready: ${ready?.status}`
  const who = await get(callers.admin, '/api/whoami')
  if (who?.status !== 200) return `the server does not know its admin: ${who?.status}`
  const bytes = await get(callers.anonymous, PUBLIC_PATH)
  return bytes?.status === 200 &&
    !bytes.body.equals(PUBLIC_BYTES) &&
    bytes.body.length === PUBLIC_BYTES.length
    ? 'the public image has other bytes'
    : undefined
}

async function post(caller: FuzzCaller, path: string, fields: object): Promise<void> {
  const headers = [['content-type', 'application/json']] as const
  await send(caller, { method: 'POST', path, body: Buffer.from(JSON.stringify(fields)), headers })
}

async function send(
  caller: FuzzCaller,
  one: Omit<Parameters<FuzzCaller['send']>[0], 'cutAt'>,
): Promise<{ body: Buffer }> {
  const answer = await caller.send({ ...one, cutAt: undefined })
  if (answer !== undefined && answer.status < 300) return answer
  throw new StateError(
    `${one.method} ${one.path} by ${caller.name}: ${answer?.status} ${answer?.body.toString()}`,
  )
}
