//! Networks, losses and optimizers as compositions of ops.
