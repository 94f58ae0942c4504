//! ONNX graphs: build, check, differentiate, serialise.
