//! A partition of the nodes.

use super::{Cancel, Cancelled};

/// Disjoint groups that hold every node, in two flat lists: members ascend, groups are ordered by their first member.
#[derive(Debug, PartialEq, Eq)]
pub struct Groups {
    /// Group `g` is `members[offsets[g]..offsets[g + 1]]`.
    offsets: Vec<u32>,
    members: Vec<u32>,
}

impl Groups {
    /// The nodes with equal labels together. A label is any number below the number of nodes.
    pub fn by_label(mut labels: Vec<u32>, cancel: &Cancel) -> Result<Self, Cancelled> {
        // The group of each label plus one, numbered in the order in which the labels come.
        let mut groups = vec![0_u32; labels.len()];
        let mut offsets = vec![0_u32];
        for label in &mut labels {
            cancel.check()?;
            let group = &mut groups[*label as usize];
            if *group == 0 {
                *group = offsets.len() as u32;
                offsets.push(0);
            }
            *label = *group - 1;
            offsets[*group as usize] += 1;
        }
        for group in 1..offsets.len() {
            cancel.check()?;
            offsets[group] += offsets[group - 1];
        }
        let mut next = groups;
        next.truncate(offsets.len() - 1);
        next.copy_from_slice(&offsets[..offsets.len() - 1]);
        let mut members = vec![0; labels.len()];
        for (node, &group) in (0..).zip(&labels) {
            cancel.check()?;
            let place = &mut next[group as usize];
            members[*place as usize] = node;
            *place += 1;
        }
        Ok(Self { offsets, members })
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no group, for there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members of each group.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.offsets.windows(2).map(|ends| &self.members[ends[0] as usize..ends[1] as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_by_first_member() {
        let groups = Groups::by_label(vec![5, 1, 5, 0, 1, 1], &Cancel::default()).unwrap();
        assert_eq!(groups.iter().collect::<Vec<_>>(), [&[0, 2][..], &[1, 4, 5], &[3]]);
        assert_eq!((groups.len(), groups.iter().len()), (3, 3));
        assert!(Groups::by_label(vec![], &Cancel::default()).unwrap().is_empty());
    }
}
