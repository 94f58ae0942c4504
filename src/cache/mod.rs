//! Answers: is this work already done?
