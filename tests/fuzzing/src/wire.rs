//! Frames, requests, parameters.

use bytes::{Bytes, BytesMut};
use epistemic_engine::testing::{decode_params, decode_request};
use epistemic_engine::wire::document::Document;
use epistemic_engine::wire::envelope::{before_params, id_of};
use epistemic_engine::wire::frame::{FrameTooLarge, split_frame};
use epistemic_engine::wire::{DecodeError, Envelope, Method, method_named, parse_batch};

/// Bytes of a frame at most.
const LIMIT: usize = 4096;

/// Frames are the same in whatever pieces they arrive. The first byte says in which.
pub fn frame(data: &[u8]) -> bool {
    let Some((size, stream)) = data.split_first() else { return false };
    let size = usize::from(*size).max(1);
    let all = cut(stream.chunks(stream.len().max(1)));
    assert_eq!(cut(stream.chunks(size)), all, "in pieces of {size} bytes");
    !all.0.is_empty()
}

/// The frames of a stream, and how it ends.
fn cut<'d>(pieces: impl Iterator<Item = &'d [u8]>) -> (Vec<Bytes>, Option<FrameTooLarge>) {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match split_frame(&mut buffer, LIMIT) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// A request; what is looked up before it is decoded is what it then says.
pub fn envelope(data: &[u8]) -> bool {
    let head = before_params(data);
    let Ok(envelope) = Envelope::parse(data) else {
        id_of(data);
        return false;
    };
    assert_eq!(id_of(data), envelope.id);
    if let Some(head) = head {
        assert_eq!((head.id, head.auth_token), (envelope.id, envelope.auth_token));
    }
    decode_request(data).is_ok()
}

/// Parameters of the method whose number the first byte is, and as the documents that parameters carry.
pub fn params(data: &[u8]) -> bool {
    let Some((number, raw)) = data.split_first() else { return false };
    let method = method_named(Method::NAMES[usize::from(*number) % Method::NAMES.len()]);
    let decoded = method.is_ok_and(|method| decode_params(method, Some(raw)).is_ok());
    let batch = parse_batch(raw).map(|operations| {
        assert!(operations.len() <= raw.len(), "room for operations that are not there");
        operations.for_each(drop);
    });
    let read = Document::parse(raw).map(|document| {
        // Each part may be refused; none may hurt.
        let _ = document.for_each_node(|_, _| Ok::<_, DecodeError>(()));
        let _ = document.for_each_edge(|_| Ok::<_, DecodeError>(()));
        let _ = document.for_each_line(|_| Ok::<_, DecodeError>(()));
        let _ = document.for_each_embedding_place(|(_, place)| document.components(place).map(drop));
    });
    decoded || batch.is_ok() || read.is_ok()
}
