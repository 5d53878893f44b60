/**
 * The bounds of images, stores, exchange, swarms and DHT: unit in the name, reason beside it, relations asserted at the end; those of the
 * registry are in `registry-limits.ts`. `docs/limits.md` is generated from the same names; a test compares the two.
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
/** Share of the cores without work below which no solid frames are made or asked for: the machine has better things to do. */
export const SOLID_IDLE_SHARE_MIN = 0.25
/** Bytes a second from one peer above which solid frames are not asked for: one core makes them at 24 MB/s. */
export const SOLID_RATE_MAX_BYTES_S = 16 * MiB
/** Time over which that rate is taken: several runs, and short beside a fetch. */
export const SOLID_SAMPLE_MS = 500
/** Bytes of wanted blocks that one peer may have outstanding here: eight runs in flight. */
export const EXCHANGE_CREDIT_BYTES = 8 * MiB
/** Requests that one peer may have outstanding here. */
export const EXCHANGE_REQUESTS_MAX = 256
/** Small messages of one channel that are read in a second in the long run, at about 5 µs each: three times what the wants for whole runs at 10 Gbit/s are. */
export const EXCHANGE_MESSAGES_PER_SECOND = 4096
/** The same at once: what a peer that was busy for two seconds has to say. */
export const EXCHANGE_MESSAGES_BURST = 8192
/** Runs or digests in a message that cost as much as a message. */
export const EXCHANGE_MESSAGE_ITEMS = 64
/** Newer passes and grants of one peer: those that come faster are ignored, because each costs a signature check. */
export const EXCHANGE_RENEW_INTERVAL_MS = 1000
/** Requests of all peers that wait here together: about 200 bytes each. Past it a peer may have one. */
export const SERVE_REQUESTS_MAX = 16_384
/** What a peer whose requests do not fit is told to wait. */
export const SERVE_BUSY_RETRY_MS = 1000
/** Peers that are given bytes at a time: enough to fill any link, few enough that each is done soon and the most urgent is next. */
export const SERVE_SLOTS = 8
/** A peer that has not read for so long what it was given holds none of these any more: 1 MiB at an eighth of 64 Mbit/s. */
export const SERVE_SLOW_MS = 1000
/** Where peers compete, each class has so many times the share of the next: background goes on behind a boot, at an eighth of its rate. */
export const SERVE_CLASS_RATIO = 2
/** Bytes that one peer gets as urgent ones (guest read, boot profile) at once: its part of the boot of a VM, 40 MiB from a dozen neighbours, twice. */
export const URGENT_BURST_BYTES = 8 * MiB
/** The same in the long run; what it asks for beyond that is served as requested. So nobody gains by calling everything urgent. */
export const URGENT_BYTES_PER_SECOND = 2 * MiB
/** Copies of an image that one peer is given in one channel before it comes last: an honest one needs one, and the rest again if it loses its disk. */
export const SERVE_COPIES_MAX = 2
/** What nobody needs (a run again that the peer was given, or one at an origin that it did not assign) is given while nothing else is, so much of it a second: 2 % of 50 Mbit/s. */
export const SERVE_NEEDLESS_BYTES_PER_SECOND = 128 * KiB
/** ... and so much at once: one run. */
export const SERVE_NEEDLESS_BURST_BYTES = 1 * MiB
/** What a peer may read some day (the hoard) and an origin did not assign it, a second at most, beside a share of background: the 40 MB of a boot in 80 s, and a twelfth of 50 Mbit/s to who floods with it. Measured at such an origin, 12 MiB of disk read cold at random by a guest: 1.47 s alone, 1.33 and 1.59 s beside four hoards of one boot, which share what one of them got (2.1 MiB of disk a second each); in another run 1.62 to 1.80 s alone, 1.86 and 1.89 s beside one hoard alone (0.8 MiB a second). */
export const SERVE_AHEAD_BYTES_PER_SECOND = 512 * KiB
/** ... and so much at once: one run. */
export const SERVE_AHEAD_BURST_BYTES = 1 * MiB
/** Wants of a peer in a swarm that are remembered to know such ones: all parts of a 2 GiB image, 290 KB. */
export const SERVE_REPEATS_WATCHED_MAX = 8192
/** What may pass at once under a rate limit after a rest, as time at that rate: the grain of what competes on a link. */
export const RATE_BURST_MS = 250
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
/** Bytes wanted and not yet stored, in one session: bounds its memory. */
export const SESSION_FLIGHT_BYTES_MAX = 8 * MiB
/** Buffers for runs that wait for their next use: what one session has under way. */
export const RUN_BUFFERS_KEPT_MAX = 8
/** Times that these are halved for smaller answers, of parts and of blocks that compress: the smallest are 65 KiB. */
export const RUN_BUFFER_HALVINGS = 4
/** Bytes wanted from one peer that have not arrived, at most: deep enough to hide a round trip at 10 Gbit/s, fair among neighbours. */
export const PEER_FLIGHT_BYTES_MAX = 4 * MiB
/** Bytes of exact blocks wanted from one peer for guests and boots, besides the above: together what it takes. */
export const GUEST_FLIGHT_BYTES_MAX = 4 * MiB
/** Stored bytes of blocks that were read and that a full store could not take, kept by one session: what two peers give at once. What is beyond is asked for again, which peers give slowly. */
export const UNSTORED_BYTES_MAX = 8 * MiB
/** What a peer whose rate is not known counts as when one is chosen for a read; twice that before another is asked as well: a want takes a busy peer as long. */
export const READ_UNKNOWN_MS = 100
/** ... and what is under way there already, as bytes in a millisecond: 8 Mbit/s, so that reads spread over peers of which nothing is known. */
export const READ_UNKNOWN_BYTES_MS = 1 * KiB
/** Blocks that others asked for in vain of which it is kept who did: those of a boot of 256 MiB. About 150 bytes each. */
export const READ_SEEKERS_MAX = 16_384
/** What boots read is passed on as soon as it is here: who asks for it before waits so long at most, as long as a full queue of 100 Mbit/s takes for 12 MiB; then it looks elsewhere. */
export const PASS_ON_WAIT_MS = 1000
/** Requests of one connection that wait so: twice what a replay has under way. */
export const PASS_ON_HELD_MAX = 64
/** Time after a read of a guest in which nothing is fetched in the background: a boot reads again within a tenth of that. */
export const FILL_PAUSE_MS = 500
/** How long a session that fetches on demand waits for its guests, in all, before it looks through the segments and tells what is here: a boot is over by then, and who reads all day is not waited for. */
export const PLAN_WAIT_MS = 60_000
/** Segments of an image up to which a session looks at all of them although it fetches on demand: 16 GiB of a typical image, 40 MB of nodes. */
export const PLAN_AT_ONCE_SEGMENTS_MAX = 1024
/** What is wanted from a peer ahead, as time at its measured rate besides its round trip: hides its disk and the waits of both processes, and nothing waits long behind it. */
export const PIPELINE_MS = 250
/** Most that the round trip adds to that: a peer whose answers take longer has a queue, not a distance. */
export const PIPELINE_ROUND_TRIP_MS_MAX = 250
/** One want is as much of a run as its peer sends in so long: whole runs at 80 Mbit/s a peer and more, parts below. */
export const WANT_MS = 100
/** Answers that the measured rate of a peer remembers, about: a few wants, so that it follows a link that others use too. */
export const PACE_MEMORY = 8
/** Parts that a run is cut into while an image has few: the first bytes are passed on, and the last arrive, four times as soon. A divisor of 32. */
export const RUN_PARTS = 4
/** Runs of an image up to which they are cut into parts: with more, 64 GiB, the sets of parts that a session keeps for each neighbour pass 32 KiB. */
export const PARTED_RUNS_MAX = 64 * KiB
/** Runs in one `haveParts`: a hundred times what a session can have begun and not finished. */
export const HAVE_PARTS_RUNS_MAX = 1024
/** How much later than its peer's rate explains a want must be at least before it is hedged: a full queue on the way is that late. */
export const HEDGE_SLACK_MS = 250
/** When nothing is missing any more, a want goes to a second peer that would need so many times less than is left at the first. */
export const HAND_OVER_TIMES = 3
/** A peer of unknown rate counts as infinitely slow then when it has not answered its first want for so long. */
export const HAND_OVER_UNKNOWN_MS = 1500
/** A peer whose rate says that one want takes so long has one under way at a time, not two. */
export const SLOW_WANT_MS = 1000
/** Bytes of copies that hedging may cost, as a share of what is fetched: half of what the sum of all duplicates may be. */
export const HEDGE_BYTES_SHARE = 0.005
/** Mates that a session knows by name, those that it heard of last: more than fit into a rack of 48 units; choosing the stewards of 65,536 runs among them takes 60 ms. Larger racks go by the tracker's count. */
export const RACK_NAMES_MAX = 64
/** A run known outside of the rack waits so long for its steward to bring it in, before the next mate may fetch it too: several wants at 100 Mbit/s. */
export const STEWARD_WAIT_MS = 2000
/** ... but not before it has waited so many times what runs of other stewards take on average: a full link to the rack is slow for all. */
export const STEWARD_WAITS = 3
/** Runs that this average goes over: what 100 Mbit/s carry in 1.3 s, so that it soon follows a link that fills up. */
export const STEWARD_MEMORY = 16
/** Mates that step in one after the other; later ones come with the last of them. */
export const STEWARD_RANKS_MAX = 4
/** A run that an origin gave away is told by its taker, and then is at a second peer, as soon as runs usually are (six mean deviations above the mean); but that is not counted below so long: news and asks take a part of it. */
export const SPREAD_MS_MIN = 1000
/** Runs that must have been told, or have reached a second peer, before it is known what is usual. */
export const SPREAD_SAMPLES_MIN = 8
/** Mean deviations above the mean past which a time is unusual. RFC 6298 has four; with four a swarm of 16 takes 1.23 of the bound instead of at most 1.15, as many a run is given twice. */
export const UNUSUAL_DEVIATIONS = 6
/** Runs that the mean of these times goes over. */
export const SPREAD_MEMORY = 16
/** Before that is known, and at most, a run that nobody tells of is given to another after so long. */
export const ORIGIN_REASSIGN_MS_MAX = 10_000
/** Bytes of the asker's bitmap that one ask of a starving peer looks at: with the runs below about 50 µs. */
export const ORIGIN_RAREST_BITMAP_BYTES_MAX = 16 * KiB
/** ... and runs that it lacks. */
export const ORIGIN_RAREST_RUNS_MAX = 4096
/** An origin that has nothing else to send gives such a run to another after so many times what is usual: the last runs are where everybody waits for the slowest taker. */
export const SPREAD_IDLE_TIMES = 2
/** Who was given a run that then had to be given to another gets nothing for so long while others ask; twice as long each time in a row. */
export const SPREAD_REST_MS = 2000
/** Times that this doubles: a minute. */
export const SPREAD_STRIKES_MAX = 5
/** Who has asked an origin within so long is there to be given what another does not pass on. */
export const SPREAD_OTHERS_MS = 3000
/** Runs of one taker that an origin watches. */
export const SPREAD_WATCHED_MAX = 64
/** Pause of a peer that does not have what it told: its have bitmap and its store may agree again. */
export const PEER_LACKS_PAUSE_MS = 1000
/** Runs that a session keeps assigned by an origin at most: what a fast one sends while the next ask is answered. */
export const ORIGIN_ASSIGNED_RUNS = 8
/** Runs assigned by an origin that a session keeps at most, those of segments that it has not read yet included: more would keep them from others. */
export const ORIGIN_KEPT_RUNS_MAX = 16
/** Runs assigned to one peer that it has not told it holds: what is kept, on its way and being stored at an honest one. */
export const ORIGIN_UNTOLD_RUNS_MAX = 256
/** The same at one that has told nothing yet. Who is alone for its first tenth of a second would otherwise keep eight runs from seven that come then, for four seconds at 50 Mbit/s. */
export const ORIGIN_FIRST_RUNS = 2
/** ... and so many more for each run that it holds: who takes what it is given soon has as much under way as its link carries. */
export const ORIGIN_RUNS_PER_HELD = 2
/**
 * What an origin has assigned and not been told of, as time at the rate at which it is: the way to the taker, its disk and its word take a tenth of that. More would share the
 * uplink, and be whole nowhere for long.
 */
