//! One request for what is missing of a file, and what to make of its answer.

use super::write::Writer;
use super::{Transfer, blocking};
use crate::cache::{Part, State};
use crate::error::FetchError;
use crate::http::{Answer, Range};
use flotilla_model_source::ContentRange;
use http::{StatusCode, header};

impl Transfer<'_> {
    /// Asks for the rest of the file and takes what comes. Gives the part back, with what it has now.
    pub(super) async fn attempt(&self, mut part: Part) -> Result<(Part, Result<(), FetchError>), FetchError> {
        if part.length() > 0 && part.state().size == Some(part.length()) {
            // The last start ended between the last byte and the check.
            return Ok((part, Ok(())));
        }
        let can_go_on = part.state().etag.is_some() || part.state().sha256.is_some();
        if part.length() > 0 && !can_go_on {
            part.restart()?;
        }
        let range = Range { from: part.length(), etag: part.state().etag.clone() };
        let request = self.job.remote.request(self.file);
        let answer = match self.job.client.get(&request, Some(&range)).await {
            Ok(answer) => answer,
            Err(error) => return Ok((part, Err(error))),
        };
        match self.judge(&answer, &part) {
            Ok(Step::Take { state, from }) => self.take(answer, part, state, from).await,
            Ok(Step::Whole) => Ok((part, Ok(()))),
            Err(error) => {
                if matches!(error, FetchError::Changed { .. }) {
                    part.restart()?;
                }
                Ok((part, Err(error)))
            }
        }
    }

    /// What an answer means for what is there. Pure.
    fn judge(&self, answer: &Answer, part: &Part) -> Result<Step, FetchError> {
        let changed = || FetchError::Changed { url: answer.url.clone() };
        let wrong = |what: String| FetchError::Answer { url: answer.url.clone(), what };
        let range = answer.headers().get(header::CONTENT_RANGE);
        let range = range.and_then(|value| ContentRange::parse(value.to_str().ok()?));
        let had = part.length();
        match answer.status() {
            StatusCode::RANGE_NOT_SATISFIABLE
                if range.and_then(|range| range.size) == Some(had) && had > 0 =>
            {
                Ok(Step::Whole)
            }
            StatusCode::RANGE_NOT_SATISFIABLE if had > 0 => Err(changed()),
            StatusCode::PARTIAL_CONTENT => {
                let Some(ContentRange { part: Some((from, _)), size }) = range else {
                    return Err(wrong("206 Partial Content without a usable Content-Range".to_owned()));
                };
                if from != had {
                    return Err(wrong(format!("bytes from {from}, not from {had}")));
                }
                let state = self.state(answer, size);
                if part.state().agrees(&state) { Ok(Step::Take { state, from }) } else { Err(changed()) }
            }
            StatusCode::OK => Ok(Step::Take { state: self.state(answer, answer.length()), from: 0 }),
            status => Err(wrong(format!("{status}"))),
        }
    }

    /// Which version of the file an answer is of; what was known before it was asked for counts.
    fn state(&self, answer: &Answer, size: Option<u64>) -> State {
        let said = answer.state(size.or(self.file.size));
        State { sha256: self.file.sha256.clone().or(said.sha256), ..said }
    }

    async fn take(
        &self,
        answer: Answer,
        mut part: Part,
        state: State,
        from: u64,
    ) -> Result<(Part, Result<(), FetchError>), FetchError> {
        if let (true, Some(size)) = (self.only, state.size) {
            self.meter.set_total(size);
        }
        let taken_back = part.length() - from;
        let (url, size) = (answer.url.clone(), state.size);
        let prepared = blocking(move || {
            if from == 0 && part.length() > 0 {
                part.restart()?;
            }
            let room = part.expect(state);
            Ok((part, room))
        })
        .await?;
        let (part, room) = prepared;
        if let Err(error) = room {
            return Ok((part, Err(error)));
        }
        self.meter.set_bytes(self.meter.bytes().saturating_sub(taken_back));
        let writer = Writer::start(part, self.meter.clone());
        let (part, result) = writer.pour(answer).await?;
        let short = size.filter(|size| *size != part.length());
        let result = result.and_then(|()| match short {
            None => Ok(()),
            Some(size) => {
                let what = format!("ended at byte {} of {size}", part.length());
                Err(FetchError::Interrupted { url, what })
            }
        });
        Ok((part, result))
    }
}

/// What to do with an answer.
enum Step {
    /// Take its body as the bytes from there on, of this version of the file.
    Take {
        /// What the answer says of the file.
        state: State,
        /// 0, or where the part ends.
        from: u64,
    },
    /// There is nothing more to come.
    Whole,
}
