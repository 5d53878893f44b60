import { DatabaseSync } from 'node:sqlite'

/** How much a registry holds. */
export interface RegistrySize {
  readonly images: number
  readonly users: number
  readonly groups: number
}

/**
 * Fills a catalog file with users in groups, namespaces, images with versions, free pairs and shares. Every user is in five groups, every
 * image has three versions and is shared with two users and a group; a tenth is public, a tenth has expired. The same size gives the same rows.
 * The signed ACLs, which decisions about one image read, are not made: lists read their copy.
 */
export function fillRegistry(path: string, { images, users, groups }: RegistrySize): void {
  const db = new DatabaseSync(path, { timeout: 10_000 })
  const count = (n: number) =>
    `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${n})`
  const nowMs = Date.now()
  try {
    db.exec(`begin;
      ${count(users)} insert into users (name, dn, state, created_at, modified_at)
        select 'user' || i, '/O=Bench/CN=user' || i, 'active', 0, 0 from n;
      ${count(groups)} insert into groups (name, created_at) select 'group' || i, 0 from n;
      insert into memberships select groups.id, users.id from users, groups
        where users.name like 'user%' and (groups.name = 'users' or (groups.name like 'group%'
          and (cast(substr(groups.name, 6) as integer) - cast(substr(users.name, 5) as integer)) % 10 = 0));
      insert into namespaces (namespace, owner_user, created_at)
        select name, id, 0 from users where name like 'user%';
      insert into namespaces (namespace, owner_group, created_at)
        select name, id, 0 from groups where name like 'group%';
      ${count(images)} insert into images (uuid, namespace, name, owner, created_at, modified_at, uploaded_at, last_version,
        removed, state, description, os_variant, os_type, os_arch, hypervisor, image_type, format, keywords, expires_at)
        select 'uuid' || i, case when i % 4 = 0 then 'group' || (i % ${groups} + 1) else 'user' || (i % ${users} + 1) end,
          'image' || i, (select id from users where name = 'user' || (i % ${users} + 1)), i, i, i, 3, 0, 'available',
          'Image number ' || i || ' of the site, ' || hex(i * 7919) || ', made for the analysis of what came in year ' || (i % 20),
          case i % 3 when 0 then 'Debian 12' when 1 then 'Ubuntu 24.04' else 'Rocky 9' end, 'linux',
          case i % 2 when 0 then 'x86_64' else 'aarch64' end, case i % 5 when 0 then 'xen,kvm' else 'kvm' end,
          'machine', 'qcow2', 'batch,tag' || (i % 17), case when i % 10 = 3 then 1 end from n;
      ${count(3)} insert into versions (image, version, manifest, size, content_bytes, sha256, runs, publisher, record, created_at)
        select images.id, n.i, 'manifest' || images.id || '-' || n.i, images.id * 1048576 + n.i, images.id * 524288,
          hex(images.id * n.i), 100, '/O=Bench/CN=user1', '${'r'.repeat(3000)}', ${nowMs} from images, n where images.name like 'image%';
      ${count(3)} insert into image_properties select images.id, 'key' || n.i, 'value ' || (images.id % 7) from images, n
        where images.name like 'image%';
      insert into acl_entries select 'namespace:' || namespace, 'group', 'nodes', 'read' from namespaces where true
        on conflict do nothing;
      ${count(2)} insert into acl_entries select 'image:' || uuid, 'user', 'user' || ((images.id * n.i * 31) % ${users} + 1), 'read'
        from images, n where images.name like 'image%' and n.i >= 1 on conflict do nothing;
      insert into acl_entries select 'image:' || uuid, 'group', 'group' || (id % ${groups} + 1), 'read' from images
        where images.name like 'image%';
      insert into acl_entries select 'image:' || uuid, 'group', 'users', 'read' from images where images.name like 'image%' and id % 10 = 0;
      commit; analyze;`)
  } finally {
    db.close()
  }
}
