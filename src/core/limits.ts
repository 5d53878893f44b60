/**
 * Every bound in one place: unit in the name, reason beside it, relations asserted at the end.
 * `docs/limits.md` is generated from the same names; a test compares the two.
 */

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** Page of the file systems inside images; every cut of the page-tail chunker is a multiple of it. */
export const PAGE_BYTES = 4 * KiB
/** Largest block: past it larger blocks lose commonality and gain no throughput. */
export const BLOCK_BYTES_MAX = 256 * KiB
/** Largest frame on disk and on the wire: a raw block. A zstd frame is kept only when it is smaller. */
export const FRAME_BYTES_MAX = BLOCK_BYTES_MAX
/** Largest run: unit of scheduling; 1 MiB keeps 8 peers busy on a 128 MiB image and its bitmap small. */
export const RUN_BYTES_MAX = 1 * MiB
/** Blocks in a run at most: RUN_BYTES_MAX of the smallest blocks. */
export const RUN_BLOCKS_MAX = RUN_BYTES_MAX / PAGE_BYTES
/** Blocks in a segment at most: keeps a segment node near 40 KB. */
export const SEGMENT_BLOCKS_MAX = 1024
/** Bytes of blocks (zero spans are free) in a segment at most. */
export const SEGMENT_BYTES_MAX = 64 * MiB
/** Blocks in a segment before a digest may end it: avoids tiny segment nodes. */
export const SEGMENT_BLOCKS_MIN = 64
/** A segment ends after a block whose digest starts with a multiple of this: about 1 in 1,024 blocks. */
export const SEGMENT_CUT_MODULUS = 1024
/** Largest encoded segment node: 1,024 digests, lengths and zero spans with room to spare. */
export const SEGMENT_NODE_BYTES_MAX = 64 * KiB
/** Largest encoded manifest: 1 TiB in 16 MiB segments is about 3 MB. */
export const MANIFEST_BYTES_MAX = 8 * MiB
/** Largest thing that a store holds: a manifest or a segment node. Only blocks are compressed. */
export const NODE_BYTES_MAX = MANIFEST_BYTES_MAX
/** Segments in a manifest at most. */
export const SEGMENTS_MAX = 160_000
/** Runs in a manifest at most: bits of the have bitmap that peers exchange, 256 KiB of it. Enough for 2 TiB of full runs. */
export const RUNS_MAX = 8 * 256 * KiB
/** Largest image; the highest offset that stays exact in a number with room for sums. */
export const IMAGE_BYTES_MAX = 64 * 1024 * GiB
/** Zero bytes in an image past which the digest of the whole image is left out: hashing holes runs at 2 GB/s, so 64 GiB is half a minute of a core for bytes that are not there. */
export const IMAGE_DIGEST_ZERO_BYTES_MAX = 64 * GiB

/** Characters of a namespace, image name or tag. */
export const NAME_CHARS_MAX = 128

/** Size of one pack file before the next is begun: large enough to be few, small enough to compact. */
export const PACK_BYTES_MAX = 256 * MiB

/** Room that puts leave free on the disk of a store: what deleting everything writes to the index, and the copies of a compaction. */
export const STORE_RESERVE_BYTES = 64 * MiB
/** The reserve on small file systems, as a share of them. */
export const STORE_RESERVE_SHARE = 0.05

/** Largest message of the exchange protocol: one run as raw blocks plus its table of blocks. */
export const EXCHANGE_MESSAGE_BYTES_MAX = 1 * MiB + 16 * KiB
/** Bytes of wanted blocks that one peer may have outstanding here: eight runs in flight. */
export const EXCHANGE_CREDIT_BYTES = 8 * MiB
/** Requests that one peer may have outstanding here. */
export const EXCHANGE_REQUESTS_MAX = 256
/** Newer passes and grants of one peer: those that come faster are ignored, because each costs a signature check. */
export const EXCHANGE_RENEW_INTERVAL_MS = 1000
/** Manifests that one channel may have open: bounds the bitmaps kept for a peer. */
export const EXCHANGE_MANIFESTS_MAX = 64
/** Time for hello before a channel is closed; also what a peer that opens a swarm waits for its manifest. */
export const EXCHANGE_HELLO_TIMEOUT_MS = 10_000
/** Time for a first admitted swarm, in either direction, before a channel is closed: strangers do not hold channels. */
export const EXCHANGE_GRANT_TIMEOUT_MS = 15_000
/** Time without any progress after which an outstanding want is given to somebody else. */
export const EXCHANGE_WANT_TIMEOUT_MS = 15_000
/** Time for a peer to read what is queued for it before its channel is dropped: 1 MiB at 300 kbit/s. */
export const EXCHANGE_DRAIN_TIMEOUT_MS = 30_000
/** Channels at a serving peer. The tracker serves hundreds of nodes at nine o'clock. */
export const EXCHANGE_CHANNELS_MAX = 1024
/** Channels that one peer may open here: one is used, another is for a reconnect in progress. */
export const EXCHANGE_CHANNELS_PER_PEER_MAX = 2

