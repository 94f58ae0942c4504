//! Texts that must not be shown: tokens and keys. They have no text form, and no message quotes them.

use std::fmt;

/// A secret that proves to a server who asks.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret; `None` if it is empty. Blanks around it are left out, as in token files.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// What goes into the header of a request that proves its sender, and nowhere else.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A text that somebody else wrote, without this secret: servers quote keys in their complaints.
    pub fn hide_in(&self, text: &str) -> String {
        text.replace(&self.0, "(hidden)")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_itself_to_servers_alone() {
        let secret = Secret::new(" sk-1234\n").unwrap();
        assert_eq!(secret.bearer(), "Bearer sk-1234");
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
        assert_eq!(secret.hide_in("no such key: sk-1234."), "no such key: (hidden).");
        assert_eq!(Secret::new(" \n"), None);
    }
}
