//! The pinned wheels: which file, for which machine, with which SHA-256.

use crate::failure::Failure;

/// The version that is provisioned.
pub const PINNED_VERSION: &str = "1.31.1";

/// The library file inside a wheel and in the cache.
pub(super) const LIBRARY: &str = "libonnxruntime.so.1.31.1";

/// Which build of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variant {
    /// The CPU build.
    Cpu,
    /// The CUDA build, which runs on the CPU too.
    Cuda,
}

impl Variant {
    /// For folders and people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }

    /// What else the build needs, if it needs anything.
    pub const fn needs(self) -> Option<&'static str> {
        match self {
            Self::Cpu => None,
            Self::Cuda => Some(
                "the CUDA build needs an NVIDIA driver, CUDA 13 and cuDNN 9 where the loader finds them: the system's, or \
                 NVIDIA's wheels (nvidia-cuda-runtime~=13.0, nvidia-cuda-nvrtc~=13.0, nvidia-cublas~=13.0, \
                 nvidia-cufft~=12.0, nvidia-curand~=10.0, nvidia-cudnn-cu13~=9.0) with their `lib` folders in LD_LIBRARY_PATH",
            ),
        }
    }
}

/// A pinned wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// Which build is inside.
    pub variant: Variant,
    /// The machine it is for, as Rust names it.
    pub machine: &'static str,
    /// The package's name.
    pub package: &'static str,
    /// The platform tag.
    pub platform: &'static str,
    /// The SHA-256 of the file, in hexadecimal.
    pub sha256: &'static str,
}

/// All wheels are those for `CPython` 3.11: the library inside is the same for all, and one file is easier to pin.
static WHEELS: [Wheel; 3] = [
    Wheel {
        variant: Variant::Cpu,
        machine: "x86_64",
        package: "onnxruntime",
        platform: "manylinux_2_28_x86_64",
        sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
    },
    Wheel {
        variant: Variant::Cpu,
        machine: "aarch64",
        package: "onnxruntime",
        platform: "manylinux_2_28_aarch64",
        sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
    },
    Wheel {
        variant: Variant::Cuda,
        machine: "x86_64",
        package: "onnxruntime-gpu",
        platform: "manylinux_2_28_x86_64",
        sha256: "e26c475fe361b2015f45b4b824bd13f0bb20204e59b62814e6f0acd5f3d491a6",
    },
];

impl Wheel {
    /// The file's name.
    pub fn file(&self) -> String {
        let package = self.package.replace('-', "_");
        format!("{package}-{PINNED_VERSION}-cp311-cp311-{}.whl", self.platform)
    }

    /// What pip installs it by.
    pub fn requirement(&self) -> String {
        format!("{}=={PINNED_VERSION}", self.package)
    }
}

/// The wheels for this machine.
pub(super) fn for_this_machine() -> impl Iterator<Item = &'static Wheel> {
    WHEELS.iter().filter(|wheel| cfg!(target_os = "linux") && wheel.machine == std::env::consts::ARCH)
}

/// The wheel with this SHA-256, if it is one of those for this machine.
pub(super) fn by_sha256(sha256: &str) -> Option<&'static Wheel> {
    for_this_machine().find(|wheel| wheel.sha256 == sha256)
}

/// The wheel of this build for this machine.
pub(super) fn pinned(variant: Variant) -> Result<&'static Wheel, Failure> {
    for_this_machine().find(|wheel| wheel.variant == variant).ok_or_else(|| {
        let (os, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        Failure::runtime(format!(
            "no {} build of ONNX Runtime is pinned for {os} on {machine}",
            variant.name()
        ))
        .hint("install ONNX Runtime 1.24 or later yourself and name its library with `--runtime`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wheel_has_a_full_sha256_and_the_name_that_pip_gives_it() {
        for wheel in &WHEELS {
            assert_eq!(wheel.sha256.len(), 64, "{wheel:?}");
            assert!(wheel.sha256.chars().all(|digit| digit.is_ascii_hexdigit() && !digit.is_uppercase()));
        }
        assert_eq!(WHEELS[0].file(), "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl");
        assert_eq!(LIBRARY, format!("libonnxruntime.so.{PINNED_VERSION}"));
    }
}
