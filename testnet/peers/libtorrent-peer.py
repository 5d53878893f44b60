"""One BitTorrent client of libtorrent 2 (Debian's python3-libtorrent) for a comparison.

Takes one JSON object as its argument: torrent, dir, address, port, seed (true: `dir` has the whole file), settings (of libtorrent's session),
superSeeding, peers (addresses to connect to at once, beside those of the tracker). Says {"ready": true} on standard output, adds the torrent when a
line comes on standard input, says {"complete": true} when the whole file is on disk and hashed, and goes on seeding. With the next line, or the end of
standard input, it says what it counted and ends.
"""

import json
import select
import sys

import libtorrent

INIT = json.loads(sys.argv[1])
POLL_SECONDS = 0.02

# No site has these between its hypervisors, and on a network without gateway they only wait.
ALWAYS = {
    "listen_interfaces": f"{INIT['address']}:{INIT['port']}",
    "outgoing_interfaces": INIT["address"],
    "enable_dht": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "alert_mask": libtorrent.alert.category_t.status_notification
    | libtorrent.alert.category_t.error_notification
    | libtorrent.alert.category_t.tracker_notification,
}


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def line_came():
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready)


def add(session):
    params = libtorrent.add_torrent_params()
    params.ti = libtorrent.torrent_info(INIT["torrent"])
    params.save_path = INIT["dir"]
    flags = libtorrent.torrent_flags.apply_ip_filter
    if INIT["seed"]:
        flags |= libtorrent.torrent_flags.seed_mode
        if INIT["superSeeding"]:
            flags |= libtorrent.torrent_flags.super_seeding
    params.flags = flags
    torrent = session.add_torrent(params)
    for address in INIT["peers"]:
        torrent.connect_peer((address, INIT["port"]))
    return torrent


def report_alerts(session):
    for alert in session.pop_alerts():
        if isinstance(alert, libtorrent.torrent_error_alert | libtorrent.tracker_error_alert):
            sys.stderr.write(f"{alert.message()}\n")


def serve(session, torrent):
    told = INIT["seed"]
    if told:
        say(seeding=True)
    while not line_came():
        session.wait_for_alert(int(POLL_SECONDS * 1000))
        report_alerts(session)
        if not told and torrent.status().is_seeding:
            told = True
            say(complete=True)
    status = torrent.status()
    say(redundantBytes=status.total_redundant_bytes, failedBytes=status.total_failed_bytes)


def main():
    session = libtorrent.session({**ALWAYS, **INIT["settings"]})
    say(ready=True)
    if sys.stdin.readline() == "":
        return
    torrent = add(session)
    serve(session, torrent)


main()
