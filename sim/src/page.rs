//! Tables in a page of Markdown, each under the command that prints it.

const BEGIN: &str = "<!-- flotilla-sim ";
const CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

/// Why a page cannot be filled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PageError {
    /// A command without an end of its table.
    #[error("no {END} follows {BEGIN}{0}{CLOSE}")]
    Open(String),
    /// Nothing to do.
    #[error("the page has no comment {BEGIN}ARGUMENTS{CLOSE}")]
    NoCommand,
}

/// The page with what `said` returns for the arguments of each command in place of what was there.
///
/// # Errors
/// A page that is not of this form, and whatever `said` meets.
pub fn fill(page: &str, mut said: impl FnMut(&str) -> anyhow::Result<String>) -> anyhow::Result<String> {
    let (mut filled, mut rest, mut any) = (String::with_capacity(page.len()), page, false);
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let open = |text: &str| PageError::Open(text.lines().next().unwrap_or_default().to_owned());
        let (arguments, after) = after.split_once(CLOSE).ok_or_else(|| open(after))?;
        let table = after.split_once(END).filter(|(table, _)| !table.contains(BEGIN));
        let (_, after) = table.ok_or_else(|| open(arguments))?;
        let table = said(arguments)?;
        filled.extend([before, BEGIN, arguments, CLOSE, "\n", table.trim_end(), "\n\n", END]);
        (rest, any) = (after, true);
    }
    anyhow::ensure!(any, PageError::NoCommand);
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_replaced_and_the_rest_stays() {
        let page = "a\n<!-- flotilla-sim --speed 4 -->\nold\n\n<!-- end -->\nb\n<!-- flotilla-sim x --><!-- end -->c";
        let once = fill(page, |arguments| Ok(format!("of {arguments}\n"))).unwrap();
        assert_eq!(
            once,
            "a\n<!-- flotilla-sim --speed 4 -->\nof --speed 4\n\n<!-- end -->\nb\n\
             <!-- flotilla-sim x -->\nof x\n\n<!-- end -->c"
        );
        let twice = fill(&once, |arguments| Ok(format!("of {arguments}\n"))).unwrap();
        assert_eq!(once, twice);
    }

    #[test]
    fn a_table_without_an_end_and_a_page_without_a_command_are_refused() {
        let error = |page| fill(page, |_| Ok(String::new())).unwrap_err().downcast::<PageError>().unwrap();
        assert_eq!(error("<!-- flotilla-sim x -->\n"), PageError::Open("x".to_owned()));
        let two = "<!-- flotilla-sim x -->\ntext\n<!-- flotilla-sim y -->\n<!-- end -->";
        assert_eq!(error(two), PageError::Open("x".to_owned()), "the second is not taken for a table");
        assert_eq!(error("<!-- flotilla-sim x\n"), PageError::Open("x".to_owned()));
        assert_eq!(error("nothing"), PageError::NoCommand);
    }
}
