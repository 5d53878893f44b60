/**
 * Bounds of the registry: the tracker's HTTP, uploads and downloads, ACLs, queries, accounts, the audit log and the database, and
 * its choice of the peers that it hands out. As in `limits.ts`: unit in the name, reason beside it, relations asserted at the end.
 */

import { BOOT_READS_MAX } from './disk-limits.ts'
import {
  DELEGATION_BYTES_MAX,
  MANIFEST_BYTES_MAX,
  PEER_ADDRESSES_MAX,
  PEER_TEXT_CHARS_MAX,
} from './limits.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Time for names that a shell asks for while somebody types. */
export const COMPLETION_TIMEOUT_MS = 1500
/** Entries of one ACL: beyond that a group is the better way, and the signed text still fits into a header. */
export const ACL_ENTRIES_MAX = 256
/** Versions of one image: hourly ones of a year. A rename signs the record of each anew. */
export const IMAGE_VERSIONS_MAX = 10_000
/** Verified ACLs and records that a tracker keeps in memory: those of 10,000 images and their namespaces, about 1 KB each. */
export const CHAINS_CACHED_MAX = 25_000
/** Chains of records whose outcome a tracker keeps in memory: about 1 KB for each version of an image. */
export const RECORD_CHAINS_CACHED_MAX = 2_000
/** A statement is signed anew so long before the certificate of its signer ends, when the tracker has one that ends later: nodes and archives never hold one that is about to lapse. */
export const CHAIN_RENEW_BEFORE_MS = 30 * 24 * 3_600_000
/** Problems of chains that one report lists: what a person reads before restoring a backup. */
export const CHAIN_PROBLEMS_MAX = 1000
/** Pause between two readings of all chains: a few minutes' work for the largest site. */
export const CHAIN_SCRUB_INTERVAL_MS = 6 * 3_600_000
/** Statements of one chain that a verifier reads: an image with its most versions, renamed several times. */
export const CHAIN_STATEMENTS_MAX = 100_000
/** One file of a proof: a chain of so many statements. */
export const PROOF_FILE_BYTES_MAX = 512 * MiB
/** Age of a publication when the tracker gets it: as long as an upload may take that was broken off once. */
export const PUBLICATION_AGE_S_MAX = 24 * 3600
/** Characters of a publication's JWS: a chain of several proxies, and room in a request for the rest. */
export const PUBLICATION_CHARS_MAX = 48 * 1024
/** Statements of chains read from the database at a time: up to 64 KiB each, some 3 KB as a rule. */
export const CHAIN_PAGE_STATEMENTS = 100
/** Targets of chains asked for in one query, within the parameters that databases allow. */
export const CHAIN_QUERY_TARGETS = 500
/** Signatures checked side by side when many were not checked before: few enough not to hold up other requests. */
export const CHAIN_CHECKS_MAX = 16
/** Attempts of a change that another tracker has overtaken. */
export const CHAIN_CHANGE_ATTEMPTS = 20
/** Longest line of the journal of chains: a target, a number and a digest. */
export const JOURNAL_LINE_BYTES_MAX = 512
/** Times that a rename signs the records of an image anew when versions come or go meanwhile. */
export const IMAGE_RENAME_ATTEMPTS = 5
/** Free key=value pairs of one image. */
export const IMAGE_PROPERTIES_MAX = 64
/** Characters of one metadata value: a description of a few paragraphs. */
export const METADATA_VALUE_CHARS_MAX = 4096
/** Characters of one query: all fields named twice. */
export const QUERY_CHARS_MAX = 4096
/** Conditions of one query. */
export const QUERY_CONDITIONS_MAX = 32
/** Characters of one regular expression in a query. */
export const QUERY_REGEX_CHARS_MAX = 256
/** Instructions of one regular expression: what one character of a value may cost. A value of 4,096 characters stays under 100 ms. */
export const QUERY_REGEX_PROGRAM_MAX = 256
/** Characters times instructions that all regular expressions of one query may cost: some seconds at worst, in pieces of one value. */
export const QUERY_REGEX_STEPS_MAX = 100_000_000
/** Regular expressions of one query. */
export const QUERY_PATTERNS_MAX = 4
/** Fields that one query shows: all, and as many free pairs. */
export const QUERY_FIELDS_MAX = 64
/** Images of one answer to a query that names no number. */
export const QUERY_ROWS_DEFAULT = 1000
/** Images that are fetched at once to be looked at by regular expressions. */
export const QUERY_BATCH_ROWS = 2000
/** Images before those of an answer: more than a tracker has. */
export const QUERY_OFFSET_MAX = 1_000_000
/** Rows of one answer of a listing; more come with the next page. */
export const LIST_ROWS_MAX = 10_000
/** Swarms, or peers of one, in one answer unless a number is given. */
export const SWARMS_LIST_ROWS = 1000
/** Swarms whose images are looked up in one query, within the parameters that databases allow. */
export const SWARMS_PER_QUERY = 500
/** Addresses in a list that has no pages, as Repoman's clients want it: some 10 MB. */
export const LIST_URLS_MAX = 100_000
/** Entries of one answer about the life of an image. */
export const HISTORY_ROWS_MAX = 1000
/** Bytes of one user that may come before its usage is read again: another tracker may take some too. */
export const QUOTA_READ_AFTER_BYTES = 16 * MiB
/** Time after which usage is read again while bytes come: a removed image makes room. */
export const QUOTA_READ_AFTER_MS = 10_000
/** Share of what comes that may be nodes of the manifest, which no quota counts: a segment node is 40 KB of 4 MiB at worst. */
export const QUOTA_NODES_SHARE = 0.02
/** ... and so many bytes more, for the manifest of a small image. */
export const QUOTA_NODES_BYTES = 64 * KiB
/** Users whose usage is remembered while their bytes come: all that upload at once. */
export const QUOTA_USERS_MAX = 1024
/** How long accesses are counted in memory before they are written down together: 500 joins are one write. */
export const ACCESS_FLUSH_MS = 5000
/** One line of the audit log: names and a reason. */
export const AUDIT_LINE_BYTES_MAX = 16 * KiB
/** Characters of a name or a reason in the audit log. */
export const AUDIT_TEXT_CHARS_MAX = 512
/** Size of a file of the audit log before the next begins: about 200,000 lines. */
export const AUDIT_ROTATE_BYTES = 64 * MiB
/** Time until lines of the audit log survive a crash of the machine. */
export const AUDIT_SYNC_MS = 1000
/** Lines that wait while the disk of the audit log is full: some MB. */
export const AUDIT_QUEUE_LINES_MAX = 10_000
/** Refusals of one asker that the audit log has of one minute; more are counted. All anonymous ones together are one asker. */
export const AUDIT_REFUSALS_PER_MINUTE = 60
/** Askers whose refusals are counted apart in one minute. */
export const AUDIT_ASKERS_MAX = 1024
/** Lines of one answer about the audit log. */
export const AUDIT_ROWS_MAX = 1000
/** Bytes of the audit log that one answer looks through; the next page goes on where it ended. */
export const AUDIT_SCAN_BYTES_MAX = 16 * MiB
/** Users of one tracker. */
export const USERS_MAX = 100_000
/** Names of users or groups in one request: what fits into its body. */
export const ACCOUNT_NAMES_MAX = 1000
/** Characters of a person's name. */
export const FULL_NAME_CHARS_MAX = 256
/** Characters of an e-mail address (RFC 5321 section 4.5.3.1.3, without the brackets). */
export const EMAIL_CHARS_MAX = 254
/** File of the first admins of a tracker: some thousands. */
export const ADMINS_FILE_BYTES_MAX = MiB
/** Groups of one tracker. */
export const GROUPS_MAX = 10_000
/** Enrolled nodes of one tracker: ten of the largest sites. */
export const NODES_MAX = 100_000
/** Values of the sample of an image's blocks: tells the share that two images have in common to some 0.05. */
export const SKETCH_VALUES = 128
/** Images that are compared with one by their samples. */
export const RELATED_CANDIDATES_MAX = 32
/** Related images that a node hears of: each costs it a grant and channels. */
export const RELATED_IMAGES_MAX = 4
/** Peers of each that it hears of. */
export const RELATED_PEERS_MAX = 8
/** Share of its blocks that a related image must have: below it asking costs more than it brings. */
export const RELATED_SHARE_MIN = 0.05
/** Pause between two looks for images without a sample. */
export const SKETCH_INTERVAL_MS = 30_000
/** Images whose related ones are remembered. */
export const RELATED_REMEMBERED_MAX = 1000
/** For so long: images come and go. */
export const RELATED_REMEMBERED_MS = 60_000
/** Placements that a tracker keeps, those that have ended included: the oldest ended ones give way. */
export const PLACEMENTS_MAX = 1000
/** Waves of one placement. */
export const PLACEMENT_WAVES_MAX = 32
/** How far ahead a placement may begin. */
export const PLACEMENT_AHEAD_MS_MAX = 366 * 86_400_000
/** Placements that one node works at; the others wait. Each is a pull. */
export const PLACES_AT_ONCE_MAX = 4
/** Pause before a node that has nothing to place asks again, where its request is not held; also how late a placement may begin then. */
export const PLACES_IDLE_MS = 30_000
/** For so long a tracker holds the request of a node for which it has nothing: half of what the node waits for an answer. */
export const ORDER_WAIT_S_MAX = 30
/** Requests that a tracker holds so: a quarter of its connections, at some 60 KB each. Nodes past it ask every 30 s. */
export const ORDER_WAITS_MAX = 1024
/** The same while it has something to place: what `placement show` is behind. */
export const PLACES_BUSY_MS = 5000
/** Characters of the reason for which a node could not place an image. */
export const PLACE_ERROR_CHARS_MAX = 500
/** Nodes in one answer about a placement. */
export const PLACES_LIST_ROWS = 1000
/** Nodes in one answer of a listing unless it asks for another number. */
export const NODES_LIST_ROWS = 1000

