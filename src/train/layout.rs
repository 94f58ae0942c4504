//! Says where each trainable tensor lies in the one flat vector that gradient, optimizer state and journal share.

/// One trainable tensor in the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The tensor's name: a Hugging Face parameter name, or that of a LoRA matrix.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its first element in the flat vector.
    pub offset: usize,
    /// Whether weight decay applies to it.
    pub decayed: bool,
}

impl Slot {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All trainable tensors, one after another: first those that weight decay applies to, then the others, last those of an
/// auxiliary term, which are no part of the model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    slots: Vec<Slot>,
    len: usize,
    decayed: usize,
    /// Number of elements and of tensors of an auxiliary term.
    auxiliary: (usize, usize),
}

impl Layout {
    /// Lays tensors out in the order given, decayed ones first.
    pub fn new(tensors: impl IntoIterator<Item = (String, Vec<usize>)>) -> Self {
        let (decayed, plain): (Vec<_>, Vec<_>) = tensors.into_iter().partition(|(name, _)| is_decayed(name));
        let mut layout = Self::default();
        for (tensors, decays) in [(decayed, true), (plain, false)] {
            for (name, shape) in tensors {
                let slot = Slot { name, shape, offset: layout.len, decayed: decays };
                layout.len += slot.len();
                layout.slots.push(slot);
            }
            if decays {
                layout.decayed = layout.len;
            }
        }
        layout
    }

    /// Puts the tensors of an auxiliary term behind all others, without weight decay.
    #[must_use]
    pub fn with_auxiliary(mut self, tensors: Vec<(String, Vec<usize>)>) -> Self {
        for (name, shape) in tensors {
            let slot = Slot { name, shape, offset: self.len, decayed: false };
            self.len += slot.len();
            self.auxiliary.0 += slot.len();
            self.auxiliary.1 += 1;
            self.slots.push(slot);
        }
        self
    }

    /// The tensors of the model, without those of an auxiliary term.
    pub fn of_model(&self) -> &[Slot] {
        &self.slots[..self.slots.len() - self.auxiliary.1]
    }

    /// How many elements, from the last one back, belong to an auxiliary term.
    pub fn auxiliary(&self) -> usize {
        self.auxiliary.0
    }

    /// The tensors, by offset.
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The tensor `name`.
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.name == name)
    }

    /// Number of elements of the flat vector.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is trained.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many elements, from the first on, weight decay applies to.
    pub fn decayed(&self) -> usize {
        self.decayed
    }
}

/// Whether weight decay applies to a parameter: not to biases and norms, as Hugging Face's Trainer has it.
fn is_decayed(name: &str) -> bool {
    let name = name.to_lowercase();
    let norm = name.split('.').any(|part| part == "norm" || part.ends_with("_norm"));
    !(norm || name.contains("bias") || name.contains("layernorm") || name.contains("rmsnorm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decayed_tensors_come_first_and_nothing_overlaps() {
        let names = [
            "model.embed_tokens.weight",
            "model.layers.0.input_layernorm.weight",
            "model.layers.0.self_attn.q_proj.weight",
            "model.layers.0.self_attn.q_norm.weight",
            "model.norm.weight",
            "lm_head.weight",
        ];
        let layout = Layout::new(names.map(|name| (name.to_owned(), vec![2, 3])));
        assert_eq!((layout.len(), layout.decayed()), (36, 18));
        let order: Vec<&str> = layout.slots().iter().map(|slot| slot.name.as_str()).collect();
        assert_eq!(order, [names[0], names[2], names[5], names[1], names[3], names[4]]);
        assert!(layout.slots().iter().enumerate().all(|(index, slot)| slot.offset == 6 * index));
    }
}
