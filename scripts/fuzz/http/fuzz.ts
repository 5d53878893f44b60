import fc from 'fast-check'
import { type Caller, FuzzCaller, type Target } from './caller.ts'
import { isWell, KNOWN, makeContent, stateOf } from './content.ts'
import { type Document, routesOf } from './document.ts'
import { faultOf } from './judge.ts'
import { type FuzzRequest, requestsOf } from './requests.ts'
import { Values } from './values.ts'

/** Four who ask; the user's account is called fuzzuser. */
export interface Callers {
  readonly anonymous: Caller
  readonly node: Caller
  readonly user: Caller
  readonly admin: Caller
}

export interface FuzzInit {
  readonly target: Target
  readonly callers: Callers
  /** Requests of each caller. */
  readonly requests: number
  readonly seed: number
  /** Told of each defect as it is found. */
  readonly onDefect?: (defect: Defect) => void
}

/** Something that must not be, and the request that shows it. */
export interface Defect {
  readonly caller: string
  readonly request: string
  readonly fault: string
}

export interface FuzzReport {
  readonly defects: readonly Defect[]
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>
  /** Routes that got at least one request, of all that there are. */
  readonly routes: { readonly tried: number; readonly all: number }
}

/** Requests between two looks at what is there. */
const WINDOW = 24

/**
 * Sends generated requests to every route that the server's own OpenAPI document names, as everybody in turn, and judges the answers:
 * never 500, always a problem document with a known code, a status that the document names, nothing changed by what was refused,
 * and a server that works afterwards. The same seed sends the same requests.
 */
export async function fuzzHttp(init: FuzzInit): Promise<FuzzReport> {
  const callers = openCallers(init)
  const defects: Defect[] = []
  const report = (defect: Defect) => {
    defects.push(defect)
    init.onDefect?.(defect)
  }
  try {
    await makeContent(callers)
    const document = await readDocument(callers.admin)
    const run = new Run({ callers, report }, { ...init, document })
    for (const name of ['anonymous', 'node', 'user', 'admin'] as const) {
      await run.as(name)
      const fault = await isWell(callers)
      if (fault !== undefined) report({ caller: name, request: 'after all of them', fault })
    }
    return { defects, statuses: run.statuses, routes: run.routes }
  } finally {
    for (const caller of Object.values(callers)) caller.close()
  }
}

type OpenCallers = Record<keyof Callers, FuzzCaller>

function openCallers({ target, callers }: FuzzInit): OpenCallers {
  const { anonymous, node, user, admin } = callers
  const open = (caller: Caller) => new FuzzCaller(target, caller)
  return { anonymous: open(anonymous), node: open(node), user: open(user), admin: open(admin) }
}

async function readDocument(admin: FuzzCaller): Promise<Document> {
  const answer = await admin.send({
    ...{ method: 'GET', path: '/openapi.json', headers: [], body: undefined, cutAt: undefined },
  })
  return JSON.parse(answer?.body.toString() ?? '') as Document
}

class Run {
  readonly statuses: Record<string, number> = {}
  readonly #c: { readonly callers: OpenCallers; readonly report: (defect: Defect) => void }
  readonly #init: { readonly document: Document; readonly requests: number; readonly seed: number }
  readonly #tried = new Set<string>()

  constructor(
    components: { callers: OpenCallers; report: (defect: Defect) => void },
    init: { document: Document; requests: number; seed: number },
  ) {
    this.#c = components
    this.#init = init
  }

  get routes(): FuzzReport['routes'] {
    return { tried: this.#tried.size, all: routesOf(this.#init.document).length }
  }

  async as(name: keyof Callers): Promise<void> {
    let window: FuzzRequest[] = []
    let before = await stateOf(this.#c.callers.admin)
    let hasChanged = false
    for (const request of this.#requests(name)) {
      hasChanged = (await this.#send(name, request)) || hasChanged
      window.push(request)
      if (window.length < WINDOW) continue
      const after = await stateOf(this.#c.callers.admin)
      if (after !== before && !hasChanged) this.#blame(name, window)
      before = after
      hasChanged = false
      window = []
    }
  }

  /** Every route in turn, so that none is left out however few there are. */
  *#requests(name: keyof Callers): Generator<FuzzRequest> {
    const { document, requests, seed } = this.#init
    const values = new Values(document, { known: KNOWN })
    const routes = routesOf(document)
    const each = Math.ceil(requests / routes.length)
    const mine = seed + ['anonymous', 'node', 'user', 'admin'].indexOf(name) * 1_000_003
    const lists = routes.map((route, i) =>
      fc.sample(requestsOf(route, values), { numRuns: each, seed: mine + i }),
    )
    for (let round = 0; round < each; round++)
      for (const list of lists) {
        const request = list[round]
        if (request !== undefined) yield request
      }
  }

  /** Whether something may have changed. */
  async #send(name: keyof Callers, request: FuzzRequest): Promise<boolean> {
    this.#tried.add(`${request.method} ${request.route.path}`)
    try {
      const answer = await this.#c.callers[name].send(request)
      const status = answer?.status ?? 'cut off'
      this.statuses[status] = (this.statuses[status] ?? 0) + 1
      const fault = answer === undefined ? undefined : faultOf(request, answer)
      if (fault !== undefined) this.#c.report({ caller: name, request: describe(request), fault })
      // What a cut off request has done nobody knows.
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      return !isRead && (answer === undefined || answer.status < 400)
    } catch (error) {
      const fault = `no answer: ${error instanceof Error ? error.message : String(error)}`
      this.#c.report({ caller: name, request: describe(request), fault })
      return true
    }
  }

  #blame(caller: string, window: readonly FuzzRequest[]): void {
    const suspects = window.filter(({ method }) => method !== 'GET' && method !== 'HEAD').map(describe)
    this.#c.report({
      caller,
      request: suspects.join('\n'),
      fault: 'one of these was refused and changed something',
    })
  }
}

/** Short enough to read, long enough to repeat. */
function describe({ method, path, headers, body, cutAt }: FuzzRequest): string {
  const said = headers.map(([name, value]) => `-H '${name}: ${value}'`).join(' ')
  const data = body === undefined ? '' : JSON.stringify(body.toString('latin1').slice(0, 300))
  const cut = cutAt === undefined ? '' : ` (cut off after ${cutAt})`
  return `${method} ${path.slice(0, 300)} ${said} ${data}${cut}`.trim()
}
