//! How many stages run at once: as many light ones as there are cores, and one heavy one beside them.

use crate::stage::contract::Load;

/// Slots for running stages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    light: usize,
    heavy: usize,
}

impl Slots {
    /// Slots for `light` light stages (at least one) and one heavy stage.
    pub(super) fn new(light: usize) -> Self {
        Self { light: light.max(1), heavy: 1 }
    }

    /// Takes a slot if one is free.
    pub(super) fn take(&mut self, load: Load) -> bool {
        let free = self.of(load);
        let taken = *free > 0;
        *free -= usize::from(taken);
        taken
    }

    /// Gives a taken slot back.
    pub(super) fn give(&mut self, load: Load) {
        *self.of(load) += 1;
    }

    fn of(&mut self, load: Load) -> &mut usize {
        match load {
            Load::Light => &mut self.light,
            Load::Heavy => &mut self.heavy,
        }
    }
}
