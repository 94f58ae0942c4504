//! What sessions run on: what the recipe asks for ([`Device`]) and what is really there ([`Provider`]).

use std::{fmt, str::FromStr};

use ort::{
    environment::Environment,
    ep::{self, ExecutionProvider},
    session::builder::SessionBuilder,
};

use super::{RuntimeSettings, error::refused};
use crate::failure::Failure;

/// What the user asks to run on: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first CUDA device if there is a usable one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this number; an error if it is not usable.
    Cuda(u32),
}

impl FromStr for Device {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let number = |digits: &str| digits.parse().ok().map(Self::Cuda);
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(0)),
            _ => text.strip_prefix("cuda:").and_then(number),
        }
        .ok_or_else(|| {
            Failure::input(format!("not a device: `{text}`")).hint("use `auto`, `cpu`, `cuda` or `cuda:N`")
        })
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// What sessions really run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The CPU.
    Cpu,
    /// The CUDA device with this number.
    Cuda(u32),
}

impl Provider {
    /// The family that enters keys: `cpu` or `cuda`. Which of several equal devices computes is not part of a key.
    pub const fn family(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda(_) => "cuda",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Decides what to run on, by trying it.
pub(super) fn settle(environment: &Environment, settings: &RuntimeSettings) -> Result<Provider, Failure> {
    match settings.device {
        Device::Cpu => Ok(Provider::Cpu),
        Device::Cuda(number) => {
            try_cuda(environment, number)?;
            Ok(Provider::Cuda(number))
        }
        // A library without CUDA is the normal case on a laptop and not worth a word.
        Device::Auto if !ep::CUDA::is_available().unwrap_or(false) => Ok(Provider::Cpu),
        Device::Auto => match try_cuda(environment, 0) {
            Ok(()) => Ok(Provider::Cuda(0)),
            Err(failure) => {
                settings.say(&format!("running on the CPU: {failure}"));
                Ok(Provider::Cpu)
            }
        },
    }
}

/// Registers the CUDA provider in a session that is then thrown away.
fn try_cuda(environment: &Environment, number: u32) -> Result<(), Failure> {
    if !ep::CUDA::is_available().map_err(|error| refused("list its providers", &error))? {
        return Err(Failure::runtime(format!(
            "the ONNX Runtime library has no CUDA provider: `cuda:{number}`"
        ))
        .hint("run `chorale runtime install --cuda`, or set device = \"cpu\""));
    }
    let mut builder =
        SessionBuilder::new(environment).map_err(|error| refused("create session options", &error))?;
    cuda(number).register(&mut builder).map_err(|error| {
        refused(&format!("use device `cuda:{number}`"), &error).hint(
            "needs an NVIDIA driver, CUDA 13 and cuDNN 9 where the loader finds them, or set device = \"cpu\"",
        )
    })
}

/// The CUDA provider as sessions use it: TF32 off, so that f32 means f32.
pub(super) fn cuda(number: u32) -> ep::CUDA {
    ep::CUDA::default()
        .with_device_id(i32::try_from(number).unwrap_or(i32::MAX))
        .with_tf32(false)
        .with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_read_back_as_written() {
        for text in ["auto", "cpu", "cuda:0", "cuda:7"] {
            assert_eq!(text.parse::<Device>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse::<Device>().unwrap(), Device::Cuda(0));
        for wrong in ["", "gpu", "cuda:", "cuda:-1", "cuda:99999999999", "CPU"] {
            assert!(wrong.parse::<Device>().unwrap_err().hint.is_some(), "{wrong}");
        }
    }
}
