//! The rules that are checked, and the mistakes that may be planted into them.

/// Which reading of the rules, and which faults.
#[derive(Clone, Copy, Default)]
pub struct Rules {
    /// C was copied from A: the same server id.
    pub twin: bool,
    /// C is not registered at A and B until an admin does it.
    pub unregistered: bool,
    /// C has the others not in its list either, and an HMS that is refused stops serving whatever it was.
    pub mutual_refusal: bool,
    /// After a stall an HMS starts anew and gives up its seat, rather than withholding its role until it has heard.
    pub stall_gives_up_seat: bool,
    /// A new incarnation counts as the old one's restart without asking whether the old one still answers.
    pub twin_is_restart: bool,
    /// Which of two lines is older, where clocks cannot tell, differs from one handshake to the next.
    pub near_ages_by_clock: bool,
    /// An HMS forgets which lines it left for others.
    pub forgets_left_lines: bool,
    /// A refused HMS serves on.
    pub refused_serves: bool,
    /// The younger line keeps.
    pub younger_keeps: bool,
    /// Two lines of one age: nothing decides.
    pub tie_by_nothing: bool,
    /// The primary is the most senior that is heard directly.
    pub no_relay: bool,
}

impl Rules {
    pub fn id(&self, n: usize) -> usize {
        if self.twin && n == 2 { 0 } else { n }
    }

    pub fn same_id(&self, a: usize, b: usize) -> bool {
        self.id(a) == self.id(b)
    }
}
