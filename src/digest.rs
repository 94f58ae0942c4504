//! Names bytes by their content: [`Digest`] is a blake3 hash that was computed or validated, never just a string.

use std::{fmt, fs::File, io, path::Path, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Files from this size on are hashed on all cores through a memory map; below it threads cost more than they give.
const PARALLEL_FROM_BYTES: u64 = 1 << 20;

/// A blake3 digest (256 bits), written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(transparent)]
pub struct Digest(#[schemars(with = "String", regex(pattern = "^[0-9a-f]{64}$"))] [u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of a file's content; large files are hashed in parallel.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        if std::fs::metadata(path)?.len() >= PARALLEL_FROM_BYTES {
            hasher.update_mmap_rayon(path)?;
        } else {
            hasher.update_reader(File::open(path)?)?;
        }
        Ok(Self::from_hasher(&hasher))
    }

    /// Closes a running hash.
    pub fn from_hasher(hasher: &blake3::Hasher) -> Self {
        Self(*hasher.finalize().as_bytes())
    }

    /// All 64 hexadecimal digits.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The first ten hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.hex().chars().take(10).collect()
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a digest of 64 hexadecimal digits: `{0}`")]
pub struct NotADigest(String);

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| NotADigest(text.chars().take(80).collect()))?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_digest_of_its_bytes_whether_small_or_mapped() {
        let dir = tempfile::tempdir().unwrap();
        for size in [0, 5, 3 << 20] {
            let bytes = vec![7_u8; size];
            let path = dir.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(Digest::of_file(&path).unwrap(), Digest::of(&bytes));
        }
    }

    #[test]
    fn text_round_trips_and_junk_is_refused() {
        let digest = Digest::of(b"x");
        assert_eq!(digest.hex().parse::<Digest>().unwrap(), digest);
        assert!("../../etc/passwd".parse::<Digest>().is_err());
    }
}
