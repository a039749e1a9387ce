//! Flotilla.
