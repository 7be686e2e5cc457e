//! Request frames encoded once and patched per send.
//!
//! Node numbers appear as fixed-width decimal digits. A digit is one byte in a MessagePack string and also one
//! byte in an array of integers, so a frame can be renumbered in place in either property form. So can its token: signed
//! ones of one request, which differ in time, nonce and MAC, have the same length.

use std::ops::Range;

use anyhow::{Result, ensure};
use epistemic_router::{Secret, Signer};
use rmp::encode;

use super::args::PropertyForm;

const DIGITS: usize = 10;
/// MessagePack of nil, which stands for no parameters where a request is signed.
const NIL: [u8; 1] = [0xc0];

/// Who a request is from and where it goes.
#[derive(Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) sender: Sender<'a>,
    pub(super) graph: &'a str,
    pub(super) form: PropertyForm,
}

/// How requests show who sends them.
#[derive(Clone, Copy)]
pub(super) enum Sender<'a> {
    /// By a token over their id.
    ById(&'a Secret),
    /// By a signature over all of each.
    Signed { signer: &'a Signer, agent: &'a str, endpoint: &'a str },
}

/// Digits in a frame that show `first + index`, or only its last digit.
#[derive(Clone, Copy)]
struct Number {
    offset: usize,
    width: usize,
    index: u64,
}

/// MessagePack text under construction, with the places of its node numbers.
#[derive(Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
    numbers: Vec<Number>,
}

impl Message {
    pub(super) fn map(&mut self, fields: u32) -> Result<()> {
        encode::write_map_len(&mut self.bytes, fields)?;
        Ok(())
    }

    pub(super) fn array(&mut self, elements: u32) -> Result<()> {
        encode::write_array_len(&mut self.bytes, elements)?;
        Ok(())
    }

    pub(super) fn str(&mut self, text: &str) -> Result<()> {
        encode::write_str(&mut self.bytes, text)?;
        Ok(())
    }

    pub(super) fn float(&mut self, value: f64) -> Result<()> {
        encode::write_f64(&mut self.bytes, value)?;
        Ok(())
    }

    /// A string of `prefix` and the number `first + index` in ten digits; a template counts `first` from 0.
    pub(super) fn numbered(&mut self, prefix: &str, index: u64) -> Result<()> {
        self.digits(prefix, index, DIGITS)
    }

    /// A string of `prefix` and the last digit of `first + index`.
    pub(super) fn last_digit(&mut self, prefix: &str, index: u64) -> Result<()> {
        self.digits(prefix, index, 1)
    }

    fn digits(&mut self, prefix: &str, index: u64, width: usize) -> Result<()> {
        encode::write_str_len(&mut self.bytes, u32::try_from(prefix.len() + width)?)?;
        self.bytes.extend_from_slice(prefix.as_bytes());
        let number = Number { offset: self.bytes.len(), width, index };
        self.bytes.resize(number.offset + width, 0);
        number.write(&mut self.bytes, 0);
        self.numbers.push(number);
        Ok(())
    }

    /// Embeds `inner` as a `bytes` parameter.
    pub(super) fn bytes(&mut self, inner: &Message, form: PropertyForm) -> Result<()> {
        let length = u32::try_from(inner.bytes.len())?;
        let mut places = Vec::with_capacity(inner.bytes.len());
        match form {
            PropertyForm::Bin => {
                encode::write_bin_len(&mut self.bytes, length)?;
                places.extend(self.bytes.len()..self.bytes.len() + inner.bytes.len());
                self.bytes.extend_from_slice(&inner.bytes);
            }
            PropertyForm::Ints => {
                encode::write_array_len(&mut self.bytes, length)?;
                for byte in &inner.bytes {
                    places.push(self.bytes.len());
                    encode::write_uint(&mut self.bytes, u64::from(*byte))?;
                }
            }
        }
        let moved = inner.numbers.iter().map(|number| Number { offset: places[number.offset], ..*number });
        self.numbers.extend(moved);
        Ok(())
    }
}

