//! Extents of axes that may be known only at run time: sums of products of named symbols, such as `2*tokens`.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::failure::bug;

/// The extent of an axis: a number, or an expression over named symbols (`batch`, `2*tokens`, `past+tokens`).
///
/// Two extents are equal exactly if their expressions are: symbols with different names are different extents.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dim {
    /// Factor of every product of symbols; no factor is 0. The product of no symbols is the constant term.
    terms: BTreeMap<Product, i64>,
}

/// A product of symbols, sorted by name.
type Product = Vec<Arc<str>>;

impl Dim {
    /// A known extent.
    pub fn known(extent: usize) -> Self {
        Self::term(Vec::new(), extent as i64)
    }

    /// An extent that has a name and is known at run time.
    pub fn symbol(name: &str) -> Self {
        Self::term(vec![Arc::from(name)], 1)
    }

    fn term(product: Product, factor: i64) -> Self {
        let terms = if factor == 0 { BTreeMap::new() } else { BTreeMap::from([(product, factor)]) };
        Self { terms }
    }

    /// The number, if no symbol is involved.
    pub fn as_known(&self) -> Option<usize> {
        match self.terms.iter().next() {
            None => Some(0),
            Some((product, factor)) if self.terms.len() == 1 && product.is_empty() => {
                usize::try_from(*factor).ok()
            }
            Some(_) => None,
        }
    }

    /// Whether the extent is the number `extent`.
    pub fn is(&self, extent: usize) -> bool {
        self.as_known() == Some(extent)
    }

    /// The names of all symbols involved, sorted.
    pub fn symbols(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.terms.keys().flatten().map(|name| &**name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Factors and products of symbols whose sum this is; the product of no symbols is 1.
    pub fn terms(&self) -> impl Iterator<Item = (i64, &[Arc<str>])> {
        self.terms.iter().map(|(product, factor)| (*factor, product.as_slice()))
    }

    /// The extent of two axes one after the other.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut terms = self.terms.clone();
        for (product, factor) in &other.terms {
            let sum = terms.get(product).unwrap_or(&0) + factor;
            if sum == 0 {
                terms.remove(product);
            } else {
                terms.insert(product.clone(), sum);
            }
        }
        Self { terms }
    }

    /// What is left of an axis after `other` is cut off.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        let negated = other.terms.iter().map(|(product, factor)| (product.clone(), -factor)).collect();
        self.plus(&Self { terms: negated })
    }

    /// The extent of two axes merged into one.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        let mut result = Self::known(0);
        for (left, a) in &self.terms {
            for (right, b) in &other.terms {
                let mut product: Product = left.iter().chain(right).cloned().collect();
                product.sort_unstable();
                result = result.plus(&Self::term(product, a * b));
            }
        }
        result
    }

    /// The extent of all `dims` merged into one axis.
    pub fn product(dims: &[Self]) -> Self {
        dims.iter().fold(Self::known(1), |product, dim| product.times(dim))
    }

    /// The quotient by a single product of symbols with a factor, if it is exact: `2*batch*tokens / batch`.
    pub fn divided_by(&self, divisor: &Self) -> Option<Self> {
        let (symbols, factor) = divisor.terms.iter().next().filter(|_| divisor.terms.len() == 1)?;
        let mut terms = BTreeMap::new();
        for (product, dividend) in &self.terms {
            let mut rest = product.clone();
            for symbol in symbols {
                rest.remove(rest.iter().position(|name| name == symbol)?);
            }
            if dividend % factor != 0 {
                return None;
            }
            terms.insert(rest, dividend / factor);
        }
        Some(Self { terms })
    }

    /// The number, where the graph's construction needs one; anything else is a bug.
    #[track_caller]
    pub fn expect_known(&self) -> usize {
        self.as_known()
            .unwrap_or_else(|| bug(format!("extent `{self}` is not known when the graph is built")))
    }
}

impl From<usize> for Dim {
    fn from(extent: usize) -> Self {
        Self::known(extent)
    }
}

impl From<&str> for Dim {
    fn from(name: &str) -> Self {
        Self::symbol(name)
    }
}

impl From<&Self> for Dim {
    fn from(dim: &Self) -> Self {
        dim.clone()
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.terms.is_empty() {
            return f.write_str("0");
        }
        // The constant term sorts first; people expect it last.
        let (constants, symbolic): (Vec<_>, Vec<_>) = self.terms.iter().partition(|(p, _)| p.is_empty());
        for (index, (product, factor)) in symbolic.into_iter().chain(constants).enumerate() {
            let sign = if *factor < 0 { "-" } else { "+" };
            if index > 0 || *factor < 0 {
                f.write_str(sign)?;
            }
            let names = product.join("*");
            match (factor.unsigned_abs(), product.is_empty()) {
                (size, true) => write!(f, "{size}")?,
                (1, false) => f.write_str(&names)?,
                (size, false) => write!(f, "{size}*{names}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A list of extents from numbers, names and other extents: `dims!["batch", 4, &tokens]`.
#[macro_export]
macro_rules! dims {
    ($($dim:expr),* $(,)?) => {
        [$($crate::graph::Dim::from($dim)),*]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_add_multiply_divide_and_print() {
        let batch = Dim::symbol("batch");
        let tokens = Dim::symbol("tokens");
        let two = Dim::known(2);
        let all = two.times(&tokens).times(&batch);
        assert_eq!(all.to_string(), "2*batch*tokens");
        assert_eq!(all.divided_by(&batch), Some(tokens.times(&two)));
        assert_eq!(all.divided_by(&Dim::known(4)), None);
        assert_eq!(tokens.divided_by(&batch), None);
        let longer = tokens.plus(&Dim::known(3));
        assert_eq!(longer.to_string(), "tokens+3");
        assert_eq!(longer.minus(&tokens).as_known(), Some(3));
        assert_eq!(longer.minus(&longer), Dim::known(0));
        assert_eq!(Dim::known(3).minus(&tokens).to_string(), "-tokens+3");
        assert_eq!(longer.times(&longer).to_string(), "6*tokens+tokens*tokens+9");
    }

    #[test]
    fn order_of_multiplication_does_not_matter() {
        let a = Dim::symbol("a");
        let b = Dim::symbol("b");
        assert_eq!(a.times(&b), b.times(&a));
        assert_ne!(a, b);
        assert_eq!(Dim::known(0).as_known(), Some(0));
        assert_eq!(Dim::known(0).times(&a), Dim::known(0));
    }
}
