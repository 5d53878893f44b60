import { type Kysely, type Migration, sql } from 'kysely'
import { FIRST_PERMISSIONS, USERS_GROUP } from '../../../src/core/permission.ts'
import { type ColumnTypes, columnTypesOf } from '../column-types.ts'

/** Users, groups, nodes, metadata, ACLs, history, several trackers. */
export const registry: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const types = columnTypesOf(db)
    for (const statement of [...accounts(types), ...owners(types), ...metadata(types), ...trust(types)])
      await sql.raw(statement).execute(db)
    await makeProtectedGroups(db)
  },
}

function accounts({ id, int, text, end }: ColumnTypes): string[] {
  return [
    `create table users (id ${id}, name ${text} not null unique, dn ${text} not null unique, full_name ${text} not null default '',
      email ${text} unique, state ${text} not null, quota_bytes ${int}, quota_images ${int}, created_at ${int} not null,
      modified_at ${int} not null)${end}`,
    `create table groups (id ${id}, name ${text} not null unique, protected ${int} not null default 0,
      created_at ${int} not null)${end}`,
    `create table memberships (group_id ${int} not null references groups on delete cascade,
      user_id ${int} not null references users on delete cascade, primary key (group_id, user_id))${end}`,
    'create index memberships_by_user on memberships (user_id)',
    `create table group_permissions (group_id ${int} not null references groups on delete cascade,
      permission ${text} not null, primary key (group_id, permission))${end}`,
    `create table nodes (id ${id}, name ${text} not null unique, dn ${text} not null unique, peer ${text} not null unique,
      labels ${text} not null default '{}', labelled ${int} not null default 0, state ${text} not null, created_at ${int} not null, modified_at ${int} not null,
      seen_at ${int})${end}`,
  ]
}

/** Owners were distinguished names; now each is a user, named after the first of its namespaces. */
function owners({ int }: ColumnTypes): string[] {
  return [
    `insert into users (name, dn, state, created_at, modified_at)
      select min(namespace), owner, 'active', min(created_at), min(created_at) from namespaces group by owner`,
    `alter table namespaces add column owner_user ${int} references users`,
    `alter table namespaces add column owner_group ${int} references groups`,
    'update namespaces set owner_user = (select users.id from users where users.dn = namespaces.owner)',
    'alter table namespaces drop column owner',
    'create index namespaces_by_user on namespaces (owner_user)',
    'create index namespaces_by_group on namespaces (owner_group)',
  ]
}

function metadata({ id, int, text, end }: ColumnTypes): string[] {
  const texts = [
    'description',
    'os_variant',
    'os_type',
    'os_arch',
    'image_type',
    'format',
    'kernel',
    'ramdisk',
  ]
  return [
    `alter table images add column uuid ${text} not null default ''`,
    `alter table images add column owner ${int} references users on delete set null`,
    `alter table images add column modified_at ${int} not null default 0`,
    `alter table images add column uploaded_at ${int}`,
    `alter table images add column state ${text} not null default 'locked'`,
    ...texts.map((name) => `alter table images add column ${name} ${text} not null default ''`),
    `alter table images add column keywords ${text} not null default ''`,
    `alter table images add column hypervisor ${text} not null default 'xen'`,
    `alter table images add column expires_at ${int}`,
    `alter table images add column read_only ${int} not null default 0`,
    `alter table images add column access_count ${int} not null default 0`,
    `alter table images add column accessed_at ${int}`,
    `alter table versions add column content_bytes ${int} not null default 0`,
    `alter table versions add column signature ${text}`,
    'update versions set content_bytes = size',
    // Unique, and of no use to anybody who guesses: images are asked for by name.
    `update images set uuid = 'image-' || id, modified_at = created_at,
      owner = (select owner_user from namespaces where namespaces.namespace = images.namespace),
      uploaded_at = (select max(versions.created_at) from versions where versions.image = images.id)`,
    `update images set state = 'available' where uploaded_at is not null`,
    'create unique index images_by_uuid on images (uuid)',
    'create index images_by_owner on images (owner)',
    `create table former_names (namespace ${text} not null, name ${text} not null, uuid ${text} not null,
      last_version ${int} not null, primary key (namespace, name))${end}`,
    `create table image_properties (image ${int} not null references images on delete cascade, key ${text} not null,
      value ${text} not null, primary key (image, key))${end}`,
    `create table history (id ${id}, uuid ${text} not null, namespace ${text} not null, name ${text} not null,
      at ${int} not null, actor ${text} not null, action ${text} not null, details ${text} not null)${end}`,
    'create index history_by_uuid on history (uuid)',
    'create index history_by_name on history (namespace, name)',
  ]
}

function trust({ int, text, blob, end }: ColumnTypes): string[] {
  return [
    `create table acls (target ${text} not null, version ${int} not null, token ${text} not null, created_at ${int} not null,
      primary key (target, version))${end}`,
    `create table records (target ${text} not null, version ${int} not null, token ${text} not null, created_at ${int} not null,
      primary key (target, version))${end}`,
    `create table acl_entries (target ${text} not null, kind ${text} not null, subject ${text} not null, "right" ${text} not null,
      primary key (target, kind, subject))${end}`,
    'create index acl_entries_by_subject on acl_entries (kind, subject, target, "right")',
    `create table trackers (peer ${text} primary key, url ${text} not null, addresses ${text} not null, seen_at ${int} not null)${end}`,
    `create table holdings (manifest ${text} not null, tracker ${text} not null, primary key (manifest, tracker))${end}`,
    'create index holdings_by_tracker on holdings (tracker)',
    `alter table uploads add column tracker ${text} not null default ''`,
    `alter table uploads add column received_bytes ${int} not null default 0`,
    `alter table uploads add column manifest ${text}`,
    ...rawUploads({ text, int, blob, end }),
  ]
}

/** What has come of images that clients send as they are, in segments, so that they can go on. */
function rawUploads({ text, int, blob, end }: Omit<ColumnTypes, 'id'>): string[] {
  return [
    `alter table uploads add column kind ${text} not null default 'blocks'`,
    `alter table uploads add column paused ${int} not null default 0`,
    `alter table uploads add column total_bytes ${int}`,
    `alter table uploads add column chunker ${text}`,
    `create table upload_segments (upload ${text} not null references uploads on delete cascade, place ${int} not null,
      digest ${blob} not null, size ${int} not null, runs ${int} not null, is_cut ${int} not null,
      primary key (upload, place))${end}`,
  ]
}

async function makeProtectedGroups(db: Kysely<unknown>): Promise<void> {
  for (const [name, permissions] of Object.entries(FIRST_PERMISSIONS)) {
    await sql`insert into groups (name, protected, created_at) values (${name}, 1, 0)`.execute(db)
    for (const permission of permissions)
      await sql`insert into group_permissions (group_id, permission)
        select id, ${permission} from groups where name = ${name}`.execute(db)
  }
  await sql`insert into memberships (group_id, user_id)
    select groups.id, users.id from groups cross join users where groups.name = ${USERS_GROUP}`.execute(db)
}
