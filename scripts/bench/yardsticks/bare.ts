/** Protocol of the bare libp2p yardstick. */
export const BARE_PROTOCOL = '/bootswarm-bench/bare/1'
/** Bytes of one send or write: large, so that calls cost nothing. */
export const PIECE_BYTES = 256 * 1024
