//! Trains a byte-level BPE tokenizer and writes it as Hugging Face tools read it.

use std::path::Path;

use serde_json::{Map, json};
use tokenizers::{
    AddedToken, Tokenizer,
    decoders::byte_level::ByteLevel,
    models::{
        TrainerWrapper,
        bpe::{BPE, BpeTrainer},
    },
    processors::template::TemplateProcessing,
};

use crate::{
    checkpoint::config,
    failure::{Cause, Failure},
};

/// What is trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Training {
    /// Entries of the vocabulary, special tokens and the 256 bytes included.
    pub vocabulary_size: usize,
    /// Pairs seen less often than this are not merged.
    pub min_frequency: u64,
    /// Begins a text.
    pub begin: String,
    /// Ends a text.
    pub end: String,
    /// Fills up rows.
    pub pad: String,
}

impl Training {
    /// The smallest vocabulary: the special tokens and one token per byte.
    pub const SMALLEST: usize = 3 + 256;
}

/// Trains on `texts` and writes `tokenizer.json` and `tokenizer_config.json` into an existing folder. Returns the number
/// of entries, which is smaller than asked for if the texts have too few pairs.
pub fn train<'a>(
    folder: &Path,
    texts: impl Iterator<Item = &'a str> + Send,
    training: &Training,
) -> Result<usize, Failure> {
    let failed = |error: tokenizers::Error| Failure::input(format!("no tokenizer can be trained: {error}"));
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, false, true)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let special = [&training.begin, &training.end, &training.pad];
    let trainer = BpeTrainer::builder()
        .vocab_size(training.vocabulary_size)
        .min_frequency(training.min_frequency)
        .show_progress(false)
        .special_tokens(special.map(|token| AddedToken::from(token.clone(), true)).to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts).map_err(failed)?;
    let begin = tokenizer.token_to_id(&training.begin).unwrap_or_default();
    let template = TemplateProcessing::builder()
        .try_single(format!("{} $A", training.begin))
        .and_then(|builder| builder.try_pair(format!("{0} $A {0}:1 $B:1", training.begin)))
        .map_err(|error| Failure::input(format!("not a special token: {error}")))?
        .special_tokens(vec![(training.begin.clone(), begin)])
        .build()
        .map_err(|error| Failure::input(format!("not a special token: {error}")))?;
    tokenizer.with_post_processor(Some(template));
    write(folder, &tokenizer, training)?;
    Ok(tokenizer.get_vocab_size(true))
}

fn write(folder: &Path, tokenizer: &Tokenizer, training: &Training) -> Result<(), Failure> {
    let text = tokenizer.to_string(true).map_err(|error| Failure::input(format!("no tokenizer: {error}")))?;
    let path = folder.join(super::tokenizer::TOKENIZER);
    std::fs::write(&path, text + "\n").map_err(|error| Failure::io(Cause::Store, "write", &path, &error))?;
    let mut fields = Map::new();
    fields.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    fields.insert("bos_token".to_owned(), json!(training.begin));
    fields.insert("eos_token".to_owned(), json!(training.end));
    fields.insert("pad_token".to_owned(), json!(training.pad));
    fields.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
    config::write(&folder.join("tokenizer_config.json"), &fields)
}
