use zeroize::Zeroizing;

use super::configuration::Errno;
use super::parser::Parser;
use super::printer;
use crate::control::Engine;
use crate::local_socket::{Next, Talk};

/// One connection to the UAPI socket. Operations follow each other on it until the caller hangs up.
#[derive(Debug, Default)]
pub(crate) enum UapiTalk {
    #[default]
    BetweenOperations,
    Getting,
    Setting(Parser),
    /// An error has been answered; the rest of its script means nothing.
    Skipping,
}

impl Talk for UapiTalk {
    /// wireguard-go's limit.
    const LONGEST_LINE: usize = 64 << 10;

    fn take_line(&mut self, line: &[u8], engine: &mut Engine, answer: &mut Vec<u8>) -> Next {
        let line = match self {
            // In a script a carriage return before the end of a line does not count.
            UapiTalk::Setting(_) | UapiTalk::Skipping => line.strip_suffix(b"\r").unwrap_or(line),
            UapiTalk::BetweenOperations | UapiTalk::Getting => line,
        };
        match self {
            UapiTalk::BetweenOperations => self.begin(line),
            UapiTalk::Getting => self.get(line, engine, answer),
            UapiTalk::Setting(parser) if !line.is_empty() => {
                let text = std::str::from_utf8(line).map_err(|_| Errno::INVALID);
                if let Err(errno) = text.and_then(|text| parser.take_line(text)) {
                    end(answer, errno);
                    *self = UapiTalk::Skipping;
                }
                Next::GoOn
            }
            UapiTalk::Setting(_) => {
                self.set(engine, answer);
                Next::GoOn
            }
            UapiTalk::Skipping => {
                if line.is_empty() {
                    *self = UapiTalk::BetweenOperations;
                }
                Next::GoOn
            }
        }
    }

    fn take_too_long(&mut self, answer: &mut Vec<u8>) {
        if matches!(self, UapiTalk::Setting(_)) {
            end(answer, Errno::IO);
        }
    }

    /// A script counts as whole when its sender stops, blank line or not.
    fn take_end(&mut self, engine: &mut Engine, answer: &mut Vec<u8>) {
        if matches!(self, UapiTalk::Setting(_)) {
            self.set(engine, answer);
        }
    }
}

impl UapiTalk {
    fn begin(&mut self, line: &[u8]) -> Next {
        match line {
            b"get=1" => *self = UapiTalk::Getting,
            b"set=1" => *self = UapiTalk::Setting(Parser::default()),
            _ => return Next::Close,
        }
        Next::GoOn
    }

    fn get(&mut self, line: &[u8], engine: &mut Engine, answer: &mut Vec<u8>) -> Next {
        *self = UapiTalk::BetweenOperations;
        if !line.is_empty() {
            end(answer, Errno::INVALID);
            return Next::Close;
        }
        let mut text = Zeroizing::new(String::new());
        printer::print(&engine.role.wireguard(), &mut text);
        answer.extend_from_slice(text.as_bytes());
        end(answer, Errno::OK);
        Next::GoOn
    }

    fn set(&mut self, engine: &mut Engine, answer: &mut Vec<u8>) {
        let UapiTalk::Setting(parser) = std::mem::take(self) else {
            return;
        };
        let outcome = engine.role.set_wireguard(parser.finish());
        end(answer, outcome.err().unwrap_or(Errno::OK));
    }
}

fn end(answer: &mut Vec<u8>, errno: Errno) {
    answer.extend_from_slice(format!("errno={}\n\n", errno.0).as_bytes());
}
