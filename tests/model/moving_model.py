"""How a peer moves: candidates, promotions by the three rules, and what undoes them (section 3)."""
from parts_model import AHEAD_MAX, CANDIDATE_TIME, LOSER_TIME, SECOND, Candidate, Cap, Remembered
from parts_model import Undo, ahead

RULE_2_SILENCE = 2 * SECOND
FAR_APART = 2048


class Moving:
    """Mixed into the relay."""

    def make_candidate(self, session, role, datagram):
        known = role.live_candidate(datagram.source, self.now)
        if known:
            known.until = self.now + CANDIDATE_TIME
            return known
        role.candidate = Candidate(datagram.source, self.now, datagram.size)
        datagram.counted_for = role
        self.role_event("candidate", session, role, address=str(datagram.source))
        return role.candidate

    def promote(self, session, role, address, rule, cap):
        if rule == 3:
            role.undo = Undo(role, self.now) if role.by_token else None
            role.remembered = None
        elif not role.live_remembered(self.now):
            role.remembered = Remembered(role, self.now)
        role.address, role.by_token, role.cap = address, rule == 3, cap
        role.forget_candidate(address)
        if role.is_loser(address, self.now):
            role.loser = None
        role.sign = role.heard = session.heard = self.now
        self.raise_counter("nat_rebind_events")
        self.role_event("promoted", session, role, rule=rule, address=str(address))

    def revert(self, session, role):
        """A promotion by 1 or 2 is undone by the remembered address."""
        remembered, role.remembered = role.remembered, None
        self.come_back(session, role, remembered, 2)
        role.by_token = remembered.by_token
        if remembered.is_empty:
            role.window.empty()
        else:
            role.window.restore(remembered.top)

    def undo(self, session, role):
        """A promotion by 3 is undone by the displaced address."""
        undo, role.undo, role.remembered = role.undo, None, None
        self.come_back(session, role, undo, 3)
        role.by_token = True

    def come_back(self, session, role, owner, rule):
        role.loser = (role.address, self.now + LOSER_TIME)
        role.address, role.cap = owner.address, owner.cap
        role.forget_candidate(owner.address)
        role.sign = role.heard = session.heard = self.now
        self.role_event("reverted", session, role, rule=rule, address=str(role.address))

    def passive_role(self, session, datagram):
        """The role whose peer may have moved to the source of this FORWARD."""
        mode = self.options["passive-rebind"]
        if any(role.address is None and role.left == datagram.source for role in session.roles):
            return None  # who left a role may be sending still
        fitting = [role for role in session.roles if role.address is not None
                   and (mode == "any" or mode == "same-ip" and role.address.ip == datagram.source.ip)]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        tops = [role.window.top for role in fitting]
        if abs(tops[0] - tops[1]) > FAR_APART:
            below = [role for role in fitting
                     if role.window.top < datagram.sequence]
            return max(below, key=lambda role: role.window.top, default=None)
        silent = [role for role in fitting if self.now - role.sign >= RULE_2_SILENCE]
        if len(silent) == 2:
            silent = [role for role in silent
                      if 0 < datagram.sequence - role.window.top <= AHEAD_MAX]
        return silent[0] if len(silent) == 1 else None

    def contender(self, session, datagram):
        """A FORWARD from an address that is not bound. None: it is none of a contender.

        Else the outcome that drops it, or the role that its source is now bound to."""
        source = datagram.source
        for role in session.roles:
            remembered = role.live_remembered(self.now)
            if remembered and remembered.address == source and role.address is not None:
                if not session.owners.take(self.now):
                    return "candidate_limited"
                if datagram.exempt() or not ahead(remembered.top, remembered.is_empty, remembered.jump,
                                                  datagram.sequence, self.now):
                    return "candidate_unproven"
                self.revert(session, role)
                role.window.jump = remembered.jump
                return role
        role = next((role for role in session.roles if role.live_candidate(source, self.now)), None)
        role = role or self.passive_role(session, datagram)
        if role is None:
            return None
        if not session.candidates.take(self.now):
            return "candidate_limited"
        candidate = role.live_candidate(source, self.now)
        candidate = candidate or self.make_candidate(session, role, datagram)
        window = role.window
        is_ahead = not datagram.exempt() and ahead(window.top, window.is_empty, candidate.jump,
                                                   datagram.sequence, self.now)
        if not is_ahead or self.now - role.sign < RULE_2_SILENCE or role.is_loser(source, self.now):
            return "candidate_unproven"
        proven = source.ip == role.address.ip and role.cap is None
        self.promote(session, role, source, 2, None if proven else Cap(candidate.received))
        role.window.jump = candidate.jump
        return role
