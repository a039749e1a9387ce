//! Columns.

use super::style::{Look, Style};

/// Between columns.
const GAP: usize = 2;

/// One column.
pub(super) struct Column {
    pub(super) title: &'static str,
    /// Numbers stand to the right.
    pub(super) right: bool,
    /// Columns of a lower rank stay longer where the terminal is narrow.
    pub(super) rank: u8,
}

/// Rows under titles, without the columns that the terminal has no room for.
pub(super) fn table(look: &Look, indent: usize, columns: &[Column], rows: &[Vec<String>]) -> String {
    let widths: Vec<_> = (0..columns.len()).map(|index| width(columns, rows, index)).collect();
    let shown = shown(look, indent, columns, &widths);
    let line = |cells: &dyn Fn(usize) -> String| {
        let padded: Vec<_> = shown
            .iter()
            .filter_map(|index| {
                let (column, width) = (columns.get(*index)?, widths.get(*index)?);
                let cell = cells(*index);
                Some(if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") })
            })
            .collect();
        format!("{}{}", " ".repeat(indent), padded.join(&" ".repeat(GAP))).trim_end().to_owned()
    };
    let title = line(&|index| columns.get(index).map_or("", |column| column.title).to_owned());
    let mut text = look.paint(Style::Dim, title) + "\n";
    for row in rows {
        text += &line(&|index| row.get(index).cloned().unwrap_or_default());
        text.push('\n');
    }
    text
}

fn width(columns: &[Column], rows: &[Vec<String>], index: usize) -> usize {
    let title = columns.get(index).map_or(0, |column| column.title.chars().count());
    rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).fold(title, usize::max)
}

/// The columns that fit, in their order.
fn shown(look: &Look, indent: usize, columns: &[Column], widths: &[usize]) -> Vec<usize> {
    let mut shown: Vec<_> = (0..columns.len()).collect();
    let taken = |shown: &[usize]| -> usize {
        indent + shown.iter().filter_map(|index| widths.get(*index)).map(|width| width + GAP).sum::<usize>()
    };
    while shown.len() > 1 && taken(&shown) > look.width + GAP {
        let dearest = shown.iter().copied().max_by_key(|index| columns.get(*index).map(|column| column.rank));
        shown.retain(|index| Some(*index) != dearest);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_high_rank_go_first_where_there_is_no_room() {
        let columns = [
            Column { title: "NAME", right: false, rank: 0 },
            Column { title: "EXTRA", right: false, rank: 2 },
            Column { title: "SIZE", right: true, rank: 1 },
        ];
        let rows = [vec!["a".to_owned(), "long text".to_owned(), "12".to_owned()]];
        let at = |width| table(&Look { width, color: false, all: false }, 0, &columns, &rows);
        assert_eq!(at(21), "NAME  EXTRA      SIZE\na     long text    12\n");
        assert_eq!(at(20), "NAME  SIZE\na       12\n");
        assert_eq!(at(3), "NAME\na\n");
    }
}
