//! How the memory of the process is divided.

use std::{fmt, str::FromStr};

use super::machine;

const MIB: u64 = 1 << 20;

/// `--memory-budget`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryBudget {
    /// Of the memory that there is.
    Percent(u8),
    /// In bytes.
    Bytes(u64),
}

const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for MemoryBudget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "give bytes, a number with KiB, MiB or GiB, or a part of the memory such as 60%".to_owned();
        if let Some(percent) = text.strip_suffix('%') {
            let percent = percent.parse().map_err(|_| wrong())?;
            return if (1..=100).contains(&percent) { Ok(Self::Percent(percent)) } else { Err(wrong()) };
        }
        let unit = UNITS.iter().find_map(|(name, scale)| Some((text.strip_suffix(name)?, *scale)));
        let (number, scale) = unit.unwrap_or((text, 1));
        let number: u64 = number.trim_end().parse().map_err(|_| wrong())?;
        number.checked_mul(scale).map(Self::Bytes).ok_or_else(wrong)
    }
}

/// What memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The program itself, its threads and connections, and what no other part counts.
    Base,
    /// Blocks read from disk.
    Blocks,
    /// Writes that are not in tables yet.
    WriteBuffers,
    /// Writes on their way into the log.
    Commits,
    /// Nodes and edges that algorithms run on.
    Projections,
    /// Embeddings that searches run on.
    Vectors,
    /// Answers of `GetNeighbors`.
    Neighbors,
    /// Identities and channels.
    Names,
    /// Bytes of connections without an authenticated request.
    Strangers,
    /// Requests, from the first byte of their frame until they are done.
    Requests,
    /// Answers, being made and being sent.
    Answers,
    /// Snapshots in pieces.
    Transfers,
    /// What transactions have staged, until it is committed.
    Transactions,
}

/// What a part may take.
struct Bounds {
    part: Part,
    name: &'static str,
    /// Without as much it does not work.
    least: u64,
    /// More is of no use, or was never taken.
    most: u64,
    /// Its share of what is left when all have their least.
    weight: u64,
}

const fn bounds(part: Part, name: &'static str, least: u64, most: u64, weight: u64) -> Bounds {
    Bounds { part, name, least: least * MIB, most: most * MIB, weight }
}

const PARTS: [Bounds; 13] = [
    bounds(Part::Base, "base", 64, 64, 0),
    bounds(Part::Blocks, "block_cache", 8, 256, 9),
    bounds(Part::WriteBuffers, "write_buffers", 12, 144, 9),
    bounds(Part::Commits, "commits", 8, 192, 22),
    bounds(Part::Projections, "projections", 4, 512, 7),
    bounds(Part::Vectors, "vectors", 4, 1024, 5),
    bounds(Part::Neighbors, "neighbors", 1, 32, 1),
    bounds(Part::Names, "names", 4, 128, 3),
    bounds(Part::Strangers, "strangers", 4, 64, 2),
    bounds(Part::Requests, "requests", 16, 1280, 24),
    bounds(Part::Answers, "answers", 12, 1024, 16),
    bounds(Part::Transfers, "transfers", 40, 256, 2),
    bounds(Part::Transactions, "transactions", 4, 256, 3),
];

impl Part {
    pub(crate) const ALL: [Part; PARTS.len()] = {
        let mut all = [Part::Base; PARTS.len()];
        let mut index = 0;
        while index < all.len() {
            all[index] = PARTS[index].part;
            index += 1;
        }
        all
    };

    /// As series, status and documents call it.
    pub(crate) fn name(self) -> &'static str {
        PARTS[self as usize].name
    }
}

/// A part whose size was given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given {
    pub(crate) part: Part,
    pub(crate) bytes: u64,
    pub(crate) flag: &'static str,
}

/// What each part may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) total: u64,
    parts: [u64; PARTS.len()],
}

impl Budget {
    /// Divides the memory that there is. A part of what the machine has is raised to what the configuration needs: a server
    /// whose flags were enough before there was a budget must start.
    ///
    /// # Errors
    /// The text for standard error: the bytes are too few for what was given.
    pub(crate) fn of(wanted: MemoryBudget, given: &[Given]) -> Result<Self, String> {
        match wanted {
            MemoryBudget::Bytes(bytes) => divide(bytes, given),
            MemoryBudget::Percent(percent) => {
                let (part, least) = (machine::bytes() / 100 * u64::from(percent), least(given));
                if part < least {
                    tracing::warn!(
                        "{percent}% of the memory are {} MiB, and this configuration needs {} MiB at least, which it takes: \
                         give the process more memory, or lower the flags for it (docs/limits.md)",
                        part / MIB,
                        least.div_ceil(MIB)
                    );
                }
                divide(part.max(least), given)
            }
        }
    }

    /// Bytes of a part.
    pub(crate) fn bytes(&self, part: Part) -> usize {
        usize::try_from(self.parts[part as usize]).unwrap_or(usize::MAX)
    }
}

fn find(given: &[Given], part: Part) -> Option<&Given> {
    given.iter().find(|given| given.part == part)
}

/// What was given of each part, and the least of the others.
fn smallest(given: &[Given]) -> [u64; PARTS.len()] {
    each(|bounds| find(given, bounds.part).map_or(bounds.least, |given| given.bytes))
}

/// Bytes that a configuration needs.
fn least(given: &[Given]) -> u64 {
    smallest(given).iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
}