/** Decoded segments that a reader keeps: about 100 KB each. */
export const SEGMENT_READER_SEGMENTS_MAX = 32
/** Missing runs that one pick looks at: bounds its time on a 1 TiB image; rarest of 4,096 is rare enough. */
export const PICK_SAMPLE_RUNS = 4096
/** Peers that may send the same run at the end of a session. */
export const ENDGAME_COPIES_MAX = 2
/** Bytes wanted and not yet stored, in one session: bounds its memory. */
export const SESSION_FLIGHT_BYTES_MAX = 8 * MiB
/** Buffers for runs that wait for their next use: what one session has under way. */
export const RUN_BUFFERS_KEPT_MAX = 8
/** Bytes wanted from one peer and not yet stored: deep enough to hide a round trip, fair among neighbours. */
export const PEER_FLIGHT_BYTES_MAX = 4 * MiB
/** Runs that a session keeps assigned by an origin. */
export const ORIGIN_ASSIGNED_RUNS = 8
/** Runs assigned by an origin that a session keeps at most, those of segments that it has not read yet included: more would keep them from others. */
export const ORIGIN_KEPT_RUNS_MAX = 16
/** Runs assigned to one peer that it has not told it holds: what is kept, on its way and being stored at an honest one. */
export const ORIGIN_UNTOLD_RUNS_MAX = 256
/** A want outstanding for so long may be sent to a second peer when nothing else is missing. */
export const ENDGAME_AFTER_MS = 2000
/** ... but not before it has taken so many times what wants take on average: a loaded machine is slow everywhere. */
export const ENDGAME_AFTER_WANTS = 3
/** Nothing under way for so long, and no neighbour has what is missing: the session tells the origin that it is starving. */
export const STARVING_AFTER_MS = 2000
/** For so long after that it is starving at once when no neighbour has what is missing. */
export const STARVING_FOR_MS = 5000
/** Time before a peer that failed is dialled again. */
export const PEER_RETRY_MS = 5000
/** Unanswered wants in a row after which a peer is dropped; it may come back. */
export const PEER_TIMEOUTS_MAX = 2
/** Time before an interrupted image is tried again after a start. */
export const RESUME_RETRY_MS = 15_000
/** Images with the same manifest that are looked at for the right to fetch it: each is a question to the ACLs. */
export const MANIFEST_IMAGES_MAX = 256
/** Manifests that an origin serves at a time, those that were asked for last: up to 1 MB of bookkeeping each. */
export const ORIGIN_SWARMS_MAX = 256
/** Pause between two looks at all grants in use at an origin, when nothing is known to have changed: another tracker of the same database may have changed it. */
export const ORIGIN_RECHECK_INTERVAL_MS = 30_000
/** Time in which changes of rights are gathered before the origin looks at its grants. */
export const ORIGIN_RECHECK_PAUSE_MS = 250
/** Segment nodes fetched ahead of the plan. */
export const SEGMENT_FETCHES_MAX = 8
/** How often a session looks for stalls and late answers when nothing happens. */
export const SESSION_TICK_MS = 200
/** A channel in which no swarm is open and nothing was asked for so long is closed. */
export const CONNECTION_IDLE_MS = 60_000
/** New runs are told to the neighbours together, after so long at most. */
export const HAVE_DELAY_MS = 20
/** Time without any source that has what is missing before a pull gives up; it resumes when asked again. */
export const SESSION_STALL_MS = 300_000

