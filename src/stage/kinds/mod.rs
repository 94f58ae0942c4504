//! All kinds of stages, one file each, and the table that names them.

use super::contract::Entry;

pub mod adapter;
pub mod asking;
pub mod chat;
pub mod checkpoint;
pub mod consistency;
pub mod cross_score;
pub mod dataset;
pub mod decoder;
pub mod embed;
pub mod endpoint;
pub mod evaluate;
pub mod facts;
pub mod judge;
pub mod merge;
pub mod pairs;
pub mod parse;
pub mod reading;
pub mod report;
pub mod sample;
pub mod score;
pub mod select_reference;
mod splits;
pub mod tokenizer;
pub mod train;
pub mod translate;
mod vectors;
pub mod vote;

/// Every kind, in the order in which `--help`, schemas and the README list them.
pub static KINDS: &[Entry] = &[
    Entry::of::<facts::Facts>(),
    Entry::of::<dataset::Dataset>(),
    Entry::of::<decoder::Decoder>(),
    Entry::of::<checkpoint::Checkpoint>(),
    Entry::of::<endpoint::Endpoint>(),
    Entry::of::<adapter::AdapterKind>(),
    Entry::of::<tokenizer::TokenizerKind>(),
    Entry::of::<train::Train>(),
    Entry::of::<merge::Merge>(),
    Entry::of::<sample::Sample>(),
    Entry::of::<parse::ParseKind>(),
    Entry::of::<translate::Translate>(),
    Entry::of::<vote::VoteKind>(),
    Entry::of::<embed::Embed>(),
    Entry::of::<select_reference::SelectReference>(),
    Entry::of::<cross_score::CrossScore>(),
    Entry::of::<pairs::Pairs>(),
    Entry::of::<score::Score>(),
    Entry::of::<judge::Judge>(),
    Entry::of::<evaluate::Evaluate>(),
    Entry::of::<report::Report>(),
];