export const ORIGIN_OUT_MS = 500
/** ... and at most, while peers wait although the origin has nothing to send: busy nodes take three seconds to plan, want, store and tell. */
export const ORIGIN_OUT_MS_MAX = 4000
/** An origin that has been given nothing to send for so long is idle: what its last answer left in the system's buffers, 256 KiB, takes 100 Mbit/s as long. */
export const ORIGIN_IDLE_MS = 20
/** Runs that it begins with, before it knows that rate: half a second at 270 Mbit/s. */
export const ORIGIN_OUT_RUNS_START = 16
/** Runs that may be out at the slowest origin: one on its way to each of a few, so that it never waits for a word. */
export const ORIGIN_OUT_RUNS_MIN = 8
/** Runs that may be out at the fastest: half a second at 32 Gbit/s. */
export const ORIGIN_OUT_RUNS_MAX = 2048
/** Who takes nothing of what it was assigned for so long loses its turn: it died or hangs; the busiest nodes take three seconds. */
export const ORIGIN_TURN_MS = 10_000
/** Asks of one peer in a swarm that an origin looks at, at once and in a second: 2 GiB/s of runs, eight in each. */
export const ORIGIN_PEER_ASKS_PER_SECOND = 256
/** Asks that peers who wait for their turn at an origin may cost it in a second: each about 20 µs. */
export const ORIGIN_ASKS_PER_SECOND = 500
/** Shortest time before one of them asks again: as long as 100 Mbit/s take for half a run. */
export const ORIGIN_TURN_RETRY_MS = 50
/** Longest such time, for a thousand that wait. */
export const ORIGIN_TURN_RETRY_MAX_MS = 2000
/** Time before a peer asks an origin again that had no run for it: others have what it lacks, or will. */
export const ORIGIN_ASK_RETRY_MS = 200
/** Bytes a second that an origin sends of what others hold already, to those that cannot get it from them: half a gigabit link, so that first copies keep the other half. */
export const ORIGIN_FALLBACK_BYTES_PER_SECOND = 64 * MiB
/** A want outstanding for so long is sent to a second peer, whatever the rates say. */
export const ENDGAME_AFTER_MS = 2000
/** ... but not before it has taken so many times what wants take on average: a loaded machine is slow everywhere. */
export const ENDGAME_AFTER_WANTS = 3
/** Nothing under way for so long, and no neighbour has what is missing: the session tells the origin that it is starving. */
export const STARVING_AFTER_MS = 2000
/** For so long after that it is starving at once when no neighbour has what is missing. */
export const STARVING_FOR_MS = 5000
/** Peers of related images that a session asks by digest, besides its neighbours. */
export const RELATED_NEIGHBOURS_MAX = 4
/** Time before such a peer that twice in a row had nothing of what it was asked for is asked again: as long as a few answers take. It doubles with each further one ... */
export const RELATED_PAUSE_MS = 100
/** ... up to this: one small want every few seconds holds up nothing. */
export const RELATED_PAUSE_MAX_MS = 5000
/** Runs of an image below which nobody is asked about related ones: it is here before they are found. */
export const RELATED_RUNS_MIN = 16
/** Blocks of an image that can be asked for by digest, those of segments that came first: 11 MB of table, for 17 GB of image. */
export const DIGEST_WANT_BLOCKS_MAX = 1024 * KiB
/** Images for which such a table is kept. */
export const DIGEST_WANT_SWARMS_MAX = 4
/** Time before a peer that failed is dialled again. */
export const PEER_RETRY_MS = 5000
/** Time before one that refused is asked again: who is in a handout and has not begun yet begins within so long, and everybody begins at nine o'clock. */
export const PEER_REFUSED_RETRY_MS = 250
/** The longest such time: it doubles with each failure in a row. */
export const PEER_RETRY_MAX_MS = 60_000
/** Unanswered wants in a row after which a peer is dropped; it may come back. */
export const PEER_TIMEOUTS_MAX = 2
/** Time before an interrupted image is tried again after a start. */
export const RESUME_RETRY_MS = 15_000
/** Manifests that an origin serves at a time, those that were asked for last: up to 1 MB of bookkeeping each. */
export const ORIGIN_SWARMS_MAX = 256
/** Pause between two looks at all grants in use at an origin, when nothing is known to have changed: another tracker of the same database may have changed it. */
export const ORIGIN_RECHECK_INTERVAL_MS = 30_000
/** Time in which changes of rights are gathered before the origin looks at its grants. */
export const ORIGIN_RECHECK_PAUSE_MS = 250
/** Files that a node has as seeds: each that shares a digest is a row to look at. */
export const SEED_FILES_MAX = 256
/** Blocks in the index of seeds: 130 GB of typical images, some 0.6 GB on disk. */
export const SEED_BLOCKS_MAX = 8 * 1024 * KiB
/** Files that one call adds or takes back: they are checked before the first is read. */
export const SEED_PATHS_MAX = 64
/** A seed that could not be opened or read is left alone for so long: its disk may come back. */
export const SEED_RETRY_MS = 60_000
/** Segment nodes fetched ahead of the plan. */
export const SEGMENT_FETCHES_MAX = 8
/** How often a session looks for stalls and late answers when nothing happens. */
export const SESSION_TICK_MS = 200
/** A channel in which no swarm is open and nothing was asked for so long is closed. */
export const CONNECTION_IDLE_MS = 60_000
/** ... and so soon when a swarm was left in it and neither side is in another: time to begin with the next image. Ten thousand complete nodes hold no channels. */
export const CONNECTION_LEFT_MS = 5_000
/**
 * New runs are told to the neighbours together, after so long at most: of 20, 50 and 100 ms the middle one lets 200 simulated nodes end
 * first (99 % within 1.18, 1.14, 1.20 of the bound), with 19,000, 7,500 and 5,000 messages a node.
 */
