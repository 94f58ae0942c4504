//! Turns generated tokens into text and finds stop strings in it.

/// How many tokens before the completion are decoded along with it. Some tokenizers drop a space at the very beginning
/// of a text, so a completion is the text of prompt and completion without the text of the prompt.
const CONTEXT: usize = 6;

/// Decodes token ids into text.
pub type Decode<'a> = &'a (dyn Fn(&[u32]) -> String + Sync);

/// The text of `generated` behind `prompt`.
pub fn completion(decode: Decode<'_>, prompt: &[u32], generated: &[u32]) -> String {
    let context = &prompt[prompt.len().saturating_sub(CONTEXT)..];
    let all: Vec<u32> = context.iter().chain(generated).copied().collect();
    let (before, whole) = (decode(context), decode(&all));
    match whole.strip_prefix(&before) {
        Some(text) => text.to_owned(),
        None => decode(generated),
    }
}

/// Texts that end a completion.
#[derive(Clone, Debug, Default)]
pub struct Stops {
    stops: Vec<String>,
    /// How many of the last tokens can hold the end of a stop string and all of it.
    window: usize,
}

impl Stops {
    /// Stop strings; empty ones never match.
    pub fn new(stops: &[String]) -> Self {
        let stops: Vec<String> = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        // A character may be spread over up to four tokens of one byte each.
        let longest = stops.iter().map(|stop| stop.chars().count()).max().unwrap_or(0);
        Self { stops, window: 4 * longest + 8 }
    }

    /// Whether the newest token may have completed a stop string. Looks at the last tokens only, so its cost does not
    /// grow with the text; [`Stops::cut`] decides.
    pub fn may_end(&self, decode: Decode<'_>, generated: &[u32]) -> bool {
        if self.stops.is_empty() {
            return false;
        }
        let tail = decode(&generated[generated.len().saturating_sub(self.window)..]);
        self.stops.iter().any(|stop| tail.contains(stop.as_str()))
    }

    /// The text before the first stop string, if there is one.
    pub fn cut<'t>(&self, text: &'t str) -> Option<&'t str> {
        let places =
            self.stops.iter().filter_map(|stop| text.split_once(stop.as_str()).map(|(head, _)| head));
        places.min_by_key(|head| head.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as tokens; drops a leading space as some tokenizers do.
    fn decode(tokens: &[u32]) -> String {
        let bytes: Vec<u8> = tokens.iter().map(|token| *token as u8).collect();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.strip_prefix(' ').map(str::to_owned).unwrap_or(text)
    }

    fn tokens(text: &str) -> Vec<u32> {
        text.bytes().map(u32::from).collect()
    }

    #[test]
    fn the_space_before_a_completion_survives() {
        assert_eq!(completion(&decode, &tokens("is"), &tokens(" Paris")), " Paris");
        assert_eq!(completion(&decode, &[], &tokens(" Paris")), "Paris");
    }

    #[test]
    fn the_first_of_several_stop_strings_cuts() {
        let stops = Stops::new(&["\n".to_owned(), "。".to_owned(), String::new()]);
        assert_eq!(stops.cut("東京。\nそ"), Some("東京"));
        assert_eq!(stops.cut("Paris"), None);
    }

    #[test]
    fn a_stop_string_spread_over_tokens_is_seen_when_it_is_complete() {
        let stops = Stops::new(&["。".to_owned()]);
        let text = tokens("東京。");
        let seen: Vec<bool> = (0..=text.len()).map(|count| stops.may_end(&decode, &text[..count])).collect();
        assert_eq!(seen.iter().position(|seen| *seen), Some(text.len()));
        assert!(!Stops::new(&[]).may_end(&decode, &text));
    }
}
