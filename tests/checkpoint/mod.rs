//! Files of weights, model folders, adapters; the kinds `decoder` and `checkpoint`.

mod adapter;
mod decoder;
mod folder;
mod hostile;
mod peft;
mod safetensors;