impl Number {
    fn write(self, frame: &mut [u8], first: u64) {
        let mut rest = first + self.index;
        for digit in frame[self.offset..self.offset + self.width].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// A complete frame, length prefix included, whose node numbers can be moved.
pub(super) struct Template {
    frame: Vec<u8>,
    numbers: Vec<Number>,
    signed: Option<Signed>,
}

/// What a frame is signed with, each time that it is sent.
struct Signed {
    signer: Signer,
    agent: String,
    endpoint: String,
    id: u64,
    graph: String,
    method: String,
    token: Range<usize>,
    params: Range<usize>,
}

impl Signed {
    fn token(&self, params: &[u8]) -> Result<String> {
        let Self { signer, agent, endpoint, id, graph, method, .. } = self;
        Ok(signer.token(endpoint, *id, graph, method, agent, params)?)
    }

    fn sign(&self, frame: &mut [u8]) -> Result<()> {
        let token = self.token(if self.params.is_empty() { &NIL } else { &frame[self.params.clone()] })?;
        ensure!(token.len() == self.token.len(), "tokens of one request differ in length");
        frame[self.token.clone()].copy_from_slice(token.as_bytes());
        Ok(())
    }
}

impl Template {
    /// Encodes one request; `params` is left out of it when `None`.
    pub(super) fn new(
        envelope: Envelope<'_>,
        id: u64,
        method: &str,
        params: Option<&Message>,
    ) -> Result<Self> {
        let bytes = params.map_or(&NIL[..], |params| &params.bytes);
        let (token, mut signed) = match envelope.sender {
            Sender::ById(secret) => (secret.token(id), None),
            Sender::Signed { signer, agent, endpoint } => {
                let signed = Signed {
                    signer: signer.clone(),
                    agent: agent.to_owned(),
                    endpoint: endpoint.to_owned(),
                    id,
                    graph: envelope.graph.to_owned(),
                    method: method.to_owned(),
                    token: 0..0,
                    params: 0..0,
                };
                (signed.token(bytes)?, Some(signed))
            }
        };
        let mut frame = vec![0; 4];
        encode::write_map_len(&mut frame, 4 + u32::from(signed.is_some()) + u32::from(params.is_some()))?;
        encode::write_str(&mut frame, "id")?;
        encode::write_uint(&mut frame, id)?;
        for (key, value) in [("graph", envelope.graph), ("method", method), ("auth_token", &token)] {
            encode::write_str(&mut frame, key)?;
            encode::write_str(&mut frame, value)?;
        }
        let token = frame.len() - token.len()..frame.len();
        if let Some(signed) = &signed {
            encode::write_str(&mut frame, "agent_id")?;
            encode::write_str(&mut frame, &signed.agent)?;
        }
        let (mut numbers, mut start) = (Vec::new(), frame.len());
        if let Some(params) = params {
            encode::write_str(&mut frame, "params")?;
            start = frame.len();
            numbers.extend(params.numbers.iter().map(|n| Number { offset: start + n.offset, ..*n }));
            frame.extend_from_slice(&params.bytes);
        }
        if let Some(signed) = &mut signed {
            (signed.token, signed.params) = (token, start..frame.len());
        }
        let length = u32::try_from(frame.len() - 4)?;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        Ok(Self { frame, numbers, signed })
    }

    /// Moves the node numbers of the frame so that they count from `first`, and signs it.
    pub(super) fn renumber(&mut self, first: u64) -> Result<()> {
        for number in &self.numbers {
            number.write(&mut self.frame, first);
        }
        self.signed.as_ref().map_or(Ok(()), |signed| signed.sign(&mut self.frame))
    }

    pub(super) fn frame(&self) -> &[u8] {
        &self.frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmpv::Value;

    fn params_of(template: &Template) -> Value {
        let request = rmpv::decode::read_value(&mut &template.frame()[4..]).unwrap();
        let fields = request.as_map().unwrap();
        fields.iter().find(|(key, _)| key.as_str() == Some("params")).unwrap().1.clone()
    }

    #[test]
    fn renumbering_shows_in_ids_and_in_both_property_forms() {
        let secret = Secret::new("s");
        for form in [PropertyForm::Bin, PropertyForm::Ints] {
            let mut inner = Message::default();
            inner.float(0.5).unwrap();
            inner.numbered("node-", 2).unwrap();
            let mut params = Message::default();
            params.array(3).unwrap();
            params.numbered("node-", 1).unwrap();
            params.last_digit("kind-", 1).unwrap();
            params.bytes(&inner, form).unwrap();
            let envelope = Envelope { sender: Sender::ById(&secret), graph: "g", form };
            let mut template = Template::new(envelope, 7, "M", Some(&params)).unwrap();
            template.renumber(1_234_567).unwrap();

            let values = params_of(&template).as_array().unwrap().clone();
            assert_eq!(values[0].as_str(), Some("node-0001234568"));
            assert_eq!(values[1].as_str(), Some("kind-8"));
            let bytes: Vec<u8> = match values[2].as_slice() {
                Some(bin) => bin.to_vec(),
                None => {
                    let ints = values[2].as_array().unwrap();
                    ints.iter().map(|byte| byte.as_u64().unwrap() as u8).collect()
                }
            };
            let mut rest = bytes.as_slice();
            assert_eq!(rmpv::decode::read_value(&mut rest).unwrap().as_f64(), Some(0.5));
            assert_eq!(rmpv::decode::read_value(&mut rest).unwrap().as_str(), Some("node-0001234569"));
        }
    }
}