fn divide(total: u64, given: &[Given]) -> Result<Budget, String> {
    let (mut parts, least) = (smallest(given), least(given));
    let Some(mut left) = total.checked_sub(least) else { return Err(refusal(total, least, given)) };
    let grows = |part: usize| find(given, PARTS[part].part).is_none();
    // Those that reach their most leave the rest to the others.
    loop {
        let open = |parts: &[u64; PARTS.len()], part: usize| grows(part) && parts[part] < PARTS[part].most;
        let weights: u64 =
            (0..PARTS.len()).filter(|part| open(&parts, *part)).map(|part| PARTS[part].weight).sum();
        if weights == 0 || left < weights {
            return Ok(Budget { total, parts });
        }
        let unit = left / weights;
        for part in 0..PARTS.len() {
            if open(&parts, part) {
                let more = (unit * PARTS[part].weight).min(PARTS[part].most - parts[part]);
                parts[part] += more;
                left -= more;
            }
        }
    }
}

fn each(of: impl Fn(&Bounds) -> u64) -> [u64; PARTS.len()] {
    std::array::from_fn(|part| of(&PARTS[part]))
}

fn refusal(total: u64, least: u64, given: &[Given]) -> String {
    let mut text = format!(
        "the memory budget of {} MiB is too little for this configuration, which needs {} MiB at least: raise \
         --memory-budget, or lower the flags below\n",
        total / MIB,
        least.div_ceil(MIB)
    );
    for Bounds { part, name, least, .. } in &PARTS {
        let line = match find(given, *part) {
            Some(given) => format!("{name:>14} {:>8} MiB  {}\n", given.bytes.div_ceil(MIB), given.flag),
            None => format!("{name:>14} {:>8} MiB  at least\n", least.div_ceil(MIB)),
        };
        text += &line;
    }
    text.truncate(text.trim_end().len());
    text
}

/// What each part may take, on one line.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.total / MIB)?;
        let mut between = ": ";
        for part in Part::ALL {
            write!(f, "{between}{} {}", part.name(), self.parts[part as usize] / MIB)?;
            between = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(part: Part, bytes: u64) -> Given {
        Given { part, bytes, flag: "--flag" }
    }

    #[test]
    fn budgets_are_read() {
        for (text, budget) in [
            ("60%", MemoryBudget::Percent(60)),
            ("536870912", MemoryBudget::Bytes(512 * MIB)),
            ("512MiB", MemoryBudget::Bytes(512 * MIB)),
            ("2 GiB", MemoryBudget::Bytes(2048 * MIB)),
        ] {
            assert_eq!(text.parse(), Ok(budget), "{text}");
        }
        for text in ["", "%", "0%", "101%", "-5", "1.5GiB", "5 GB", "99999999999TiB"] {
            assert!(text.parse::<MemoryBudget>().is_err(), "{text}");
        }
    }

    #[test]
    fn parts_are_in_the_order_of_their_numbers() {
        for (index, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, index);
        }
    }

    #[test]
    fn the_parts_never_add_up_to_more_than_there_is() {
        for total in [181, 200, 307, 512, 1024, 2048, 4096, 5040, 100_000].map(|mib| mib * MIB) {
            let budget = divide(total, &[]).unwrap();
            assert!(budget.parts.iter().sum::<u64>() <= total, "{budget}");
            for Bounds { part, least, most, .. } in &PARTS {
                let bytes = budget.bytes(*part) as u64;
                assert!((*least..=*most).contains(&bytes), "{budget}");
            }
            // But for what does not divide evenly, nothing is left while a part could use it.
            let unused = total - budget.parts.iter().sum::<u64>();
            let full = budget.parts == each(|bounds| bounds.most);
            assert!(full || unused < 100, "{budget}: {unused} unused");
        }
        let large = divide(1 << 40, &[]).unwrap();
        assert_eq!(large.parts, each(|bounds| bounds.most));
    }

    #[test]
    fn a_part_that_was_given_is_as_it_was_given() {
        let small = divide(512 * MIB, &[given(Part::Blocks, 1000), given(Part::Vectors, 300 * MIB)]).unwrap();
        assert_eq!(small.bytes(Part::Blocks), 1000);
        assert_eq!(small.bytes(Part::Vectors) as u64, 300 * MIB);
        assert!(small.parts.iter().sum::<u64>() <= 512 * MIB);
    }

    #[test]
    fn a_part_of_the_machine_is_raised_to_what_is_needed() {
        let huge = machine::bytes() * 2;
        let raised = Budget::of(MemoryBudget::Percent(60), &[given(Part::Vectors, huge)]).unwrap();
        assert_eq!(raised.bytes(Part::Vectors) as u64, huge);
        assert!(Budget::of(MemoryBudget::Bytes(huge), &[given(Part::Vectors, huge)]).is_err());
    }

    #[test]
    fn what_cannot_fit_is_refused_with_a_table() {
        assert!(divide(100 * MIB, &[]).unwrap_err().contains("needs 181 MiB at least"));
        let refusal = divide(512 * MIB, &[given(Part::Blocks, 500 * MIB)]).unwrap_err();
        assert!(refusal.contains("   block_cache      500 MiB  --flag\n"), "{refusal}");
        assert!(refusal.ends_with("transactions        4 MiB  at least"), "{refusal}");
        assert!(divide(512 * MIB, &[given(Part::Blocks, u64::MAX)]).is_err());
    }
}
