//! What a run may still do.

use super::ReasoningError;
use crate::Cancel;

/// Steps between two looks at whether the caller still waits.
const STEPS: u32 = 4096;

/// Bounds the inferred facts of a run, and ends it when nobody waits.
#[derive(Debug)]
pub(super) struct Budget<'a> {
    max: usize,
    inferred: usize,
    steps: u32,
    cancel: &'a Cancel,
}

impl<'a> Budget<'a> {
    pub(super) fn new(max: usize, cancel: &'a Cancel) -> Self {
        Self { max, inferred: 0, steps: 0, cancel }
    }

    /// Counts one fact looked at or derived, known or not.
    pub(super) fn step(&mut self) -> Result<(), ReasoningError> {
        if self.steps == 0 {
            self.cancel.check()?;
            self.steps = STEPS;
        }
        self.steps -= 1;
        Ok(())
    }

    /// Counts one new fact.
    pub(super) fn inferred(&mut self) -> Result<(), ReasoningError> {
        if self.inferred == self.max {
            return Err(ReasoningError::TooMany { max: self.max });
        }
        self.inferred += 1;
        Ok(())
    }
}
