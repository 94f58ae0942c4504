//! Stages that ask a model: endpoints that misbehave, `sample` through one, `translate` and `judge`.

mod bench;
mod endpoint;
mod judge;
mod secrets;
mod translate;
