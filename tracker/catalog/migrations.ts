import { type Kysely, type Migration, type MigrationProvider, sql } from 'kysely'

const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const statements = [
      'create table namespaces (namespace text primary key, owner text not null, created_at integer not null) strict',
      `create table images (id integer primary key, namespace text not null references namespaces, name text not null,
        created_at integer not null, last_version integer not null, removed integer not null, unique (namespace, name)) strict`,
      `create table versions (image integer not null references images, version integer not null, manifest text not null,
        size integer not null, sha256 text, runs integer not null, publisher text not null, record text not null,
        created_at integer not null, primary key (image, version)) strict`,
      'create index versions_by_manifest on versions (manifest)',
      `create table tags (image integer not null, tag text not null, version integer not null, primary key (image, tag),
        foreign key (image, version) references versions on delete cascade) strict`,
      'create index tags_by_version on tags (image, version)',
      `create table uploads (upload text primary key, image integer not null references images, principal text not null,
        expires_at integer not null, leased integer not null) strict`,
      `create table leases (id integer primary key, upload text not null references uploads on delete cascade,
        digests blob not null) strict`,
      'create index leases_by_upload on leases (upload)',
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}

/** Applied in the order of their names; what was once released is never edited. */
export const migrations: MigrationProvider = {
  async getMigrations() {
    return { '0001-first': first }
  },
}
