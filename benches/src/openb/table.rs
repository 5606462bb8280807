//! The bench's tables: allocated GPU % of each policy beside the published figures, and how far it is from them.

use super::replay::{Outcome, POINTS};

/// Means over seeds for one variant.
#[derive(Clone, Debug)]
pub struct Row {
    /// The variant.
    pub variant: String,
    /// Allocated GPU % at each point, a pair for each policy.
    pub measured: Vec<[f64; 2]>,
    /// The published pairs, in the order of [`PUBLISHED`]; `None` where nothing was published.
    pub published: Vec<Option<[f64; 2]>>,
}

/// The published policies.
pub const PUBLISHED: [&str; 6] = ["Random", "DotProd", "GpuClustering", "GpuPacking", "BestFit", "FGD"];

/// The mean of outcomes in hundredths of the cluster's GPUs.
#[must_use]
pub fn mean(outcomes: &[Outcome], cluster_gpu_milli: u64) -> [f64; 2] {
    let runs = outcomes.len().max(1) as u64;
    std::array::from_fn(|point| {
        let held: u64 = outcomes.iter().map(|outcome| outcome.held_gpu_milli[point]).sum();
        percent(held, cluster_gpu_milli * runs)
    })
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print; the counts are far below 2^52")]
fn percent(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

/// The smallest lead over a published policy, over variants and both points, in points. `None`: nothing to compare with.
#[must_use]
pub fn smallest_lead(rows: &[Row], measured: usize, published: &str) -> Option<f64> {
    leads(rows, measured, published).min_by(f64::total_cmp)
}

/// The largest distance from a published policy, over variants and both points, in points.
#[must_use]
pub fn largest_distance(rows: &[Row], measured: usize, published: &str) -> Option<f64> {
    leads(rows, measured, published).map(f64::abs).max_by(f64::total_cmp)
}

fn leads<'a>(rows: &'a [Row], measured: usize, published: &'a str) -> impl Iterator<Item = f64> + 'a {
    let column = PUBLISHED.iter().position(|name| *name == published);
    let both =
        rows.iter().filter_map(move |row| Some((row.measured.get(measured)?, row.published.get(column?)?.as_ref()?)));
    both.flat_map(|(ours, theirs)| (0..POINTS.len()).map(move |point| ours[point] - theirs[point]))
}

/// Prints one table: a line for each variant, `100 % / 130 %` for each column.
pub fn print(measured: &[&str], rows: &[Row]) {
    let head: Vec<String> = PUBLISHED.iter().chain(measured).map(|name| format!("{name:>13}")).collect();
    println!("{:13}{}", "variant", head.join(""));
    for row in rows {
        let published = row.published.iter().map(|pair| pair.map_or_else(|| "-".to_owned(), show));
        let cells: Vec<String> = published.chain(row.measured.iter().map(|&pair| show(pair))).collect();
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>13}")).collect();
        println!("{:13}{}", row.variant, cells.join(""));
    }
}

fn show(pair: [f64; 2]) -> String {
    format!("{:.2}/{:.2}", pair[0], pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: [f64; 2], fgd: Option<[f64; 2]>) -> Row {
        Row { variant: "v".to_owned(), measured: vec![measured], published: vec![None, None, None, None, None, fgd] }
    }

    #[test]
    fn leads_and_distances() {
        let rows = [row([95.0, 96.0], Some([94.0, 96.5])), row([1.0, 1.0], None)];
        assert_eq!(smallest_lead(&rows, 0, "FGD"), Some(-0.5));
        assert_eq!(largest_distance(&rows, 0, "FGD"), Some(1.0));
        assert_eq!(smallest_lead(&rows, 0, "BestFit"), None);
        assert_eq!(smallest_lead(&rows, 1, "FGD"), None);
    }

    #[test]
    fn the_mean_is_of_the_cluster() {
        let outcome = |held| Outcome { held_gpu_milli: [held, held], ..Outcome::default() };
        assert_eq!(mean(&[outcome(500), outcome(1000)], 1000), [75.0, 75.0]);
    }
}
