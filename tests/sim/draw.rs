//! What each kind of fault means, as times and actions.

use hms::relay::Way;
use hms::time::Duration;

use crate::attack::Attack;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::plan::{Action, HOURS, Keep, Plan, WAR, ms, step};

impl Plan {
    pub fn draw(&mut self, dice: &mut Dice, fault: Fault) {
        match fault {
            Fault::HostCut | Fault::OneWayCut | Fault::HmsCut => self.draw_cuts(dice, fault),
            Fault::Rebinding | Fault::Renumbering | Fault::AddressSwap | Fault::Flapping => {
                self.draw_moves(dice, fault);
            }
            Fault::HmsCrash
            | Fault::HmsCrashWithSnapshot
            | Fault::HmsCrashTorn
            | Fault::HmsStop
            | Fault::HmsPause
            | Fault::HmsSleep
            | Fault::HmsClock
            | Fault::DiskFull
            | Fault::Overload
            | Fault::Reload => self.draw_hms(dice, fault),
            // In force from the start.
            Fault::Crowding => {}
            Fault::Replay
            | Fault::Forgery
            | Fault::Insider
            | Fault::Holding
            | Fault::OnPath
            | Fault::Hours
            | Fault::Stolen => self.draw_attacks(dice, fault),
            _ => self.draw_people(dice, fault),
        }
    }

    fn draw_cuts(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..2 + dice.below(6) {
            let (at, length, device) = (Self::when(dice), dice.secs(2, 100), dice.below(devices));
            let one = if dice.one_in(2) { Way::Up } else { Way::Down };
            let only = (fault == Fault::OneWayCut).then_some(one);
            if fault == Fault::HmsCut {
                let only = dice.one_in(3).then_some(one);
                self.at(at, Action::CutHms { only, cut: true });
                self.at(at + length, Action::CutHms { only, cut: false });
            } else {
                self.at(at, Action::Cut { device, only, cut: true });
                self.at(at + length, Action::Cut { device, only, cut: false });
            }
        }
    }

    fn draw_moves(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..5 + dice.below(20) {
            let (at, device, other) = (Self::when(dice), dice.below(devices), dice.below(devices));
            match fault {
                Fault::Rebinding if dice.one_in(4) => {
                    self.at(at, Action::RebindAll { nat: dice.below(crate::net::NATS) });
                }
                Fault::Rebinding => self.at(at, Action::Rebind { device }),
                Fault::Flapping => {
                    for back in 0..4 {
                        self.at(at + Duration::from_secs(back) * 2, Action::Flap { device });
                    }
                }
                Fault::Renumbering => self.at(at, Action::Renumber { device }),
                _ => self.at(at, Action::Swap { a: device, b: other }),
            }
        }
    }

    fn draw_hms(&mut self, dice: &mut Dice, fault: Fault) {
        for _ in 0..1 + dice.below(3) {
            let (at, away) = (Self::when(dice), dice.secs(0, 60));
            match fault {
                Fault::HmsPause => {
                    let length = dice.span(ms(300), Duration::from_secs(40));
                    self.at(at, Action::PauseHms { length });
                }
                Fault::HmsSleep => {
                    let length = dice.span(ms(300), Duration::from_secs(60));
                    self.at(at, Action::SleepHms { length });
                }
                Fault::DiskFull => self.draw_disk(dice, at),
                Fault::Overload => {
                    self.at(at, Action::Overload { length: dice.secs(10, 30) });
                    break;
                }
                Fault::HmsClock => self.at(at, Action::StepHms { by: step(dice) }),
                Fault::Reload => self.at(at, Action::Reload),
                Fault::HmsStop => {
                    self.at(at, Action::StopHms);
                    self.at(at + away, Action::StartHms);
                }
                _ => {
                    let keep = match fault {
                        Fault::HmsCrashWithSnapshot => Keep::Whole,
                        Fault::HmsCrashTorn => Keep::Torn,
                        _ => Keep::Nothing,
                    };
                    if keep == Keep::Whole {
                        self.draw_last_moments(dice, at);
                    }
                    self.at(at, Action::KillHms { keep });
                    self.at(at + away, Action::StartHms);
                }
            }
        }
    }

    /// Sessions that began and ended after the snapshot.
    fn draw_last_moments(&mut self, dice: &mut Dice, crash: Duration) {
        for _ in 0..4 {
            let (device, before) = (dice.below(self.devices()), dice.span(ms(100), ms(8000)));
            let at = crash.saturating_sub(before);
            if dice.one_in(3) {
                self.at(at, Action::Leave { device });
            } else {
                self.at(at, Action::Kill { device });
                self.at(at + ms(20), Action::Start { device });
            }
        }
    }