/** Compact JWS of a grant or record with its certificate chain. */
export const JWS_BYTES_MAX = 64 * KiB
/** Certificates in a chain: end entity, several proxies, intermediates. */
export const CHAIN_CERTIFICATES_MAX = 10
/** One certificate in DER. */
export const CERTIFICATE_BYTES_MAX = 32 * KiB
/** Extensions in one certificate; real ones have about ten. */
export const CERTIFICATE_EXTENSIONS_MAX = 64
/** Characters of a distinguished name in slash form: it becomes a key of ACLs and a field of logs. */
export const DN_CHARS_MAX = 1024
/** A file of certificates or a key: a bundle of all IGTF authorities is about 300 KB. */
export const IDENTITY_FILE_BYTES_MAX = 4 * MiB
/** Authorities in one CA file; the IGTF distribution has about 150. */
export const TRUST_CERTIFICATES_MAX = 1024
/** Names in a directory of authorities; the IGTF distribution has about 2,000: two links for each file. */
export const TRUST_FILES_MAX = 16_384
/** One revocation list: the largest of IGTF authorities are 2 MB; 16 MiB hold 700,000 entries, which take two seconds to read. */
export const CRL_BYTES_MAX = 16 * MiB
/** One signing policy: real ones have ten lines. Its patterns cost time with their length times that of a name. */
export const SIGNING_POLICY_BYTES_MAX = 64 * KiB
/** How often the files of authorities and revocation lists are looked at for changes. */
export const TRUST_POLL_MS = 60_000
/** Certificate chains whose validation is remembered, per trust: one per client and signer of a large site. */
export const VALIDATED_CHAINS_MAX = 4096
/** Smallest RSA key that is accepted (NIST SP 800-131A). */
export const RSA_KEY_BITS_MIN = 2048
/** Largest RSA key that is accepted: checking a signature costs time with the square of it. */
export const RSA_KEY_BITS_MAX = 8192
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
/** Nodes in one answer of a listing unless it asks for another number. */
export const NODES_LIST_ROWS = 1000
/** Life of a grant; renewed at two thirds. */
export const GRANT_LIFETIME_S = 300
/** Shortest life of a grant: below it, signing and asking again is all that anybody does. */
export const GRANT_LIFETIME_S_MIN = 4
/** Longest life of a grant: what is taken back ends within a day at the latest. */
export const GRANT_LIFETIME_S_MAX = 86_400
/** How long peers honour an expired grant while the tracker is out of reach. */
export const GRANT_GRACE_S = 3600
/** Longest life of a delegation: a working day and the night after it. */
export const DELEGATION_LIFETIME_S_MAX = 86_400
/** Compact JWS of a delegation, with the chain of a user and several proxies; fits into the body of a request. */
export const DELEGATION_BYTES_MAX = 48 * KiB
/** Age of a proof of the peer key: it is made for one request. */
export const PEER_PROOF_AGE_S_MAX = 300
/** Compact JWS of such a proof: two names of 1 KiB and a signature. */
export const PEER_PROOF_BYTES_MAX = 8 * KiB
/** How long expired passes and grants still count after the tracker is back, so that everybody can renew them. */
export const GRANT_SETTLE_S = 30
/** Peers whose passes are remembered: twice the connections of a host. About 1 KB each. */
export const PASSES_REMEMBERED_MAX = 4096
/** Difference of clocks that signatures and grants tolerate. */
export const CLOCK_SKEW_S = 60

/** Pause before a node that has no pass, or could not renew it, asks the tracker again. */
export const ENROL_RETRY_MS = 10_000
/** What a pull waits for the first answer to an enrolment: a tracker that does not answer at all takes as long. */
export const ENROL_WAIT_MS = 10_000
/** Pause before an image that this node may not fetch any more is asked for again. */
export const REFUSED_RETRY_MS = 300_000
/** Peers in one handout of the tracker. */
export const HANDOUT_PEERS_MAX = 32
/** Peers that a session keeps channels with, besides the origin. */
export const SESSION_NEIGHBOURS_MAX = 12
/** Addresses of peers that a session remembers, to dial them again. */
export const SESSION_ADDRESSES_MAX = 128
/** Time between two announces of a running session. */
export const ANNOUNCE_INTERVAL_MS = 10_000
/** Looking for the peers of a running session: connecting to the tracker, then a query of the DHT. */
export const FIND_PEERS_TIMEOUT_MS = 30_000
/** A peer that has not announced for so long leaves the handouts. */
export const ANNOUNCE_EXPIRY_MS = 45_000

