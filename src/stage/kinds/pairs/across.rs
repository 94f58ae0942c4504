//! Each pair in the source language with those of the same question in the others (MPO, methods 5.6).

use std::collections::BTreeMap;

use super::{LeftOut, Unit, spec::PairsSpec};
use crate::{artifact::row::pair::Pair, failure::Failure, stage::context::Context};

pub(super) fn make(cx: &Context<'_>, spec: &PairsSpec, left_out: &mut LeftOut) -> Result<Vec<Unit>, Failure> {
    let pairs: Vec<Pair> = cx.rows("pairs")?;
    let source = spec.source_language.as_str();
    let mut first: BTreeMap<&str, &Pair> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.lang == source) {
        if pair.question.is_empty() {
            return Err(Failure::input(format!("pair `{}` does not say which question it is of", pair.id))
                .hint("pairs of one question in several languages name it in `question`"));
        }
        if first.contains_key(pair.question.as_str()) {
            left_out.add(format!("further pairs in `{source}` of the same question"), 1);
        }
        first.entry(&pair.question).or_insert(pair);
    }
    let mut units = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.lang != source && spec.wants(&pair.lang)) {
        let Some(own) = first.get(pair.question.as_str()) else {
            left_out.add(format!("pairs have none in `{source}` of their question"), 1);
            continue;
        };
        let group = format!("{}/{source}-{}", pair.question, pair.id);
        let member =
            |pair: &Pair| Pair { id: format!("{group}/{}", pair.lang), group: group.clone(), ..pair.clone() };
        units.push(vec![member(own), member(pair)]);
    }
    Ok(units)
}
