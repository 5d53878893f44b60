/** What the keys of the configuration files mean, for their manual pages. Keys that both files have mean the same in both. */
export type Meanings = Readonly<Record<string, string>>

const BOTH: Meanings = {
  'identity.certificate':
    'File with the certificate of this program, in PEM, issuers that are no anchors below it.',
  'identity.key': 'File with its private key, in PEM. Nobody else may read it.',
  'identity.ca': 'The authorities that are trusted.',
  'identity.crl': 'Revocation lists besides those in identity.ca. They are read again when they change.',
  'identity.crlRequired': 'Whether certificates of authorities without a list are refused. Default: false.',
  'p2p.announce': 'Addresses that peers are told, where they are others than those that it listens at.',
  'exchange.solid':
    'When the blocks of an answer are compressed together. Both sides have to agree. Default: auto.',
  'exchange.rates.uploadBytesPerSecond': 'Most that is sent to peers. Without it there is no limit.',
  'exchange.rates.downloadBytesPerSecond': 'Most that is fetched from peers. Without it there is no limit.',
  'exchange.rates.requested.uploadBytesPerSecond': 'The same for what somebody has asked for: pulls.',
  'exchange.rates.requested.downloadBytesPerSecond': 'The same for what somebody has asked for: pulls.',
  'exchange.rates.background.uploadBytesPerSecond':
    'The same for what nobody waits for: placements, fills of disks.',
  'exchange.rates.background.downloadBytesPerSecond':
    'The same for what nobody waits for: placements, fills of disks.',
  'exchange.rates.fallbackBytesPerSecond':
    'At a tracker: what it gives to starving peers although others hold it. 0: nothing.',
  'log.level': 'What is logged. Default: info.',
}

export const NODE_KEYS: Meanings = {
  ...BOTH,
  dataDir: 'Where the node keeps its blocks and what it knows of images. Another node may not use it.',
  'tracker.url': 'Address of the tracker.',
  'tracker.name':
    'Name in the certificate of the tracker, which signs in it. Default: the host of the address.',
  'p2p.listen': 'Where peers connect, as multiaddrs. Default: /ip4/0.0.0.0/tcp/4002.',
  'control.socket': 'Unix socket of the control interface. Default: /run/bootswarm/node.sock.',
  'disk.hoardBytes':
    'How much of what boots read is kept ready, in bytes of the disks. Default: 10000000000. 0: nothing.',
  'disk.socketDirectory': 'Where the sockets of disks are. Default: disks, beside the control socket.',
  'disk.tcp.listen':
    'Where disks are offered over TCP as well, with TLS on both sides and the certificate of this program: all but those that were attached by a right that was lent to this node. Nowhere without it.',
  'disk.tcp.allow':
    'Distinguished names of those who may read the disks over TCP, as /DC=org/CN=hypervisor-2. Nobody else may.',
  'labels.site': 'Where the node is. An admin can set labels at the tracker; then these do not count.',
  'labels.zone': 'A part of the site.',
  'labels.rack': 'Nodes of one rack are near to each other.',
  'grants.graceSeconds':
    'How long passes and grants that have ended count here while the tracker is out of reach. 0: not at all. Default: 3600.',
  'store.maxBytes': 'Stored bytes of blocks. Default: as much as the disk has.',
  'export.directories': 'Where the node may write disks. Default: exports, in the data directory.',
  'seed.directories': 'Where files and volumes may lie that become seeds. Default: /var/lib/libvirt/images.',
  'metrics.listen': 'Where metrics are to be had by plain HTTP. Nowhere without it.',
}

export const TRACKER_KEYS: Meanings = {
  ...BOTH,
  dataDir: 'Where the tracker keeps blocks, catalog, chains and audit log. Another tracker may not use it.',
  listen: 'Where clients connect. Default: 0.0.0.0:8443.',
  name: 'What the tracker signs as, and is known by. Default: the first name of its certificate.',
  publicUrl: 'What addresses in answers begin with. Default: the name by which the request came.',
  ownUrl: 'Address of this tracker alone, where several answer by one name.',
  'catalog.postgres':
    'Address of a PostgreSQL database for the catalog, postgres://.... Default: a file of SQLite in the data directory.',
  'catalog.postgresFile': 'File with that address, where it has a password.',
  'p2p.listen': 'Where peers connect, as multiaddrs. Default: /ip4/0.0.0.0/tcp/4001.',
  'users.onFirstContact': 'What happens when a valid certificate comes that no user has. Default: refuse.',
  'namespaces.nodesRead': 'Whether enrolled nodes may read what is in a new namespace. Default: true.',
  'quotas.bytes': 'Bytes that a user may own whose account says nothing else. Default: any.',
  'quotas.images': 'Images that a user may own whose account says nothing else. Default: any.',
  admins: 'Distinguished names of admins, in slash form.',
  adminsFile: 'File with first admins, a line name,email,dn for each.',
  'nodes.enrolment':
    'Which nodes become active without an admin. Default: machines, those with OU=nodes in their certificate.',
  'grants.lifetimeSeconds':
    'Life of grants and passes: what is taken back ends at the peers within it. Default: 300.',
  'gc.intervalSeconds': 'Pause between two garbage collections; 0: only when asked. Default: 3600.',
  'http.listen': 'Where the bytes of public images are to be had by plain HTTP. Nowhere without it.',
  publicHttpUrl:
    'What those addresses begin with. Default: the host of the request and the port of http.listen.',
  'metrics.listen': 'Where probes and metrics are to be had by plain HTTP. Nowhere without it.',
}