/** Body of a JSON request to the tracker: a join with every label and address is a few KiB. */
export const API_BODY_BYTES_MAX = 64 * KiB
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
/** Pause between two garbage collections of the tracker: each reads the manifests of all images. */
export const GC_INTERVAL_S = 3600
/** Multiaddrs of one peer. */
export const PEER_ADDRESSES_MAX = 16
/** Characters of one multiaddr, label or peer ID. */
export const PEER_TEXT_CHARS_MAX = 256
/** Labels of one peer. */
export const PEER_LABELS_MAX = 16
/** Peers in one swarm at the tracker: twice the largest site that we simulate. */
export const SWARM_PEERS_MAX = 20_000
/** Places in all swarms together: every node of the largest site in twenty. About 1 KB each. */
export const SWARM_PLACES_MAX = 200_000
/** Swarms that the tracker keeps: one for every manifest that somebody announces. */
export const SWARMS_MAX = 10_000

/** Life of a provider record of the DHT: how long the peers of a node that died are found. */
export const DHT_RECORD_VALIDITY_MS = 3_600_000
/** Age at which a provider record is published again: a third of its life is left for trouble. */
export const DHT_RECORD_RENEW_AFTER_MS = 2_400_000
/** Provider records that one node publishes a second: each is about 40 requests to others. */
export const DHT_PROVIDES_PER_SECOND = 2
/** Peers that announce one segment at most: a session needs 12, and a record at everybody helps nobody. */
export const DHT_ANNOUNCERS_MAX = 16
/** Wait after a failed publication: its cause (no peer, no network) is nearly always common to all. */
export const DHT_RETRY_AFTER_MS = 30_000
/** Segments that one node keeps announced or waiting; what cannot be renewed in time is not kept at all. */
export const DHT_SEGMENTS_MAX = 4_000

function assertRelations(): void {
  const relations: [boolean, string][] = [
    [BLOCK_BYTES_MAX % PAGE_BYTES === 0, 'blocks are whole pages'],
    [RUN_BYTES_MAX >= BLOCK_BYTES_MAX, 'a run holds the largest block'],
    [SEGMENT_BYTES_MAX >= RUN_BYTES_MAX, 'a segment holds the largest run'],
    [EXCHANGE_MESSAGE_BYTES_MAX > RUN_BYTES_MAX + RUN_BLOCKS_MAX * 12, 'a message holds a run and its table'],
    [EXCHANGE_CREDIT_BYTES >= 2 * RUN_BYTES_MAX, 'credit allows pipelining'],
    [EXCHANGE_GRANT_TIMEOUT_MS > EXCHANGE_HELLO_TIMEOUT_MS, 'an open that waits for a manifest is answered'],
    [ANNOUNCE_EXPIRY_MS > 2 * ANNOUNCE_INTERVAL_MS, 'one lost announce does not drop a peer'],
    [
      ANNOUNCE_EXPIRY_MS > FIND_PEERS_TIMEOUT_MS + ANNOUNCE_INTERVAL_MS,
      'a pull that waits for an answer does not keep others from announcing',
    ],
    [SEGMENT_BLOCKS_MIN < SEGMENT_BLOCKS_MAX, 'a segment has room between its bounds'],
    [
      UPLOAD_BODY_BYTES_MAX > UPLOAD_REQUEST_BYTES + MANIFEST_BYTES_MAX,
      'a request holds the largest manifest',
    ],
    [CATALOG_STATEMENT_TIMEOUT_MS < CATALOG_ANSWER_TIMEOUT_MS, 'the database ends a slow statement first'],
    [CATALOG_ANSWER_TIMEOUT_MS < API_ANSWER_TIMEOUT_MS, 'who waits for the database hears of it'],
    [TRACKER_EXPIRY_MS > 2 * TRACKER_HEARTBEAT_MS, 'one lost sign of life does not drop a tracker'],
    [
      PEER_ADDRESSES_MAX * PEER_TEXT_CHARS_MAX + DELEGATION_BYTES_MAX + 2 * KiB < API_BODY_BYTES_MAX,
      'a join with a delegation fits into a request',
    ],
    [UPLOAD_BODIES_PER_PRINCIPAL_MAX < UPLOAD_BODIES_MAX, 'no principal takes every place for bodies'],
    [UPLOAD_BODY_WAIT_MS < API_ANSWER_TIMEOUT_MS, 'who waits for a place hears of it'],
    [DHT_RECORD_RENEW_AFTER_MS < DHT_RECORD_VALIDITY_MS, 'records are renewed before they expire'],
    [
      DHT_SEGMENTS_MAX < (DHT_PROVIDES_PER_SECOND * DHT_RECORD_RENEW_AFTER_MS) / 1000,
      'every record that is kept can be renewed in time',
    ],
  ]
  for (const [holds, reason] of relations) if (!holds) throw new RangeError(`limits: ${reason}`)
}
assertRelations()
