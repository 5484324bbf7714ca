"""Named timers; time is always passed in."""
import math


class Timers:
    def __init__(self):
        self.set_at = {}

    def set(self, name, at, action):
        self.set_at[name] = (at, action)

    def cancel(self, *names):
        for name in names:
            self.set_at.pop(name, None)

    def next(self):
        return min((at for at, _ in self.set_at.values()), default=math.inf)

    def run(self, now):
        """Runs what is due, in order of time; an action may set timers anew."""
        for _ in range(1000):
            due = [(at, name) for name, (at, _) in self.set_at.items() if at <= now]
            if not due:
                return
            name = min(due)[1]
            self.set_at.pop(name)[1](now)

    def series(self, name, now, delays, action, give_up, failed):
        """action now, again after each of the delays, then failed at give_up (all counted from now)."""
        def step(at_index, time):
            if at_index < len(delays):
                self.set(name, now + delays[at_index], lambda t: step(at_index + 1, t))
            else:
                self.set(name, now + give_up, failed)
            action(time)
        step(0, now)


def back_off(rng, count, most, least=1.0):
    """Drawn between the least and a bound that doubles from twice that up to the most; count begins at 1."""
    return rng.uniform(least, max(least, min(most, least * 2.0 ** count)))


def bounded(delay_ms):
    """The seconds of a RETRY or REREGISTER (R-REG-36, R-REG-52)."""
    return min(max(delay_ms / 1000, 0.1), 3600.0)
