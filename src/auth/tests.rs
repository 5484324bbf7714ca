//! Vectors and properties of chapter 3.