export const HAVE_DELAY_MS = 50
/** Time without any source that has what is missing before a pull gives up; it resumes when asked again. */
export const SESSION_STALL_MS = 300_000

/** Share of what was read in sequence that a disk fetches ahead: what a guest then does not read is within the bound of 1.3 of what it has read. */
export const READ_AHEAD_SHARE = 0.25
/** Most that it fetches ahead: 0.3 s at 100 Mbit/s. */
export const READ_AHEAD_BYTES_MAX = 4 * MiB
/** Sequences of reads that a disk tells apart: the files that a guest reads at a time. */
export const READ_AHEAD_STREAMS_MAX = 8

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
/**
 * Peers that a session dials, besides the origin: fewer than it takes in, so that those who come later find a place in both directions and
 * what they are given by the origin goes on to those who came first. (Simulated, 16 nodes: 2.09 of the bound where both were 12, 1.26 so.)
 */
export const SESSION_DIALS_MAX = 8
/** Peers that a session that machines wait for dials before the others: one nearby, and an origin. */
export const FIRST_DIALS = 2
/** ... and for how long these are alone: a node that has just started has its first bytes by then. */
export const FIRST_DIALS_MS = 100
/** Neighbours below which a session dials more once it has settled: each uploader gives a fair share, so who has fewer of them than the others gets less than its link takes. */
export const SESSION_NEIGHBOURS_MIN = 17
/** Time from the first dial until it has settled: who comes after it has dialled it by then. */
export const SESSION_SETTLE_MS = 1000
/** Peers that a session keeps channels with, those that have dialled it included: as many as it serves besides newcomers, for who serves 28 and has 20 sends more than it gets. */
export const SESSION_NEIGHBOURS_MAX = 24
/** Share of the neighbours from the same rack, and of the rest from the same zone: cross-rack traffic falls from 94 to 29 %. */
export const NEIGHBOURS_NEAR_SHARE = 0.7
/** Neighbours of other zones at least, while there are candidates: with two random far ones each, no rack becomes an island. */
export const NEIGHBOURS_FAR_MIN = 2
/** How often the least useful neighbour makes room for another candidate. */
export const NEIGHBOUR_REBALANCE_MS = 30_000
/** Places at the serving side of a swarm: the neighbours of both directions, and those of newcomers. */
export const SERVING_PLACES_MAX = 28
/** Places of these that newcomers get when all are taken. */
export const SERVING_NEWCOMER_PLACES = 4
/** How long a peer is a newcomer: time for its first runs, after which it has something to give and finds places by that. */
export const SERVING_NEWCOMER_MS = 30_000
/** Addresses of peers that a session remembers, to dial them again. */
export const SESSION_ADDRESSES_MAX = 128
/** Time between two announces of a node: one request says all that it holds, whatever their number. A thousand nodes are a hundred requests a second. */
export const ANNOUNCE_INTERVAL_MS = 10_000
/** Time to the announce after a pull has begun: those who begin together at nine o'clock then know each other, and the mates of their racks. */
export const ANNOUNCE_EARLY_MS = 1000
/** Share of the interval by which a node announces sooner, at random: nodes that were switched on together do not announce together. */
export const ANNOUNCE_JITTER = 0.1
/** A node that has nothing to announce asks the tracker so often whether it is there: clients close a connection that rests for 70 s, and a new one takes 15 ms of a machine that waits for its disk. */
export const STAY_NEAR_MS = 30_000
/** Time for the answer to an announce; then the DHT is asked. A tracker that a thousand nodes ask at once may need ten seconds. */
export const ANNOUNCE_TIMEOUT_MS = 20_000
/** Swarms in one announce: each costs the tracker a look at the rights, some 0.2 ms. */
export const ANNOUNCE_SWARMS_MAX = 64
/** A complete image is told again so often: by that a node hears that it may not have it any more. */
export const ANNOUNCE_REPEAT_MS = 60_000
/** Swarms that one request leaves by name; without names a node leaves all. */
export const LEAVE_SWARMS_MAX = 256
/** Looking for the peers of a running session: connecting to the tracker, then a query of the DHT. */
export const FIND_PEERS_TIMEOUT_MS = 30_000
/**
 * A node that has not announced for so long leaves every handout: one announce may be lost, and a dead node is forgotten well within
 * 30 s. Longer would send newcomers to the dead, shorter would drop the living for one lost packet.
 */
