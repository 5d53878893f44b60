import { createRequire } from 'node:module'
import type * as undici from 'undici'

const load = createRequire(import.meta.url)

/*
 * Of undici the client alone. Its index loads fetch, WebSockets, caches and mocks besides, 7 MB that stay in the memory of a daemon that uses none of them
 * (docs/decisions/0005), and gives dispatchers their methods as we do here.
 */
const Dispatcher = load('undici/lib/dispatcher/dispatcher.js') as typeof undici.Dispatcher
Object.assign(Dispatcher.prototype, load('undici/lib/api/index.js'))

export type Agent = undici.Agent
export const Agent = load('undici/lib/dispatcher/agent.js') as typeof undici.Agent
export const buildConnector = load('undici/lib/core/connect.js') as typeof undici.buildConnector
