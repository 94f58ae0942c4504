//! When requests are sent: not faster than allowed, and again after a while where that may help.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::Site;
use crate::random::Draws;

/// How often a sleeper looks whether it should stop.
const LOOK: Duration = Duration::from_millis(20);

/// No wait between attempts is longer, unless the server asks for it.
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// A server that asks for a longer wait is as good as gone.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// How long to wait after attempt number `attempt` (from 0) of the request `id`: between half and all of a time that doubles
/// with each attempt. The same for the same request, different for different ones, so that they don't come all at once.
pub(super) fn backoff(site: &Site, id: &str, attempt: usize) -> Duration {
    let longest = site.backoff_seconds * 2_f64.powi(i32::try_from(attempt).unwrap_or(i32::MAX).min(30));
    let share = 0.5 + 0.5 * Draws::new(0, id, attempt as u64).uniform();
    Duration::try_from_secs_f64(longest * share).unwrap_or(LONGEST_BACKOFF).min(LONGEST_BACKOFF)
}

/// Sleeps, but no longer than until `stop` is set. Returns whether it was not.
pub(super) fn sleep(time: Duration, stop: &AtomicBool) -> bool {
    let mut left = time;
    while !left.is_zero() {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        let step = left.min(LOOK);
        thread::sleep(step);
        left -= step;
    }
    !stop.load(Ordering::Relaxed)
}

/// Spaces the beginnings of requests evenly.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// The pace that a site allows.
    pub(super) fn new(site: &Site) -> Self {
        let gap = site
            .requests_per_minute
            .map_or(Duration::ZERO, |rate| Duration::try_from_secs_f64(60.0 / rate).unwrap_or(Duration::MAX));
        Self { gap, next: Mutex::new(None) }
    }

    /// Waits for the next turn; `false` if `stop` was set meanwhile.
    pub(super) fn turn(&self, stop: &AtomicBool) -> bool {
        let wait = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = now();
            let turn = next.map_or(now, |next| next.max(now));
            *next = turn.checked_add(self.gap);
            turn.duration_since(now)
        };
        sleep(wait, stop)
    }

    /// Lets nobody begin before `wait` is over: the server asked for a pause, and it means everybody.
    pub(super) fn hold(&self, wait: Duration) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now().checked_add(wait);
        *next = (*next).max(until);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "requests are spaced in time; no answer depends on when it was asked for"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn site() -> Site {
        Site {
            url: String::new(),
            key_variable: None,
            concurrency: 1,
            requests_per_minute: Some(6000.0),
            timeout_seconds: 1.0,
            attempts: 1,
            backoff_seconds: 1.0,
        }
    }

    #[test]
    fn waits_double_within_their_bounds_and_depend_on_the_request_alone() {
        for attempt in 0..12 {
            let wait = backoff(&site(), "a", attempt).as_secs_f64();
            let longest = 2_f64.powi(attempt as i32).min(60.0);
            assert!(
                wait <= longest && wait >= longest.min(2_f64.powi(attempt as i32) / 2.0) / 2.0,
                "{attempt}: {wait}"
            );
            assert_eq!(backoff(&site(), "a", attempt), backoff(&site(), "a", attempt));
        }
        assert_ne!(backoff(&site(), "a", 2), backoff(&site(), "b", 2));
        assert_eq!(backoff(&site(), "a", usize::MAX), LONGEST_BACKOFF);
    }

    #[test]
    fn turns_are_spaced_and_held() {
        let (pace, never) = (Pace::new(&site()), AtomicBool::new(false));
        let began = now();
        for _ in 0..6 {
            assert!(pace.turn(&never));
        }
        // Six turns have five gaps of 10 ms between them.
        assert!(began.elapsed() >= Duration::from_millis(50), "{:?}", began.elapsed());
        pace.hold(Duration::from_millis(80));
        let began = now();
        assert!(pace.turn(&never));
        assert!(began.elapsed() >= Duration::from_millis(75), "{:?}", began.elapsed());
        pace.hold(Duration::from_hours(1));
        assert!(!pace.turn(&AtomicBool::new(true)));
    }
}