export const ANNOUNCE_EXPIRY_MS = 25_000
/** A node that announces leaves a swarm that it has not told of for so long: the withdrawal was lost. Nodes with 5,000 images tell of each in time. */
export const SWARM_PLACE_EXPIRY_MS = 900_000

/** Multiaddrs of one peer. */
export const PEER_ADDRESSES_MAX = 16
/** Characters of one multiaddr, label or peer ID. */
export const PEER_TEXT_CHARS_MAX = 256
/** Labels of one peer. */
export const PEER_LABELS_MAX = 16
/** Peers in one swarm at the tracker: twice the largest site that we simulate. */
export const SWARM_PEERS_MAX = 20_000

/** Peers that a node remembers over a restart: it finds into the DHT by any one of them, and asks them for what it fetches while the tracker is away. */
export const KNOWN_PEERS_MAX = 32
/** How often a node writes down who they are, when they have changed. */
export const KNOWN_PEERS_SAVE_MS = 5_000
/** While it remembers fewer, one that it meets is written down at once, but not more often than this: a node that is killed just after its first disk was attached finds its peers again. */
export const KNOWN_PEERS_SOON_MS = 500
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
/** Roots of images that one node keeps announced: they go before segments, and leave time for as many. */
export const DHT_ROOTS_MAX = 500