/** Body of a JSON request to the tracker: a join with every label and address is a few KiB. */
export const API_BODY_BYTES_MAX = 64 * KiB
/** What a node puts into one announce beside its addresses; the swarm with the largest delegation fits. */
export const ANNOUNCE_BODY_BYTES = 56 * KiB
/** Elements inside one another in a body of XML: an object with a list has three. */
export const XML_DEPTH_MAX = 8
/** JSON answer that an API client reads: the list of some 50,000 images. */
export const API_ANSWER_BYTES_MAX = 64 * MiB
/** Connecting to the tracker, TLS handshake included. */
export const API_CONNECT_TIMEOUT_MS = 10_000
/** First byte of an answer of the tracker, and the pause between two pieces of a body. */
export const API_ANSWER_TIMEOUT_MS = 60_000
/** First byte of the answer to a commit or a garbage collection, which walk through all blocks of an image or a store. */
export const API_LONG_ANSWER_TIMEOUT_MS = 900_000
/** Pause on a connection of the tracker after which it is closed: longer than clients keep an idle one. */
export const TRACKER_IDLE_TIMEOUT_MS = 120_000
/** Time for a client to send the head of a request. */
export const TRACKER_HEAD_TIMEOUT_MS = 60_000
/** Time for a client to send a request with its body; the bytes of an image may take longer while they move (RAW_BODY_IDLE_MS). */
export const TRACKER_REQUEST_TIMEOUT_MS = 300_000
/** How exactly the tracker remembers when a node last got a pass: each write waits for the disk, and nodes come by the thousand. */
export const NODE_SEEN_PRECISION_MS = 60_000
/** Time for a TLS handshake at the tracker: of a thousand nodes that come at once, the last waits for the CPU. Clients decide themselves how long they wait. */
export const TRACKER_HANDSHAKE_TIMEOUT_MS = 30_000
/** Connections at the tracker: two of every node of a large site. */
export const TRACKER_CONNECTIONS_MAX = 4096
/** Connections at the plain listener: anonymous downloads, most of which wait for a place. */
export const OPEN_CONNECTIONS_MAX = 1024
/** Time for a request at the plain listener, which has no body. */
export const OPEN_REQUEST_TIMEOUT_MS = 30_000
/** Connections for health and metrics at once: probes and one or two collectors, on an address of the site's own. */
export const PROBE_CONNECTIONS_MAX = 64
/** Time for requests that run when the tracker is told to stop. */
export const TRACKER_DRAIN_TIMEOUT_MS = 10_000
/** Opened stretches of images (1 MiB each) that nobody reads at the moment and that are kept for who comes next: 16 clients of one image drift apart by less. */
export const RAW_CACHE_STRETCHES = 32
/** Stretches that are read and inflated at once: enough for every thread that inflates; what more would have read meanwhile only waits in memory. */
export const RAW_OPENINGS_MAX = 4
/** Stretches that are opened ahead of one download: hides reading and inflating behind sending. */
export const RAW_AHEAD_STRETCHES = 3
/** Raw downloads at once: each holds one stretch while its client takes it, and one ahead. */
export const RAW_DOWNLOADS_MAX = 128
/** Of those, downloads of one principal, or of one address where it has no certificate. */
export const RAW_DOWNLOADS_PER_PRINCIPAL_MAX = 64
/** Downloads that wait for a place, unanswered. */
export const RAW_DOWNLOADS_WAITING_MAX = 1024
/** Time that a download waits for a place before it is told to come again. */
export const RAW_DOWNLOAD_WAIT_MS = 30_000
/** Bytes of one write of a download: large enough to cost little, small enough to stay in the cache of a core while they are encrypted. */
export const RAW_WRITE_BYTES = 128 * KiB
/** Time for a client to take one such write before it is cut off: 2 KiB/s. */
export const RAW_WRITE_TIMEOUT_MS = 60_000
/** Raw uploads that are read at once: each holds up to 25 MiB of its image and a thread that hashes all of it. */
export const RAW_UPLOADS_MAX = 8
/** Of those, uploads of one principal. */
export const RAW_UPLOADS_PER_PRINCIPAL_MAX = 4
/** Raw uploads that wait for a place, unread. */
export const RAW_UPLOADS_WAITING_MAX = 64
/** Time that a raw upload waits for a place before it is told to come again: clients wait as long for an answer to their head. */
export const RAW_UPLOAD_WAIT_MS = 30_000
/** Pause in the body of a raw upload after which it is broken off: a client may read a slow disk, and a lost one is not waited for. */
export const RAW_BODY_IDLE_MS = 60_000
/** Bytes of a refused body that are read and dropped, so that its client sees the answer; then the connection is closed. */
export const REFUSED_BODY_BYTES_MAX = 64 * MiB
/** Time that they are waited for. */
export const REFUSED_BODY_MS = 30_000
/** Digests in one request for what the tracker needs: 1 MiB of body. */
export const NEED_DIGESTS_MAX = 32 * KiB
/** Bytes of frames that a client puts into one request: enough to hide a round trip, little to send again. */
export const UPLOAD_REQUEST_BYTES = 4 * MiB
/** Body of one request with frames: a client's request plus the largest manifest. */
export const UPLOAD_BODY_BYTES_MAX = 16 * MiB
/** Requests with frames that the tracker reads at once: each holds up to UPLOAD_BODY_BYTES_MAX; others are told to come again. */
export const UPLOAD_BODIES_MAX = 32
/** Of those, requests of one principal: what one push has under way, so that nobody takes the places of all. */
export const UPLOAD_BODIES_PER_PRINCIPAL_MAX = 4
/** Requests of one principal that wait for a place, unread: several pushes side by side. */
export const UPLOAD_BODIES_WAITING_MAX = 32
/** Time that a request waits for a place before it is told to come again: well within API_ANSWER_TIMEOUT_MS. */
export const UPLOAD_BODY_WAIT_MS = 10_000
/** Pause in a body after which its connection is closed: a client has a request complete in memory, so only a lost one pauses. */
export const UPLOAD_BODY_IDLE_MS = 15_000
/** Life of an upload after its last request: a push that broke off on Friday evening goes on the next day. */
export const UPLOAD_EXPIRY_MS = 24 * 3_600_000
/** Uploads that one principal may have open: bounds what leases keep from garbage collection. */
export const UPLOADS_OPEN_MAX = 64
/** Time without a request after which another push of the image by the same principal takes over an upload: no request runs longer. */
export const UPLOAD_ADOPT_AFTER_MS = TRACKER_REQUEST_TIMEOUT_MS
/** Digests that one upload may keep from garbage collection: an image of 1 TiB in blocks of 16 KiB. */
export const UPLOAD_LEASES_MAX = 64 * 1024 * KiB
/** Tags that one commit may set. */
export const COMMIT_TAGS_MAX = 16
/** Namespaces that one principal may own: a person has one or a few, a pipeline one for every project. */
export const NAMESPACES_PER_PRINCIPAL_MAX = 64
/** Images in one namespace: the list of five full ones still fits into API_ANSWER_BYTES_MAX. */
export const IMAGES_PER_NAMESPACE_MAX = 10_000
/** Connections of one tracker to a PostgreSQL server: three trackers fit into its default of 100 with room for others. */
export const CATALOG_CONNECTIONS_MAX = 16
/** Connecting to the database, and waiting for one of the connections: a tracker that cannot ask says so soon. */
export const CATALOG_CONNECT_TIMEOUT_MS = 5_000
/** One statement at the database, waiting for locks included: well within API_ANSWER_TIMEOUT_MS. */
export const CATALOG_STATEMENT_TIMEOUT_MS = 30_000
/** An answer of a database that does not keep CATALOG_STATEMENT_TIMEOUT_MS itself: it is away, and the connection is dropped. */
export const CATALOG_ANSWER_TIMEOUT_MS = 35_000
/** Pause within a transaction, signing included, after which the database takes it back: a tracker that hangs must not block others. */
export const CATALOG_TRANSACTION_PAUSE_MS = 30_000
/** Bringing the tables up to date, and waiting for another tracker that does. */
export const CATALOG_MIGRATION_TIMEOUT_MS = 600_000
/** A file with a connection string: one line. */
export const CATALOG_FILE_BYTES_MAX = 4 * KiB
/** Pause between two signs of life of a tracker in a database that several may share. */
export const TRACKER_HEARTBEAT_MS = 10_000
/** A tracker without a sign of life for so long is not handed out where another has the image. */
export const TRACKER_EXPIRY_MS = 45_000
/** Images that one tracker fetches from others at once for those who ask it for their bytes: each has a connection and a buffer. */
export const RELAYS_MAX = 16
/** Share of a handout for peers of the asker's rack, and for peers of its zone of what is left: as the neighbours are that are chosen from it. */
export const HANDOUT_NEAR_SHARE = 0.7
/** Share of it for peers of other racks, so that every rack stays connected with the others: three of 31. */
export const HANDOUT_FAR_SHARE = 0.1
/** How many times better a peer with everything is in it than one with nothing, for who has nothing: who has most of the image is handed out first, and yet not alone. */
export const HANDOUT_HOLDER_WEIGHT = 10
/** Draws for one place of it before that is left to others: in a bucket that holds twice as many as are wanted, half of all draws are new. */
export const HANDOUT_DRAWS_MAX = 8
/** A handout weighs half as much after so long when the next one is chosen: by then the node has announced and the others have dialled. */
export const HANDOUT_LOAD_HALF_MS = 10_000
/** Places in all swarms together: every node of the largest site in twenty. About 1 KB each. */
export const SWARM_PLACES_MAX = 200_000
/** Swarms that the tracker keeps: one for every manifest that somebody announces. */
export const SWARMS_MAX = 10_000
/** Images with the same manifest that are looked at for the right to fetch it: each is a question to the ACLs. */
export const MANIFEST_IMAGES_MAX = 256
/** Recordings of boots that a profile is made of: more would move no median, and the newest tell how machines boot today. */
export const BOOT_RECORDINGS_MAX = 16
/** Profiles that are made anew when a node is forgotten, in its transaction: 1.2 s if all were the largest. Others are dropped, which takes next to nothing. */
export const PROFILES_REMADE_MAX = 16
/** Recordings that a tracker takes of one node at once: of the machines of a hypervisor that starts anew. Merging the largest takes 75 ms of a core, of which 50 are for reading them out of the database. */
export const BOOT_RECORDINGS_BURST = 32
/** And in the long run: a new image every ten seconds. */
export const BOOT_RECORDINGS_PER_MINUTE = 6
/** Recordings that a tracker reads at once, each up to BOOT_RECORDING_BODY_BYTES_MAX; others are told to come again. */
export const BOOT_RECORDINGS_AT_ONCE_MAX = 32
/** One recording as JSON, with what a node shows beside it. */
export const BOOT_RECORDING_BODY_BYTES_MAX = 1 * MiB
/** Pause between two garbage collections of the tracker: each reads the manifests of all images. */
export const GC_INTERVAL_S = 3600
/** `[16-digit offset,10-digit length,120000],`. */
const BOOT_READ_JSON_BYTES = 37