    /// The disk takes nothing for a while, in which somebody is revoked, and perhaps the HMS crashes.
    fn draw_disk(&mut self, dice: &mut Dice, at: Duration) {
        let length = dice.secs(20, 120);
        self.at(at, Action::Disk { works: false });
        self.at(at + length, Action::Disk { works: true });
        let user = dice.below(self.devices());
        self.at(at + length / 2, Action::Revoke { user });
        if dice.one_in(3) {
            let moment = at + length.mul_f64(0.75);
            let keep = *dice.pick(&[Keep::Whole, Keep::Nothing]);
            self.at(moment, Action::KillHms { keep });
            self.at(moment + dice.secs(0, 20), Action::StartHms);
        }
    }

    fn draw_attacks(&mut self, dice: &mut Dice, fault: Fault) {
        match fault {
            Fault::Holding | Fault::OnPath => {
                let switch = |on| {
                    if fault == Fault::Holding { Action::Hold { on } } else { Action::OnPath { on } }
                };
                for _ in 0..3 {
                    let (at, length) = (Self::when(dice), dice.secs(20, 90));
                    self.at(at, switch(true));
                    self.at(at + length, switch(false));
                }
            }
            Fault::Hours => {
                for _ in 0..60 {
                    self.at(dice.secs(HOURS, HOURS + 50), Action::Attack(Attack::ReplayHoursLater));
                }
            }
            Fault::Stolen => self.draw_stolen(dice),
            _ => {
                let attacks: &[Attack] = match fault {
                    Fault::Replay => &Attack::REPLAYS,
                    Fault::Insider => &Attack::INSIDE,
                    _ => &Attack::FORGERIES,
                };
                for _ in 0..40 + dice.below(100) {
                    let at = Self::when(dice);
                    self.at(at, Action::Attack(*dice.pick(attacks)));
                }
                if fault == Fault::Replay {
                    self.draw_short_visits(dice);
                }
                if fault == Fault::Insider && dice.one_in(2) {
                    self.at(dice.secs(WAR / 2, WAR), Action::RevokeInsider);
                }
            }
        }
    }

    /// Hosts that come and leave at once: what they said is still fresh when it is said again.
    fn draw_short_visits(&mut self, dice: &mut Dice) {
        for _ in 0..6 {
            let (device, at) = (dice.below(self.devices()), Self::when(dice));
            self.at(at, Action::Kill { device });
            self.at(at + ms(20), Action::Join { device });
            let left = at + dice.span(ms(1500), ms(6000));
            self.at(left, Action::Leave { device });
            for _ in 0..3 {
                let again = left + dice.span(ms(50), ms(6000));
                self.at(again, Action::Attack(Attack::ReplayAfterLeave));
            }
            self.at(left + dice.secs(10, 60), Action::Join { device });
        }
    }

    /// Somebody's host is stolen: revoked, and yet there, also when the HMS comes back.
    fn draw_stolen(&mut self, dice: &mut Dice) {
        let (user, at) = (dice.below(self.devices()), dice.secs(40, WAR / 2));
        self.at(at, Action::Revoke { user });
        for _ in 0..6 {
            self.at(dice.secs(WAR / 4, WAR), Action::Attack(Attack::StolenHostStarts));
        }
        if dice.one_in(2) {
            let crash = at + dice.secs(1, 60);
            let keep = *dice.pick(&[Keep::Whole, Keep::Nothing]);
            self.at(crash, Action::KillHms { keep });
            self.at(crash + dice.secs(0, 10), Action::StartHms);
        }
    }

    fn draw_people(&mut self, dice: &mut Dice, fault: Fault) {
        let devices = self.devices();
        for _ in 0..2 + dice.below(6) {
            let (at, device, away) = (Self::when(dice), dice.below(devices), dice.secs(0, 60));
            match fault {
                Fault::HostCrash => {
                    self.at(at, Action::Kill { device });
                    if !dice.one_in(4) {
                        self.at(at + away, Action::Start { device });
                    }
                }
                Fault::HostPause => self.at(at, Action::PauseHost { device, length: dice.secs(1, 60) }),
                Fault::HostSleep => self.at(at, Action::SleepHost { device, length: dice.secs(1, 200) }),
                Fault::HostClock => self.at(at, Action::StepHost { device, by: step(dice) }),
                Fault::Takeover => {
                    self.at(at, Action::Takeover { user: device });
                    match dice.below(3) {
                        0 => self.at(at + away, Action::Join { device }),
                        1 => self.at(at + away, Action::Start { device }),
                        _ => {}
                    }
                }
                Fault::Leaving => {
                    self.at(at, Action::Leave { device });
                    if dice.one_in(2) {
                        self.at(at + away, Action::Join { device });
                    }
                }
                Fault::Revocation => {
                    self.at(at, Action::Revoke { user: device });
                    if !dice.one_in(3) {
                        self.at(at + away, Action::Renew { user: device });
                    }
                }
                _ => {
                    self.at(at, Action::Vanish { share: self.vanishing() });
                    break;
                }
            }
        }
    }
}
