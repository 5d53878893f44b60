import { PostgresDialect, type PostgresPool, type PostgresPoolClient, type PostgresQueryResult } from 'kysely'
import pg from 'pg'
import { ConfigError, StorageError } from '../../src/core/errors.ts'
import {
  CATALOG_ANSWER_TIMEOUT_MS,
  CATALOG_CONNECT_TIMEOUT_MS,
  CATALOG_CONNECTIONS_MAX,
  CATALOG_MIGRATION_TIMEOUT_MS,
  CATALOG_STATEMENT_TIMEOUT_MS,
  CATALOG_TRANSACTION_PAUSE_MS,
} from '../../src/core/registry-limits.ts'
import { catalogErrorOf, isFatal } from './postgres-errors.ts'
import { catalogTypes } from './postgres-types.ts'

export interface PostgresInit {
  /** A connection string; secret. */
  readonly address: string
  /** For changes of the tables: one connection, and statements that may take long. */
  readonly migrating?: boolean
}

/**
 * Kysely on a PostgreSQL server, with connections that are made when they are needed and again after the server was away.
 * Its errors become those of src/core/errors.ts. Throws ConfigError when the address is malformed.
 */
export function postgresDialect(init: PostgresInit): PostgresDialect {
  return new PostgresDialect({ pool: new CatalogPool(openPool(init)) })
}

function openPool({ address, migrating = false }: PostgresInit): pg.Pool {
  const config: pg.PoolConfig = {
    connectionString: address,
    types: catalogTypes,
    application_name: 'bootswarm',
    keepAlive: true,
    max: migrating ? 1 : CATALOG_CONNECTIONS_MAX,
    connectionTimeoutMillis: CATALOG_CONNECT_TIMEOUT_MS,
    statement_timeout: migrating ? CATALOG_MIGRATION_TIMEOUT_MS : CATALOG_STATEMENT_TIMEOUT_MS,
    query_timeout: migrating ? CATALOG_MIGRATION_TIMEOUT_MS : CATALOG_ANSWER_TIMEOUT_MS,
    idle_in_transaction_session_timeout: CATALOG_TRANSACTION_PAUSE_MS,
  }
  let pool: pg.Pool
  try {
    // Reads the address as each connection will, files that it names included.
    new pg.Client(config)
    pool = new pg.Pool(config)
  } catch (error) {
    // Without the cause, which may hold the address.
    const code = (error as NodeJS.ErrnoException).code ?? 'malformed'
    throw new ConfigError(`the connection string of the catalog cannot be used (${code})`)
  }
  // Whoever uses a connection that breaks hears of it from its query; one that nobody uses is replaced when it is needed.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** A pool whose errors are ours. */
class CatalogPool implements PostgresPool {
  readonly #pool: pg.Pool

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async connect(): Promise<PostgresPoolClient> {
    try {
      return new CatalogConnection(await this.#pool.connect())
    } catch (error) {
      throw catalogErrorOf(error)
    }
  }

  async end(): Promise<void> {
    await this.#pool.end()
  }
}

/** One use of a connection. After an error that leaves it in doubt it goes, and a rollback is the server's own. */
class CatalogConnection implements PostgresPoolClient {
  readonly #client: pg.PoolClient
  #broken = false

  constructor(client: pg.PoolClient) {
    this.#client = client
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query(): never
  async query<R>(sql = '', parameters: readonly unknown[] = []): Promise<PostgresQueryResult<R>> {
    if (this.#broken && sql === 'rollback') return { command: 'SELECT', rowCount: 0, rows: [] }
    const { command, rowCount, rows } = await this.#ask(sql, parameters)
    // An error that somebody caught within a transaction has ended it.
    if (sql === 'commit' && command === 'ROLLBACK')
      throw new StorageError('a change was taken back, since a part of it had failed')
    return { command: command as 'SELECT', rowCount: rowCount ?? 0, rows: rows as R[] }
  }

  release(): void {
    this.#client.release(this.#broken)
  }

  async #ask(sql: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    try {
      return await this.#client.query(sql, [...parameters])
    } catch (error) {
      this.#broken ||= isFatal(error)
      throw catalogErrorOf(error)
    }
  }
}