function assertRelations(): void {
  const relations: [boolean, string][] = [
    [
      UPLOAD_BODY_BYTES_MAX > UPLOAD_REQUEST_BYTES + MANIFEST_BYTES_MAX,
      'a request holds the largest manifest',
    ],
    [CATALOG_STATEMENT_TIMEOUT_MS < CATALOG_ANSWER_TIMEOUT_MS, 'the database ends a slow statement first'],
    [CATALOG_ANSWER_TIMEOUT_MS < API_ANSWER_TIMEOUT_MS, 'who waits for the database hears of it'],
    [ORDER_WAIT_S_MAX * 2000 <= API_ANSWER_TIMEOUT_MS, 'who is held for orders hears of it'],
    [TRACKER_EXPIRY_MS > 2 * TRACKER_HEARTBEAT_MS, 'one lost sign of life does not drop a tracker'],
    [
      PEER_ADDRESSES_MAX * PEER_TEXT_CHARS_MAX + ANNOUNCE_BODY_BYTES + 2 * KiB < API_BODY_BYTES_MAX,
      'an announce fits into the body of a request',
    ],
    [DELEGATION_BYTES_MAX + 2 * KiB < ANNOUNCE_BODY_BYTES, 'a join with a delegation fits into a request'],
    [UPLOAD_BODIES_PER_PRINCIPAL_MAX < UPLOAD_BODIES_MAX, 'no principal takes every place for bodies'],
    [
      BOOT_READS_MAX * BOOT_READ_JSON_BYTES + DELEGATION_BYTES_MAX + 4 * KiB < BOOT_RECORDING_BODY_BYTES_MAX,
      'the longest recording fits into a request',
    ],
    [UPLOAD_BODY_WAIT_MS < API_ANSWER_TIMEOUT_MS, 'who waits for a place hears of it'],
  ]
  for (const [holds, reason] of relations) if (!holds) throw new RangeError(`limits: ${reason}`)
}
assertRelations()
