//! Named tolerances: the only place where "equal enough" is a number.

/// How close two numbers must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tolerance {
    /// Bit for bit.
    Exact,
    /// f64 against finite differences.
    Gradient,
    /// f32 against finite differences, which are themselves this inexact.
    GradientF32,
    /// f32 against another implementation, one forward pass.
    Close,
    /// f32 against another implementation through forward, backward and optimizer steps.
    Training,
}

impl Tolerance {
    /// Largest admitted difference, relative to the largest magnitude among the expected values.
    pub const fn relative(self) -> f64 {
        match self {
            Self::Exact => 0.0,
            Self::Gradient => 1e-6,
            Self::GradientF32 => 5e-3,
            Self::Close => 1e-5,
            Self::Training => 1e-4,
        }
    }
}

/// The largest difference between `got` and `expected`, relative to the largest magnitude in `expected` (or to 1e-12
/// if all are smaller). Infinite if lengths differ or a value is NaN.
pub fn relative_error(got: &[f64], expected: &[f64]) -> f64 {
    if got.len() != expected.len() {
        return f64::INFINITY;
    }
    let scale = expected.iter().fold(1e-12_f64, |scale, value| scale.max(value.abs()));
    let worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0_f64, |worst, difference| {
        if difference.is_nan() { f64::INFINITY } else { worst.max(difference) }
    });
    worst / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_largest_expected_value() {
        assert!((relative_error(&[1.0, 100.5], &[1.0, 100.0]) - 0.005).abs() < 1e-12);
        assert!(relative_error(&[f64::NAN], &[1.0]).is_infinite());
        assert!(relative_error(&[1.0], &[]).is_infinite());
    }
}
