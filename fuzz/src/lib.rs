//! The pure parsers of model files and the estimator behind them, from the operator's own sources. Compiled with
//! sanitizers they take a minute; the operator, with all that it links, takes half an hour.

pub mod decide;
pub mod model_file;
