//! Degree centrality.

use super::{Cancel, Cancelled, Topology};

/// Edges at each node over the number of other nodes. A self loop counts twice, so a node can exceed 1. A node alone
/// has 0.
pub fn degree_centrality(topology: &Topology, cancel: &Cancel) -> Result<Vec<f64>, Cancelled> {
    let mut degrees = vec![0.0; topology.nodes()];
    if degrees.len() < 2 {
        return Ok(degrees);
    }
    for node in 0..topology.nodes() as u32 {
        cancel.check()?;
        degrees[node as usize] += f64::from(topology.out().degree(node));
        for &target in topology.out().of(node) {
            cancel.check()?;
            degrees[target as usize] += 1.0;
        }
    }
    let others = (degrees.len() - 1) as f64;
    for degree in &mut degrees {
        cancel.check()?;
        *degree /= others;
    }
    Ok(degrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cancelled;

    fn degrees(nodes: usize, edges: &[(u32, u32)]) -> Vec<f64> {
        degree_centrality(&Topology::from_edges(nodes, edges), &Cancel::default()).unwrap()
    }

    #[test]
    fn recorded_answers() {
        assert_eq!(degrees(4, &[(0, 1), (0, 2), (1, 0), (0, 1)]), [4.0 / 3.0, 1.0, 1.0 / 3.0, 0.0]);
        assert_eq!((degrees(0, &[]), degrees(1, &[])), (vec![], vec![0.0]));
    }

    #[test]
    fn self_loops_count_twice_unless_alone() {
        assert_eq!(degrees(2, &[(1, 1), (1, 1), (0, 1)]), [1.0, 5.0]);
        assert_eq!(degrees(1, &[(0, 0)]), [0.0]);
    }

    #[test]
    fn a_cancelled_count_ends() {
        assert_eq!(degree_centrality(&Topology::from_edges(2, &[]), &cancelled()), Err(Cancelled));
    }
}
