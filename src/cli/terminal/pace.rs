//! How fast a stage gets on and when it will be done, from the times of its progress events.

use crate::report::measure;

/// Weight of the past: after this many seconds an earlier speed counts a third.
const MEMORY_SECONDS: f64 = 20.0;

/// The progress of one stage.
#[derive(Clone, Debug)]
pub struct Pace {
    first: (f64, u64),
    last: (f64, u64),
    total: u64,
    unit: String,
    speed: Option<f64>,
}

impl Pace {
    /// Begins with the first progress event, at `at` seconds. What is done by then may stem from an earlier run.
    pub fn new(at: f64, done: u64, total: u64, unit: &str) -> Self {
        Self { first: (at, done), last: (at, done), total, unit: unit.to_owned(), speed: None }
    }

    /// Takes in a later progress event. Another unit is another phase of the work and begins anew.
    pub fn update(&mut self, at: f64, done: u64, total: u64, unit: &str) {
        if unit != self.unit || done < self.last.1 {
            *self = Self::new(at, done, total, unit);
            return;
        }
        self.total = total;
        let elapsed = at - self.last.0;
        if elapsed > 0.0 {
            let now = (done - self.last.1) as f64 / elapsed;
            let weight = 1.0 - (-elapsed / MEMORY_SECONDS).exp();
            self.speed = Some(self.speed.map_or(now, |before| before + weight * (now - before)));
            self.last = (at, done);
        }
    }

    /// Finished units and all units, when it is known how many there are.
    pub fn position(&self) -> Option<(u64, u64)> {
        (self.total > 0).then_some((self.last.1.min(self.total), self.total))
    }

    /// Finished units.
    pub fn done(&self) -> u64 {
        self.last.1
    }

    /// What is counted.
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// Units a second of late.
    pub fn speed(&self) -> Option<f64> {
        self.speed
    }

    /// Seconds until the end at that speed.
    pub fn remaining(&self) -> Option<f64> {
        let (done, total) = self.position()?;
        self.speed.filter(|speed| *speed > 0.0).map(|speed| (total - done) as f64 / speed)
    }

    /// Units a second over all that was done here.
    pub fn mean_speed(&self) -> Option<f64> {
        let (seconds, units) = (self.last.0 - self.first.0, self.last.1 - self.first.1);
        (seconds > 0.0 && units > 0).then(|| units as f64 / seconds)
    }

    /// Share, amount, speed and time left, as far as they are known.
    pub fn parts(&self) -> Vec<String> {
        let amount = match self.position() {
            Some((done, total)) => vec![
                format!("{:3.0} %", done as f64 / total as f64 * 100.0),
                format!("{} of {} {}", measure::count(done), measure::count(total), self.unit()),
            ],
            None => vec![format!("{} {}", measure::count(self.done()), self.unit())],
        };
        let speed = self.speed().map(|speed| measure::rate(speed, self.unit()));
        let left = self.remaining().map(|seconds| format!("eta {}", measure::duration(seconds)));
        amount.into_iter().chain(speed).chain(left).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_did_does_not_count_as_speed() {
        let mut pace = Pace::new(0.0, 900, 1000, "steps");
        assert_eq!((pace.speed(), pace.remaining()), (None, None));
        pace.update(5.0, 950, 1000, "steps");
        assert_eq!(pace.speed(), Some(10.0));
        assert_eq!(pace.remaining(), Some(5.0));
        assert_eq!(pace.mean_speed(), Some(10.0));
    }

    #[test]
    fn the_speed_follows_a_change_smoothly() {
        let mut pace = Pace::new(0.0, 0, 0, "tokens");
        pace.update(1.0, 100, 0, "tokens");
        pace.update(2.0, 300, 0, "tokens");
        let speed = pace.speed().unwrap();
        assert!(speed > 100.0 && speed < 110.0, "{speed}");
        assert_eq!(pace.position(), None);
    }

    #[test]
    fn another_unit_begins_anew() {
        let mut pace = Pace::new(0.0, 0, 10, "pairs");
        pace.update(1.0, 10, 10, "pairs");
        pace.update(2.0, 0, 500, "steps");
        assert_eq!((pace.unit(), pace.position(), pace.speed()), ("steps", Some((0, 500)), None));
    }
}