function assertRelations(): void {
  const relations: [boolean, string][] = [
    [
      SERVING_PLACES_MAX - SERVING_NEWCOMER_PLACES >= SESSION_NEIGHBOURS_MAX,
      'all can find the neighbours that they want beside newcomers',
    ],
    [SESSION_DIALS_MAX < SESSION_NEIGHBOURS_MAX, 'whoever comes later is taken in by those who are there'],
    [BLOCK_BYTES_MAX % PAGE_BYTES === 0, 'blocks are whole pages'],
    [RUN_BYTES_MAX >= BLOCK_BYTES_MAX, 'a run holds the largest block'],
    [SEGMENT_BYTES_MAX >= RUN_BYTES_MAX, 'a segment holds the largest run'],
    [EXCHANGE_MESSAGE_BYTES_MAX > RUN_BYTES_MAX + RUN_BLOCKS_MAX * 12, 'a message holds a run and its table'],
    [
      PEER_FLIGHT_BYTES_MAX + GUEST_FLIGHT_BYTES_MAX <= EXCHANGE_CREDIT_BYTES,
      'what guests want fits into what a peer takes',
    ],
    [EXCHANGE_CREDIT_BYTES >= 2 * RUN_BYTES_MAX, 'credit allows pipelining'],
    [EXCHANGE_GRANT_TIMEOUT_MS > EXCHANGE_HELLO_TIMEOUT_MS, 'an open that waits for a manifest is answered'],
    [ANNOUNCE_EXPIRY_MS > 2 * ANNOUNCE_INTERVAL_MS, 'one lost announce does not drop a peer'],
    [ANNOUNCE_TIMEOUT_MS < ANNOUNCE_EXPIRY_MS, 'who waits for an answer announces again in time'],
    [ANNOUNCE_EXPIRY_MS < 30_000, 'a dead peer is forgotten within 30 s'],
    [
      SWARM_PLACE_EXPIRY_MS * ANNOUNCE_SWARMS_MAX > 5_000 * ANNOUNCE_INTERVAL_MS,
      'every image of a large node is told of before its place is forgotten',
    ],
    [32 % RUN_PARTS === 0, 'the parts of a run lie in one word of a set'],
    [SEGMENT_BLOCKS_MIN < SEGMENT_BLOCKS_MAX, 'a segment has room between its bounds'],
    [DHT_RECORD_RENEW_AFTER_MS < DHT_RECORD_VALIDITY_MS, 'records are renewed before they expire'],
    [
      DHT_SEGMENTS_MAX + DHT_ROOTS_MAX < (DHT_PROVIDES_PER_SECOND * DHT_RECORD_RENEW_AFTER_MS) / 1000,
      'every record that is kept can be renewed in time',
    ],
  ]
  for (const [holds, reason] of relations) if (!holds) throw new RangeError(`limits: ${reason}`)
}
assertRelations()
