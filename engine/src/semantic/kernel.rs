//! Arithmetic on embeddings. The loops are written so that the compiler makes vector instructions of them: several
//! sums side by side, each of which it keeps in one lane.

/// Sums side by side. Searches wait for memory, so wider instructions than the baseline's would not make them faster.
const LANES: usize = 16;

/// Dot product in float32.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    rest + sums.iter().sum::<f32>()
}

/// Dot product in float64: of float32 components neither overflow nor underflow can touch it.
pub(super) fn exact_dot(a: &[f32], b: &[f32]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += f64::from(*a) * f64::from(*b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
    rest + sums.iter().sum::<f64>()
}

/// Euclidean length.
pub(super) fn norm(vector: &[f32]) -> f64 {
    exact_dot(vector, vector).sqrt()
}

/// The cosine of vectors of these lengths, which are not zero. Never a negative zero.
pub(super) fn cosine(dot: f64, norm_a: f64, norm_b: f64) -> f32 {
    (dot / (norm_a * norm_b)).clamp(-1.0, 1.0) as f32 + 0.0
}

/// Scales by a power of two, which loses nothing, so that the largest component is about 1: sums of products in float32
/// can then neither overflow nor vanish. A zero vector stays.
pub(super) fn scale(vector: &mut [f32]) {
    let largest = vector.iter().fold(0.0_f32, |largest, component| largest.max(component.abs()));
    if largest > 0.0 {
        let factor = f64::from(largest).log2().floor().exp2().recip();
        vector.iter_mut().for_each(|component| *component = (f64::from(*component) * factor) as f32);
    }
}

/// The components of a stored embedding.
pub(super) fn components(stored: &[u8]) -> impl ExactSizeIterator<Item = f32> {
    stored.as_chunks::<4>().0.iter().map(|component| f32::from_le_bytes(*component))
}
