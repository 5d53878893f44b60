import { type Kysely, type Migration, sql } from 'kysely'
import { columnTypesOf } from '../column-types.ts'

export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const { id, int, text, blob, end } = columnTypesOf(db)
    const statements = [
      `create table namespaces (namespace ${text} primary key, owner ${text} not null, created_at ${int} not null)${end}`,
      `create table images (id ${id}, namespace ${text} not null references namespaces, name ${text} not null,
        created_at ${int} not null, last_version ${int} not null, removed ${int} not null, unique (namespace, name))${end}`,
      `create table versions (image ${int} not null references images, version ${int} not null, manifest ${text} not null,
        size ${int} not null, sha256 ${text}, runs ${int} not null, publisher ${text} not null, record ${text} not null,
        created_at ${int} not null, primary key (image, version))${end}`,
      'create index versions_by_manifest on versions (manifest)',
      `create table tags (image ${int} not null, tag ${text} not null, version ${int} not null, primary key (image, tag),
        foreign key (image, version) references versions on delete cascade)${end}`,
      'create index tags_by_version on tags (image, version)',
      `create table uploads (upload ${text} primary key, image ${int} not null references images, principal ${text} not null,
        expires_at ${int} not null, leased ${int} not null)${end}`,
      `create table leases (id ${id}, upload ${text} not null references uploads on delete cascade,
        digests ${blob} not null)${end}`,
      'create index leases_by_upload on leases (upload)',
    ]
    for (const statement of statements) await sql.raw(statement).execute(db)
  },
}
