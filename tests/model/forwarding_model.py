"""The way of FORWARDs and bare packets (sections 1, 3, 4 and 5)."""
from parts_model import MILLISECOND, SECOND, Bucket, bytes_cost

HELD_WITH_LEASE_MAX = HELD_FOR_MESSAGE_3_MAX = 2
HELD_MAX = 1024
MESSAGE_3_TIME = 50 * MILLISECOND
STALE_TIME = 30 * SECOND
CAP_FACTOR = 3
BYTES_BURST = SECOND // 4


class Forwarding:
    """Mixed into the relay."""

    def hold_with_lease(self, datagram):
        """Whether it is held: a lease is pending, and its source is not limited."""
        for request in self.pending():
            same = request.datagram.source == datagram.source and (
                datagram.bare or request.datagram.sid == datagram.sid)
            if same and len(request.held) < HELD_WITH_LEASE_MAX and self.held_count() < HELD_MAX:
                if not self.take_unbound(datagram):
                    return False
                request.held.append(datagram)
                return True
        return False

    def forward(self, datagram, was_held=False):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role is None:
            if not was_held and self.hold_with_lease(datagram):
                return
            found = self.contender(session, datagram) if session else None
            if isinstance(found, str):
                self.outcome(datagram, found)
                return
            if found is None:
                if not was_held and not self.take_unbound(datagram):
                    self.outcome(datagram, "unbound_limited")
                elif session is None:
                    self.outcome(datagram, "session_not_found")
                else:
                    self.outcome(datagram, "unknown_peer" if session.active()
                                 else "session_not_active")
                return
            role = found
        if session.active() and session.message_3_due() and session.handshakes[0] == role.side:
            if len(session.waiting) < HELD_FOR_MESSAGE_3_MAX and self.held_count() < HELD_MAX:
                if not session.waiting:
                    session.waiting_until = self.now + MESSAGE_3_TIME
                session.waiting.append(datagram)
                return
            self.release_waiting(session)
            if role.address != datagram.source:  # what waited has taken its peer back
                self.outcome(datagram, "candidate_unproven")
                return
        self.forward_bound(session, role, datagram)

    def release_waiting(self, session):
        """Message 3 is due no more; what waited for it goes."""
        session.message_3_over = True
        waiting, session.waiting = session.waiting, []
        for datagram in waiting:
            self.forward_waited(datagram)

    def forward_waited(self, datagram):
        session = self.sessions.get(datagram.sid)
        role = session.side_of(datagram.source) if session else None
        if role:
            self.forward_bound(session, role, datagram)
        else:  # it came from a bound address, so it drew on no bucket of strangers
            self.forward(datagram, was_held=True)

    def restart_handshake(self, session):
        waiting, session.waiting = session.waiting, []
        session.start_handshake()
        for datagram in waiting:
            self.forward_waited(datagram)

    def forward_bound(self, session, role, datagram):
        if not session.active():
            self.note_talk(role, datagram)
            self.outcome(datagram, "session_not_active")
            return
        judgement = None
        if datagram.exempt():
            if not role.exempt.fits(self.now):
                self.outcome(datagram, "exempt_limited")
                return
        else:
            judgement = role.window.judge(datagram.sequence, datagram.rift is not None, self.now)
            if judgement in ("refused", "replayed", "jump"):
                if judgement == "jump":
                    role.window.jump.remember(datagram.sequence, self.now)
                self.outcome(datagram, {"refused": "sequence_refused", "replayed": "replayed",
                                        "jump": "jump_unconfirmed"}[judgement])
                return
            role.heard = session.heard = role.sign = self.now
        self.relay_on(session, role, datagram, judgement, "forwarded")

    def note_talk(self, role, datagram):
        """Nothing passes in a waiting session, but who talks is alive."""
        if datagram.exempt():
            return
        judgement = role.window.judge(datagram.sequence, datagram.rift is not None, self.now)
        if judgement == "jump":
            role.window.jump.remember(datagram.sequence, self.now)
        elif judgement not in ("refused", "replayed"):
            role.sign = self.now

    def relay_on(self, session, role, datagram, judgement, outcome):
        """Stale receiver, limits, all tested before any is drawn; then it goes."""
        receiver = session.other(role)
        _, hard = session.limits()
        session_bits = Bucket(bytes_cost(datagram.size, hard), BYTES_BURST)
        session_bits.full_until = session.bits_full_until
        kbps = self.options["max-bandwidth-kbps"]
        relay_bits = Bucket(bytes_cost(datagram.size, kbps) if kbps else 0, BYTES_BURST)
        relay_bits.full_until = self.relay_bits_full_until
        if self.now - max(receiver.heard, session.active_since) >= STALE_TIME:
            fault = "stale_receiver"
        elif receiver.cap and receiver.cap.sent + datagram.size > CAP_FACTOR * receiver.cap.received:
            fault = "path_capped"
        elif role.peer and not role.peer.fits(self.now):
            fault = "peer_limited"
        elif not session_bits.fits(self.now):
            fault = "session_limited"
        elif kbps and not relay_bits.fits(self.now):
            fault = "relay_limited"
        else:
            fault = None
        if fault:
            self.outcome(datagram, fault)
            return False
        if receiver.cap:
            receiver.cap.sent += datagram.size
        if role.peer:
            role.peer.draw(self.now)
        session_bits.draw(self.now)
        session.bits_full_until = session_bits.full_until
        if kbps:
            relay_bits.draw(self.now)
            self.relay_bits_full_until = relay_bits.full_until
        if judgement:
            role.window.commit(datagram.sequence, judgement)
        else:
            role.exempt.draw(self.now)
        self.outcome(datagram, outcome)
        self.raise_counter("packets_forwarded")
        self.raise_counter("bytes_forwarded", datagram.size)
        self.send(datagram, receiver.address, datagram.data)
        return True

    def bare(self, datagram, was_held=False):
        bound = [(session, session.side_of(datagram.source)) for session in self.sessions.values()
                 if session.side_of(datagram.source)]
        active = [pair for pair in bound if pair[0].active()]
        if len(active) == 1:
            datagram.sid = active[0][0].sid
            self.count_path(datagram)
            self.bare_bound(*active[0], datagram)
            return
        if not was_held and not bound and self.hold_with_lease(datagram):
            return
        if not was_held and not self.take_unbound(datagram):
            self.outcome(datagram, "unbound_limited")
        elif active:
            self.outcome(datagram, "bare_ambiguous")
        else:
            self.outcome(datagram, "session_not_active" if bound else "unknown_peer")

    def bare_bound(self, session, role, datagram):
        if not datagram.rift.handshake and len(session.handshakes) < 2:
            self.outcome(datagram, "bare_out_of_turn")
        elif not role.exempt.fits(self.now):
            self.outcome(datagram, "exempt_limited")
        elif self.relay_on(session, role, datagram, None, "bare_forwarded"):
            if datagram.rift.handshake:
                if role.side not in session.handshakes:
                    session.handshakes.append(role.side)
            elif session.handshakes[0] == role.side:
                self.release_waiting(session)
